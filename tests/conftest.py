"""Lets the server's tests find tests/support; and no test fails for the machine's being slow."""

import os
import sys

from hypothesis import HealthCheck, settings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

settings.register_profile("dora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dora")
