"""What streams may take, and for how long: of a pool, of a worker, of memory; and who ends a call
that several wait for."""

import contextlib
import http.client
import json
import random
import select

import pytest

from support import streams, v1
from support.server import Server, wait_until
from support.streams import envelope, stat

EXPIRED, OVERLOADED, CANCELLED = 100202, 100203, 100211
WEB = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}


def is_quiet(server):
    return stat(server)["tasking_num"] == 0


# ---- a pool's room ----


def test_streams_leave_half_of_a_pool_to_calls():
    """One MiB: 32 blocks of streams, of which they get half."""
    pools = streams.pools(workers=1, queue_mb_max=1)
    with Server(pools, frame_bytes_max=65536) as server, v1.Conn(server.address) as conn:
        for count in (1, 2):  # what they had they give back
            idents = [streams.begin(conn, "/endless", window=1) for _ in range(17)]
            answers = dict(conn.receive() for _ in range(2))
            refused = answers.pop(idents.pop())
            assert envelope(refused) == OVERLOADED
            assert "streams of pool stream have half" in refused["data"]["msg"]
            assert refused["data"]["data"]["retry_after_ms"] == 1000  # nobody knows how long
            assert list(answers) == idents[:1]
            assert stat(server)["pools"]["stream"]["refused"] == count
            call = v1.guid()
            conn.send(v1.request(call, "/echo", 5))
            for ident in idents:
                streams.cancel(conn, ident)
            ended = {}
            while len(ended) < 17:  # some may begin before they are cancelled
                ident, reply = conn.receive()
                if reply["code"] == 0:
                    ended[ident] = reply["data"]
            assert ended.pop(call)["data"] == 5
            assert {one["code"] for one in ended.values()} == {CANCELLED}
            assert wait_until(lambda: is_quiet(server))


# ---- who makes no room ----


def test_stream_whose_client_makes_no_room_is_ended(tmp_path):
    path = str(tmp_path / "count")
    with Server(streams.pools(workers=1, stream_idle_ms=300)) as server, \
            v1.Conn(server.address) as conn:
        pids = server.workers()
        ident = streams.begin(conn, "/endless", path, window=2)
        parts, _, reply = streams.rest(conn, ident, takes=False)
        assert parts == [(0, 0), (1, 1)] and envelope(reply) == CANCELLED
        assert "300 ms (stream_idle_ms)" in reply["data"]["msg"]
        assert conn.call("/echo", 1)["data"]["data"] == 1
        assert server.workers() == pids and streams.counted(path) == 2


def test_stream_that_has_room_may_take_its_time(tmp_path):
    with Server(streams.pools(workers=1, stream_idle_ms=100)) as server, \
            v1.Conn(server.address) as conn:
        ident = streams.begin(conn, "/gate", str(tmp_path))
        assert conn.receive()[1]["data"] == "first"
        with pytest.raises(TimeoutError):
            conn.receive(0.4)  # what is shown: longer than that
        streams.open_gate(tmp_path)
        parts, _, reply = streams.rest(conn, ident)
        assert parts == [(1, "last")] and envelope(reply) == 0


def test_its_caller_may_have_less_time(tmp_path):
    with Server(streams.pools(workers=1, stream_idle_ms=600000)) as server, \
            v1.Conn(server.address) as conn:
        ident = streams.begin(conn, "/endless", window=2, timeout=1000)
        _, _, reply = streams.rest(conn, ident, takes=False)
        assert envelope(reply) == 100009
        assert wait_until(lambda: is_quiet(server))


def test_client_over_http_that_does_not_read_ends_its_stream():
    with Server(streams.pools(workers=1, stream_idle_ms=300), listen=WEB) as server:
        conn = http.client.HTTPConnection(server.http, timeout=20)
        with contextlib.closing(conn):
            conn.request("POST", "/stream/endless?window=1000000", "null")
            answer = conn.getresponse()
            assert json.loads(answer.readline()) == {"part": 0}
            assert wait_until(lambda: is_quiet(server))
            last = json.loads(answer.read().splitlines()[-1])
            assert last["error"]["code"] == CANCELLED
            assert "stream_idle_ms" in last["error"]["msg"]


# ---- memory ----


def test_part_that_is_put_together_is_counted():
    size = 15_000_000
    with Server(streams.pools(workers=1), frame_bytes_max=16 << 20) as server, \
            v1.Conn(server.address) as other:

        def held_before_it_comes():
            with v1.Conn(server.address, timeout=30) as conn:
                ident = streams.begin(conn, "/large", size, window=1)
                seen = held = 0
                while not select.select([conn.sock], [], [], 0)[0]:
                    seen = held  # nothing of it was sent when this was told
                    held = other.command("getStat")["data"]["server"]["held"]["bytes"]
                assert len(conn.receive()[1]["data"]) == size
                streams.cancel(conn, ident)
                assert envelope(conn.receive()[1]) == CANCELLED
                return seen

        assert wait_until(lambda: held_before_it_comes() >= size)
        assert wait_until(lambda: stat(server)["held"]["bytes"] < size)


def test_large_result_over_http_stands_behind_its_parts():
    """It is made elsewhere, when its call has ended; its client may have gone."""
    size = 1_900_000
    with Server(streams.pools(workers=4), listen=WEB) as server:
        for _ in range(3):
            conn = http.client.HTTPConnection(server.http, timeout=20)
            with contextlib.closing(conn):
                for _ in range(2):  # the connection is kept
                    conn.request("POST", "/stream/ends", str(size))
                    lines = [json.loads(one) for one in conn.getresponse().read().splitlines()]
                    assert lines == [{"part": 1}, {"result": "e" * size}]
        left = []
        for _ in range(20):
            conn = http.client.HTTPConnection(server.http, timeout=20)
            conn.request("POST", "/stream/ends", str(size))
            answer = conn.getresponse()
            assert json.loads(answer.readline()) == {"part": 1}
            answer.close()
            conn.close()
            left.append(conn)
        assert wait_until(lambda: is_quiet(server) and stat(server)["held"]["bytes"] == 0)
        with v1.Conn(server.address) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1


# ---- who cancels ----


def test_each_of_many_calls_is_cancelled_by_its_name(tmp_path):
    chance = random.Random(5)
    with Server(streams.pools(workers=1)) as server, v1.Conn(server.address) as conn:
        before = stat(server)["ignored"]
        first = streams.begin(conn, "/gate", str(tmp_path))
        assert conn.receive()[1]["data"] == "first"
        idents = [v1.guid() for _ in range(1000)]
        conn.send(b"".join(v1.request(ident, "/echo", 1) for ident in idents))
        order = idents[:]
        chance.shuffle(order)
        for ident in order[:-1]:
            streams.cancel(conn, ident)
        streams.cancel(conn, v1.guid())
        streams.cancel(conn, order[0])  # once is enough
        for ident in order[:-1]:
            got, reply = conn.receive()
            assert got == ident and envelope(reply) == CANCELLED
        more = v1.guid()  # what comes behind them is found, too
        conn.send(v1.request(more, "/echo", 1))
        streams.cancel(conn, more)
        got, reply = conn.receive()
        assert got == more and envelope(reply) == CANCELLED
        streams.take(conn, first, 1)
        streams.open_gate(tmp_path)
        parts, _, reply = streams.rest(conn, first, takes=False)
        assert parts == [(1, "last")] and envelope(reply) == 0
        assert conn.receive()[0] == order[-1]
        assert stat(server)["ignored"] - before == 2


@pytest.fixture(scope="module")
def server():
    pools = streams.pools(workers=2, kill_after_ms=100)
    with Server(pools, reactors=2, listen=WEB) as one:
        yield one


def begun(server, body, conn):
    conn.send(body)
    assert wait_until(lambda: streams.has_begun(server))


def join(body, conn):
    conn.send(body)
    assert conn.command("getStat")["code"] == 0  # it has been read


@pytest.mark.parametrize("leaves", ["cancels", "goes"])
def test_last_who_waits_for_a_call_may_cancel_it(server, tmp_path, leaves):
    ident = v1.guid()
    body = v1.request(ident, "/gate", str(tmp_path))
    joined = [v1.Conn(server.address) for _ in range(4)]  # on both reactors, as it happens
    with v1.Conn(server.address) as first:
        begun(server, body, first)
        for conn in joined:
            join(body, conn)
        if leaves == "cancels":
            streams.cancel(first, ident)
            assert envelope(first.receive()[1]) == CANCELLED
    for conn in joined:
        assert stat(server)["tasking_num"] == 1
        streams.cancel(conn, ident)
        assert envelope(conn.receive()[1]) == CANCELLED
        conn.close()
    assert wait_until(lambda: is_quiet(server))  # its handler does not end by itself
    with v1.Conn(server.address) as conn:  # and nothing of it is kept
        conn.send(body)
        assert conn.receive()[1]["code"] == 100012


def test_one_of_several_who_wait_cancels_for_itself_only(server, tmp_path):
    ident = v1.guid()
    body = v1.request(ident, "/gate", str(tmp_path))
    with v1.Conn(server.address) as first, v1.Conn(server.address) as one, \
            v1.Conn(server.address) as other:
        begun(server, body, first)
        join(body, one)
        join(body, other)
        streams.cancel(one, ident)
        assert envelope(one.receive()[1]) == CANCELLED
        streams.open_gate(tmp_path)
        for conn in (first, other):
            assert conn.receive()[1]["data"]["data"] == ["first", "last"]
        with pytest.raises(TimeoutError):
            one.receive(0.05)


def test_last_who_only_goes_leaves_it_to_a_repeat(server, tmp_path):
    ident = v1.guid()
    body = v1.request(ident, "/gate", str(tmp_path))
    with v1.Conn(server.address) as first, v1.Conn(server.address) as one:
        begun(server, body, first)
        join(body, one)
        with v1.Conn(server.address) as last:
            join(body, last)
            streams.cancel(first, ident)
            assert envelope(first.receive()[1]) == CANCELLED
            streams.cancel(one, ident)
            assert envelope(one.receive()[1]) == CANCELLED
        assert stat(server)["tasking_num"] == 1
        streams.open_gate(tmp_path)
        one.send(body)
        assert one.receive()[1]["data"]["data"] == ["first", "last"]


def test_repeat_that_joins_a_full_pool_can_be_cancelled(tmp_path):
    """It has no place of its own there, and needs none."""
    ident = v1.guid()
    body = v1.request(ident, "/gate", str(tmp_path))
    with Server(streams.pools(workers=1, queue_tasks_max=1)) as server, \
            v1.Conn(server.address) as first, v1.Conn(server.address) as one, \
            v1.Conn(server.address) as other:
        begun(server, body, first)
        assert wait_until(lambda: stat(server)["pools"]["stream"]["running"] == 1)
        waits = v1.guid()
        first.send(v1.request(waits, "/echo", 1))
        assert wait_until(lambda: stat(server)["tasking_num"] == 2)
        assert envelope(other.call("/echo", 1)) == OVERLOADED
        join(body, one)
        join(body, other)
        streams.cancel(one, ident)
        assert envelope(one.receive()[1]) == CANCELLED
        streams.open_gate(tmp_path)
        assert other.receive()[1]["data"]["data"] == ["first", "last"]
        assert {first.receive()[0] for _ in range(2)} == {ident, waits}
        assert other.call("/echo", 7)["data"]["data"] == 7


# ---- no time at all ----


def test_who_has_no_time_is_told_that_nothing_was_begun(server):
    """Whoever is free, and by every door."""
    with v1.Conn(server.address) as conn:
        for _ in range(30):
            conn.send(v1.request(v1.guid(), "/echo", 1, timeout=0))
            assert envelope(conn.receive()[1]) == EXPIRED
            reply = streams.whole(conn, "/count", 1, timeout=0)
            assert reply[0] == [] and envelope(reply[2]) == EXPIRED
    web = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(web):
        for path in ["/call/echo", "/stream/count"] * 30:
            web.request("POST", path + "?timeout=0", "1")
            answer = web.getresponse()
            assert answer.status == 504
            assert json.loads(answer.read())["error"]["code"] == EXPIRED
    assert wait_until(lambda: is_quiet(server))
