"""Lets the server's tests find tests/support."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
