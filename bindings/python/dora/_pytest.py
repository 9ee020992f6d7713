"""The plugin that pytest loads by its entry point `dora`: the fixture `dora_server`, and the logs
of its servers in the report of a test that fails. What the fixture does is in testing.py."""

from __future__ import annotations

import contextlib
from typing import Any, Callable, Iterator

import pytest

_SERVERS = "_dora_servers"  # an attribute of the test: the stash is new in pytest 7


@pytest.fixture
def dora_server(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """dora_server(app_or_file, **options) -> dora.testing.Server, which ends with the test."""
    from .testing import Server

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
    assert not errors, "\n".join(errors)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """A test that fails shows what its servers have written. They are stopped before, unless a
    debugger follows: a worker's last records may still be on their way."""
    if call.excinfo is not None:
        for server in item.__dict__.get(_SERVERS, []):
            if not item.config.getoption("usepdb", False):
                with contextlib.suppress(RuntimeError):  # its log says why
                    server.stop()
            item.add_report_section(call.when, f"dora server {server.address}", server.log())
    yield
