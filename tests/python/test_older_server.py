"""Streams and cancelled calls, where the server is older than both: it answers 100002 to them."""

import asyncio
import contextlib
import subprocess
import sys

import pytest

import dora
from dora_helpers import DEADLINE_S, wait_async
from stream_peer import OlderPeer

OLDER = "older than streams"


@pytest.fixture
def server():
    one = OlderPeer()
    yield one
    one.close()


def test_a_blocking_client_says_so_and_calls_on(server):
    with dora.Client(server.node, timeout=30.0) as client:
        for leave in (True, False):
            stream = client.stream("/parts", 3)
            for read in (lambda s=stream: next(s), lambda s=stream: s.result):
                with pytest.raises(dora.Error, match=OLDER) as caught:
                    read()
                assert caught.value.code == 100002
            if leave:
                stream.cancel()
        assert client.call("/call", 1) == 1
    assert server.seen == ["ST_S", "ST_S", "W_S"] and server.connections == 1


def test_an_async_client_says_so_and_calls_on(server, run):
    async def main():
        async with dora.AsyncClient(server.node, timeout=30.0) as client:
            streams = [client.stream("/parts", 3) for _ in range(20)]
            for stream in streams:
                with pytest.raises(dora.Error, match=OLDER) as caught:
                    await anext(stream)
                assert caught.value.code == 100002
                stream.cancel()
            assert await client.call("/call", 1) == 1
        assert server.seen == ["ST_S"] * 20 + ["W_S"]

    run(main())


def test_what_it_says_to_a_cancel_is_nobodys(server, run):
    async def main():
        async with dora.AsyncClient(server.node, timeout=30.0, connections=1) as client:
            task = asyncio.ensure_future(client.call("/silent"))
            await wait_async(lambda: server.seen == ["W_S"], "the call")
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await wait_async(lambda: server.seen == ["W_S", "CN"], "the word")
            assert await client.call("/call", 1) == 1 and client.outstanding == 0
        assert server.connections == 1

    run(main())


def test_the_program_says_so(server):
    command = [sys.executable, "-m", "dora", "call", server.node, "--stream", "/parts", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout) == (1, "")
    assert "100002" in done.stderr and OLDER in done.stderr
    assert server.seen == ["ST_S"]
