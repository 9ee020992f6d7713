"""The fixtures of the site's tests."""

import pytest
from site_run import Site

WORD_S = "0.2"  # who leaves in the middle has seconds for it


@pytest.fixture(scope="session")
def site():
    """One site for all tests that leave it as it is."""
    with Site(SITE_WORD_S=WORD_S) as one:
        yield one


@pytest.fixture
def own_site():
    """One that a test may break."""
    with Site() as one:
        yield one
