"""Every block of core/PROTOCOL.md runs: bytes are those of the encoder and of a real server's
answers, checksums are computed again, JSON, HTTP and Redis are compared with what is really there,
sequences are played. A block is named behind its kind: ```hex request."""

import http.client
import json
import os
import re
import socket
import struct
import subprocess
import sys
import zlib

import pytest
from dora.wire import frame_pack, pack

from support import bytes as wire
from support import v1
from support.monitor import Monitor
from support.redis import RedisServer
from support.repeats import marks, serve  # noqa: F401: marks is a fixture
from support.sequence import Player
from support.server import ROOT, Server, python_pool, wait_until

with open(os.path.join(ROOT, "core", "PROTOCOL.md"), encoding="utf-8") as _file:
    TEXT = _file.read()
FENCES = re.findall(r"^```(\w*) ?([^\n]*)\n(.*?)^```$", TEXT, re.S | re.M)
SALT = wire.SALT.decode()
GUID = "00112233445566778899aabbccddeeff"
REQUEST = {"api": {"one": {"name": "/echo", "param": {"id": 7}}}, "guid": GUID, "type": "W_S"}
NODE = "10.0.2.15", "9567"
HEX_ROW = re.compile(r"^(.{15}) ([0-9a-f]{4})  (.*)$")
PARTS = ["length", "checksum", "guid", "body"]


def blocks(kind):
    """The blocks of one kind: name => text."""
    found = [(name, body) for fence, name, body in FENCES if fence == kind]
    assert found and len(dict(found)) == len(found), "no %s, or two of one name" % kind
    return dict(found)


def test_every_block_is_of_a_kind_that_runs():
    assert TEXT.count("\n```") == 2 * len(FENCES)
    kinds = {fence for fence, _, _ in FENCES}
    assert kinds == {"hex", "crc", "json", "messages", "http", "redis", "php", "sequence",
                     "grammar"}


def test_contents_name_every_section():
    def anchor(heading):
        return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
    prose = re.sub(r"^```.*?^```$", "", TEXT, flags=re.S | re.M)
    sections = re.findall(r"^##? (.*)$", prose, re.M)[1:]
    links = re.findall(r"\]\(#([\w-]+)\)", prose)
    assert links == [anchor(section) for section in sections]


def test_sections_that_sources_name_are_there():
    named = re.compile(r"PROTOCOL\.md,[\s*#]+(?:sections? )?((?:\"[^\"]+\"(?: and |, )?)+)")
    found = set()
    for folder in ("core", "bindings", "tests/support", "tests/unit"):
        for where, _, files in os.walk(os.path.join(ROOT, folder)):
            for name in (one for one in files if one.endswith((".c", ".h", ".py", ".m"))):
                with open(os.path.join(where, name), encoding="utf-8") as file:
                    for quoted in named.findall(file.read()):
                        found |= set(re.findall(r"\"([^\"]+)\"", re.sub(r"\s[\s*#]*", " ", quoted)))
    assert len(found) > 8 and found <= set(re.findall(r"^#+ (.*)$", TEXT, re.M)), found


# Bytes


def read_row(rest, at, name):
    """The bytes of a row of hex; its text must say what they are."""
    whole = re.match(r"^all of `([\w-]+)` from ([0-9a-f]{4}) on$", rest)
    if whole:
        return read_hex(whole.group(1))[int(whole.group(2), 16):], None
    if rest.startswith("the text `"):
        return blocks("json")[rest.split("`")[1]].rstrip("\n").encode(), None
    digits, text = rest[:47], rest[49:]
    data = bytes.fromhex(digits)
    assert digits.rstrip() == data.hex(" ") and rest[47:49] == "  ", (name, rest)
    return data, text


def check_text(part, data, text, where):
    if part == "length":
        assert text == "%d bytes follow" % struct.unpack(">I", data), where
    elif part == "checksum":
        assert text == "crc32 of the body and the salt", where
    elif text is not None:
        assert text == "".join(chr(one) if 32 <= one < 127 else "." for one in data), where


def read_hex(name):
    """A frame as its block has it: the offsets are right, the parts in order, and each part of a
    body is the key that it is named by."""
    frame, parts, part = b"", [], ""
    for line in blocks("hex")[name].splitlines():
        match = HEX_ROW.match(line)
        assert match and int(match.group(2), 16) == len(frame), (name, line)
        part = match.group(1).strip()
        data, text = read_row(match.group(3), len(frame), name)
        check_text(part, data, text, (name, line))
        if "body" in parts and part:
            above, _, key = part.rpartition(".")
            key = key.encode()
            assert not above or above in parts, (name, line)
            assert data.startswith(b's:%d:"%s";' % (len(key), key)), (name, line)
        parts += part.split(", ")
        frame += data
    is_signed = name.startswith("signed-")
    assert [one for one in parts if one][:3 + is_signed] == [
        one for one in PARTS if one != "checksum" or is_signed], name
    return frame


@pytest.mark.parametrize("name", blocks("hex"))
def test_frame_of_hex_is_whole(name):
    frame = read_hex(name)
    sign = name.startswith("signed-")
    assert struct.unpack(">I", frame[:4])[0] == len(frame) - 4
    body = frame[40 if sign else 36:]
    assert frame[:36 + 4 * sign][-32:] == GUID.encode()
    assert frame == wire.head(GUID.encode(), body, sign)


def test_requests_are_what_the_encoder_writes():
    body = pack(REQUEST)
    assert read_hex("request") == frame_pack(GUID.encode(), body)
    assert read_hex("signed-request") == frame_pack(GUID.encode(), body, sign=True)
    text = blocks("json")["json-request"]
    assert text == json.dumps(REQUEST, separators=(",", ":")) + "\n"
    assert read_hex("json-request") == frame_pack(GUID.encode(), text.rstrip("\n").encode())


@pytest.fixture(scope="module")
def server():
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with Server({"p": python_pool("basic.py", workers=1)}, listen=listen) as one:
        yield one


@pytest.fixture(scope="module")
def signing():
    with Server({"p": python_pool("basic.py", workers=1)}, sign=True) as one:
        yield one


def answer(address, request, size):
    """So many bytes of what a server sends for these; they are all that comes."""
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(request)
        with sock.makefile("rb") as stream:
            found = stream.read(size)
            sock.shutdown(socket.SHUT_WR)
            return found + stream.read()


@pytest.mark.parametrize("kind", ["", "json-", "signed-"])
def test_server_answers_with_these_bytes(server, signing, kind):
    reply = read_hex(kind + "reply")
    address = (signing if kind == "signed-" else server).address
    assert answer(address, read_hex(kind + "request"), len(reply)) == reply


def test_checksums_are_of_these_texts():
    rows = [line.split("  ") for line in blocks("crc")[""].splitlines()]
    assert [text for _, text in rows] == ["123456789", "123456789" + SALT, SALT]
    assert [crc for crc, _ in rows] == ["%08x" % zlib.crc32(text.encode()) for _, text in rows]


@pytest.mark.parametrize("sign", [False, True])
def test_client_written_from_the_document_alone(server, signing, sign):
    """examples/python/minimal_client.py: every way to call, in both encodings."""
    example = os.path.join(ROOT, "examples", "python", "minimal_client.py")
    words = [sys.executable, example] + ([signing.address, "sign"] if sign else [server.address])
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.stdout == 2 * (
        "single: {'id': 7, 'list': [None, True, 0.5, 'é']}\n"
        "many: {'a': 1, 'b': 100204}\n"
        "later: ['second', 'first']\n"), done.stderr


def test_messages_are_answered_like_this(server):
    """Each line that comes is compared; the guid of what was sent last is the header's."""
    with wire.Peer(server.address) as peer:
        for line in blocks("messages")[""].splitlines():
            way, text = line.split(" ", 1)
            if way == "->":
                ident = re.search(r"(\w)\1{31}", text).group().encode()
                peer.send(wire.head(ident, text.encode()))
            else:
                assert (way, peer.frame()) == ("<-", (ident, text.encode()))
        with pytest.raises(TimeoutError):
            peer.seconds = 0
            peer.frame()


# Sequences


@pytest.fixture(scope="module")
def shared():
    with serve(workers=4) as one:
        yield one
        assert one.stop() == 0


@pytest.mark.parametrize("name", blocks("sequence"))
def test_sequence_is_what_happens(shared, marks, name):  # noqa: F811
    own = serve(workers=4, linger_ms=5000) if name.startswith("drain") else None
    player = Player(own or shared, marks)
    try:
        player.play(blocks("sequence")[name])
    finally:
        marks.let_go()
        player.close()
        if own:
            own.close()


def test_each_type_has_its_sequence():
    types = {"W_S", "W_M", "AN_S", "AN_M", "AM_S", "AM_M", "ST_S", "CN", "SC"}
    assert types <= set(blocks("sequence"))


# HTTP, discovery, vectors


@pytest.mark.parametrize("name", [one for one in blocks("http") if not one.endswith("-answer")])
def test_http_request_gets_this_answer(server, name):
    """The request as it stands; status line, headers and body of the answer."""
    head, body = blocks("http")[name].split("\n\n", 1)
    request = head.replace("\n", "\r\n") + "\r\n\r\n" + body.rstrip("\n")
    first, *fields = blocks("http")[name + "-answer"].split("\n\n")[0].splitlines()
    text = blocks("http")[name + "-answer"].split("\n\n", 1)[1].rstrip("\n")
    assert "\nContent-Length: %d\n" % len(body.rstrip("\n")) in head + "\n"
    host, port = server.http.rsplit(":", 1)
    with socket.create_connection((host, int(port)), 10) as sock:
        sock.sendall(request.encode())
        got = http.client.HTTPResponse(sock)
        got.begin()
        assert "HTTP/1.1 %d %s" % (got.status, got.reason) == first
        for field in fields:
            key, value = field.split(": ")
            assert got.getheader(key) == value
        assert got.read().decode().rstrip("\n") == text


def redis_said():
    """What stands under each command of the block."""
    parts = blocks("redis")[""].rstrip("\n").split("\n\n")
    return {part.splitlines()[0]: part.splitlines()[1:] for part in parts}


def test_redis_and_node_files(tmp_path):
    said = redis_said()
    lists = [key for key in said if key.startswith(("SMEMBERS", "GET"))]
    json_file, php_file = tmp_path / "nodes.json", tmp_path / "nodes.php"
    with RedisServer() as redis, redis.connect() as channel:
        channel.command("SUBSCRIBE", "dora.nodes")
        discovery = {"redis": [redis.url], "groups": ["group1", "group2"],
                     "advertise": ":".join(NODE)}
        with Server({"p": python_pool("basic.py", workers=1)}, discovery=discovery) as one:
            messages = [channel.receive()[2]]
            found = {key: redis.command(*key.split()) for key in lists}
            with Monitor([redis.url], [json_file, php_file]):
                assert wait_until(lambda: php_file.exists() and json_file.exists())
            assert one.stop() == 0
        messages.append(channel.receive()[2])
        assert [redis.command(*key.split()) for key in lists] == [[], None, None]
    clock = "GET dora.servertime.%s.%s.time" % NODE
    time, shown = found.pop(clock), said.pop(clock)[0]
    assert re.fullmatch(r"\d{10}", time) and re.fullmatch(r"\d{10}", shown)
    assert said.pop("SUBSCRIBE dora.nodes") == messages
    assert said == {key: value if isinstance(value, list) else [value]
                    for key, value in found.items()}
    for file in (json_file, php_file):
        kind = file.suffix[1:]
        told = re.sub(r"(updatetime\W+)\d{10}", r"\g<1>" + shown, file.read_text())
        assert told == blocks(kind)[file.name], file.name


def test_keys_of_vectors_are_those_of_the_table():
    rows = re.findall(r"^\|([^|]*)\| (`[^|]*) \| [^|]* \|$",
                      TEXT.split("## Test vectors")[1].split("\n# ")[0], re.M)
    told, lists = {"valid": set(), "invalid": set()}, []
    for where, keys in rows:
        lists = re.findall(r"`(\w+)`", where) or lists
        for one in lists:
            told[one] |= set(re.findall(r"`(\w+)`", keys))
    with open(os.path.join(ROOT, "tests", "vectors", "v1.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    assert set(vectors) == {"format", "salt", "valid", "invalid"}
    for one, keys in told.items():
        assert keys == {key for vector in vectors[one] for key in vector}, one


def codes_of_header():
    """code => (closes, status) of DORA_CODES."""
    with open(os.path.join(ROOT, "core", "include", "dora", "error.h"), encoding="utf-8") as file:
        found = re.findall(r"X\(\w+, (\d+), \w+, (\w+), (\d+),", file.read())
    return {code: (closes == "true", status) for code, closes, status in found}


def test_statuses_over_http_are_those_of_the_codes():
    rows = re.findall(r"^\| ([45]\d\d) \| (.*) \|$", TEXT.split("\n# HTTP")[1], re.M)
    told = [(code, status) for status, when in rows for code in re.findall(r"\b(100\d+)\b", when)]
    assert len(told) > 10
    codes = codes_of_header()
    for code, status in told:
        is_result = (code, status) == ("100206", "500")  # too large, and not the caller's fault
        assert is_result or codes[code][1] == status, code


def test_client_closes_behind_the_codes_that_close():
    told = re.search(r"close a connection behind ([^`]*) and a guid", TEXT).group(1)
    closing = [code for code, (closes, _) in codes_of_header().items() if closes]
    assert re.findall(r"\d+", told) == closing


# Growth


def test_a_request_of_a_later_version(server):
    """What an end of this version does with what it does not know: nothing has run."""
    with v1.Conn(server.address) as conn:
        call = {"one": {"name": "/echo", "param": 7, "later": [1]}}
        for body, code in (
                ({"api": call, "type": "W_S", "later": {"a": 1}}, 0),
                ({"type": "LATER", "take": 3}, 100002),
                ({"api": {"cmd": {"name": "later", "param": None}}, "type": "SC"}, 100011)):
            ident = v1.guid()
            conn.send(v1.frame(ident, v1.dump({**body, "guid": ident})))
            assert conn.receive()[1]["code"] == code
        for value in (b"a:000:{}", b's:001:"a";', b"X:1;"):
            ident = v1.guid()
            frame = v1.request(ident, "/echo", "HERE").replace(b's:4:"HERE";', value)
            conn.send(struct.pack(">I", len(frame) - 4) + frame[4:])
            assert conn.receive()[1]["code"] == 100006
    web = http.client.HTTPConnection(server.http, timeout=10)
    for path, status in (("/call/echo?later=1", 200), ("/later", 404), ("/stream/echo", 200)):
        web.request("POST", path, "7", {"X-Dora-Later": "1"})
        got = web.getresponse()
        assert (got.status, got.read() != b"") == (status, True)
    web.close()
