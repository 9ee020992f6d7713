"""Fixtures: `serve` starts a real server, `peer` a scripted one for what a server never does, `run`
a loop for asynchronous tests."""

import asyncio
import gc
import json
import sys
import textwrap
import warnings

import pytest
from support import ports
from support.redis import RedisServer

from dora_helpers import DEADLINE_S, Peer, Server

try:
    import uvloop
except ImportError:
    uvloop = None
    warnings.warn("uvloop is not installed (Debian: python3-uvloop): only asyncio is tested",
                  stacklevel=1)

LOOPS = ["asyncio", *(["uvloop"] if uvloop else [])]


@pytest.fixture
def serve(tmp_path):
    """serve(source, *flags, name="app.py", direct=False, config=None) -> Server.

    Writes the application and starts `python -m dora serve FILE`; with `direct` the file itself
    is the program and must call run(port=0) at its end.
    """
    servers = []

    def start(source, *flags, name="app.py", direct=False, config=None):
        file = tmp_path / name
        file.write_text(textwrap.dedent(source), encoding="utf-8")
        if config is not None:
            (tmp_path / "dora.json").write_text(json.dumps(config), encoding="utf-8")
            flags = ("--config", str(tmp_path / "dora.json"), *flags)
        command = [sys.executable, str(file)]
        if not direct:
            files = [] if config is not None else [str(file)]
            command = [sys.executable, "-m", "dora", "serve", *files, "--port", str(ports.take()),
                       *flags]
        server = Server(command, tmp_path, tmp_path / f"log{len(servers)}.txt")
        servers.append(server)
        return server

    yield start
    for server in servers:
        if server.process.returncode is None:
            server.stop()


NAMED = """
    import dora
    app = dora.App()

    @app.api("/who")
    def who(param):
        return "{name}"
"""


@pytest.fixture
def named(serve):
    """named("a", *flags) -> a server whose /who answers "a"."""
    return lambda name, *flags: serve(NAMED.format(name=name), *flags, name=f"{name}.py")


@pytest.fixture
def redis():
    with RedisServer() as one:
        yield one


@pytest.fixture
def peer():
    """peer(answer, **frame options) -> Peer."""
    peers = []

    def start(answer, **options):
        one = Peer(answer, **options)
        peers.append(one)
        return one

    yield start
    for one in peers:
        one.close()


@pytest.fixture(params=LOOPS)
def run(request, caplog):
    """run(coroutine): in a new loop, which has nothing to complain of afterwards."""

    def start(coroutine):
        loop = uvloop.new_event_loop() if request.param == "uvloop" else asyncio.new_event_loop()
        complaints = []
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        try:
            async def limited():
                return await asyncio.wait_for(coroutine, DEADLINE_S)

            return loop.run_until_complete(limited())
        finally:
            gc.collect()
            loop.run_until_complete(asyncio.sleep(0))
            left = asyncio.all_tasks(loop)
            loop.close()
            gc.collect()
            # What logger "dora" has heard is for the test to look at.
            complaints += [record for record in caplog.records if record.name != "dora"]
            assert not left and not complaints

    return start
