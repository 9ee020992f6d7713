"""JSON in frames: a body that begins with `{` is answered in JSON, with the same codes."""

import gzip
import json
import random
import struct
import threading
import time
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support import v1
from support.json_conn import JsonConn
from support.server import Server, python_pool

SALT = b"=&$*#@(*&%(@"


@pytest.fixture(scope="module")
def server():
    with Server({"p": python_pool("basic.py", workers=2)}) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def conn(server):
    with JsonConn(server.address) as one:
        yield one


def test_a_single_call_is_answered(conn):
    for value in (None, 1, 1.0, "ä", [], [1, [2.5]], {"a": {"b": [None]}}):
        ident = conn.ask("W_S", {"one": {"name": "/echo", "param": value}})
        reply = conn.reply(ident)
        assert list(reply) == list(reply["data"]) == ["guid", "code", "msg", "data"]
        assert reply["guid"] == reply["data"]["guid"] == ident
        assert (reply["code"], reply["data"]["code"]) == (0, 0)
        assert json.dumps(reply["data"]["data"]) == json.dumps(value)
    assert conn.single("/request", timeout=5000)["data"]["data"]["protocol"] == "tcp"
    assert v1.code(conn.single("/none")) == 100204


def test_many_and_one_that_json_cannot_say(conn):
    apis = {"z": {"name": "/echo", "param": 1}, "nan": {"name": "/no_json", "param": "nan"},
            "7": {"name": "/no_json", "param": "bytes"}, "a": {"name": "/echo", "param": 2}}
    reply = conn.reply(conn.ask("W_M", apis))
    assert reply["code"] == 0
    assert {key: (each["code"], each["data"]) for key, each in reply["data"].items()} == {
        "z": (0, 1), "nan": (100208, []), "7": (100208, []), "a": (0, 2)}
    assert list(reply["data"]) == list(apis)
    assert reply["data"]["nan"]["msg"].startswith("$.data.rows[1].x: INF and NAN")
    assert reply["data"]["7"]["msg"].startswith("$.data.rows[1].x: a string that is not UTF-8")
    listed = conn.reply(conn.ask("W_M", [apis["z"], apis["nan"]]))
    assert [each["code"] for each in listed["data"]] == [0, 100208]


def test_results_later(conn):
    for kind, apis in (("AM_S", {"one": {"name": "/echo", "param": 7}}),
                       ("AM_M", {"a": {"name": "/echo", "param": "x" * 100000}})):
        ident = conn.ask(kind, apis)
        assert conn.reply(ident)["code"] == 100001
        later = conn.reply(ident)
        assert list(later) == ["guid", "code", "msg", "data", "isresult"]
        assert (later["code"], later["isresult"]) == (0, 1)
    assert conn.reply(conn.ask("AN_S", {"one": {"name": "/echo"}}))["code"] == 100001


def test_commands_are_answered(conn):
    reply = conn.reply(conn.ask("SC", {"cmd": {"name": "getStat"}}))
    assert reply["code"] == 0 and reply["data"]["server"]["connection_num"] >= 1
    reply = conn.reply(conn.ask("SC", {"cmd": {"name": "reloadTask"}}))
    assert reply["data"]["server"]["reload"] in ("done", "pending")
    assert conn.reply(conn.ask("SC", {"cmd": {"name": "dance"}}))["code"] == 100011


@pytest.mark.parametrize("body,code,words", [
    (b"{", 100006, "line 1, column 1"), (b'{"api": {},\n "x" 1}', 100006, "line 2, column 6"),
    (b'{"a": 1} x', 100006, "line 1, column 10"), (b'{"a": "\xff"}', 100006, "line 1, column"),
    (b'{"a": 1e999}', 100006, "line 1"),
    ({"api": {"one": {"name": "/echo"}}, "type": "W_S"}, 100100, "guid"),
    ({"api": {"one": {"name": "/echo"}}, "guid": "x" * 32, "type": "W_S"}, 100100, "guid"),
    ({"api": {"one": {"name": "/echo"}}, "type": "X"}, 100002, "type"),
    ({"api": {"one": {"name": "/echo"}}}, 100002, "type"), ({"type": "W_S"}, 100003, "api"),
    ({"api": {}, "type": "W_M"}, 100003, "api"), ({"api": "x", "type": "W_M"}, 100003, "api"),
    ({"api": {"one": {"param": 1}}, "type": "W_S"}, 100003, "name"),
    ({"api": {"two": {"name": "/echo"}}, "type": "W_S"}, 100003, "one")])
def test_bad_requests_are_refused(conn, body, code, words):
    """The connection stays usable; the answer is JSON."""
    ident = v1.guid()
    if isinstance(body, dict) and code != 100100:
        body = {**body, "guid": ident}
    conn.put(ident, body)
    reply = conn.reply(ident)
    assert (reply["code"], reply["data"]) == (code, [])
    assert words in reply["msg"], reply
    assert conn.single("/echo", 1)["data"]["data"] == 1


def test_refused_for_their_size(conn):
    for body, code, words in ((b"{" * 100000, 100006, "line 1"),
                              (b'{"a": ' + b"[" * 600 + b"]" * 600 + b"}", 100006, "levels"),
                              (b'{"a": [' + b"0," * 1048550 + b"0]}", 100206, "limit"),
                              (b'{' + b"," * 1048576, 100006, "line 1, column 2")):
        ident = v1.guid()
        conn.put(ident, body)
        reply = conn.reply(ident)
        assert reply["code"] == code and words in reply["msg"], reply["msg"][:200]
    assert conn.single("/echo", 1)["data"]["data"] == 1


def test_other_first_bytes(server):
    for body in (b"[1]", b"7", b" {}", b"", b"\xef\xbb\xbf{}"):
        with v1.Conn(server.address) as conn:
            conn.send(v1.frame(v1.guid(), body))
            assert conn.receive()[1]["code"] == 100006


def test_both_codecs_on_one_connection(server):
    with v1.Conn(server.address) as conn:
        conn.splitter = v1.Splitter(lambda data: json.loads(data) if data[:1] == b"{" else
                                    v1.load(data))
        first, second = v1.guid(), v1.guid()
        body = {"api": {"one": {"name": "/echo", "param": 1}}, "guid": first, "type": "W_S"}
        conn.send(v1.frame(first, json.dumps(body).encode()) + v1.request(second, "/echo", 2))
        found = dict(conn.receive() for _ in range(2))
        assert found[first]["data"]["data"] == 1 and found[second]["data"]["data"] == 2


def test_frames_that_are_refused_are_answered_in_json(server):
    with JsonConn(server.address) as conn:
        conn.send(struct.pack(">I", 3 << 20) + b"g" * 32 + b'{"api": ')
        guid, reply = conn.receive()
        assert (guid, reply["code"]) == ("g" * 32, 100206)
        assert conn.receive() is None


def signed_frame(ident, body):
    crc = zlib.crc32(body + SALT)
    return struct.pack(">II", 36 + len(body), crc) + ident.encode() + body


def test_sign_and_gzip():
    with Server({"p": python_pool("basic.py", workers=1)}, sign=True, gzip=True) as server:
        with v1.Conn(server.address) as conn:
            for size in (10, 300000):
                ident = v1.guid()
                text = "".join(random.choice("abcdefgh") for _ in range(size))
                body = {"api": {"one": {"name": "/echo", "param": text}}, "guid": ident,
                        "type": "W_S"}
                conn.send(signed_frame(ident, gzip.compress(json.dumps(body).encode())))
                head = b""
                while len(head) < 4:
                    head += conn.sock.recv(4 - len(head))
                data = b""
                while len(data) < struct.unpack(">I", head)[0]:
                    data += conn.sock.recv(1 << 20)
                assert struct.unpack(">I", data[:4])[0] == zlib.crc32(data[36:] + SALT)
                reply = json.loads(gzip.decompress(data[36:]))
                assert reply["guid"] == ident and reply["data"]["data"] == text


def test_large_ones_do_not_delay_others(server, conn):
    rows = [["é" * 20, i, i / 3] for i in range(15000)]
    done = []

    def large():
        with JsonConn(server.address) as other:
            for _ in range(4):
                done.append(other.single("/echo", rows)["data"]["data"] == rows)

    thread = threading.Thread(target=large)
    thread.start()
    times = []
    while thread.is_alive():
        began = time.monotonic()
        assert conn.single("/echo", 1)["data"]["data"] == 1
        times.append(time.monotonic() - began)
    thread.join()
    assert done == [True] * 4
    assert sorted(times)[len(times) // 2] < 0.1


def test_result_over_the_limit(conn):
    """A control character takes six bytes in JSON."""
    assert v1.code(conn.single("/big", 2097000)) == 100206
    assert v1.code(conn.single("/controls", 340000)) == 0
    assert v1.code(conn.single("/controls", 350000)) == 100206
    api = {"name": "/controls", "param": 200000}
    reply = conn.reply(conn.ask("W_M", {"a": api, "b": api, "c": {"name": "/none"}}))
    assert reply["code"] == 0
    assert {key: each["code"] for key, each in reply["data"].items()} == {
        "a": 100206, "b": 100206, "c": 100204}


def test_who_leaves_during_translation(server):
    """Large bodies both ways, and nobody who waits."""
    body = json.dumps({"api": {"one": {"name": "/echo", "param": ["é"] * 100000}},
                       "guid": "g" * 32, "type": "W_S"}).encode()
    for _ in range(10):
        with JsonConn(server.address) as conn:
            conn.put("g" * 32, body)
    with JsonConn(server.address) as conn:
        assert conn.single("/echo", 1)["data"]["data"] == 1


@settings(max_examples=150, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tail=st.one_of(st.binary(max_size=200),
                      st.text(alphabet='{}[]",:01.eE-\\u nltrf"', max_size=80)))
def test_any_bytes_behind_the_brace(conn, tail):
    ident = v1.guid()
    conn.put(ident, b"{" + (tail.encode() if isinstance(tail, str) else tail))
    assert conn.reply(ident)["code"] in (100006, 100100)


@settings(max_examples=100, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.recursive(
    st.none() | st.booleans() | st.integers(-2**63, 2**63 - 1) | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(alphabet="abcä\"/", max_size=5), inner, max_size=4),
    max_leaves=20))
def test_values_come_back(conn, value):
    reply = conn.single("/echo", value)
    assert json.dumps(reply["data"]["data"]) == json.dumps(value)
