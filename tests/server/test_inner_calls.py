"""Handlers that run another application's by App.call() and App.acall(): what ends the outer one
ends what it runs, and leaves the worker as it was."""

import pytest

from support import streams, v1
from support.server import Server, python_pool, wait_until

LATE, CANCELLED = 100201, 100211
FOREVER_MS = 600000  # a grace that is never over: what ends has ended by itself
NAMES = ["/wait", "/turn", "/loop", "/parts", "/plain", "/plain/parts"]


@pytest.fixture(scope="module", params=["inner.py", "inner_async.py"])
def served(request):
    pool = python_pool(request.param, workers=1, concurrency=8, kill_after_ms=FOREVER_MS)
    with Server({"p": pool}, linger_ms=0) as server:
        yield server
        assert server.stop() == 0


@pytest.fixture
def conn(served):
    with v1.Conn(served.address) as one:
        pid = one.call("/pid", timeout=30)["data"]["data"]
        yield one
        for _ in range(3):
            assert one.call("/unlimited/echo", 5, timeout=30)["data"]["data"] == 5
        assert one.call("/pid", timeout=30)["data"]["data"] == pid


def has_begun(made):
    return made.with_name(made.name + ".begun").exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_time_limit_ends_the_inner_handler(served, conn, tmp_path, name):
    """On a busy machine it may be over before the inner one begins: then once more."""
    for number in range(40):
        made = tmp_path / str(number)
        guid = conn.ask("W_S", {"one": (name, str(made))})
        ident, reply = conn.receive(60)
        assert ident == guid and reply["data"]["code"] == LATE, reply
        if has_begun(made):
            break
    assert has_begun(made) and wait_until(made.exists), served.log()


@pytest.mark.parametrize("name", NAMES)
def test_a_cancel_ends_the_inner_handler(served, conn, tmp_path, name):
    made = tmp_path / "made"
    guid = conn.ask("W_S", {"one": ("/unlimited" + name, str(made))})
    assert wait_until(lambda: has_begun(made))
    streams.cancel(conn, guid)
    ident, reply = conn.receive(60)
    assert ident == guid and reply["data"]["code"] == CANCELLED, reply
    assert wait_until(made.exists), served.log()


def test_a_stream_of_inner_calls_is_ended(served, conn, tmp_path):
    made = tmp_path / "made"
    ident = streams.begin(conn, "/stream", str(made), window=4)
    for number in range(12):
        assert conn.receive()[1]["data"] == number
        streams.take(conn, ident, 1)
    streams.cancel(conn, ident)
    parts, _, reply = streams.rest(conn, ident)
    assert [part for part, _ in parts] == list(range(12, 12 + len(parts)))
    assert reply["data"]["code"] == CANCELLED and wait_until(made.exists), served.log()
