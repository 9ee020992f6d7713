"""Handlers that are generators: in Python, on an event loop, in a thread beside it, and in PHP."""

import contextlib
import os
import signal
import time

import pytest

from support import processes, streams, tls, tries, v1
from support.json_conn import JsonConn
from support.server import HERE, Server, python_pool, wait_until

KINDS = ["python", "async", "plain", "php"]
CANCELLED, DIED, HANDLER, TOO_LARGE = 100211, 100200, 100208, 100206


def pool(kind, **more):
    more = {"kill_after_ms": 30000, **more}  # a busy machine may take long to end a handler
    if kind == "php":
        return {"runtime": "php", "app": os.path.join(HERE, "apps", "parts.php"), **more}
    file = "parts.py" if kind == "python" else "parts_async.py"
    beside = {} if kind == "python" else {"concurrency": 200}
    return python_pool(file, **beside, **more)


class Kind:
    """A server whose handlers are of one kind, and what they note."""

    def __init__(self, kind, server, folder):
        self.kind = kind
        self.server = server
        self.notes = str(folder / "notes")

    def name(self, name):
        plain = {"/sum": "/plain/total"}.get(name, "/plain" + name)
        return plain if self.kind == "plain" else name

    def begin(self, conn, name, param=None, **more):
        return streams.begin(conn, self.name(name), param, **more)

    def whole(self, conn, name, param=None, **more):
        return streams.rest(conn, self.begin(conn, name, param, **more))

    def noted(self):
        try:
            with open(self.notes, encoding="utf-8") as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def has_ended(self):
        return wait_until(lambda: self.noted()[-1:] == ["ended"])


@pytest.fixture(scope="module", params=KINDS)
def served(request):
    with Server({"main": pool(request.param, workers=2)}) as server:
        yield request.param, server


@pytest.fixture
def one(served, tmp_path):
    return Kind(*served, tmp_path)


@pytest.fixture
def conn(served):
    with v1.Conn(served[1].address) as made:
        yield made


def outcome(reply):
    assert reply["code"] == 0, reply
    return reply["data"]["code"], reply["data"]["msg"], reply["data"]["data"]


def tasks(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["tasking_num"]


def test_what_is_yielded_is_parts_and_what_is_returned_the_result(one, conn):
    parts, _, reply = one.whole(conn, "/count", 5)
    assert parts == [(i, i) for i in range(5)] and outcome(reply) == (0, "OK", None)
    parts, _, reply = one.whole(conn, "/sum", 50, window=3)
    assert parts == [(i, i) for i in range(50)] and outcome(reply)[2] == {"total": 1225}
    assert outcome(one.whole(conn, "/count", 0)[2])[2] is None
    parts, _, reply = one.whole(conn, "/made", 3)
    assert parts == [(0, 0), (1, 1), (2, 4)] and outcome(reply)[2] is None


def test_other_calls_get_the_list_or_what_is_returned(one, conn):
    assert outcome(conn.call(one.name("/count"), 3))[2] == [0, 1, 2]
    assert outcome(conn.call(one.name("/count"), 0))[2] == []
    assert outcome(conn.call(one.name("/sum"), 3))[2] == {"total": 3}
    ident = v1.guid()
    conn.send(v1.request_many(ident, {"a": (one.name("/count"), 2), "b": (one.name("/sum"), 2)}))
    data = conn.receive()[1]["data"]
    assert [data[key]["data"] for key in "ab"] == [[0, 1], {"total": 1}]


def test_error_comes_behind_the_parts(one, conn):
    parts, _, reply = one.whole(conn, "/fail", one.notes)
    assert parts == [(0, 1)] and outcome(reply)[:2] == (7, "enough") and one.has_ended()


def test_part_that_cannot_be_written_is_the_error_and_closes_the_generator(one, conn):
    parts, _, reply = one.whole(conn, "/odd", one.notes)
    code, msg, _ = outcome(reply)
    assert parts == [(0, 1)] and code == HANDLER and one.has_ended()
    assert "$.rows[0].price: no value on the wire for type" in msg
    os.unlink(one.notes)
    size = 3 << 20
    parts, _, reply = one.whole(conn, "/large", {"size": size, "path": one.notes})
    assert parts == [] and outcome(reply)[0] == TOO_LARGE and one.has_ended()
    parts, _, reply = one.whole(conn, "/large", {"size": size // 2, "path": None})
    assert len(parts[0][1]) == size // 2 and outcome(reply)[0] == 0


def test_progress_is_told(one, conn):
    parts, told, _ = one.whole(conn, "/progress", 3)
    assert parts == [(0, "a")] and told[-1] == (3, 3, "done")
    assert outcome(conn.call(one.name("/progress"), 3))[2] == ["a"]


def test_generator_is_a_window_ahead_at_most(one, conn):
    ident = one.begin(conn, "/endless", one.notes, window=3)
    assert [conn.receive()[1]["part"] for _ in range(3)] == [0, 1, 2]
    assert wait_until(lambda: one.noted()[-1:] == ["3"])  # it waits with this one
    streams.take(conn, ident, 2)
    assert [conn.receive()[1]["part"] for _ in range(2)] == [3, 4]
    assert wait_until(lambda: one.noted()[-1:] == ["5"])
    streams.cancel(conn, ident)
    assert outcome(conn.receive()[1])[0] == CANCELLED and one.has_ended()
    assert one.noted()[:6] == list("012345")


def test_cancel_closes_the_generator_wherever_it_is(one, conn):
    ident = one.begin(conn, "/wait", one.notes)
    assert conn.receive()[1]["code"] == streams.PART
    streams.cancel(conn, ident)
    assert outcome(conn.receive()[1])[0] == CANCELLED
    assert one.has_ended()
    assert wait_until(lambda: tasks(one.server) == 0)


def test_end_of_the_connection_closes_the_generator(one):
    with v1.Conn(one.server.address) as conn:
        one.begin(conn, "/endless", one.notes, window=2)
        conn.receive()
    assert one.has_ended() and wait_until(lambda: tasks(one.server) == 0)


def test_killed_worker_ends_its_stream_behind_its_parts(one, conn):
    ident = one.begin(conn, "/wait", one.notes)
    os.kill(conn.receive()[1]["data"], signal.SIGKILL)
    parts, _, reply = streams.rest(conn, ident)
    assert parts == [] and outcome(reply)[0] == DIED
    assert outcome(one.whole(conn, "/count", 1)[2])[0] == 0


def test_stream_in_json_frames(one):
    with JsonConn(one.server.address) as conn:
        ident = conn.ask("ST_S", {"one": {"name": one.name("/sum"), "param": 3}})
        got = [conn.reply(ident) for _ in range(4)]
        assert [each.get("part") for each in got] == [0, 1, 2, None]
        assert got[-1]["data"]["data"] == {"total": 3}


@pytest.mark.parametrize("kind", ["async", "plain"])
def test_one_worker_runs_a_hundred_beside_one_that_is_not_taken(kind, tmp_path):
    with Server({"main": pool(kind, workers=1)}) as server, v1.Conn(server.address) as conn:
        one = Kind(kind, server, tmp_path)
        silent = one.begin(conn, "/endless", one.notes, window=2)
        assert [conn.receive()[1]["part"] for _ in range(2)] == [0, 1]
        left = {one.begin(conn, "/count", 20, window=2): 0 for _ in range(100)}
        while left:
            ident, reply = conn.receive()
            if reply["code"] == streams.PART:
                assert ident != silent and reply["part"] == left[ident]
                left[ident] += 1
                streams.take(conn, ident, 1)
            else:
                assert outcome(reply)[0] == 0 and left.pop(ident) == 20
        assert one.noted() == ["0", "1", "2"]
        streams.cancel(conn, silent)
        assert outcome(conn.receive()[1])[0] == CANCELLED and one.has_ended()


def test_generator_that_waits_for_nothing_lets_others_have_their_turn():
    """However much room there is."""
    with Server({"main": pool("async", workers=1)}) as server, v1.Conn(server.address) as conn:
        parts, _, _ = streams.whole(conn, "/turns", 500, window=1024)
        assert len(parts) == 500 and len({turned for _, turned in parts}) >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_reload_lets_a_stream_end_where_it_runs(kind, tmp_path):
    with Server({"main": pool(kind, workers=1)}) as server, v1.Conn(server.address) as conn:
        one = Kind(kind, server, tmp_path)
        ident = one.begin(conn, "/wait", one.notes)
        assert conn.receive()[1]["part"] == 0
        with v1.Conn(server.address) as other:
            assert other.command("reloadWait", 60)["code"] == 0
            assert other.call("/echo", 1)["data"]["data"] == 1
        open(one.notes + ".gate", "w").close()
        parts, _, reply = streams.rest(conn, ident)
        assert parts == [(1, "last")] and outcome(reply)[0] == 0 and one.has_ended()


def test_time_that_is_waited_for_room_does_not_count(tmp_path):
    with contextlib.ExitStack() as opened:
        begun = []
        for kind in KINDS:
            server = opened.enter_context(
                Server({"main": pool(kind, workers=1, time_limit_ms=1500)}))
            conn = opened.enter_context(v1.Conn(server.address))
            begun.append((conn, Kind(kind, server, tmp_path).begin(conn, "/count", 4, window=1)))
        assert [conn.receive()[1]["part"] for conn, _ in begun] == [0] * len(KINDS)
        time.sleep(2.0)  # longer than the limit
        for conn, ident in begun:
            streams.take(conn, ident, 1)
            parts, _, reply = streams.rest(conn, ident)
            assert [part for part, _ in parts] == [1, 2, 3] and outcome(reply)[0] == 0


def test_generator_whose_caller_makes_no_room_is_closed(tmp_path):
    with contextlib.ExitStack() as opened:
        begun = []
        for kind in KINDS:
            (tmp_path / kind).mkdir()
            server = opened.enter_context(
                Server({"main": pool(kind, workers=1, stream_idle_ms=300)}))
            conn = opened.enter_context(v1.Conn(server.address, timeout=30))
            one = Kind(kind, server, tmp_path / kind)
            begun.append((conn, one, one.begin(conn, "/endless", one.notes, window=2)))
        for conn, one, ident in begun:
            parts, _, reply = streams.rest(conn, ident, takes=False)
            code, msg, _ = outcome(reply)
            assert [part for part, _ in parts] == [0, 1] and code == CANCELLED
            assert "stream_idle_ms" in msg and one.has_ended()
            assert outcome(one.whole(conn, "/count", 1)[2])[0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_of_many(kind, tmp_path):
    with Server({"main": pool(kind, workers=1)}) as server, v1.Conn(server.address) as conn:
        one = Kind(kind, server, tmp_path)
        pid = next(iter(server.workers().values()))

        def some(count):
            for i in range(count):
                if i % 4 == 0:
                    ident = one.begin(conn, "/endless", None, window=1)
                    conn.receive()
                    streams.cancel(conn, ident)
                    streams.rest(conn, ident)
                else:
                    assert len(one.whole(conn, "/count", 4)[0]) == 4
            assert wait_until(lambda: tasks(server) == 0)
            return processes.rss_bytes(pid) // 1024

        def grown():
            before = some(20)
            return some(200) - before

        some(100)
        tries.until(lambda kilobytes: kilobytes < 2048, grown, 3)
        assert server.workers() and pid in server.workers().values()


def test_stream_over_a_unix_socket_and_tls(certificates, tmp_path):
    keys = certificates.server("server", ca=certificates.ca)
    listen = {"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0", "unix": str(tmp_path / "s")}
    with Server({"main": pool("python", workers=1)}, listen=listen, tls=keys) as server:
        with tls.Conn(tls.address_of(server), tls.context(certificates)) as conn:
            assert streams.whole(conn, "/count", 30, window=4)[0] == [(i, i) for i in range(30)]
        with v1.Conn(str(tmp_path / "s")) as conn:
            assert streams.whole(conn, "/count", 30, window=4)[0] == [(i, i) for i in range(30)]
