"""Marks: maps and bytes that come back as they were. Source: PROTOCOL.md, section "Marks"."""

import collections
import json
import socket
import sys
from pathlib import Path

import pytest

import dora
from dora.wire import frame_check, frame_pack, pack, unpack
from dora_helpers import Server

TESTS = Path(__file__).resolve().parents[1]
VECTORS = json.loads((TESTS / "vectors/marks.json").read_text("utf-8"))


def named(kind):
    return [pytest.param(each, id=each["name"]) for each in VECTORS[kind]]


def typed(value):
    """A value with all its types, as text: 1 and True, "a" and b"a" differ in it."""
    return repr(value)


@pytest.mark.parametrize("vector", named("values"))
def test_value_comes_back_as_it_was(vector):
    value = eval(vector["python"])  # of our own vectors
    assert pack(value) == vector["text"].encode()
    assert typed(unpack(vector["text"].encode())) == typed(value)


@pytest.mark.parametrize("vector", named("malformed"))
def test_other_zeros_are_malformed(vector):
    with pytest.raises(ValueError, match="at byte %d$" % vector["offset"]):
        unpack(vector["text"].encode())


@pytest.mark.parametrize("value, encoded", [
    (bytearray(b"hi"), b's:02:"hi";'),
    (memoryview(b"hi"), b's:02:"hi";'),
    (bytearray(b"\xff"), b's:1:"\xff";'),
    (collections.OrderedDict(), b"a:00:{}"),
    (collections.OrderedDict({0: None}), b"a:01:{i:0;N;}"),
    (collections.defaultdict(list), b"a:00:{}"),
    ((), b"a:0:{}"),
    ({True + 0: 1}, b"a:1:{i:1;i:1;}"),
    ({0: 1, 2: 1}, b"a:2:{i:0;i:1;i:2;i:1;}"),
    ({0: 1, "1": 1}, b'a:2:{i:0;i:1;s:1:"1";i:1;}'),
    ({b"k": b"k"}, b'a:1:{s:1:"k";s:01:"k";}'),
])
def test_what_is_marked(value, encoded):
    assert pack(value) == encoded


def test_a_key_of_bytes_is_text_where_it_is_utf8():
    assert unpack(pack({b"k": 1, b"\xff": 2})) == {"k": 1, b"\xff": 2}


@pytest.mark.parametrize("kind", [dict, collections.OrderedDict])
def test_a_key_as_text_and_as_bytes_is_refused_by_its_path(kind):
    with pytest.raises(ValueError, match=r"^\$\[2\]\[b'k'\]: the key stands there as str and"):
        pack([1, 2, kind([("k", 1), (b"k", 2)])])


ECHO = """
import dora
app = dora.App()

@app.api("/echo")
def echo(param):
    return param

@app.api("/types")
def types(param):
    return repr(param)
"""


def test_calls_keep_maps_and_bytes(serve):
    server = serve(ECHO)
    values = [{}, [], b"", "", b"abc", {0: "a"}, ["a"], {0: {}, 1: []}, {"k": {0: b"x"}}, {"0": 1}]
    with dora.Client(nodes=server.node) as client:
        for value in values:
            assert typed(client.call("/echo", value)) == typed(value)
            assert client.call("/types", value) == typed(value)
        many = {str(i): ("/echo", value) for i, value in enumerate(values)}
        assert typed(list(client.call_many(many).values())) == typed(values)


@pytest.mark.parametrize("vector", named("requests"))
def test_where_a_request_may_be_marked(serve_once, vector):
    code = serve_once(vector["text"].encode())
    assert code == vector["code"]


@pytest.fixture(scope="module")
def serve_once(tmp_path_factory):
    """serve_once(body) -> the code that a real server answers it with."""
    folder = tmp_path_factory.mktemp("marks")
    (folder / "app.py").write_text(ECHO)
    server = Server([sys.executable, "-m", "dora", "serve", "app.py", "--port", "0"], folder,
                    folder / "log.txt")

    def ask(body):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as peer:
            peer.sendall(frame_pack(("%032x" % 0x5EED).encode(), body))
            got = b""
            while (checked := frame_check(got)) is None:
                got += peer.recv(65536)
            return unpack(checked[1])["code"]

    yield ask
    server.stop()
