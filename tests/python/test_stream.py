"""Client.stream(): the parts of one call as they come, its result, and leaving it."""

import gc
import itertools
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

import dora
from dora_helpers import DEADLINE_S, wait_until
from stream_peer import StreamPeer, many


@pytest.fixture
def server():
    one = StreamPeer()
    yield one
    one.close()


@pytest.fixture
def client(server):
    with dora.Client(server.node, timeout=30.0) as one:
        yield one


def test_parts_come_one_after_the_other_then_the_result(client):
    stream = client.stream("/parts", 50)
    assert isinstance(stream, dora.Stream) and iter(stream) is stream
    with pytest.raises(RuntimeError, match="behind its last part"):
        stream.result
    assert list(stream) == list(range(50))
    assert stream.result == 50 and stream.progress is None
    assert list(stream) == [] and stream.result == 50  # ended stays ended
    stream.cancel()
    assert stream.result == 50


def test_a_result_is_what_yield_from_gives(client):
    def both():
        return (yield from client.stream("/tuple")), "and more"

    walk = both()
    assert next(walk) == [1, 2]
    with pytest.raises(StopIteration) as end:
        next(walk)
    assert end.value.value == ([3, 4], "and more")


def test_room_is_asked_for_by_halves(client, server):
    assert list(client.stream("/parts", 20, window=8)) == list(range(20))
    wait_until(lambda: server.taken == 20, "room for twenty")
    assert [seen["take"] for seen in server.seen if seen["type"] == "TK"] == [4] * 5
    assert server.seen[0]["window"] == 8 and "timeout" not in server.seen[0]
    list(client.stream("/parts", 0, timeout=20))
    assert 10000 < server.seen[-1]["timeout"] <= 20000 and server.seen[-1]["window"] == 64


def test_progress_is_the_newest_and_told_at_once(client):
    told = []
    stream = client.stream("/progress", on_progress=told.append)
    assert next(stream) == "a" and stream.progress == (1, 2, "half")
    assert stream.progress.note == "half" and isinstance(stream.progress, dora.Progress)
    assert list(stream) == [] and stream.result == {"n": 1}
    assert told == [(1, 2, "half"), (2, 2, "all")] and stream.progress.done == 2


def test_what_on_progress_raises_ends_the_stream(client):
    stream = client.stream("/progress", on_progress=lambda progress: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        next(stream)
    assert list(stream) == []
    with pytest.raises(dora.Error) as caught:
        stream.result
    assert caught.value.code == 100211


@pytest.mark.parametrize(("name", "kind", "code"), [
    ("/fail", dora.HandlerError, 404), ("/late", dora.TimeoutError, 100009),
    ("/lost", dora.ConnectionError, 100012), ("/break", dora.Error, None)])
def test_an_error_comes_behind_the_parts(client, name, kind, code):
    stream = client.stream(name)
    assert next(stream) == "a"
    for read in (lambda: next(stream), lambda: stream.result):
        with pytest.raises(kind) as caught:
            read()
        assert code is None or caught.value.code == code
    assert list(stream) == []


def test_an_older_server_is_named(client):
    with pytest.raises(dora.Error, match="older than streams") as caught:
        next(client.stream("/old"))
    assert caught.value.code == 100002 and client.call("/call", 1) == 1


@pytest.mark.parametrize("name", ["/quiet", "/silent"])
@pytest.mark.parametrize(("times", "text"), [
    ({"idle": 0.05}, r"silent for too long \(idle\)"), ({"timeout": 0.05}, r"over \(timeout\)")])
def test_each_time_has_a_name(client, server, name, times, text):
    assert client.call("/call", 1) == 1  # it is connected then
    stream, parts = [], []
    with pytest.raises(dora.TimeoutError, match=text) as caught:
        stream = client.stream(name, **times)  # which may be over before it has begun
        for part in stream:
            parts.append(part)  # noqa: PERF402: what came before the error counts
    assert caught.value.code == 100009 and list(stream) == []
    # Only of /quiet the server may have said that it knows streams.
    server.wait_cancelled(len(parts))


@pytest.mark.parametrize("leave", ["cancel", "close", "with", "drop"])
def test_who_leaves_it_has_the_handler_ended(client, server, leave):
    stream = client.stream("/endless")
    assert list(itertools.islice(stream, 3)) == [0, 1, 2]
    if leave == "with":
        with stream as same:
            assert same is stream
    elif leave != "drop":
        getattr(stream, leave)()
    if leave != "drop":
        assert list(stream) == []
        with pytest.raises(dora.HandlerError, match="cancelled") as caught:
            stream.result
        assert caught.value.code == 100211
    del stream
    gc.collect()
    server.wait_cancelled(1)
    assert client.call("/call", 7) == 7


def test_a_loop_that_is_left_ends_it(client, server):
    for number in client.stream("/endless"):
        if number == 40:
            break
    gc.collect()
    server.wait_cancelled(1)


def test_another_thread_may_cancel(client, server):
    stream = client.stream("/quiet")
    assert next(stream) == "a"
    found = []
    waiting = threading.Thread(target=lambda: found.append(list(stream)))
    waiting.start()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:  # until it waits
        try:
            next(stream)
        except RuntimeError as error:
            assert "another thread" in str(error)
            break
    stream.cancel()
    waiting.join(30)
    assert found == [[]]
    server.wait_cancelled(1)


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="the collector runs between bytecodes only")
def test_who_cancels_while_a_part_is_read_gets_it_whole(client, server):
    """Reading one may have the collector run, and by that anybody's code."""
    stream = client.stream("/many", 40000)
    reader = threading.get_ident()
    seen = []

    def collected(phase, info):
        if threading.get_ident() == reader:  # the peer's thread may be making the part still
            seen.append(phase)
            stream.cancel()

    before = gc.get_threshold()
    gc.callbacks.append(collected)
    try:
        gc.set_threshold(100)
        assert next(stream) == many(40000)
    finally:
        gc.callbacks.remove(collected)
        gc.set_threshold(*before)
    assert seen and list(stream) == []
    with pytest.raises(dora.HandlerError, match="cancelled"):
        stream.result


def test_a_stream_that_is_asked_within_its_progress_says_so(client):
    asked = []

    def ask(progress):
        with pytest.raises(RuntimeError, match="waited for already"):
            next(stream)
        asked.append(progress.done)

    stream = client.stream("/progress", on_progress=ask)
    assert list(stream) == ["a"] and stream.result == {"n": 1} and asked == [1, 2]


def test_a_stream_may_be_left_within_its_progress(client, server):
    stream = client.stream("/progress", on_progress=lambda progress: stream.cancel())
    assert list(stream) == []
    with pytest.raises(dora.HandlerError, match="cancelled"):
        stream.result


LEFT = """
    import sys, dora

    class Holder:
        def __init__(self, stream):
            self.stream = stream

        def __del__(self):
            self.stream.close()
            print("closed")

    client = dora.Client(sys.argv[1], timeout=30.0)
    holder = Holder(client.stream("/endless"))
    print(next(holder.stream))
    other = client.stream("/endless")
    print(next(other))
    holder.self = holder  # the collector's, at the end
"""


def test_streams_that_are_left_at_the_end_of_the_program(server):
    done = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c",
                           textwrap.dedent(LEFT), server.node],
                          capture_output=True, text=True, timeout=DEADLINE_S)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0\n0\nclosed\n"
    server.wait_cancelled(2)


def test_streams_and_calls_stand_beside_each_other(client, server):
    streams = [client.stream("/parts", 40, window=4) for _ in range(5)]
    for number in range(40):
        assert [next(stream) for stream in streams] == [number] * 5
        assert client.call("/call", number) == number
    assert [list(stream) for stream in streams] == [[]] * 5
    assert server.connections <= 6


CLOSED = "the client was closed while the call was under way"


def test_a_client_that_is_closed_ends_its_streams(server):
    client = dora.Client(server.node, timeout=30.0)
    ended = client.stream("/parts", 2)
    assert list(ended) == [0, 1]
    streams = [client.stream("/parts", 30) for _ in range(4)]
    assert [next(stream) for stream in streams] == [0] * 4
    streams.pop(1).cancel()
    client.close()
    assert ended.result == 2
    for stream in streams[:2]:
        with pytest.raises(dora.ConnectionError, match=CLOSED):
            next(stream)
    for stream in streams:
        with pytest.raises(dora.ConnectionError, match=CLOSED):
            stream.result
    assert list(streams[0]) == []  # it was told
    streams[2].cancel()
    with pytest.raises(RuntimeError, match="the client is closed"):
        client.stream("/parts", 1)
    client.close()


def test_a_client_that_another_thread_closes_ends_a_wait(server):
    client = dora.Client(server.node, timeout=600.0)
    told = []

    def listen():
        try:
            list(client.stream("/silent"))
        except dora.ConnectionError as error:
            told.append(str(error))

    waiting = threading.Thread(target=listen)
    waiting.start()
    wait_until(lambda: server.seen, "the request")
    client.close()
    waiting.join(DEADLINE_S)
    assert len(told) == 1 and CLOSED in told[0]


def test_a_forked_child_that_closes_leaves_it_to_its_parent(client, server):
    stream = client.stream("/parts", 30, window=2)
    assert next(stream) == 0
    child = os.fork()
    if child == 0:
        status = 1
        try:
            client.close()
            next(stream)
        except dora.ConnectionError as error:
            status = 0 if CLOSED in str(error) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert list(stream) == list(range(1, 30)) and server.cancelled == []


def test_a_client_may_be_closed_within_progress(server):
    client = dora.Client(server.node, timeout=30.0)
    stream = client.stream("/progress", on_progress=lambda progress: client.close())
    with pytest.raises(dora.ConnectionError, match=CLOSED):
        next(stream)
    assert list(stream) == [] and stream.progress.done == 1


@pytest.mark.parametrize(("options", "kind", "text"), [
    ({"window": 0}, ValueError, "window must be 1 to 1024, not 0"),
    ({"window": 1025}, ValueError, "window must be 1 to 1024, not 1025"),
    ({"window": True}, TypeError, "window must be int, not bool"),
    ({"idle": 0}, ValueError, "idle must be above 0"),
    ({"idle": "x"}, TypeError, "idle must be seconds"),
    ({"timeout": -1}, ValueError, "timeout must be above 0"),
    ({"on_progress": 5}, TypeError, "on_progress must be callable, not int"),
    ({"group": "none"}, ValueError, "none"),
    ({"nothing": 1}, TypeError, "nothing"),
])
def test_wrong_arguments_are_named(client, options, kind, text):
    with pytest.raises(kind, match=text):
        client.stream("/parts", 1, **options)
    with pytest.raises(TypeError):
        dora.Stream()
    with pytest.raises(TypeError, match=r"\$\.x"):
        client.stream("/parts", {"x": object()})


ALARM = """
    import signal
    import dora

    app = dora.App()

    @app.api("/alarm")
    def alarm(param):
        def ring(*_):
            open("rang", "w").close()
            raise ValueError("it rang")

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        while True:
            yield "x"
"""


def test_what_a_signal_raises_while_there_is_no_room_ends_the_handler(serve, tmp_path):
    one = serve(ALARM, "--workers", "1")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        with client.stream("/alarm", window=1) as stream:
            assert next(stream) == "x"
            wait_until((tmp_path / "rang").exists, "the alarm")
            with pytest.raises(dora.HandlerError, match="it rang"):
                list(stream)
