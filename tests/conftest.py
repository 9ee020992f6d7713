"""Lets the server's tests find tests/support; and no test fails for the machine's being slow."""

import os
import sys

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

settings.register_profile("dora", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dora")


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Certificates of a CA of the tests' own."""
    from support.certificates import Certificates
    return Certificates(tmp_path_factory.mktemp("certificates"))
