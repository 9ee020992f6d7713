"""What is cancelled and what is not: by CN, by the end of a connection, by the caller's time; and
what else a client says of its calls in odd ways."""

import http.client
import json
import zlib

import pytest

from support import streams, v1
from support.bytes import Peer, head
from support.json_conn import JsonConn
from support.server import Server, wait_until
from support.streams import stat

CANCELLED, EXPIRED, LIMIT, BAD_BODY = 100211, 100202, 100201, 100006


@pytest.fixture(scope="module")
def server():
    with Server(streams.pools(workers=4), listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"},
                linger_ms=50) as one:
        yield one


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def ends(server):
    return wait_until(lambda: stat(server)["tasking_num"] == 0)


@pytest.mark.parametrize("kind", ["W_S", "ST_S"])
def test_a_call_whose_body_is_unpacked_still_is_cancelled(server, kind):
    """CN comes behind a large body that is translated in a thread of its own."""
    with JsonConn(server.address) as conn:
        ignored = stat(server)["ignored"]
        for _ in range(5):
            ident = v1.guid()
            api = {"one": {"name": "/echo", "param": list(range(40000))}}
            bodies = [{"api": api, "guid": ident, "type": kind}, {"type": "CN", "guid": ident}]
            conn.send(b"".join(v1.frame(ident, json.dumps(one).encode()) for one in bodies))
            reply = conn.reply(ident)
            assert reply["code"] == 0 and reply["data"]["code"] == CANCELLED
        assert conn.single("/echo", 1)["data"]["data"] == 1
        assert stat(server)["ignored"] == ignored
    assert ends(server)


def until(conn, folder, **more):
    """A usual call that has begun and looks whether it should end."""
    folder.mkdir()
    ident = conn.ask("W_S", {"one": ("/until", str(folder))}, **more)
    assert wait_until((folder / "begun").exists)
    return ident


def test_of_a_call_of_many_what_has_ended_stands(server, conn, tmp_path):
    ident = conn.ask("W_M", {"a": ("/sum", 3), "b": ("/until", str(tmp_path)), "c": ("/none", 1),
                             "d": ("/ticks", str(tmp_path))})
    assert wait_until((tmp_path / "begun").exists)
    assert wait_until(lambda: stat(server)["tasking_num"] == 2)  # `a` has ended
    streams.cancel(conn, ident)
    got, reply = conn.receive()
    assert (got, reply["code"], list(reply["data"])) == (ident, 0, ["a", "b", "c", "d"])
    assert [reply["data"][key]["code"] for key in "abcd"] == [0, CANCELLED, 100204, CANCELLED]
    assert reply["data"]["a"]["data"] == 3 and reply["data"]["b"]["data"] == []
    assert ends(server) and (tmp_path / "cancelled").exists()
    streams.cancel(conn, ident)  # once more
    assert conn.call("/echo", 1)["data"]["data"] == 1


def test_who_has_joined_a_call_leaves_it_alone(server, conn, tmp_path):
    folder = tmp_path / "a"
    ident = until(conn, folder)
    with v1.Conn(server.address) as other:
        other.send(v1.request(ident, "/until", str(folder)))
        streams.cancel(other, ident)
        got, reply = other.receive()
        assert (got, reply["data"]["code"]) == (ident, CANCELLED)
    streams.open_gate(folder)
    assert conn.receive()[1]["data"]["data"] is True and (folder / "done").exists()


def test_what_was_not_begun_may_run_later():
    """It was dropped from the queue: a repeat runs."""
    with Server(streams.pools(workers=1)) as server, v1.Conn(server.address) as conn:
        first = streams.begin(conn, "/endless", window=1)
        assert conn.receive()[0] == first
        queued = v1.guid()
        conn.send(v1.request(queued, "/sum", 4))
        stream = streams.begin(conn, "/sum", 5)
        for ident in (queued, stream):
            streams.cancel(conn, ident)
            got, reply = conn.receive()
            assert (got, reply["data"]["code"]) == (ident, CANCELLED)
        streams.cancel(conn, first)
        assert conn.receive()[0] == first
        conn.send(v1.request(queued, "/sum", 4))
        assert conn.receive()[1]["data"]["data"] == 6


def test_accepted_work_without_a_result_is_not_cancelled(server, conn, tmp_path):
    before = stat(server)["ignored"]
    ident = conn.ask("AN_M", {"a": ("/until", str(tmp_path)), "b": ("/sum", 1)})
    assert conn.receive()[1]["code"] == 100001
    streams.cancel(conn, ident)
    assert wait_until(lambda: stat(server)["ignored"] > before)
    streams.open_gate(tmp_path)
    assert wait_until((tmp_path / "done").exists)


@pytest.mark.parametrize("body", [b"i:5;", b"[]", b"s:2:\"TK\";", b"", b"a:1:{i:0", b"\x00"])
def test_a_word_that_is_no_array_ends_its_stream_only(server, conn, body):
    with v1.Conn(server.address) as beside:
        other = streams.begin(beside, "/count", 30, window=2)
        ident = streams.begin(conn, "/endless", window=1)
        assert conn.receive()[1]["part"] == 0
        conn.send(v1.frame(ident, body))
        got, reply = conn.receive()
        assert (got, reply["code"]) == (ident, BAD_BODY)
        conn.send(v1.frame(ident, body))  # it has ended: this is a frame like any other
        assert conn.receive()[1]["code"] == BAD_BODY
        assert conn.call("/echo", 1)["data"]["data"] == 1
        assert len(streams.rest(beside, other)[0]) == 30
    assert ends(server)


def test_words_in_json():
    with Server(streams.pools(), linger_ms=50) as server, JsonConn(server.address) as conn:
        ident = conn.ask("ST_S", {"one": {"name": "/endless"}}, window=2)
        assert [conn.reply(ident)["part"] for _ in range(2)] == [0, 1]
        for take in (0, -1, "1", 1.5, None, [1], 3, 2 ** 63 - 1):
            conn.put(ident, {"guid": ident, "take": take, "type": "TK"})
        conn.put(ident, {"type": "TK", "take": 1})  # of nobody
        conn.put(ident, {"take": 1, "type": "TK", "guid": ident, "unknown": {"a": []}})
        assert conn.reply(ident)["part"] == 2
        conn.put(ident, {"guid": ident, "type": "CN"})
        reply = conn.reply(ident)
        assert (reply["code"], reply["data"]["code"]) == (0, CANCELLED)
        assert conn.single("/sum", 3)["data"]["data"] == 3
        assert stat(server)["ignored"] == 9


@pytest.mark.parametrize("packed", [False, True], ids=("signed", "signed and packed"))
def test_a_stream_over_a_connection_that_signs(packed):
    def body(kind, ident, **more):
        return v1.dump({"type": kind, "guid": ident.decode(), **more})

    with Server(streams.pools(workers=1), sign=True, gzip=packed) as server, \
            Peer(server.address, sign=True, gzip=packed) as peer:
        def say(ident, data):
            packer = zlib.compressobj(4, zlib.DEFLATED, 31) if packed else None
            peer.send(head(ident, packer.compress(data) + packer.flush() if packed else data, True))

        ident = v1.guid().encode()
        say(ident, body("ST_S", ident, api={"one": {"name": "/endless"}}, window=2))
        for part in range(6):
            got, reply = peer.frame()
            assert got == ident and v1.load(reply)["part"] == part
            if part >= 1:
                say(ident, body("TK", ident, take=1))
        wrong = bytearray(head(ident, body("CN", ident), True))
        wrong[5] ^= 1  # its checksum: nothing in it is believed
        assert v1.load(peer.frame()[1])["part"] == 6
        peer.send(bytes(wrong))
        assert v1.load(peer.frame()[1])["code"] == 100005  # which is its end
        say(ident, body("TK", ident, take=1))
        other = v1.guid().encode()
        say(other, body("ST_S", other, api={"one": {"name": "/endless"}}, window=2))
        for part in range(2):
            got, reply = peer.frame()
            assert got == other and v1.load(reply)["part"] == part
        say(other, body("CN", other))
        assert v1.load(peer.frame()[1])["data"]["code"] == CANCELLED
        assert peer.is_usable()


@pytest.mark.parametrize("api", [{}, {"two": {"name": "/sum"}}, {"one": {"param": 1}}, None])
def test_a_stream_of_no_api(conn, api):
    ident = v1.guid()
    conn.send(v1.frame(ident, v1.dump({"api": api, "guid": ident, "type": "ST_S"})))
    got, reply = conn.receive()
    assert (got, reply["code"]) == (ident, 100003)


def test_a_stream_looks_at_its_one_key(conn):
    ident = v1.guid()
    apis = {"none": {"name": "/none"}, "one": {"name": "/sum", "param": 2}}
    conn.send(v1.frame(ident, v1.dump({"api": apis, "guid": ident, "type": "ST_S"})))
    parts, _, reply = streams.rest(conn, ident)
    assert len(parts) == 2 and reply["data"]["data"] == 1


# ---- the end of a connection ----

def test_a_call_that_can_be_repeated_runs_on(server, tmp_path):
    with v1.Conn(server.address) as conn:
        ident = until(conn, tmp_path / "a")
    with JsonConn(server.address) as conn:
        named = v1.guid()
        (tmp_path / "b").mkdir()
        conn.put(named, {"api": {"one": {"name": "/until", "param": str(tmp_path / "b")}},
                         "guid": named, "type": "W_S", "attempt": 0})
        assert wait_until((tmp_path / "b" / "begun").exists)
    assert wait_until(lambda: stat(server)["connection_num"] == 1)
    for name in "ab":
        assert not (tmp_path / name / "cancelled").exists()
        streams.open_gate(tmp_path / name)
    assert ends(server)
    assert all((tmp_path / name / "done").exists() for name in "ab")
    with v1.Conn(server.address) as conn:
        conn.send(v1.request(ident, "/until", str(tmp_path / "a")))
        assert conn.receive()[1]["data"]["data"] is True  # its reply was kept


def test_a_call_that_nobody_can_name_is_ended(server, tmp_path):
    with JsonConn(server.address) as conn:
        conn.ask("W_S", {"one": {"name": "/until", "param": str(tmp_path)}})
        assert wait_until((tmp_path / "begun").exists)
    assert wait_until((tmp_path / "cancelled").exists) and ends(server)


@pytest.mark.parametrize("query, mark", [("", "cancelled"), ("?guid=%s&attempt=0", "done")])
def test_a_client_over_http_that_leaves(server, tmp_path, query, mark):
    web = http.client.HTTPConnection(server.http, timeout=20)
    web.request("POST", "/call/until" + (query % v1.guid() if query else ""),
                json.dumps(str(tmp_path)))
    assert wait_until((tmp_path / "begun").exists)
    web.close()
    if mark == "done":
        with v1.Conn(server.address) as conn:  # it is not asked to end, so it needs the gate
            assert wait_until(lambda: stat(server)["connection_num"] == 2) and conn
        streams.open_gate(tmp_path)
    assert wait_until((tmp_path / mark).exists) and ends(server)


def test_a_pool_may_have_all_its_calls_ended(tmp_path):
    """`cancel`: but not accepted work, nor what somebody else has joined."""
    with Server(streams.pools(workers=4, cancel=True)) as server:
        with v1.Conn(server.address) as stays:
            with v1.Conn(server.address) as conn:
                until(conn, tmp_path / "alone")
                joined = until(conn, tmp_path / "joined")
                stays.send(v1.request(joined, "/until", str(tmp_path / "joined")))
                assert stays.command("getStat")["code"] == 0  # it has been read
                (tmp_path / "accepted").mkdir()
                conn.ask("AM_S", {"one": ("/until", str(tmp_path / "accepted"))})
                assert conn.receive()[1]["code"] == 100001
                assert wait_until((tmp_path / "accepted" / "begun").exists)
            assert wait_until((tmp_path / "alone" / "cancelled").exists)
            for name in ("joined", "accepted"):
                assert not (tmp_path / name / "cancelled").exists()
                streams.open_gate(tmp_path / name)
            assert stays.receive()[1]["data"]["data"] is True
            assert wait_until((tmp_path / "accepted" / "done").exists)


# ---- the caller's time, and the handler's ----

def test_a_stream_that_has_not_begun_in_its_time_was_not_run():
    with Server(streams.pools(workers=1), listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) \
            as server, v1.Conn(server.address) as conn:
        first = streams.begin(conn, "/endless", window=1)
        assert conn.receive()[0] == first
        second = streams.begin(conn, "/sum", 3, timeout=150)
        got, reply = conn.receive()
        assert (got, reply["data"]["code"]) == (second, EXPIRED)
        web = http.client.HTTPConnection(server.http, timeout=20)
        web.request("POST", "/stream/sum?timeout=150", "3")
        answer = web.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (504, EXPIRED)
        web.close()
        streams.cancel(conn, first)
        assert conn.receive()[0] == first


def test_a_handler_in_c_is_told_by_its_parts_that_it_should_end(tmp_path):
    """Whoever calls it: a stream, or one that waits for the list."""
    pools = streams.pools(workers=1, time_limit_ms=300, kill_after_ms=600000)
    with Server(pools) as server, v1.Conn(server.address) as conn:
        pids = server.workers()
        for name, kind in (("stream", "ST_S"), ("call", "W_S")):
            (tmp_path / name).mkdir()
            ident = conn.ask(kind, {"one": ("/ticks", str(tmp_path / name))}, window=1024)
            assert streams.rest(conn, ident)[2]["data"]["code"] == LIMIT
            assert wait_until((tmp_path / name / "cancelled").exists)
        assert conn.call("/echo", 1)["data"]["data"] == 1 and server.workers() == pids
