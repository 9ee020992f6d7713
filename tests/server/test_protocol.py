"""PROTOCOL.md against a real server, sentence by sentence: bytes go out and bytes are judged. Each
row names its section. tests/support/bytes.py is the other implementation."""

import gzip
import random
import re
import struct
import zlib

import pytest

from support import bytes as wire
from support.bytes import NONE, Peer, apis, array, code, head, offset, request, text
from support.server import Server, python_pool

GUID = b"0123456789abcdef0123456789abcdef"
ECHO = {b"one": (b"/echo", b"i:7;")}
GOOD = request(GUID, b"W_S", ECHO)


@pytest.fixture(scope="module")
def server():
    pools = {"p": python_pool("basic.py", workers=2)}
    with Server(pools, listen={"tcp": "127.0.0.1:0", "http": 0}) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture(scope="module")
def packed():
    """`sign` and `gzip` on."""
    with Server({"p": python_pool("basic.py", workers=1)}, sign=True, gzip=True) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def peer(server):
    with Peer(server.address) as one:
        yield one


# Frame


def test_frame_bytes_and_reply_keys_in_their_order(peer):
    """Frame, Reply: every byte of an answer."""
    inner = array((text(b"guid"), text(GUID)), (text(b"code"), b"i:0;"),
                  (text(b"msg"), text(b"OK")), (text(b"data"), b"i:7;"))
    outer = array((text(b"guid"), text(GUID)), (text(b"code"), b"i:0;"),
                  (text(b"msg"), text(b"OK")), (text(b"data"), inner))
    assert peer.ask(GUID, GOOD) == outer
    accepted = peer.ask(b"a" * 32, request(b"a" * 32, b"AM_S", ECHO))
    assert accepted == array(
        (text(b"guid"), text(b"a" * 32)), (text(b"code"), b"i:100001;"),
        (text(b"msg"), text("transfer success.已经成功投递".encode())), (text(b"data"), b"a:0:{}"))
    later = peer.frame()
    assert later == (b"a" * 32, outer.replace(GUID, b"a" * 32).replace(b"a:4:{s:4:\"guid\"",
                                                                       b"a:5:{s:4:\"guid\"", 1)
                     [:-1] + b's:8:"isresult";i:1;}')


def test_frame_split_anywhere_means_the_same(server):
    """Frame: how the bytes were split on the way never changes what they mean."""
    whole = head(GUID, GOOD)
    for at in range(1, len(whole), 17):
        with Peer(server.address) as peer:
            peer.send(whole[:at])
            peer.send(whole[at:] + whole)
            assert peer.frame() == peer.frame()


@pytest.mark.parametrize("length", [0, 1, 31, 0x80000000, 0xffffffff])
def test_frame_length_that_cannot_be(server, length):
    """Frame: 100007 and 100206, with 32 times `0` where no guid has come; then closed."""
    with Peer(server.address) as peer:
        peer.send(struct.pack(">I", length) + b"zzzz")
        guid, body = peer.frame()
        assert guid == NONE and code(body) == (100007 if length < 32 else 100206)
        assert b'"data";a:0:{}}' in body
        assert peer.frame() is None


def test_frame_at_the_limit_and_past_it(server):
    """Frame, Limits: the length field counts; past it the guid is the frame's where it has come."""
    room = 2097152 - 4 - 32 - len(request(GUID, b"W_S", {b"one": (b"/pid", text(b""))})) - 6
    body = request(GUID, b"W_S", {b"one": (b"/pid", text(b"x" * room))})
    with Peer(server.address) as peer:
        assert len(head(GUID, body)) == 2097152
        assert code(peer.ask(GUID, body)) == 0
        peer.send(head(GUID, body + b" ")[:100])
        guid, answer = peer.frame()
        assert guid == GUID and code(answer) == 100206
        assert peer.frame() is None


def test_frame_checksum(packed):
    """Frame: 100005 under the frame's guid, and the connection stays."""
    with Peer(packed.address, sign=True, gzip=True) as peer:
        body = gzip.compress(GOOD, 4)
        frame = bytearray(head(GUID, body, True))
        frame[4] ^= 1
        peer.send(bytes(frame))
        guid, answer = peer.frame()
        assert guid == GUID and code(answer) == 100005
        assert peer.is_usable()


@pytest.mark.parametrize("make, expected", [
    (lambda: gzip.compress(GOOD, 1), 0), (lambda: gzip.compress(GOOD, 9), 0),
    (lambda: gzip.compress(GOOD)[:-1], 100006), (lambda: gzip.compress(GOOD) * 2, 100006),
    (lambda: gzip.compress(GOOD) + b"\0", 100006), (lambda: GOOD, 100006),
    (lambda: zlib.compress(GOOD), 100006), (lambda: b"", 100006),
    (lambda: gzip.compress(b""), 100006), (lambda: gzip.compress(b" " * 2097152), 100006),
    (lambda: gzip.compress(b" " * 2097153), 100206)],
    ids=["least", "most", "cut", "twice", "more", "plain", "zlib", "nothing", "empty", "limit",
         "past it"])
def test_frame_gzip(packed, make, expected):
    """Frame: exactly one gzip member, of at most `frame_bytes_max` plain bytes."""
    body = make()
    with Peer(packed.address, sign=True, gzip=True) as peer:
        peer.send(head(GUID, body, True))
        guid, answer = peer.frame()
        assert (guid, code(answer)) == (GUID, expected)
        assert peer.is_usable()


def test_frame_gzip_off(peer):
    """Frame: a compressed body is then one that cannot be decoded."""
    assert code(peer.ask(b"x" * 32, gzip.compress(GOOD))) == 100006
    assert peer.is_usable()


# Message: requests, and what is wrong with them in the order of the checks


def pairs(**more):
    """A request's members, encoded, that can be changed one by one."""
    made = {"api": apis(ECHO), "guid": text(GUID), "type": text(b"W_S")}
    made.update(more)
    return array(*((text(key.encode()), value) for key, value in made.items() if value is not None))


def one(*members):
    """The map of one api that has these members."""
    return array((text(b"one"), array(*members)))


NAME = (text(b"name"), text(b"/echo"))
OBJECT = b'O:8:"stdClass":0:{}'
REQUESTS = [
    # what, body, code
    ("keys in another order", array((text(b"type"), text(b"W_S")), (text(b"guid"), text(GUID)),
                                    (text(b"api"), apis(ECHO))), 0),
    ("a key twice: the last counts", array(
        (text(b"type"), text(b"none")), (text(b"api"), b"N;"), (text(b"guid"), text(GUID)),
        (text(b"type"), text(b"W_S")), (text(b"api"), apis(ECHO))), 0),
    ("a key twice: the last counts, bad", array(
        (text(b"type"), text(b"W_S")), (text(b"api"), apis(ECHO)), (text(b"guid"), text(GUID)),
        (text(b"type"), b"i:1;")), 100002),
    ("unknown keys", pairs(colour=text(b"red"), empty=b"a:0:{}"), 0),
    ("unknown keys are checked", pairs(colour=OBJECT), 100006),
    ("no array", b"i:7;", 100006), ("nothing", b"", 100006), ("null", b"N;", 100006),
    ("bytes behind it", pairs() + b" ", 100006), ("cut", pairs()[:-1], 100006),
    ("an object", pairs(api=one(NAME, (text(b"param"), OBJECT))), 100006),
    ("a reference", pairs(api=one(NAME, (text(b"param"), b"R:1;"))), 100006),
    ("the body first", array((text(b"guid"), b"i:1;"), (text(b"x"), OBJECT)), 100006),
    ("guid missing", pairs(guid=None), 100100), ("guid no string", pairs(guid=b"i:1;"), 100100),
    ("guid differs", pairs(guid=text(b"f" * 32)), 100100),
    ("guid longer", pairs(guid=text(GUID + b"0")), 100100),
    ("guid before type and api", pairs(guid=None, type=None, api=None), 100100),
    ("type missing", pairs(type=None), 100002), ("type no string", pairs(type=b"i:0;"), 100002),
    ("type unknown", pairs(type=text(b"w_s")), 100002),
    ("type before api", pairs(type=text(b"W_X"), api=None), 100002),
    ("api missing", pairs(api=None), 100003), ("api empty", pairs(api=b"a:0:{}"), 100003),
    ("api no array", pairs(api=text(b"/echo")), 100003),
    ("the single key is missing", pairs(api=apis({b"two": (b"/echo", b"N;")})), 100003),
    ("an api no array", pairs(api=array((text(b"one"), b"i:1;"))), 100003),
    ("name missing", pairs(api=one((text(b"param"), b"i:1;"))), 100003),
    ("name no string", pairs(api=one((text(b"name"), b"i:1;"))), 100003),
    ("name empty", pairs(api=one((text(b"name"), text(b"")))), 100003),
    ("name of 255 bytes", pairs(api=one((text(b"name"), text(b"n" * 255)))), 100204),
    ("name over 255 bytes", pairs(api=one((text(b"name"), text(b"n" * 256)))), 100003),
    ("param is optional", pairs(api=one(NAME)), 0),
    ("members of an api in another order", pairs(api=one((text(b"param"), b"i:1;"), NAME)), 0),
    ("unknown members of an api", pairs(api=one(NAME, (text(b"x"), b"b:1;"), (b"i:9;", b"N;"))), 0),
    ("timeout below 0 counts as 0", pairs(timeout=b"i:-5;"), 100202),
    ("timeout 0", pairs(timeout=b"i:0;"), 100202),
    ("timeout of another type", pairs(timeout=text(b"0")), 0),
    ("timeout as a float", pairs(timeout=b"d:0;"), 0),
    ("trace of another type", pairs(trace=b"i:1;"), 0),
    ("trace too long", pairs(trace=text(b"t" * 257)), 0),
    ("attempt below 0", pairs(attempt=b"i:-1;"), 0),
    ("attempt of another type", pairs(attempt=b"N;"), 0),
    ("timeout that is no value", pairs(timeout=b"i:9223372036854775808;"), 100006),
]
REQUESTS += [("timeout %d" % ms, pairs(timeout=b"i:%d;" % ms), 0)
             for ms in (60000, 2 ** 31, 2 ** 32, 2 ** 50, 18446744073709, 18446744173709,
                        9223372036854, 9223372036855, 2 ** 63 - 1)]


@pytest.mark.parametrize("what, body, expected", REQUESTS, ids=[row[0] for row in REQUESTS])
def test_requests_are_answered_as_declared(peer, what, body, expected):
    """Request, and its table of faults; the connection stays usable. Each call has its guid."""
    guid = b"%032d" % [row[0] for row in REQUESTS].index(what)
    answer = peer.ask(guid, body.replace(GUID, guid))
    assert code(answer) == expected, (what, answer)
    assert (expected in (0, 100202, 100204)) == (b's:4:"data";a:4:{' in answer)
    if expected == 100100:
        assert text(b"guid") + text(guid) in answer
    assert peer.is_usable()


def many(count, kind=b"W_S", last=()):
    """`count` apis that are no good, and others behind them."""
    bad = [(text(b"k%d" % i), b"i:1;") for i in range(count)]
    return array((text(b"api"), array(*bad, *last)), (text(b"guid"), text(GUID)),
                 (text(b"type"), text(kind)))


ONE = (text(b"one"), array(NAME, (text(b"param"), b"i:7;")))
CMD = (text(b"cmd"), array((text(b"name"), text(b"getStat"))))


@pytest.mark.parametrize("body, expected", [
    (many(1, last=[ONE]), 0), (many(1023, last=[ONE]), 0), (many(1024, last=[ONE]), 0),
    (many(1025, last=[ONE]), 0), (many(50000, last=[ONE]), 0), (many(2000), 100003),
    (many(2000, last=[(ONE[0], b"N;"), ONE]), 0), (many(2000, last=[ONE, (ONE[0], b"N;")]), 100003),
    (many(2000, b"SC", [CMD]), 0), (many(2000, b"SC", [ONE]), 100003),
    (many(2000, b"AN_S", [ONE]), 100001), (many(2000, b"W_M", [ONE]), 100003)])
def test_a_single_call_looks_at_its_one_key_only(peer, body, expected):
    """Request: whatever else stands in `api` is ignored, however much it is."""
    assert code(peer.ask(GUID, body)) == expected
    assert peer.is_usable()


@pytest.mark.parametrize("kind, count, expected", [(b"W_M", 1024, 0), (b"W_M", 1025, 100003),
                                                   (b"AN_M", 1025, 100003)])
def test_a_multi_call_has_1024_apis(peer, kind, count, expected):
    """Request, Limits."""
    guid = b"%032d" % count
    body = request(guid, kind, {i: (b"/echo", b"i:%d;" % i) for i in range(count)})
    reply = peer.ask(guid, body)
    assert code(reply) == expected
    assert expected == 0 or b"more than the limit of 1024 apis in one call" in reply


def test_keys_of_a_multi_call(peer):
    """Request, Reply: in the order of the request; `"7"` and 7 are one, the last one counts."""
    def api(number):
        return array(NAME, (text(b"param"), b"i:%d;" % number))

    calls = array((text(b"z"), api(1)), (text(b"7"), api(2)), (b"i:-3;", api(3)),
                  (text(b""), api(4)), (b"i:7;", api(5)))
    body = array((text(b"api"), calls),
                 (text(b"guid"), text(GUID)), (text(b"type"), text(b"W_M")))
    answer = peer.ask(GUID, body)
    found = re.findall(rb'(s:\d+:"[^"]*";|i:-?\d+;)a:4:\{s:4:"guid".*?s:4:"data";i:(\d);',
                       answer)
    assert found == [(text(b"z"), b"1"), (text(b"7"), b"5"), (b"i:-3;", b"3"), (text(b""), b"4")]


@pytest.mark.parametrize("kind", [b"AN_S", b"AN_M", b"AM_S", b"AM_M"])
@pytest.mark.parametrize("what, calls, more, expected", [
    ("nobody serves one", {b"one": (b"/echo", b"N;"), b"b": (b"/none", b"N;")}, {}, 100204),
    ("the time is over", ECHO, {"timeout": b"i:-1;"}, 100202),
    ("a time that cannot end", ECHO, {"timeout": b"i:9223372036854775807;"}, 100001)])
def test_accepted_as_a_whole_or_not_at_all(peer, kind, what, calls, more, expected):
    """Request: the reply's own code says why."""
    if kind.endswith(b"S"):
        calls = {b"one": list(calls.values())[-1]}
    guid = (b"%s%s" % (kind, what.replace(" ", "").encode()))[:32].ljust(32, b"-")
    answer = peer.ask(guid, request(guid, kind, calls, **more))
    assert re.search(rb's:4:"code";i:(\d+);', answer).group(1) == b"%d" % expected
    assert b's:4:"data";a:0:{}}' in answer


# Control


@pytest.mark.parametrize("name, expected", [(b"getStat", 0), (b"getstat", 100011), (b"x", 100011)])
def test_control_requests_are_answered(peer, name, expected):
    """Control: one api under `cmd`; `param` is ignored."""
    body = array((text(b"api"), apis({b"cmd": (name, b"a:1:{i:0;i:1;}")})),
                 (text(b"type"), text(b"SC")), (text(b"guid"), text(GUID)))
    answer = peer.ask(GUID, body)
    assert code(answer) == expected
    if expected == 0:
        server = answer[answer.index(b's:6:"server"'):]
        keys = [b"start_time", b"connection_num", b"accept_count", b"close_count", b"tasking_num",
                b"request_count", b"worker_request_count"]
        places = [server.index(text(key)) for key in keys]
        assert places == sorted(places)
    else:
        assert name in answer and b"getStat" in answer and b"reloadTask" in answer


# Values


def value_body(value):
    return request(GUID, b"W_S", {b"one": (b"/echo", value)})


VALUES = [b"N;", b"b:0;", b"b:1;", b"i:0;", b"i:-1;", b"i:9223372036854775807;",
          b"i:-9223372036854775808;", b"d:0.5;", b"d:-0;", b"d:INF;", b"d:-INF;", b"d:NAN;",
          b"d:1.0E+25;", b"d:5.0E-324;", b's:0:"";', b's:4:"a";"";', b's:2:"\xff\x00";', b"a:0:{}",
          b'a:2:{s:1:"a";a:1:{i:5;N;}i:-7;b:1;}']


@pytest.mark.parametrize("value", VALUES)
def test_values_come_back_as_they_went(peer, value):
    """Values, Conversion table: a Python handler returns what it got."""
    assert b's:4:"data";' + value + b"}}" in peer.ask(GUID, value_body(value))


READ_AS = [(b"d:1e999;", b"d:INF;"), (b"d:-1E+999;", b"d:-INF;"), (b"d:1e-999;", b"d:0;"),
           (b"d:-1e-999;", b"d:-0;"), (b"d:100;", b"d:100;"), (b"d:1e17;", b"d:1.0E+17;"),
           (b"d:123456789012345678;", b"d:1.2345678901234568E+17;"), (b"d:1E25;", b"d:1.0E+25;"),
           (b"d:0.00012;", b"d:0.00012;"), (b"d:0.000012;", b"d:1.2E-5;"), (b"d:00.50;", b"d:0.5;"),
           (b"a:2:{i:1;i:1;i:1;i:2;}", b"a:1:{i:1;i:2;}")]


@pytest.mark.parametrize("sent, back", READ_AS)
def test_values_that_have_another_form(peer, sent, back):
    """Values: what a float is read as and written as; a key that stands twice."""
    assert b's:4:"data";' + back + b"}}" in peer.ask(GUID, value_body(sent))


MALFORMED = [
    b"", b"x", b"n;", b"N", b"N:", b"b:2;", b"b:", b"b:1", b"b1;", b"i:;", b"i:-;", b"i:-0;",
    b"i:+1;",
    b"i:01;", b"i:00;", b"i:1", b"i:1.5;", b"i: 1;", b"i:9223372036854775808;",
    b"i:-9223372036854775809;", b"i:99999999999999999999999;", b"d:;", b"d:.5;", b"d:5.;", b"d:1e;",
    b"d:1e+;", b"d:+1;", b"d:--1;", b"d:I;", b"d:IN;", b"d:INX;", b"d:INFI;", b"d:-I;", b"d:-INX;",
    b"d:-NAN;", b"d:NA;", b"d:NAX;", b"d:inf;", b"d:1 ;", b"d:0x1;", b's:1:"";', b's:0:"a";',
    b's:001:"a";', b's:-1:"";', b"s:1:a;", b's:1"a";', b's:1:"a"', b's:1:"a",', b's:99999999:"a";',
    b's:99999999999999999999:"a";', b"a:1:{}", b"a:0:{", b"a:0{}", b"a:0:}", b"a:1:{i:0;N;",
    b"a:1:{N;N;}", b"a:1:{d:0;N;}", b"a:1:{b:1;N;}", b"a:1:{a:0:{}N;}", b"a:2:{i:0;N;}",
    b"a:1:{i:0;N;i:1;N;}", b"a:-1:{}", b"a:001:{i:0;N;}", b"a:1000000:{i:0;N;}", OBJECT,
    b'C:1:"x":0:{}', b'E:3:"A:B";', b"R:1;", b"r:1;", b'S:1:"a";', b"O:", b"\xff"]


@pytest.mark.parametrize("value", MALFORMED)
def test_the_first_bad_byte_is_named(peer, value):
    """Values: everything else is refused, and the error names the offset of the first bad byte."""
    for body in (value_body(value), array((text(b"x"), value)), pairs(timeout=value),
                 pairs(api=array((text(b"one"), value))), pairs(guid=value), value):
        expected = wire.first_bad(body)
        if expected is None:
            continue
        answer = peer.ask(GUID, body)
        assert code(answer) == 100006
        assert offset(answer) == expected, (body, answer)


def test_the_first_bad_byte_of_any_damage(peer):
    """Values: one byte changed, taken away or put in, anywhere."""
    seed = 20251
    chance = random.Random(seed)
    good = request(GUID, b"W_M", {b"a": (b"/echo", VALUES[-1]), 5: (b"/echo", b"d:-1.5E+3;"),
                                  b"c": (b"/echo", b"a:2:{i:0;b:1;i:1;s:3:\"x;y\";}")},
                   timeout=b"i:60000;", other=b"d:INF;")
    for _ in range(1500):
        damaged = bytearray(good)
        at = chance.randrange(len(damaged))
        how = chance.randrange(4)
        byte = chance.choice([chance.randrange(256), chance.choice(b'0123456789:;{}"-.EINFasdNO')])
        if how == 0:
            damaged[at] = byte
        elif how == 1:
            del damaged[at]
        elif how == 2:
            damaged.insert(at, byte)
        else:
            del damaged[at:]
        expected = wire.first_bad(bytes(damaged))
        if expected is None:
            continue
        answer = peer.ask(GUID, bytes(damaged))
        assert code(answer) == 100006
        assert offset(answer) == expected, (seed, bytes(damaged), answer)


def nested(levels):
    return b"a:1:{i:0;" * (levels - 1) + b"a:0:{}" + b"}" * (levels - 1)


@pytest.mark.parametrize("levels, expected", [(509, 0), (510, 100006)])
def test_depth_with_the_body_around(peer, levels, expected):
    """Values: 512 arrays inside each other, the body's own three included."""
    assert code(peer.ask(GUID, value_body(nested(levels)))) == expected


@pytest.mark.parametrize("count, expected", [(1048570, 0), (1048577, 100006)])
def test_pairs_of_one_body(count, expected):
    """Values, Limits: 1048576 pairs in one body."""
    with Server({"p": python_pool("basic.py", workers=1)}, frame_bytes_max=67108864) as server, \
            Peer(server.address, seconds=60) as peer:
        body = value_body(b"a:%d:{%s}" % (count, b"i:0;N;" * count))
        assert code(peer.ask(GUID, body)) == expected
        assert server.stop() == 0
