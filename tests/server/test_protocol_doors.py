"""PROTOCOL.md against a real server, the other doors: JSON in frames, HTTP, codes of handlers in
each language and kind of call, and a server that stops."""

import http.client
import json
import os
import signal
import urllib.parse

import pytest

from support import v1
from support.bytes import Peer, code, request, text
from support.server import Held, Server, python_pool, wait_until
from support.web import Web

GUID = b"0123456789abcdef0123456789abcdef"
OPERATOR = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests",
                        "operator_app.so")


@pytest.fixture(scope="module")
def server():
    pools = {"py": python_pool("basic.py", workers=2),
             "php": {"runtime": "php", "app": python_pool("basic.php")["app"], "workers": 1},
             "c": {"runtime": "c", "app": OPERATOR, "workers": 1}}
    with Server(pools, listen={"tcp": "127.0.0.1:0", "http": 0}) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def peer(server):
    with Peer(server.address) as one:
        yield one


@pytest.fixture
def web(server):
    with Web(server.http) as one:
        yield one


def ask(peer, param=None, guid=GUID, **more):
    """A W_S call of /echo as JSON text: the whole reply."""
    body = {"api": {"one": {"name": "/echo", "param": param}}, "guid": guid.decode(),
            "type": "W_S", **more}
    return json.loads(peer.ask(guid, json.dumps(body).encode()))


# JSON


@pytest.mark.parametrize("value", [
    {"a\0b": 1}, {"\0": {"\0\0": "\0"}}, {"a\0": 1, "a": 2, "": 3}, "a\0b", {"\ufdd0\0": "\ufdd1"},
    {"\u2028": "\x7f\x9b"}, {"k": [1.0, -0.0, 1e300, 2 ** 63 - 1, -2 ** 63]}, [[], {"7": 1}]])
def test_what_is_written_in_json_is_read(peer, web, value):
    """JSON: what the server writes is what it reads, in frames and over HTTP."""
    first = ask(peer, value)
    assert first["code"] == first["data"]["code"] == 0
    second = ask(peer, first["data"]["data"])
    assert json.dumps(second["data"]["data"]) == json.dumps(first["data"]["data"])
    assert json.dumps(first["data"]["data"]) == json.dumps(value)
    assert web.call("echo", value) == (200, value)
    assert web.call("echo", web.call("echo", value)[1]) == (200, value)


# the param, and where it goes wrong in it: line and column from 1, in characters
FAULTS = [
    (b"", 1, 0), (b"{", 1, 1), (b"[1,]", 1, 4), (b"[1\n,\n  x]", 3, 3), (b'{"a" 1}', 1, 6),
    (b'"\xc3\xa9\xff"', 1, 3), (b"\xff", 1, 1), (b'["\n"]', 1, 2), (b"[1] 2", 1, 5),
    (b"9223372036854775808", 1, 19), (b"-9223372036854775809", 1, 20), (b"[1e999]", 1, 6),
    (b"01", 1, 1), (b"1.", 1, 2), (b"+1", 1, 1), (b"NaN", 1, 3), (b"'a'", 1, 1),
    (b'"\\ud800"', 1, 8), (b'"\\x"', 1, 3), (b"[" * 512 + b"]" * 512, 0, 0),
    (b"[" * 513 + b"]" * 513, 1, 513), (b"\n[[" + b"[" * 511 + b"]" * 513, 2, 513),
    (b'{"a":' * 513 + b"1" + b"}" * 513, 1, 5 * 512 + 1), (b"[" * 3 + b"x" + b"[" * 600, 1, 4),
    (b'{"a\\u0000" 1}', 1, 12), (b'{"a\\u0000": ]}', 1, 13)]


@pytest.mark.parametrize("body, line, column", FAULTS, ids=range(len(FAULTS)))
def test_line_and_column_of_the_first_fault(web, body, line, column):
    """JSON, HTTP: 100006 names line and column."""
    if body == b"":
        body = b" "
    status, answer = web.ask("POST", "/call/pid", body)
    if line == 0:
        assert status == 200
        return
    error = answer["error"]
    assert (status, error["code"]) == (400, 100006)
    assert error["msg"].startswith("malformed JSON at line %d, column " % line), error
    if body.strip():
        assert error["msg"].startswith("malformed JSON at line %d, column %d: " % (line, column))


@pytest.mark.parametrize("body, column", [
    (b'{"a": "\xff"}', 8), (b"{" + b'"a":{' * 600, 5 * 512 + 1),
    (b'{"a": 99999999999999999999}', 26), (b'{"a": 1} x', 10), (b'{"a": [' + b"[" * 600, 518)])
def test_faults_in_a_frame(peer, body, column):
    """JSON: the same in a frame, and the connection stays."""
    answer = json.loads(peer.ask(GUID, body))
    assert (answer["code"], answer["data"]) == (100006, [])
    assert answer["msg"].startswith("malformed JSON at line 1, column %d: " % column), answer["msg"]
    assert peer.is_usable()


@pytest.mark.parametrize("kind, why", [
    ("nan", "$.data.rows[1].x: INF and NAN have no place in JSON"),
    ("bytes", "$.data.rows[1].x: a string that is not UTF-8 has no place in JSON")])
def test_paths_begin_alike(peer, web, kind, why):
    """JSON: `$` is the api's envelope, in frames and over HTTP."""
    body = {"api": {"one": {"name": "/no_json", "param": kind}}, "guid": GUID.decode(),
            "type": "W_S"}
    reply = json.loads(peer.ask(GUID, json.dumps(body).encode()))
    assert (reply["data"]["code"], reply["data"]["msg"]) == (100208, why)
    status, answer = web.call("no_json", kind)
    assert (status, answer["error"]) == (500, {"code": 100208, "msg": why})


@pytest.mark.parametrize("guid", ["é" * 16, "中" * 10 + "ab", "😀" * 8, "a" * 31 + "\x7f"])
def test_guids_beyond_ascii(peer, guid):
    """JSON: 32 bytes, however many characters."""
    header = guid.encode()
    assert len(header) == 32
    reply = ask(peer, 1, header)
    assert (reply["code"], reply["guid"], reply["data"]["guid"]) == (0, guid, guid)
    refused = json.loads(peer.ask(header, b'{"guid": "%s"}' % header))
    assert (refused["code"], refused["guid"]) == (100002, guid)


def test_a_guid_that_json_cannot_say(peer):
    """JSON: refused; the header has it as it came. The inner encoding returns any 32 bytes."""
    header = b"\xff" * 16 + b"\xc3" * 16
    reply = json.loads(peer.ask(header, b'{"api": {}, "type": "W_S", "guid": "x"}'))
    assert (reply["code"], reply["guid"]) == (100100, "0" * 32)
    answer = peer.ask(header, request(header, b"W_S", {b"one": (b"/echo", b"i:1;")}))
    assert code(answer) == 0 and answer.count(text(header)) == 2


# HTTP


@pytest.mark.parametrize("value, status", [
    ("60000", 200), ("1125899906842624", 200), ("18446744073709", 200), ("18446744173709", 200),
    ("9223372036854775807", 200), ("9223372036854775808", 200), ("9" * 200, 200), ("007000", 200),
    ("0", 504), ("-0", 504), ("-1", 504), ("-" + "9" * 40, 504), ("", 400), ("-", 400),
    ("--1", 400), ("+1", 400), ("1.0", 400), ("1e3", 400), ("0x10", 400), ("soon", 400)])
@pytest.mark.parametrize("place", ["header", "query"])
def test_timeouts_over_http(web, place, value, status):
    """HTTP: as `timeout` of a request: any size, below 0 counts as 0."""
    if place == "header":
        got, answer = web.ask("POST", "/call/echo", "1", {"X-Dora-Timeout": value})
    else:
        got, answer = web.ask("POST", "/call/echo?timeout=" + urllib.parse.quote(value), "1")
    assert got == status, answer
    if status != 200:
        assert answer["error"]["code"] in ((100202, 100009) if status == 504 else (100003,))


@pytest.mark.parametrize("ms", [2 ** 31, 2 ** 50, 18446744073709, 18446744173709, 2 ** 63 - 1])
def test_timeouts_in_json(peer, ms):
    """Request: a large timeout is a long one, and the handler is told so."""
    body = {"api": {"one": {"name": "/request"}}, "guid": GUID.decode(), "type": "W_S",
            "timeout": ms}
    reply = json.loads(peer.ask(GUID, json.dumps(body).encode()))
    assert reply["data"]["code"] == 0
    assert reply["data"]["data"]["remaining_ms"] >= min(ms, 9 * 10 ** 12) - 10000


@pytest.mark.parametrize("guid, expected", [
    (b"short", 0), (b"x" * 100, 0), ("é".encode(), 0), (b"\xff", 100004), (b"", 100004)])
def test_guids_of_forms(server, guid, expected):
    """The original's endpoints: any length; what JSON cannot say is refused."""
    fields = urllib.parse.urlencode({"params": json.dumps({"api": {"a": {"name": "/echo"}}}),
                                     "guid": guid})
    conn = http.client.HTTPConnection(server.http, timeout=10)
    conn.request("POST", "/api/multisync", fields,
                 {"Content-Type": "application/x-www-form-urlencoded"})
    answer = json.loads(conn.getresponse().read())
    conn.close()
    assert answer["code"] == expected
    if expected == 0:
        assert answer["guid"] == answer["data"]["a"]["guid"] == guid.decode()


# Reply codes

OURS = [0, *range(100001, 100015), 100099, 100100, *range(100200, 100210), 100250, 100299]
FREE = [1, -1, 404, 100000, 100015, 100098, 100101, 100199, 100300, 2 ** 63 - 1, -2 ** 63]


def expected_of(thrown):
    """Code and text of an error `why` with that code."""
    if thrown == 100208:
        return 100208, "why"
    return (100208, "why (code %d)" % thrown) if thrown in OURS else (thrown, "why")


@pytest.mark.parametrize("name", ["/raise", "/php/raise", "/fail"])
@pytest.mark.parametrize("thrown", OURS + FREE)
def test_codes_that_handlers_raise(server, name, thrown):
    """Reply codes: never like success, "not run", or what the server says; by every door."""
    param = {"code": thrown, "msg": "why"}
    expected, msg = expected_of(thrown)
    msg = "Exception: " + msg if name == "/php/raise" else msg  # not the handler's own error
    with v1.Conn(server.address) as conn, Web(server.http) as web:
        single = conn.call(name, param)
        assert (single["code"], single["data"]["code"], single["data"]["msg"]) == (0, expected, msg)
        conn.ask("W_M", {"a": (name, param), "b": ("/echo", 1)})
        many = conn.receive()[1]
        assert (many["code"], many["data"]["a"]["code"]) == (0, expected)
        assert many["data"]["b"]["code"] == 0
        conn.ask("AM_S", {"one": (name, param)})
        assert conn.receive()[1]["code"] == 100001
        later = conn.receive()[1]
        assert (later["code"], later["data"]["code"]) == (0, expected)
        status, answer = web.call(name, param)
        assert (status, answer["error"]) == (500, {"code": expected, "msg": msg})


# Connection


def test_a_draining_server_checks_in_the_documented_order(tmp_path):
    """Draining: faults of frames and requests as always; 100207 before what else would be said."""
    with Server({"p": python_pool("basic.py", workers=2)}, linger_ms=30000) as server, \
            Peer(server.address) as peer, Peer(server.address) as busy:
        held = Held(tmp_path)
        with v1.Conn(server.address) as waiting:
            waiting.send(v1.request(v1.guid(), *held.api))
            held.wait_begun()
            server.signal(signal.SIGTERM)
            assert wait_until(lambda: b's:8:"draining";b:1;' in peer.ask(GUID, stat()))
            echo = {b"one": (b"/echo", b"N;")}
            mine = {"timeout": b"i:60000;"}  # who sends a key of Dora's knows what 100207 means
            rows = [
                (b"i:1;", 100006), (request(b"f" * 32, b"W_S", echo, **mine), 100100),
                (request(GUID, b"X", echo, **mine), 100002),
                (request(GUID, b"W_S", {}, **mine), 100003),
                (request(GUID, b"W_S", {b"two": (b"/echo", b"N;")}, **mine), 100003),
                (request(GUID, b"W_S", echo, **mine), 100207),
                (request(GUID, b"AN_S", echo, **mine), 100207),
                (request(GUID, b"W_S", {b"one": (b"/none", b"N;")}, **mine), 100207),
                (request(GUID, b"AM_S", {b"one": (b"/none", b"N;")}, **mine), 100207),
                (request(GUID, b"W_S", echo, timeout=b"i:0;"), 100207),
                (request(GUID, b"SC", {b"cmd": (b"reloadTask", b"N;")}, **mine), 100207),
                (request(GUID, b"SC", {b"cmd": (b"dance", b"N;")}, **mine), 100207),
                (b"{", 100006), (b'{"guid": "%s"}' % GUID, 100002), (stat(), 0)]
            for body, expected in rows:
                assert code(peer.ask(GUID, body)) == expected, body
            held.let_go()
            assert waiting.receive()[1]["data"]["code"] == 0
        peer.close()
        busy.close()
        assert server.wait(20) == 0


def stat():
    return request(GUID, b"SC", {b"cmd": (b"getStat", b"N;")})
