"""Frames of the original's older releases, without a guid: every vector of tests/vectors/older.json
against a real server, beside frames of today on one connection."""

import gzip
import json
import os
import socket
import struct
import zlib

import pytest

from support import v1
from support.server import ROOT, Server, python_pool

with open(os.path.join(ROOT, "tests", "vectors", "older.json")) as _file:
    VECTORS = json.load(_file)
SALT = VECTORS["salt"].encode()
ACCEPTED = "transfer success.已经成功投递"


class Older:
    """A connection that speaks the older form, and takes whole frames of either."""

    def __init__(self, address, sign=False, packed=False):
        host, port = address.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), 10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.sock.makefile("rb")
        self.sign, self.packed = sign, packed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.sock.close()

    def whole(self):
        """The bytes behind the next frame's length, checksum taken off; None at the end."""
        head = self.stream.read(4)
        if not head:
            return None
        rest = self.stream.read(struct.unpack(">I", head)[0])
        if self.sign:
            assert struct.unpack(">I", rest[:4])[0] == zlib.crc32(rest[4:] + SALT)
            rest = rest[4:]
        return rest

    def body(self):
        """The next body, of an older frame."""
        rest = self.whole()
        return rest if rest is None or not self.packed else gzip.decompress(rest)

    def send(self, kind, apis, ident, **more):
        body = v1.dump({"guid": ident, "api": apis, "type": kind, **more})
        self.sock.sendall(struct.pack(">I", len(body)) + body)

    def call(self, kind, apis, ident):
        self.send(kind, apis, ident)
        return v1.load(self.body())


@pytest.fixture(scope="module")
def servers():
    """One for each setting of sign and gzip, made when it is wanted."""
    made = {}

    def get(vector):
        key = vector.get("signed", False), vector.get("gzip", False)
        if key not in made:
            made[key] = Server({"p": python_pool("basic.py", workers=2)}, sign=key[0], gzip=key[1])
        return made[key].address, key

    yield get
    for server in made.values():
        assert server.stop() == 0
        server.close()


@pytest.mark.parametrize("vector", VECTORS["valid"], ids=lambda vector: vector["name"])
@pytest.mark.parametrize("step", [0, 1, 7])
def test_is_answered_in_kind(servers, vector, step):
    address, settings = servers(vector)
    sent = bytes.fromhex(vector["hex"])
    with Older(address, *settings) as conn:
        for at in range(0, len(sent), step or len(sent)):
            conn.sock.sendall(sent[at:at + (step or len(sent))])
        for reply in vector["replies"]:
            assert conn.body() == bytes.fromhex(reply)


@pytest.mark.parametrize("vector", VECTORS["invalid"], ids=lambda vector: vector["name"])
def test_what_is_wrong_is_said_in_kind(servers, vector):
    address, settings = servers(vector)
    with Older(address, *settings) as conn:
        conn.sock.sendall(bytes.fromhex(vector["hex"]))
        for expected in vector["replies"]:
            reply = v1.load(conn.body())
            names = ["code", "msg", "data"] + (["guid"] if "guid" in expected else [])
            assert list(reply) == names
            assert {name: reply[name] for name in expected} == expected
            assert reply["data"] == [] and reply["msg"]
        if vector.get("closes"):
            assert conn.body() is None


def test_commands_are_answered(servers):
    address, _ = servers({})
    with Older(address) as conn:
        reply = conn.call("SC", {"cmd": {"name": "getStat", "param": []}}, v1.guid())
        assert list(reply) == ["code", "msg", "data", "guid"]
        assert reply["code"] == 0 and set(reply["data"]) == {"server", "logqueue"}
        ident = "of another length"
        reply = conn.call("SC", {"cmd": {"name": "reloadTask", "param": []}}, ident)
        assert reply["code"] == 0 and reply["guid"] == ident, reply
        reply = conn.call("SC", {"cmd": {"name": "none", "param": []}}, v1.guid())
        assert reply["code"] == 100011


def test_both_kinds_on_one_connection(servers):
    """Old, new, old with a result later, JSON, new: all sent at once, each answered in its kind."""
    address, _ = servers({})
    old, later, new, last, text = (v1.guid() for _ in range(5))
    api = {"one": {"name": "/echo", "param": "p"}}
    with Older(address) as conn:
        conn.send("W_S", api, old)
        conn.sock.sendall(v1.request(new, "/echo", "n"))
        conn.send("AM_S", api, later)
        conn.sock.sendall(v1.frame(text, json.dumps(
            {"api": api, "guid": text, "type": "W_S"}).encode()))
        conn.sock.sendall(v1.request(last, "/none"))
        found = {}
        for _ in range(6):
            rest = conn.whole()
            if rest.startswith(b"a:"):
                reply = v1.load(rest)
                found.setdefault(reply["guid"], []).append(reply)
                assert list(reply)[0] == "code"
            else:
                body = rest[32:]
                reply = json.loads(body) if body.startswith(b"{") else v1.load(body)
                assert reply["guid"] == rest[:32].decode()
                assert list(reply)[0] == "guid" and list(reply["data"])[0] == "guid"
                found.setdefault(reply["guid"], []).append(reply)
    assert found[old][0]["data"] == {"code": 0, "msg": "OK", "data": "p"}
    assert found[new][0]["data"]["data"] == "n"
    assert found[text][0]["data"]["data"] == "p"
    assert found[last][0]["data"]["code"] == 100204
    assert found[later][0]["msg"] == ACCEPTED
    assert found[later][1]["isresult"] == 1 and found[later][1]["data"]["data"] == "p"


def test_a_repeat_gets_the_kept_reply_in_its_own_kind(servers):
    """A call is the same in both forms; a guid of another length is no name for it."""
    address, _ = servers({})
    ident = v1.guid()
    api = {"one": {"name": "/request", "param": None}}
    with Older(address) as conn, v1.Conn(address) as today:
        first = conn.call("W_S", api, ident)
        assert conn.call("W_S", api, ident) == first
        assert first["data"]["data"]["guid"] == ident
        today.send(v1.frame(ident, v1.dump({"api": api, "guid": ident, "type": "W_S"})))
        reply = today.receive()[1]
        assert reply["data"]["data"] == first["data"]["data"]
        short = [conn.call("W_S", {"one": {"name": "/pid", "param": None}}, "short")
                 for _ in range(2)]
        assert {reply["guid"] for reply in short} == {"short"}


def test_large_replies_and_too_large_ones(servers):
    address, _ = servers({})
    with Older(address) as conn:
        reply = conn.call("W_S", {"one": {"name": "/big", "param": 2000000}}, v1.guid())
        assert reply["data"]["data"] == "x" * 2000000
        reply = conn.call("W_S", {"one": {"name": "/big", "param": 2097152}}, v1.guid())
        assert list(reply["data"]) == ["code", "msg", "data"]
        assert reply["data"]["code"] == 100206


def test_a_large_packed_body_leaves_the_reactor(servers):
    address, settings = servers({"signed": True, "gzip": True})
    ident, noise = v1.guid(), os.urandom(200000).hex()
    body = gzip.compress(v1.dump({"guid": ident, "type": "W_S",
                                  "api": {"one": {"name": "/echo", "param": noise}}}), 4)
    crc = struct.pack(">I", zlib.crc32(body + SALT))
    with Older(address, *settings) as conn:
        conn.sock.sendall(struct.pack(">I", 4 + len(body)) + crc + body)
        reply = v1.load(conn.body())
    assert reply["guid"] == ident and reply["data"]["data"] == noise
