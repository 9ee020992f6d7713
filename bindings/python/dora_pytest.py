"""The plugin that pytest loads by its entry point `dora`: the fixture `dora_server`, and the logs
of its servers in the report of a test that fails. What the fixture does is in dora/testing.py.

It is no part of the package `dora`: every pytest of this interpreter loads it, also where the
extension cannot be loaded, which is nobody's business but of tests that ask for a server."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterator

import pytest

_SERVERS = "_dora_servers"  # attributes of the test: the stash is new in pytest 7
_REPORTS = "_dora_reports"

QUIET_S = 0.05  # a log that did not grow for so long is taken for whole
QUIET_S_MAX = 1.0


@pytest.fixture
def dora_server(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """dora_server(app_or_file, **options) -> dora.testing.Server, which ends with the test."""
    from dora.testing import Server

    servers = request.node.__dict__.setdefault(_SERVERS, [])

    def start(app: Any = None, **options: Any) -> Server:
        server = Server(app, **options)
        servers.append(server)
        return server

    yield start
    errors = []
    for server in reversed(servers):
        try:
            server.stop()
        except RuntimeError as error:
            errors.append(str(error))
    for report in request.node.__dict__.get(_REPORTS, []):
        _show(report, servers)  # whole by now
    assert not errors, "\n".join(errors)


def _title(server: Any) -> str:
    return f"dora server {server.address}"


def _show(report: pytest.TestReport, servers: list[Any]) -> None:
    """Put the servers' logs into a report, in place of what stood there of them."""
    titles = [_title(server) for server in servers]
    report.sections = [section for section in report.sections if section[0] not in titles]
    report.sections += [(_title(server), server.log()) for server in servers]


def _settle(server: Any) -> None:
    """Wait until the log is written: a worker's last records may still be on their way."""
    end = time.monotonic() + QUIET_S_MAX
    seen = None
    while seen != (seen := server.log()) and time.monotonic() < end:
        time.sleep(QUIET_S)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item,
                              call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails shows what its servers have written. They live on until the fixture ends:
    others, which may need them, end before. The terminal shows reports after that, so it has the
    whole logs; those who pass reports on at once, such as xdist, have them as far as they are
    written."""
    outcome: Any = yield
    servers = item.__dict__.get(_SERVERS, [])
    if call.excinfo is None or not servers:
        return
    for server in servers:
        _settle(server)
    report = outcome.get_result()
    item.__dict__.setdefault(_REPORTS, []).append(report)
    _show(report, servers)
