"""dora.AsyncClient: real servers and scripted peers, under asyncio and uvloop, no warning left."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import subprocess
import sys
import textwrap

import pytest

import dora
from dora_helpers import APP, DEADLINE_S, envelope, reply_frame, wait_async, wait_until

pytestmark = pytest.mark.filterwarnings("error")


def echo(message, guid):
    inner = envelope(guid, message["api"]["one"]["param"])
    return reply_frame(guid, envelope(guid, inner))


def test_every_way_to_call(serve, run):
    server = serve(APP)

    async def main():
        async with dora.AsyncClient(server.node) as client:
            assert await client.call("/echo", {"id": 7, "x": [1.5, "é"]}) == {"id": 7,
                                                                             "x": [1.5, "é"]}
            assert await client.call(name="/echo", param=b"\xff", timeout=5, group=None) == b"\xff"
            many = await client.call_many({"b": ("/echo", [1]), "a": ("/raise/handler",),
                                           5: ("/echo",)})
            assert list(many) == ["b", "a", 5] and many["b"] == [1] and many[5] is None
            assert isinstance(many["a"], dora.HandlerError) and many["a"].code == 404
            assert await client.call_many({}) == {}
            assert await client.send("/echo", 1) is None
            assert await client.send_many({"a": ("/echo", 1)}) is None
            assert await client.send_many({}) is None
            one = await client.submit("/echo", {"later": 1})
            bad = await client.submit("/raise/handler")
            two = await client.submit_many({7: ("/echo", 7), "x": ("/raise/handler",)})
            assert client.pending == 3
            found = await client.collect()
            assert list(found) == [one, bad, two] and found[one] == {"later": 1}
            assert isinstance(found[bad], dora.HandlerError)
            assert found[two][7] == 7 and found[two]["x"].code == 404
            assert client.pending == 0 and await client.collect() == {}
            assert client.outstanding == 0
        with pytest.raises(RuntimeError, match="closed"):
            await client.call("/echo")
        await client.close()

    run(main())


def test_errors_have_their_classes(serve, run):
    server = serve(APP)

    async def main():
        async with dora.AsyncClient({"a": server.node}, group="a") as client:
            with pytest.raises(dora.HandlerError, match="no such user") as info:
                await client.call("/raise/handler")
            assert info.value.code == 404
            for error, kind in [
                (TypeError, {"param": {"x": object()}}),
                (ValueError, {"group": "none"}),
                (ValueError, {"timeout": -1}),
                (TypeError, {"retry": "1"}),
                (TypeError, {"wait": "1"}),
                (ValueError, {"wait": -1}),
            ]:
                with pytest.raises(error):
                    await client.call("/echo", **kind)
            with pytest.raises(TypeError, match="dict"):
                await client.call_many([1])
            with pytest.raises(ValueError):
                await client.submit_many({})
            with pytest.raises(dora.TimeoutError) as info:
                await client.call("/sleep", 2.0, timeout=0.4)
            assert info.value.code == 100009
            assert client.outstanding == 0
            assert await client.call("/echo", 1) == 1

    run(main())


@pytest.mark.parametrize("options", [
    {"connections": 0}, {"connections": 65}, {"timeout": 0}, {"retry": -1}, {"group": "none"},
    {"wait": -1}, {"wait": float("inf")},
])
def test_wrong_options(options):
    with pytest.raises(ValueError):
        dora.AsyncClient("127.0.0.1:1", **options)
    with pytest.raises(TypeError):
        dora.AsyncClient("127.0.0.1:1", connections="4")
    with pytest.raises(ValueError, match="host:port"):
        dora.AsyncClient("nowhere")


def test_ten_thousand_over_four_connections(serve, run):
    server = serve(APP)

    async def main():
        async with dora.AsyncClient(server.node, timeout=60) as client:
            calls = [client.call("/echo", i) for i in range(10_000)]
            assert await asyncio.gather(*calls) == list(range(10_000))
            seen = {(await client.call("/request"))["connection"] for _ in range(50)}
            assert len(client._links) <= 4 and len(seen) <= 4
            assert client.outstanding == 0

    run(main())


def test_cancelled_calls_leave_nothing(peer, run):
    held = []

    def answer(message, guid):
        if message["api"]["one"]["name"] == "/hold":
            held.append(echo(message, guid))
            return b""
        late, held[:] = b"".join(held), []
        return late + echo(message, guid)

    server = peer(answer)

    async def main():
        async with dora.AsyncClient(server.node, connections=1) as client:
            for _ in range(3):
                tasks = [asyncio.create_task(client.call("/hold", i)) for i in range(500)]
                at_once = asyncio.create_task(client.call("/hold"))
                at_once.cancel()
                await wait_async(lambda: len(held) == 500, "all calls")
                for task in tasks:
                    task.cancel()
                done = await asyncio.gather(*tasks, at_once, return_exceptions=True)
                assert {type(each) for each in done} == {asyncio.CancelledError}
                assert client.outstanding == 0
                assert await client.call("/echo", "after the late replies") is not None
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(client.call("/hold"), 0.01)
            assert client.outstanding == 0
            assert await client.call("/echo", 1) == 1
        assert server.connections == 1

    run(main())


def test_memory_stays(serve, run):
    server = serve(APP)

    async def main():
        async with dora.AsyncClient(server.node, timeout=DEADLINE_S) as client:
            async def some(count):
                for _ in range(count):
                    await asyncio.gather(*(client.call("/echo", {"i": i}) for i in range(100)))
                    tasks = [asyncio.ensure_future(client.call("/echo")) for _ in range(100)]
                    await asyncio.sleep(0)
                    for task in tasks:
                        task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)
                    await client.submit("/raise/handler")
                    await client.collect()
                gc.collect()
                return len(gc.get_objects()), sys.getallocatedblocks()

            await some(10)
            before = await some(10)
            after = await some(40)
            assert after[0] - before[0] < 100 and after[1] - before[1] < 500

    run(main())


def test_server_killed_midway(serve, run):
    server = serve(APP)

    async def main():
        async with dora.AsyncClient(server.node, timeout=DEADLINE_S) as client:
            ended = []

            async def one(i):
                try:
                    await client.call("/sleep", 60)
                except dora.Error as error:
                    ended.append((i, type(error), error.code))

            guid = await client.submit("/sleep", 60)
            tasks = [asyncio.create_task(one(i)) for i in range(300)]
            await wait_async(lambda: client.outstanding == 301, "all calls")
            server.process.send_signal(signal.SIGKILL)
            await asyncio.gather(*tasks)
            assert sorted(i for i, _, _ in ended) == list(range(300))
            assert {kind for _, kind, _ in ended} == {dora.ConnectionError}
            assert {code for _, _, code in ended} <= {100009, 100010}
            found = await client.collect()
            assert isinstance(found[guid], dora.ConnectionError) and found[guid].code == 100012
            with pytest.raises(dora.ConnectionError) as info:
                await client.call("/echo")
            assert info.value.code == 100010 and info.value.not_run
            assert client.outstanding == 0

    run(main())
    server.stop(expect=None)


def test_close_ends_what_is_under_way(peer, run):
    server = peer(lambda message, guid: b"")

    async def main():
        client = dora.AsyncClient(server.node)
        tasks = [asyncio.create_task(client.call("/never", i)) for i in range(50)]
        collecting = asyncio.create_task(client.submit("/never"))
        await wait_async(lambda: server.calls == 51, "all calls")
        await client.close()
        done = await asyncio.gather(*tasks, collecting, return_exceptions=True)
        assert {type(each) for each in done} == {dora.ConnectionError}
        assert {each.code for each in done} == {100009}
        connecting = dora.AsyncClient(server.node)
        task = asyncio.create_task(connecting.call("/never"))
        await asyncio.sleep(0)
        await connecting.close()
        with pytest.raises(dora.ConnectionError, match="closed"):
            await task

    run(main())


@pytest.mark.parametrize("turns", range(1, 9))
def test_close_ends_an_opening_in_whichever_turn_of_the_loop(peer, run, turns):
    server = peer(lambda message, guid: b"")

    async def main():
        client = dora.AsyncClient(server.node)
        task = asyncio.create_task(client.call("/never"))
        for _ in range(turns):
            await asyncio.sleep(0)
        closing = asyncio.create_task(client.close())
        done, _ = await asyncio.wait([closing], timeout=10)
        assert done
        with pytest.raises(dora.ConnectionError):
            await task

    run(main())


def test_collect_waits_no_longer_than_told(peer, run):
    def answer(message, guid):
        accepted = {"guid": guid.decode(), "code": 100001, "msg": "", "data": []}
        result = b""
        if message["api"]["one"]["param"] == "now":
            inner = envelope(guid, "now")
            result = reply_frame(guid, {**envelope(guid, inner), "isresult": 1})
        return reply_frame(guid, accepted) + result

    server = peer(answer)

    async def main():
        async with dora.AsyncClient(server.node) as client:
            now, never = await client.submit("/a", "now"), await client.submit("/a", "never")
            collecting = asyncio.create_task(client.collect())
            await asyncio.sleep(0.01)  # it collects meanwhile
            collecting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await collecting
            assert client.pending == 2
            found = await client.collect(timeout=1.5)
            assert list(found) == [now, never] and found[now] == "now"
            assert isinstance(found[never], dora.TimeoutError) and found[never].code == 100009
            assert client.pending == 0 and client.outstanding == 0
            left = await client.submit("/a", "never")
            assert len(left) == 32

    run(main())


def test_retry_elsewhere_and_with_the_same_guid(peer, run):
    guids = []

    def breaks(message, guid):
        guids.append((guid, message.get("attempt")))
        return None if message.get("attempt") is None else echo(message, guid)

    bad, good = peer(breaks), peer(echo)

    async def main():
        async with dora.AsyncClient(bad.node) as client:
            with pytest.raises(dora.ConnectionError) as info:
                await client.call("/a", 1)
            assert info.value.code == 100009 and not info.value.not_run and len(guids) == 1
            assert await client.call("/a", 2, retry=1) == 2
            assert guids[1][0] == guids[2][0] and guids[2][1] == 1
        with socket.create_server(("127.0.0.1", 0)) as listener:
            nobody = "127.0.0.1:%d" % listener.getsockname()[1]
        async with dora.AsyncClient([nobody, good.node]) as client:
            calls = [client.call("/a", i) for i in range(200)]
            assert await asyncio.gather(*calls) == list(range(200))

    run(main())


def test_stopping_server_is_left(peer, run):
    def stops(message, guid):
        return reply_frame(guid, {"guid": guid.decode(), "code": 100207, "msg": "s", "data": []})

    stopping, good = peer(stops), peer(echo)

    async def main():
        async with dora.AsyncClient([stopping.node, good.node]) as client:
            calls = [client.call("/a", i) for i in range(100)]
            assert await asyncio.gather(*calls) == list(range(100))
            while {link.transport.get_extra_info("peername")[1]
                   for link in client._links.values()} != {good.port}:
                await asyncio.sleep(0.001)  # connections to the one that stops are closed
        async with dora.AsyncClient(stopping.node) as client:
            with pytest.raises(dora.NotRunError) as info:
                await client.call("/a")
            assert info.value.code == 100207

    run(main())


def test_garbage_ends_the_calls_of_its_connection(peer, run):
    bad = peer(lambda message, guid: b"\0\0\0\x21" + b"x" * 33)

    async def main():
        async with dora.AsyncClient(bad.node) as client:
            with pytest.raises(dora.Error):
                await client.call("/a")
        async with dora.AsyncClient("no-such-host.invalid:1") as client:
            with pytest.raises(dora.ConnectionError, match="no-such-host") as info:
                await client.call("/a")
            assert info.value.code == 100010

    run(main())


@pytest.mark.parametrize("options", [{"sign": True, "gzip": True}, {"sign": True, "salt": "x"}])
def test_signed_and_packed(peer, run, options):
    def answer(message, guid):
        inner = envelope(guid, message["api"]["one"]["param"])
        return reply_frame(guid, envelope(guid, inner), **options)

    server = peer(answer, **options)

    async def main():
        async with dora.AsyncClient(server.node, **options) as client:
            calls = [client.call("/a", ["x" * i]) for i in range(100)]
            assert await asyncio.gather(*calls) == [["x" * i] for i in range(100)]

    run(main())


def test_large_over_a_unix_socket(serve, run, tmp_path):
    path = str(tmp_path / "dora.sock")
    serve(APP, "--unix", path)

    async def main():
        async with dora.AsyncClient("unix:" + path, timeout=DEADLINE_S) as client:
            texts = [str(i) * 200_000 for i in range(8)]
            assert await asyncio.gather(*(client.call("/echo", text) for text in texts)) == texts

    run(main())


def test_a_full_unix_socket_is_waited_for(run, tmp_path):
    path = str(tmp_path / "dora.sock")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        listener.setblocking(False)
        first.connect(path)

        async def main():
            loop = asyncio.get_running_loop()
            late = "cannot connect to unix:.*: Connection timed out"
            async with dora.AsyncClient("unix:" + path, timeout=0.1) as client:
                with pytest.raises(dora.ConnectionError, match=late):
                    await client.call("/echo", 1)
            async with dora.AsyncClient("unix:" + path, timeout=DEADLINE_S) as client:
                call = loop.create_task(client.call("/echo", 1))
                (await loop.sock_accept(listener))[0].close()
                accepted, _ = await loop.sock_accept(listener)
                with accepted:
                    assert await loop.sock_recv(accepted, 4)
                    call.cancel()

        run(main())


def test_another_loop_and_another_process(serve, run):
    server = serve(APP)
    client = dora.AsyncClient(server.node)

    async def first():
        assert await client.call("/echo", 1) == 1
        await client.call("/echo")
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                client._mux.start(0, None, None, "/echo", None, None, None, None, None, None, None)
            except RuntimeError as error:
                status = 0 if "fork" in str(error) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        with pytest.raises(RuntimeError, match="loop"):
            await asyncio.to_thread(asyncio.run, client.call("/echo"))
        assert await client.call("/echo", 2) == 2
        await client.close()

    run(first())


def test_nested_deadline(serve, peer, run):
    """A client in a handler waits no longer than the handler's own caller."""
    silent = peer(lambda message, guid: b"")
    server = serve("""
        import asyncio, time
        import dora

        app = dora.App()
        took = []

        @app.api("/outer")
        def outer(node):
            async def inner():
                async with dora.AsyncClient(node, timeout=30) as client:
                    began = time.monotonic()
                    try:
                        await client.call("/silent")
                    except dora.TimeoutError:
                        took.append(time.monotonic() - began)
            asyncio.run(inner())

        @app.api("/took")
        def tell(param):
            return took
    """, "--workers", "1")

    async def main():
        async with dora.AsyncClient(server.node) as client:
            with contextlib.suppress(dora.TimeoutError):  # both end at the same moment
                await client.call("/outer", silent.node, timeout=2)
            took = await client.call("/took", timeout=DEADLINE_S)
            assert len(took) == 1 and 0.1 < took[0] < 15, took

    run(main())


def test_program_without_a_warning(serve):
    """A whole program under -X dev -W error: nothing on stderr, also where it was cancelled."""
    server = serve(APP)
    program = textwrap.dedent("""
        import asyncio, sys
        import dora

        async def main():
            async with dora.AsyncClient(sys.argv[1]) as client:
                await asyncio.gather(*(client.call("/echo", i) for i in range(50)))
                task = asyncio.create_task(client.call("/sleep", 5))
                await asyncio.sleep(0.05)
                task.cancel()
                ended = asyncio.create_task(client.call("/sleep", 5))
                for error in await asyncio.gather(
                        *(client.call("/raise") for _ in range(9)), return_exceptions=True):
                    assert isinstance(error, dora.HandlerError)
            assert isinstance((await asyncio.gather(ended, return_exceptions=True))[0],
                              dora.ConnectionError)
            print("done")

        asyncio.run(main())
    """)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program, server.node],
        capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    slow = "Executing <"  # what the loop's debug mode says of a busy machine
    lines = [line for line in done.stderr.splitlines() if not line.startswith(slow)]
    assert (done.returncode, done.stdout, lines) == (0, "done\n", [])
