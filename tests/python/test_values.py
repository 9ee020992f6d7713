"""Python values to bytes and back: the table of PROTOCOL.md, section "Values"."""

import collections
import enum
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import dora
from dora.wire import pack, unpack


class Color(enum.IntEnum):
    RED = 3


class Name(str):
    pass


TABLE = [
    (None, b"N;"),
    (True, b"b:1;"),
    (False, b"b:0;"),
    (0, b"i:0;"),
    (-1, b"i:-1;"),
    (2**63 - 1, b"i:9223372036854775807;"),
    (-(2**63), b"i:-9223372036854775808;"),
    (0.1, b"d:0.1;"),
    (1.0, b"d:1;"),
    (-0.0, b"d:-0;"),
    (1e100, b"d:1.0E+100;"),
    (math.inf, b"d:INF;"),
    (-math.inf, b"d:-INF;"),
    ("", b's:0:"";'),
    ("a", b's:1:"a";'),
    ("é", b's:2:"\xc3\xa9";'),
    ("\0;\"", b's:3:"\x00;"";'),
    ("\U0001f600", b's:4:"\xf0\x9f\x98\x80";'),
    (b"\xff\x00", b's:2:"\xff\x00";'),
    ([], b"a:0:{}"),
    ([1, [2]], b"a:2:{i:0;i:1;i:1;a:1:{i:0;i:2;}}"),
    ({"a": 1, "b": {}}, None),
    ({1: "x"}, b'a:1:{i:1;s:1:"x";}'),
    ({-5: None, "k": None}, b'a:2:{i:-5;N;s:1:"k";N;}'),
    ({"": 1}, b'a:1:{s:0:"";i:1;}'),
    ({b"\xff": 1}, b'a:1:{s:1:"\xff";i:1;}'),
]


@pytest.mark.parametrize("value,encoded", TABLE)
def test_every_value_has_its_bytes(value, encoded):
    packed = pack(value)
    if encoded is not None:
        assert packed == encoded
        back = unpack(packed)
        assert back == value and type(back) is type(value)
        assert math.copysign(1, back) == math.copysign(1, value) if value == 0.0 else True


def test_one_way():
    assert math.isnan(unpack(pack(math.nan)))
    assert unpack(pack((1, 2))) == [1, 2]
    assert unpack(pack(bytearray(b"\xff"))) == b"\xff"
    assert unpack(pack(memoryview(b"abc")[1:])) == b"bc"
    assert unpack(pack(Color.RED)) == 3
    assert unpack(pack(Name("x"))) == "x"
    assert unpack(pack(collections.OrderedDict(a=1))) == {"a": 1}
    assert unpack(pack(collections.defaultdict(list, b=[1]))) == {"b": [1]}


@pytest.mark.parametrize(
    "encoded,value",
    [
        (b"a:2:{i:1;i:7;i:0;i:8;}", {1: 7, 0: 8}),
        (b"a:2:{i:0;i:7;i:2;i:8;}", {0: 7, 2: 8}),
        (b'a:2:{i:0;i:7;s:1:"a";i:8;}', {0: 7, "a": 8}),
        (b'a:2:{s:1:"a";i:8;i:0;i:7;}', {"a": 8, 0: 7}),
        (b"a:3:{i:0;i:7;i:1;i:8;i:1;i:9;}", {0: 7, 1: 9}),
        (b'a:2:{s:1:"a";i:1;s:1:"a";i:2;}', {"a": 2}),
        (b's:3:"\xed\xa0\x80";', b"\xed\xa0\x80"),
    ],
)
def test_arrays_that_are_no_lists(encoded, value):
    back = unpack(encoded)
    assert back == value and type(back) is type(value)
    if isinstance(value, dict):
        assert list(back) == list(value)


@pytest.mark.parametrize(
    "value,error,text",
    [
        ({"rows": [1, 2, 3, 1j]}, TypeError, "$.rows[3]: no value on the wire for type complex"),
        ({"a": {"b c": 2**63}}, OverflowError, "$.a['b c']: an integer that does not fit"),
        ([-(2**63) - 1], OverflowError, "$[0]"),
        ({7: object()}, TypeError, "$[7]: "),
        ({True: 1}, TypeError, "a key must be int or str, not bool"),
        ({"x": {1.5: 1}}, TypeError, "$.x[1.5]: a key must be int or str, not float"),
        ({2**64: 1}, OverflowError, "$[18446744073709551616]"),
        (["\ud800"], ValueError, "$[0]: a str with lone surrogates"),
        ([complex(1)], TypeError, "$[0]: no value on the wire for type complex"),
    ],
)
def test_values_without_bytes_are_refused(value, error, text):
    with pytest.raises(error) as info:
        pack(value)
    assert text in str(info.value)


def nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_depth_has_a_limit():
    assert unpack(pack(nested(512))) == nested(512)
    with pytest.raises(ValueError, match="deeper than 512"):
        pack(nested(513))
    loop = {}
    loop["self"] = loop
    with pytest.raises(ValueError, match="deeper than 512"):
        pack(loop)
    inside = b"a:0:{}"
    for _ in range(512):
        inside = b"a:1:{i:0;" + inside + b"}"
    with pytest.raises(ValueError, match="at byte"):
        unpack(inside)


def test_bytes_max():
    assert len(pack("x" * 100, bytes_max=109)) == 109
    with pytest.raises(dora.Error) as info:
        pack("x" * 101, bytes_max=108)
    assert info.value.code == 100206
    with pytest.raises(ValueError):
        pack(1, bytes_max=0)


@pytest.mark.parametrize(
    "encoded",
    [
        b"", b"i:1", b"i:;", b"i:99999999999999999999;", b"x", b"s:-1:\"\";", b's:5:"ab";',
        b"a:4294967295:{}", b"a:1:{}", b"a:1:{i:0;i:1;", b"a:1:{d:1;i:1;}", b"N;N;", b"b:2;",
        b'O:8:"stdClass":0:{}', b"R:1;", b"a:1:{i:0;r:1;}", b'C:1:"a":0:{}', b'E:3:"A:B";',
    ],
)
def test_malformed_bytes_are_refused(encoded):
    with pytest.raises(ValueError, match="at byte"):
        unpack(encoded)


KEYS = st.integers(-(2**63), 2**63 - 1) | st.text()
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
    max_leaves=40,
)


@given(VALUES)
def test_round_trip(value):
    packed = pack(value)
    assert unpack(packed) == value
    assert pack(unpack(packed)) == packed


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data):
    try:
        unpack(data)
    except ValueError as error:
        assert "at byte" in str(error)


def test_a_cut_value_is_refused_everywhere():
    packed = pack({"a": [1, 2.5, "text", None, True], "b": {"c": -1}})
    for end in range(len(packed)):
        with pytest.raises(ValueError):
            unpack(packed[:end])
