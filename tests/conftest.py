"""Lets the server's tests find tests/support; and no test fails for the machine's being slow, for
where pytest was started, or in one run and not in the next: examples are the same each time."""

import os
import signal
import sys

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

settings.register_profile("dora", deadline=None, derandomize=True,
                          suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("dora")

# Where pytest was started in the background these may be ignored, and each child inherits that.
for number, action in ((signal.SIGHUP, signal.SIG_DFL), (signal.SIGQUIT, signal.SIG_DFL),
                       (signal.SIGINT, signal.default_int_handler)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, action)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """Certificates of a CA of the tests' own."""
    from support.certificates import Certificates
    return Certificates(tmp_path_factory.mktemp("certificates"))
