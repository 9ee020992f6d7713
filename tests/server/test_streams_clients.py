"""Streams of Dora's own clients from a real server: each door, errors, progress, and who leaves."""

import asyncio
import itertools
import json
import os
import signal
import subprocess

import dora
import pytest

from support import streams, tls
from support.server import Server, environment, program, wait_until

LISTEN = {"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def server(certificates, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("door") / "dora.sock")
    with Server(streams.pools(workers=4), listen={**LISTEN, "unix": path}, linger_ms=50,
                tls=certificates.server()) as made:
        made.unix = path
        yield made


@pytest.fixture(params=["tcp", "unix", "tls"])
def door(server, certificates, request):
    """The arguments of a client."""
    if request.param == "tls":
        return {"nodes": f"tls://{tls.address_of(server)}", "tls_ca": certificates.ca}
    return {"nodes": server.address if request.param == "tcp" else f"unix:{server.unix}"}


def test_a_blocking_client_has_parts_progress_and_a_result(door):
    with dora.Client(**door, timeout=60) as client:
        stream = client.stream("/sum", 200)
        assert list(stream) == list(range(200)) and stream.result == 19900
        stream = client.stream("/count", 5, window=1)
        assert list(stream) == [0, 1, 2, 3, 4] and stream.result is None
        assert [len(part) for part in client.stream("/large", 300_000, window=2)] == [300_000] * 3
        told = []
        stream = client.stream("/progress", 300, on_progress=told.append)
        assert list(stream) == [] and stream.result == "done"
        assert told[-1] == (300, 300, "step 300") == stream.progress
        stream = client.stream("/fails", 3)
        assert list(itertools.islice(stream, 3)) == [0, 1, 2]
        with pytest.raises(dora.HandlerError, match="on purpose"):
            next(stream)
        with pytest.raises(dora.NotRunError) as caught:
            next(client.stream("/none"))
        assert caught.value.code == 100204
        assert client.call("/echo", 7) == 7


def test_an_async_client_has_hundreds_over_its_connections(door):
    async def whole(client, count):
        return [part async for part in client.stream("/sum", count, window=3)]

    async def main():
        async with dora.AsyncClient(**door, timeout=60) as client:
            slow = client.stream("/endless", window=2)
            assert await anext(slow) == 0
            found = await asyncio.gather(*(whole(client, 20) for _ in range(200)))
            assert found == [list(range(20))] * 200
            assert await anext(slow) == 1
            assert await client.call("/echo", 7) == 7
            slow.cancel()

    asyncio.run(main())


def test_who_leaves_has_the_handler_ended(door, tmp_path):
    with dora.Client(**door, timeout=60) as client:
        counted = tmp_path / "sync"
        for number in client.stream("/endless", str(counted)):
            if number == 40:
                break
        assert wait_until(lambda: stands(counted))
        assert client.call("/echo", 7) == 7

    async def main():
        async with dora.AsyncClient(**door, timeout=60) as client:
            counted = tmp_path / "async"
            async with client.stream("/endless", str(counted)) as stream:
                async for number in stream:
                    if number == 40:
                        break
            while not stands(counted):
                await asyncio.sleep(0.01)  # between two looks

    asyncio.run(main())


def test_a_client_that_is_closed_has_its_handlers_ended(door, tmp_path):
    counted = tmp_path / "sync"
    client = dora.Client(**door, timeout=60)
    stream = client.stream("/endless", str(counted))
    assert next(stream) == 0
    client.close()
    assert wait_until(lambda: stands(counted))
    with pytest.raises(dora.ConnectionError, match="the client was closed"):
        next(stream)

    async def main():
        counted = tmp_path / "async"
        client = dora.AsyncClient(**door, timeout=60)
        stream = client.stream("/endless", str(counted))
        assert await anext(stream) == 0
        await client.close()
        assert await asyncio.to_thread(wait_until, lambda: stands(counted))
        with pytest.raises(dora.ConnectionError, match="the client was closed"):
            while True:
                await anext(stream)  # parts that had come

    asyncio.run(main())


def stands(path):
    """Whether the handler that counts there has ended: it holds the file open meanwhile."""
    for process in os.listdir("/proc"):
        try:
            links = [os.readlink(f"/proc/{process}/fd/{number}")
                     for number in os.listdir(f"/proc/{process}/fd")]
        except OSError:
            continue
        if str(path) in links:
            return False
    return path.exists()


def test_a_worker_that_dies_ends_it_behind_its_parts(server):
    with dora.Client(server.address, timeout=60) as client:
        stream = client.stream("/dies", 3)
        assert list(itertools.islice(stream, 3)) == [0, 1, 2]
        with pytest.raises(dora.HandlerError) as caught:
            next(stream)
        assert caught.value.code == 100200


def test_the_program_prints_parts_and_ends_what_ctrl_c_leaves(server, tmp_path):
    command = [program(), "call", server.address, "--stream"]
    done = subprocess.run([*command, "/sum", "4"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n1\n2\n3\n6\n", "")
    counted = tmp_path / "program"
    process = subprocess.Popen([*command, "/endless", json.dumps(str(counted))], text=True,
                               stdout=subprocess.PIPE, env=environment(),
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    assert process.stdout.readline() == "0\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert wait_until(lambda: stands(counted))
