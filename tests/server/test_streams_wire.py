"""Streams on the wire: ST_S, TK and CN, and what is wrong with them."""

import gzip
import json
import os
import time

import pytest

from support import streams, v1
from support.json_conn import JsonConn
from support.server import Server, wait_until
from support.streams import envelope, stat


with open(os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "vectors",
                       "streams.json"), encoding="utf-8") as _file:
    EXCHANGES = json.load(_file)["exchanges"]


@pytest.fixture(scope="module")
def server():
    with Server(streams.pools(workers=4)) as one:
        yield one


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda one: one["name"])
def test_exchange_of_the_vectors(conn, exchange):
    """Byte by byte, and each frame is what its message says."""
    for step in exchange["steps"]:
        frame = bytes.fromhex(step["hex"])
        guid = step["message"]["guid"]
        assert frame == v1.frame(guid, v1.dump(step["message"]))
        if step["from"] == "client":
            conn.send(frame)
        else:
            got, reply = conn.receive()
            assert v1.frame(got, v1.dump(reply)) == frame


def test_parts_come_in_their_order_and_the_reply_behind_them(conn):
    parts, told, reply = streams.whole(conn, "/sum", 100)
    assert parts == [(i, i) for i in range(100)] and told == []
    assert reply["data"]["data"] == 4950 and list(reply["data"]) == ["guid", "code", "msg", "data"]


def test_handler_without_parts_and_without_a_result(conn):
    assert streams.whole(conn, "/echo", [1])[2]["data"]["data"] == [1]
    parts, _, reply = streams.whole(conn, "/count", 0)
    assert parts == [] and reply["data"]["data"] is None and envelope(reply) == 0


def test_other_calls_get_the_list_of_parts(conn):
    assert conn.call("/count", 3)["data"]["data"] == [0, 1, 2]
    assert conn.call("/count", 0)["data"]["data"] == []
    assert conn.call("/sum", 3)["data"]["data"] == 3
    ident = v1.guid()
    conn.send(v1.request_many(ident, {"a": ("/count", 0), "b": ("/sum", 0)}))
    replies = conn.receive()[1]["data"]
    assert (replies["a"]["data"], replies["b"]["data"]) == ([], 0)
    conn.ask("AM_S", {"one": ("/count", 2)})
    accepted, result = conn.receive()[1], conn.receive()[1]
    assert accepted["code"] == 100001 and result["data"]["data"] == [0, 1]


def test_an_error_comes_behind_the_parts_so_far(conn):
    parts, _, reply = streams.whole(conn, "/fails", 3)
    assert len(parts) == 3 and envelope(reply) == 71
    parts, _, reply = streams.whole(conn, "/unfinished")
    assert len(parts) == 1 and envelope(reply) == 100208
    assert envelope(streams.whole(conn, "/none")[2]) == 100204


def test_progress_is_told_once_it_is_newer_and_before_the_reply(conn):
    parts, told, reply = streams.whole(conn, "/progress", 2000)
    assert parts == [] and told[-1] == (2000, 2000, "step 2000") and envelope(reply) == 0
    assert [one[0] for one in told] == sorted({one[0] for one in told})
    _, ((done, total, note),), reply = streams.whole(conn, "/odd")
    assert (done, total) == (0.5, None) and set(note) == {"n"} and 250 < len(note) < 384
    assert reply["data"]["data"] is True


@pytest.mark.parametrize("size", (0, 1, 7000, 24 * 1024, 100_000, 2_000_000))
def test_parts_of_any_size(conn, size):
    parts, _, reply = streams.whole(conn, "/large", size)
    assert [part for _, part in parts] == [one * size for one in "abc"] and envelope(reply) == 0


def test_part_over_the_frame_limit_ends_that_stream_only(server, conn):
    parts, _, reply = streams.whole(conn, "/large", 2 * 1024 * 1024)
    assert parts == [] and envelope(reply) == 100206
    with Server(streams.pools(), frame_bytes_max=64 * 1024) as small, \
            v1.Conn(small.address) as other:
        assert envelope(streams.whole(other, "/large", 65_500)[2]) == 100206
        assert len(streams.whole(other, "/large", 60_000)[0]) == 3


def test_window_bounds_what_is_under_way(conn, tmp_path):
    for number, (window, most) in enumerate((
            ("none", 16), (None, 16), (4, 4), (1, 1), (0, 1), (-5, 1), ("x", 16), ("4", 16),
            (1.5, 16), ([4], 16), (True, 16), (1024, 1024), (2_000_000, 1024),
            (2 ** 63 - 1, 1024), (-2 ** 63, 1))):
        path = str(tmp_path / str(number))
        more = {} if window == "none" else {"window": window}
        ident = streams.begin(conn, "/endless", path, **more)
        for at in range(most):
            assert conn.receive()[1]["part"] == at
        assert wait_until(lambda: streams.counted(path) == most - 1)
        with pytest.raises(TimeoutError):
            conn.receive(0.05)
        assert streams.counted(path) == most - 1
        streams.take(conn, ident, most)
        assert conn.receive()[1]["part"] == most
        streams.cancel(conn, ident)
        assert envelope(streams.rest(conn, ident, takes=False)[2]) == 100211


def test_stream_that_is_not_taken_holds_up_no_other(conn):
    silent = [streams.begin(conn, "/endless", window=2) for _ in range(3)]
    for _ in silent * 2:
        conn.receive()
    assert [part for part, _ in streams.whole(conn, "/count", 50)[0]] == list(range(50))
    for ident in silent:
        streams.cancel(conn, ident)
        assert conn.receive()[0] == ident


def test_cancel_answers_at_once_and_frees_the_worker(server, conn, tmp_path):
    ident = streams.begin(conn, "/endless", window=1)
    conn.receive()
    streams.cancel(conn, ident)
    _, reply = conn.receive()
    assert envelope(reply) == 100211 and reply["data"]["msg"] == "cancelled"
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)
    ident = streams.begin(conn, "/gate", str(tmp_path))
    conn.receive()
    streams.cancel(conn, ident)  # its handler does not look: the answer comes all the same
    assert envelope(conn.receive()[1]) == 100211
    streams.open_gate(tmp_path)
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)


def test_cancel_of_what_waits_and_of_a_usual_call(conn, tmp_path):
    with Server(streams.pools(workers=1)) as server, v1.Conn(server.address) as one:
        first = streams.begin(one, "/gate", server.folder)
        one.receive()
        queued = v1.guid()
        one.send(v1.request(queued, "/echo", 1))
        streams.cancel(one, queued)
        ident, reply = one.receive()
        assert ident == queued and envelope(reply) == 100211
        streams.cancel(one, first)
        assert envelope(one.receive()[1]) == 100211
        streams.open_gate(server.folder)
        assert one.call("/echo", 7)["data"]["data"] == 7


def test_words_for_nothing_are_ignored_and_counted():
    with Server(streams.pools(workers=2)) as server, v1.Conn(server.address) as conn:
        ident = streams.begin(conn, "/endless", window=2)
        conn.receive(), conn.receive()
        with v1.Conn(server.address) as other:  # another connection's
            streams.take(other, ident, 1)
            streams.cancel(other, ident)
            assert other.call("/echo", 1)["code"] == 0
        for count in (0, -1, 3, 2 ** 62, "2", None, 1.5):
            streams.take(conn, ident, count)
        conn.send(v1.frame(ident, v1.dump({"type": "TK", "guid": ident})))
        unknown = v1.guid()
        streams.take(conn, unknown, 1)
        streams.cancel(conn, unknown)
        for other, kind in ((unknown, "TK"), (unknown, "CN"), ("short", "CN")):  # not its frame's
            conn.send(v1.frame(ident, v1.dump({"type": kind, "guid": other, "take": 1})))
        assert wait_until(lambda: stat(server)["ignored"] == 15)
        with pytest.raises(TimeoutError):
            conn.receive(0.05)
        streams.cancel(conn, ident)
        assert envelope(conn.receive()[1]) == 100211
        streams.cancel(conn, ident)  # it has ended
        assert conn.call("/echo", 1)["code"] == 0
        assert stat(server)["ignored"] == 16


def test_accepted_work_is_not_cancelled(server, conn, tmp_path):
    before = stat(server)["ignored"]
    ident = v1.guid()
    conn.send(v1.request_of("AM_S", ident, {"one": ("/gate", str(tmp_path))}))
    assert conn.receive()[1]["code"] == 100001
    streams.cancel(conn, ident)
    assert wait_until(lambda: stat(server)["ignored"] > before)
    streams.open_gate(tmp_path)
    assert conn.receive()[1]["data"]["data"] == ["first", "last"]


def test_joined_repeat_keeps_a_call_alive(server, conn, tmp_path):
    ident = v1.guid()
    body = v1.request(ident, "/gate", str(tmp_path))
    conn.send(body)
    with v1.Conn(server.address) as other:
        assert wait_until(lambda: streams.has_begun(server))
        other.send(body)
        assert other.command("getStat")["code"] == 0  # it has been read
        streams.cancel(conn, ident)
        assert envelope(conn.receive()[1]) == 100211
        streams.open_gate(tmp_path)
        assert other.receive()[1]["data"]["data"] == ["first", "last"]


def test_cancelled_call_is_not_kept(server, conn, tmp_path):
    ident = v1.guid()
    body = v1.request(ident, "/gate", str(tmp_path))
    conn.send(body)
    assert wait_until(lambda: streams.has_begun(server))
    streams.cancel(conn, ident)
    assert envelope(conn.receive()[1]) == 100211
    streams.open_gate(tmp_path)
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)
    conn.send(body)
    assert conn.receive()[1]["code"] == 100012


def test_body_that_cannot_be_decoded_ends_the_stream_under_its_guid(server, conn):
    ident = streams.begin(conn, "/endless", window=1)
    conn.receive()
    conn.send(v1.frame(ident, b"a:3:{nonsense"))
    got, reply = conn.receive()
    assert (got, reply["code"]) == (ident, 100006)
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)
    assert conn.call("/echo", 1)["code"] == 0


@pytest.mark.parametrize("body, code", [
    ({"type": "X_S", "api": {"one": {"name": "/echo"}}}, 100002),
    ({"type": "W_S"}, 100003),
    ({"type": "W_S", "api": {"one": {"name": "/echo"}}, "guid": "x" * 32}, 100100),
    ({"type": "SC", "api": {"cmd": {"name": "dance"}}}, 100011),
    ({"type": "AN_S", "api": {"one": {"name": "/nobody"}}}, 100204),
    ({"type": "AN_S", "api": {"one": {"name": "/echo"}}}, 100001),
    ({"type": "W_S", "api": {"one": {"name": "/echo"}}}, 0)])
def test_whatever_is_answered_under_a_streams_guid_is_its_end(server, conn, body, code):
    ident = streams.begin(conn, "/endless", window=2)
    assert [conn.receive()[1]["part"] for _ in range(2)] == [0, 1]
    conn.send(v1.frame(ident, v1.dump({"guid": ident, **body})))
    got, reply = conn.receive()
    assert (got, reply["code"]) == (ident, code)
    streams.take(conn, ident, 2)  # for no more parts: nothing comes behind the answer
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)
    assert conn.call("/echo", 1)["data"]["data"] == 1


@pytest.mark.parametrize("text, code", (
    (b"{nonsense", 100006), (b"{nonsense" + b" " * 100_000, 100006),
    (b'{"type": "W_S", "api": {}}', 100100)), ids=("here", "in the thread pool", "refused"))
def test_json_that_cannot_be_read_ends_the_stream_under_its_guid(server, text, code):
    with JsonConn(server.address) as conn:
        ident = conn.ask("ST_S", {"one": {"name": "/endless"}}, window=1)
        assert conn.reply(ident)["code"] == 100013
        conn.put(ident, text)
        assert conn.reply(ident)["code"] == code
        assert wait_until(lambda: stat(server)["tasking_num"] == 0)
        assert conn.single("/sum", 3)["data"]["data"] == 3


@pytest.mark.parametrize("body, code", (
    (b"n" * 100, 100006), (b"n" * 50_000, 100006), (gzip.compress(bytes(3 << 20)), 100206)),
    ids=("here", "in the thread pool", "too large inside"))
def test_gzip_that_cannot_be_read_ends_the_stream_under_its_guid(body, code):
    def packed(ident, **more):
        return v1.frame(ident, gzip.compress(v1.dump({"guid": ident, **more})))

    with Server(streams.pools(workers=1), gzip=True) as server, v1.Conn(server.address) as conn:
        conn.splitter = v1.Splitter(lambda body: v1.load(gzip.decompress(body)))
        ident = v1.guid()
        conn.send(packed(ident, type="ST_S", api={"one": {"name": "/endless"}}, window=1))
        assert conn.receive()[1]["code"] == 100013
        conn.send(v1.frame(ident, body))
        got, reply = conn.receive()
        assert (got, reply["code"]) == (ident, code)
        other = v1.guid()  # its one worker is free again
        conn.send(packed(other, type="W_S", api={"one": {"name": "/sum", "param": 3}}))
        got, reply = conn.receive()
        assert (got, reply["data"]["data"]) == (other, 3)


def test_end_of_the_connection_ends_its_streams(server):
    with v1.Conn(server.address) as conn:
        for _ in range(3):
            streams.begin(conn, "/endless", window=1024)
        conn.receive()
        assert wait_until(lambda: stat(server)["tasking_num"] == 3)
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)


def test_stream_is_not_remembered(conn):
    ident = v1.guid()
    body = v1.frame(ident, v1.dump({"api": {"one": {"name": "/sum", "param": 2}}, "guid": ident,
                                    "type": "ST_S", "attempt": 1}))
    for _ in range(2):
        conn.send(body)
        assert len(streams.rest(conn, ident)[0]) == 2


def test_killed_worker_ends_its_streams_behind_their_parts(conn):
    parts, _, reply = streams.whole(conn, "/dies", 5)
    assert len(parts) == 5 and envelope(reply) == 100200


def test_waiting_for_room_is_no_time_that_counts():
    pools = streams.pools(workers=1, time_limit_ms=1500)
    with Server(pools) as server, v1.Conn(server.address) as conn:
        ident = streams.begin(conn, "/count", 3, window=1)
        for at in range(3):
            assert conn.receive()[1]["part"] == at
            time.sleep(0.6)  # what is shown: all together longer than the limit
            streams.take(conn, ident, 1)
        assert envelope(conn.receive()[1]) == 0


def test_stream_in_json(server):
    with JsonConn(server.address) as conn:
        ident = conn.ask("ST_S", {"one": {"name": "/sum", "param": 3}}, window=2)
        for at in range(3):
            assert conn.receive()[1] == {"guid": ident, "code": 100013, "msg": "part", "data": at,
                                         "part": at}
            conn.put(ident, {"type": "TK", "guid": ident, "take": 1})
        assert conn.receive()[1]["data"]["data"] == 3


def test_part_without_a_form_in_json_ends_its_stream_only(server):
    with JsonConn(server.address) as conn:
        ident = conn.ask("ST_S", {"one": {"name": "/nonsense", "param": 2}})
        replies = [conn.receive()[1] for _ in range(3)]
        assert [one["code"] for one in replies] == [100013, 100013, 0]
        assert replies[-1]["data"]["code"] == 100208
        other = conn.ask("W_S", {"one": {"name": "/sum", "param": 3}})
        got, reply = conn.receive()  # nothing more has come of the stream
        assert (got, reply["data"]["data"]) == (other, 3) and ident != other
    assert wait_until(lambda: stat(server)["tasking_num"] == 0)


def test_order_holds_in_json_whatever_the_size(server):
    with JsonConn(server.address) as conn:
        conn.ask("ST_S", {"one": {"name": "/large", "param": 300_000}})
        for at, one in enumerate("abc"):
            assert conn.receive()[1]["data"] == one * 300_000, at
        assert conn.receive()[1]["code"] == 0


def test_more_calls_than_a_connection_may_have():
    with Server(streams.pools(workers=4), connection_calls_max=2) as server, \
            v1.Conn(server.address) as conn:
        idents = [streams.begin(conn, "/endless", window=1) for _ in range(2)]
        assert {conn.receive()[0] for _ in idents} == set(idents)
        refused = conn.call("/echo", 1)  # read on, for what is said of the streams
        assert refused["code"] == 100203 or envelope(refused) == 100203
        for ident in idents:
            streams.take(conn, ident, 1)
            assert conn.receive()[1]["part"] == 1
            streams.cancel(conn, ident)
            assert conn.receive()[0] == ident
        assert conn.call("/echo", 1)["data"]["data"] == 1
