"""AsyncClient.stream(): many streams over few connections, and calls that are cancelled."""

import asyncio
import contextlib
import gc
import os
import subprocess
import sys
import textwrap

import pytest

import dora
from dora_helpers import DEADLINE_S, wait_async
from stream_peer import WIDE, StreamPeer

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture
def server():
    one = StreamPeer()
    yield one
    one.close()


def connect(server, **options):
    return dora.AsyncClient(server.node, **{"timeout": 30.0, **options})


async def collected(stream):
    return [part async for part in stream]


def test_parts_come_one_after_the_other_then_the_result(server, run):
    async def main():
        async with connect(server) as client:
            stream = client.stream("/parts", 50)
            assert isinstance(stream, dora.AsyncStream)
            with pytest.raises(RuntimeError, match="behind its last part"):
                stream.result
            assert await collected(stream) == list(range(50))
            assert stream.result == 50 and stream.progress is None
            assert await collected(stream) == [] and stream.result == 50
            stream.cancel()
            assert stream.result == 50
            assert await client.call("/call", 7) == 7
            assert client.outstanding == 0
        assert server.cancelled == []

    run(main())


def test_hundreds_share_four_connections(server, run):
    async def main():
        async with connect(server) as client:
            streams = [client.stream("/parts", 30, window=4) for _ in range(300)]
            found = await asyncio.gather(*(collected(stream) for stream in streams))
            assert found == [list(range(30))] * 300
            assert [stream.result for stream in streams] == [30] * 300
        assert server.connections <= 4

    run(main())


def test_a_slow_reader_holds_up_no_other(server, run):
    async def main():
        async with connect(server, connections=1) as client:
            slow = client.stream("/parts", 40, window=3)
            assert await anext(slow) == 0
            fast = [client.stream("/parts", 40) for _ in range(5)]
            assert await asyncio.gather(*map(collected, fast)) == [list(range(40))] * 5
            assert await client.call("/call", 7) == 7
            await wait_async(lambda: any(stream[0] == 3 for stream in server.streams.values()),
                             "a full window")
            assert len(slow._inbox.items) <= 3
            assert await collected(slow) == list(range(1, 40)) and slow.result == 40
        assert server.connections == 1

    run(main())


def test_one_that_stands_still_holds_up_none_of_hundreds(server, run):
    """Though more has come of it, over one of the four connections, than sockets hold."""
    async def main():
        async with connect(server, timeout=120.0) as client:
            slow = client.stream("/wide", 80, window=64)
            assert len(await anext(slow)) == WIDE
            streams = [client.stream("/parts", 10, window=4) for _ in range(300)]
            assert await asyncio.gather(*map(collected, streams)) == [list(range(10))] * 300
            await wait_async(lambda: len(slow._inbox.items) == 63, "as many as there is room for")
            assert await client.call("/call", 7) == 7 and not slow._inbox.is_over
            assert [len(part) for part in await collected(slow)] == [WIDE] * 79
            assert slow.result == 80
        assert server.connections <= 4

    run(main())


def test_silence_counts_while_a_part_is_awaited(server, run):
    async def main():
        async with connect(server) as client:
            stream = client.stream("/quiet", idle=60)
            assert await anext(stream) == "a"
            assert client._mux.deadline_ns == 0  # whoever has a part is busy with it
            waiting = asyncio.ensure_future(collected(stream))
            await wait_async(lambda: client._mux.deadline_ns != 0, "an end of waiting")
            stream.cancel()
            assert await waiting == []

    run(main())


def test_progress_is_the_newest_and_told_in_turn(server, run):
    async def main():
        told = []
        async with connect(server) as client:
            stream = client.stream("/progress", on_progress=told.append)
            assert await anext(stream) == "a" and told == [(1, 2, "half")]
            assert await collected(stream) == [] and stream.result == {"n": 1}
            assert told == [(1, 2, "half"), (2, 2, "all")]
            assert stream.progress == (2, 2, "all") and stream.progress.note == "all"

    run(main())


def test_an_on_progress_that_raises_ends_the_stream(server, run):
    def fail(progress):
        raise ValueError("not that")

    async def main():
        async with connect(server) as client:
            stream = client.stream("/hint", on_progress=fail)
            with pytest.raises(ValueError, match="not that"):
                await collected(stream)
            with pytest.raises(dora.HandlerError) as raised:
                _ = stream.result
            assert raised.value.code == 100211
            await wait_async(lambda: len(server.cancelled) == 1, "the cancellation")

    run(main())


def test_errors_come_behind_the_parts(server, run):
    async def main():
        async with connect(server) as client:
            for name, kind, code in (
                    ("/fail", dora.HandlerError, 404), ("/late", dora.TimeoutError, 100009),
                    ("/lost", dora.ConnectionError, 100012), ("/break", dora.Error, None)):
                stream = client.stream(name)
                assert await anext(stream) == "a"
                with pytest.raises(kind) as caught:
                    await anext(stream)
                assert code is None or caught.value.code == code
                with pytest.raises(kind):
                    stream.result
                assert await collected(stream) == []
            with pytest.raises(dora.Error, match="older than streams") as caught:
                await anext(client.stream("/old"))
            assert caught.value.code == 100002 and await client.call("/call", 1) == 1

    run(main())


def test_each_time_has_a_name(server, run):
    async def main():
        async with connect(server) as client:
            await client.call("/call", 1)  # it is connected
            for name in ("/quiet", "/silent"):
                for which, text in (("idle", r"silent for too long \(idle\)"),
                                    ("timeout", r"over \(timeout\)")):
                    stream = client.stream(name, **{which: 0.2})
                    with pytest.raises(dora.TimeoutError, match=text) as caught:
                        await collected(stream)
                    assert caught.value.code == 100009 and await collected(stream) == []
            await wait_async(lambda: len(server.cancelled) == 4, "four to be cancelled")

    run(main())


async def leave(stream, how):
    if how == "cancel":
        stream.cancel()
    elif how == "aclose":
        await stream.aclose()
    elif how == "with":
        async with stream as same:
            assert same is stream
    else:
        waiting = asyncio.ensure_future(anext(stream))
        await wait_async(lambda: stream._inbox.waiting is not None, "a task that waits")
        with pytest.raises(RuntimeError, match="another task"):
            await anext(stream)
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting


def test_who_leaves_it_has_the_handler_ended(server, run):
    async def main():
        async with connect(server) as client:
            for count, how in enumerate(("cancel", "aclose", "with", "task"), 1):
                stream = client.stream("/quiet")
                assert await anext(stream) == "a"
                await leave(stream, how)
                assert await collected(stream) == []
                with pytest.raises(dora.HandlerError, match="cancelled") as caught:
                    stream.result
                assert caught.value.code == 100211
                await wait_async(lambda count=count: len(server.cancelled) == count, how)
            stream = client.stream("/quiet")
            assert await anext(stream) == "a"
            del stream
            gc.collect()
            await wait_async(lambda: len(server.cancelled) == 5, "what nobody holds")
            assert await client.call("/call", 7) == 7 and client.outstanding == 0

    run(main())


def test_a_loop_that_is_left_ends_it(server, run):
    async def main():
        async with connect(server) as client:
            async for number in client.stream("/endless"):
                if number == 40:
                    break
            gc.collect()
            await wait_async(lambda: len(server.cancelled) == 1, "it to be cancelled")

    run(main())


def test_a_cancelled_call_is_ended_at_the_server(server, run):
    async def main():
        async with connect(server) as client:
            for wait in (client.call("/silent"), client.call_many({"one": ("/silent",)})):
                before = len(server.seen)
                task = asyncio.ensure_future(wait)
                await wait_async(lambda: len(server.seen) == before + 1, "the call")
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                await wait_async(lambda: len(server.seen) == before + 2, "the word")
                assert server.seen[-1] == {"type": "CN", "guid": server.seen[-2]["guid"]}
            assert await client.call("/call", 7) == 7

    run(main())


def test_another_thread_may_cancel_and_nothing_else(server, run):
    async def main():
        async with connect(server) as client:
            stream = client.stream("/quiet")
            assert await anext(stream) == "a"
            with pytest.raises(RuntimeError, match="another event loop"):
                await asyncio.to_thread(asyncio.run, collected(stream))
            waiting = asyncio.ensure_future(collected(stream))
            await asyncio.to_thread(stream.cancel)
            assert await waiting == []
            await wait_async(lambda: len(server.cancelled) == 1, "it to be cancelled")

    run(main())


LEFT = """
    import asyncio, sys, warnings
    import dora

    warnings.simplefilter("ignore", ResourceWarning)  # of the client, and its sockets

    async def main():
        client = dora.AsyncClient(sys.argv[1], timeout=30.0)
        stream = client.stream("/endless")
        print(await anext(stream))
        return client, stream

    loop = asyncio.new_event_loop()
    client, stream = loop.run_until_complete(main())
    if sys.argv[2] == "closed":
        loop.close()
"""


@pytest.mark.parametrize("how", ["closed", "open"])
def test_a_stream_that_is_left_at_the_end_of_the_program(server, how):
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(LEFT), server.node, how],
                          capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")


def test_closing_ends_streams(server, run):
    async def main():
        client = connect(server)
        stream = client.stream("/endless")
        assert await anext(stream) == 0
        waiting = asyncio.ensure_future(collected(client.stream("/silent")))
        await wait_async(lambda: len(server.seen) == 2, "both requests")
        await client.close()
        for each in (collected(stream), waiting):
            with pytest.raises(dora.ConnectionError, match="the client was closed while"):
                await each
        with pytest.raises(dora.ConnectionError, match="the client was closed while"):
            stream.result
        with pytest.raises(RuntimeError, match="closed"):
            client.stream("/parts", 1)

    run(main())


def test_a_forked_child_leaves_it_to_its_parent(server, run):
    async def main():
        async with connect(server) as client:
            stream = client.stream("/parts", 30, window=2)
            assert await anext(stream) == 0
            child = os.fork()
            if child == 0:
                del stream
                gc.collect()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert await collected(stream) == list(range(1, 30))
        assert server.cancelled == []

    run(main())


def test_wrong_arguments_are_named(server, run):
    async def main():
        async with connect(server) as client:
            for options, kind, text in [
                ({"window": 0}, ValueError, "window must be 1 to 1024, not 0"),
                ({"idle": "x"}, TypeError, "idle must be seconds"),
                ({"on_progress": 5}, TypeError, "on_progress must be callable, not int"),
                ({"group": "none"}, ValueError, "none"),
            ]:
                with pytest.raises(kind, match=text):
                    client.stream("/parts", 1, **options)
            with pytest.raises(TypeError, match=r"\$\.x"):
                client.stream("/parts", {"x": object()})
            assert client.outstanding == 0

    run(main())
