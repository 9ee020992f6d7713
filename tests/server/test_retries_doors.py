"""Repeats over every door: signed and packed frames, JSON over TCP, HTTP."""

import json
import struct
import zlib

import pytest

from support import v1
from support.repeats import connect, data_of, marks, repeats, send, serve, stat
from support.server import wait_until
from support.web import Web

ACCEPTED = 100001


@pytest.mark.parametrize("settings", [{"sign": True}, {"gzip": True}])
def test_signed_and_packed(marks, settings):
    """Kept as it is inside; what the wire adds is added to each."""
    with serve(**settings) as server:
        ident = v1.guid()
        name, param = marks.mark("once")
        body = v1.request(ident, name, param)[36:]
        frames = []
        for _ in range(2):
            if "gzip" in settings:
                pack = zlib.compressobj(4, zlib.DEFLATED, 31)
                packed = pack.compress(body) + pack.flush()
                frame = v1.frame(ident, packed)
            else:
                check = zlib.crc32(body + b"=&$*#@(*&%(@")
                frame = struct.pack(">II", 36 + len(body), check) + ident.encode() + body
            with connect(server) as conn:
                conn.send(frame)
                data = b""
                while len(data) < 4 or len(data) < 4 + struct.unpack_from(">I", data)[0]:
                    piece = conn.sock.recv(65536)
                    assert piece
                    data += piece
                frames.append(data)
        assert frames[0] == frames[1]
        assert server.stop() == 0
    assert marks.lines() == ["once"]


class Json(v1.Conn):
    """A connection on which requests and replies are JSON."""

    def __init__(self, address):
        super().__init__(address)
        self.splitter = v1.Splitter(json.loads)

    def ask_again(self, kind, ident, apis, **more):
        apis = {key: {"name": name, "param": param} for key, (name, param) in apis.items()}
        body = {"api": apis, "guid": ident, "type": kind, **more}
        self.send(v1.frame(ident, json.dumps(body).encode()))


def test_json_says_which_attempt_it_is(marks):
    with serve() as server, Json(server.address) as conn, connect(server) as plain:
        ident = v1.guid()
        one = {"one": marks.mark("each")}
        for _ in range(2):
            conn.ask_again("W_S", ident, one)
            assert data_of(conn.receive(), ident)["data"] == "each"
        ident = v1.guid()
        one = {"one": marks.mark("once")}
        for attempt in range(3):
            conn.ask_again("W_S", ident, one, attempt=attempt)
            assert data_of(conn.receive(), ident)["data"] == "once"
        # It is the same call in whatever words.
        plain.send(v1.request_of("W_S", ident, one))
        assert data_of(plain.receive(), ident)["data"] == "once"
        hold = {"one": marks.hold()}
        plain.send(v1.request_of("AM_S", ident, hold))
        assert plain.receive()[1]["code"] == ACCEPTED
        conn.ask_again("AM_S", ident, hold, attempt=1)
        assert conn.receive()[1]["code"] == ACCEPTED
        marks.let_go()
        assert conn.receive() == plain.receive()
        assert server.stop() == 0
    assert marks.lines() == ["each", "each", "once", "held"]


def test_http_says_which_attempt_it_is(marks):
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with serve(listen=listen) as server, connect(server) as plain, Web(server.http) as web:
        ident = v1.guid()
        for _ in range(2):
            assert web.call(*marks.mark("each"), X_Dora_Guid=ident) == (200, "each")
        for attempt in range(2):
            got = web.call(*marks.mark("once"), X_Dora_Guid=ident, X_Dora_Attempt=str(attempt))
            assert got == (200, "once")
        plain.send(v1.request(ident, *marks.hold()))
        marks.await_lines(4)
        web.conn.request("POST", "/call//hold", json.dumps(marks.hold()[1]),
                         {"X-Dora-Guid": ident, "X-Dora-Attempt": "1"})
        assert wait_until(lambda: repeats(server)["joins"] == 1)
        marks.let_go()
        assert json.loads(web.conn.getresponse().read()) == "let go"
        assert data_of(plain.receive(), ident)["data"] == "let go"
        for short, count in ((ident, 1), ("short", 2)):
            name, param = marks.mark("form" + str(count))
            params = {"api": {"a": {"name": name, "param": param}}, "attempt": 0}
            for _ in range(2):
                status, reply = web.form("/api/multisync", params, short)
                assert (status, reply["guid"]) == (200, short)
                assert reply["data"]["a"]["data"] == "form" + str(count)
                status, reply = web.form("/api/multinoresult", params, short)
                assert reply["code"] == ACCEPTED
        assert wait_until(lambda: stat(plain)["tasking_num"] == 0)
        assert server.stop() == 0
    assert sorted(marks.lines()) == sorted(
        ["each"] * 2 + ["once", "held"] + ["form1"] * 2 + ["form2"] * 4)


def test_a_web_client_that_leaves_a_call_it_has_joined(marks):
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with serve(listen=listen) as server, connect(server) as plain:
        ident = v1.guid()
        frame = v1.request(ident, *marks.hold())
        plain.send(frame)
        marks.await_lines(1)
        with Web(server.http) as web:
            web.conn.request("POST", "/call//hold", json.dumps(marks.hold()[1]),
                             {"X-Dora-Guid": ident, "X-Dora-Attempt": "1"})
            assert wait_until(lambda: repeats(server)["joins"] == 1)
        with connect(server) as other:
            other.send(frame)
            assert wait_until(lambda: repeats(server)["joins"] == 2)
            marks.let_go()
            assert data_of(other.receive(), ident) == data_of(plain.receive(), ident)
        assert server.stop() == 0
