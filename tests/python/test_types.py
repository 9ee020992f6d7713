"""Values of Python's own types: every Python row of the conversion table, and `encode`."""

import asyncio
import collections
import dataclasses
import datetime
import decimal
import enum
import gc
import ipaddress
import math
import pathlib
import re
import subprocess
import sys
import types
import typing
import uuid
import weakref

import pytest

import dora
from dora.wire import pack, unpack

PROTOCOL = pathlib.Path(__file__).resolve().parents[2] / "core/PROTOCOL.md"
UTC = datetime.timezone.utc


class Color(enum.Enum):
    RED = "red"
    PAIR = (1, "x")


class Bits(enum.Flag):
    ONE = 1
    TWO = 2


class Start(enum.Enum):
    ZERO = 0


class Chained(enum.Enum):
    ID = uuid.UUID(int=7)


class Path(pathlib.PurePosixPath):
    """Equal to none of the other class."""

    def __eq__(self, other):
        return self is other

    __hash__ = pathlib.PurePosixPath.__hash__


class Label(str, enum.Enum):
    ONE = "x"

    def __new__(cls, text):
        made = str.__new__(cls, text)
        made._value_ = 1
        return made


class Number(enum.IntEnum):
    SEVEN = 7


class Point(typing.NamedTuple):
    x: int
    y: typing.Any = None


Old = collections.namedtuple("Old", ["a"])


@dataclasses.dataclass
class Item:
    name: str
    price: decimal.Decimal = decimal.Decimal("1.10")
    parts: list = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Slotted:
    __slots__ = ("a",)
    a: int


class Money:
    def __init__(self, cents):
        self.cents = cents


def as_read(value):
    return unpack(pack(value))


# What each row says, by its text: values, and what is read where they were written.
ROWS = {
    "`tuple`": [((1, (2,)), [1, [2]])],
    "named tuple, dataclass, model of pydantic or attrs": [
        (Point(1), {"x": 1, "y": None}),
        (Point(1, [Point(2)]), {"x": 1, "y": [{"x": 2, "y": None}]}),
        (Old(b"x"), {"a": b"x"}),
        (Item("pen"), {"name": "pen", "price": "1.10", "parts": []}),
        (Item("box", parts=[Item("lid")]), {
            "name": "box", "price": "1.10",
            "parts": [{"name": "lid", "price": "1.10", "parts": []}]}),
        (Slotted(1), {"a": 1}),
    ],
    "other `Mapping`": [
        (types.MappingProxyType({"a": {1}}), {"a": [1]}),
        (collections.UserDict(b=1), {"b": 1}),
        (collections.ChainMap({}, {0: 1}), {0: 1}),
    ],
    "`set`, `frozenset`, `deque`": [
        ({1}, [1]), (frozenset(), []), (collections.deque([1, {2}]), [1, [2]])],
    "`Enum`": [
        (Color.RED, "red"), (Color.PAIR, [1, "x"]), (Bits.ONE | Bits.TWO, 3), (Number.SEVEN, 7),
        (Label.ONE, 1)],
    "`datetime`, `date`, `time`": [
        (datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "2026-01-02T03:04:05+00:00"),
        (datetime.datetime(2026, 1, 2, 3, 4, 5, 60), "2026-01-02T03:04:05.000060"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.time(3, 4), "03:04:00"),
    ],
    "`timedelta`": [
        (datetime.timedelta(1, 7384, 500000), "P1DT2H3M4.5S"),
        (datetime.timedelta(400), "P400D"),
        (datetime.timedelta(0), "PT0S"),
        (datetime.timedelta(seconds=90), "PT1M30S"),
        (datetime.timedelta(hours=1, microseconds=5), "PT1H0.000005S"),
        (-datetime.timedelta(days=1, seconds=1), "-P1DT1S"),
        (datetime.timedelta.min, "-P999999999D"),
    ],
    "`Decimal`, `UUID`, `Path`, what `ipaddress` has": [
        (decimal.Decimal("0.10"), "0.10"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (pathlib.Path("/a/b"), "/a/b"),
        (pathlib.PureWindowsPath("c:/x"), "c:\\x"),
        (ipaddress.ip_address("127.0.0.1"), "127.0.0.1"),
        (ipaddress.ip_address("::1"), "::1"),
        (ipaddress.ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (ipaddress.ip_interface("10.0.0.1/8"), "10.0.0.1/8"),
    ],
    "scalar or array of numpy": [],  # below: not every machine has it
    "`NaT` of numpy and pandas, `NA` of pandas": [],
    "`bytes`, `bytearray`, `memoryview`": [
        (b"a", b"a"), (bytearray(b"a"), b"a"), (memoryview(b"\xff"), b"\xff"),
        (memoryview(b"abcdef")[::2], b"ace"), (memoryview(b"abc")[::-1], b"cba")],
    "`{}`, `dict` with the keys 0..n-1 in order": [({}, {}), ({0: 1}, {0: 1})],
    "`bytes` key that is valid UTF-8": [({b"a": 1}, {"a": 1}), ({b"a": 1, "a": 2}, ValueError)],
    "`dict` with `str` keys like `\"7\"`": [({"7": 1}, {"7": 1})],
    "`bool` as a value": [(True, True)],
    "`int` outside 64 bits": [(2**63, OverflowError)],
    "`str` with a lone surrogate": [("\ud800", ValueError)],
    "`dict` key that is text or an integer by the rows above: `Enum`, `UUID`, a date": [
        ({Color.RED: {Color.RED: 1}}, {"red": {"red": 1}}),
        ({"a": 1, uuid.UUID(int=5): 2}, {"a": 1, "00000000-0000-0000-0000-000000000005": 2}),
        ({datetime.date(2026, 1, 2): 1, datetime.time(3): 2}, {"2026-01-02": 1, "03:00:00": 2}),
        ({datetime.datetime(2026, 1, 2, tzinfo=UTC): 1}, {"2026-01-02T00:00:00+00:00": 1}),
        ({pathlib.Path("/a"): 1, ipaddress.ip_address("::1"): 2}, {"/a": 1, "::1": 2}),
        ({Bits.TWO: 1, Bits.ONE: 2}, {2: 1, 1: 2}),
        ({Start.ZERO: "a", 1: "b"}, {0: "a", 1: "b"}),  # marked: no list
        ({0: "a", Bits.ONE: "b"}, {0: "a", 1: "b"}),
        ({Chained.ID: 1}, {"00000000-0000-0000-0000-000000000007": 1}),
        ({Color.RED: 1, "red": 2}, ValueError),
        ({b"red": 1, Color.RED: 2}, ValueError),
        ({1: "a", Bits.ONE: 2}, ValueError),
        ({Path("/a"): 1, pathlib.PurePosixPath("/a"): 2}, ValueError),
    ],
    "any other `dict` key: `None`, `bool`, `float`, `tuple`": [
        ({1.5: 1}, TypeError), ({None: 1}, TypeError), ({True: 1}, TypeError),
        ({(1, 2): 1}, TypeError), ({Point(1): 1}, TypeError), ({Color.PAIR: 1}, TypeError),
        ({frozenset(): 1}, TypeError), ({Slotted(1): 1}, TypeError), ({object(): 1}, TypeError),
        ({Color.RED: 1, None: 2}, TypeError)],
    "any other type": [
        (object(), TypeError), (1j, TypeError), (range(2), TypeError), (Item, TypeError),
        (iter([1]), TypeError)],
}


def test_the_table_has_these_rows():
    said = re.findall(r"^\| Python \| (.+?) \|", PROTOCOL.read_text("utf-8"), re.M)
    assert said == list(ROWS)


@pytest.mark.parametrize("value, expected", [
    pytest.param(*case, id="%s %d" % (row, at)) for row, cases in ROWS.items()
    for at, case in enumerate(cases)])
def test_a_value_is_written_as_its_row_says(value, expected):
    if isinstance(expected, type) and issubclass(expected, Exception):
        with pytest.raises(expected, match=r"^\$"):
            pack(value)
        return
    assert repr(as_read(value)) == repr(expected)
    assert repr(as_read({"in": [value]})) == repr({"in": [expected]})


def test_numpy_values_are_numbers_and_lists():
    numpy = pytest.importorskip("numpy")
    assert repr(as_read([numpy.int64(7), numpy.float32(0.5), numpy.bool_(True), numpy.str_("a")])) \
        == "[7, 0.5, True, 'a']"
    assert as_read(numpy.arange(6).reshape(2, 3)) == [[0, 1, 2], [3, 4, 5]]
    assert as_read(numpy.array(5)) == 5
    assert as_read({"when": numpy.datetime64("2026-01-02")}) == {"when": "2026-01-02"}
    assert math.isnan(as_read(numpy.float64("nan")))
    with pytest.raises(TypeError, match=r"^\$\[1\]: no value on the wire for type complex"):
        pack([1, numpy.complex128(1)])
    assert as_read(numpy.longdouble(0.5)) == 0.5 and as_read(numpy.array([1], "g")) == [1.0]


def test_numpy_integers_are_keys_and_its_other_scalars_are_not():
    numpy = pytest.importorskip("numpy")
    assert as_read({numpy.int64(7): 1, numpy.uint8(8): 2}) == {7: 1, 8: 2}
    assert as_read({numpy.int64(0): "a", numpy.int64(1): "b"}) == {0: "a", 1: "b"}
    assert as_read({numpy.str_("a"): 1}) == {"a": 1}
    for key in numpy.float64(1.5), numpy.bool_(True):
        with pytest.raises(TypeError, match=r"a key must be int or str, not "):
            pack({key: 1})


def test_a_key_that_does_not_fit_is_told_with_its_path():
    with pytest.raises(ValueError, match=r"^\$\.in\[<Color.RED: 'red'>\]: another key stands for "):
        pack({"in": {"red": 1, Color.RED: 2}})
    with pytest.raises(TypeError, match=r"^\$\[\(1, 2\)\]: a key must be int or str, not tuple"):
        pack({"a": 1, (1, 2): 2})
    with pytest.raises(TypeError, match=r"^\$\[<Color.RED: 'red'>\]: no value .* type Money"):
        pack({Color.RED: Money(1)})


def test_numpy_dates_and_durations_are_text_in_each_unit():
    numpy = pytest.importorskip("numpy")
    date, span = numpy.datetime64, numpy.timedelta64
    for value, expected in [
            (date("2026-01-02T03:04:05", "ns"), "2026-01-02T03:04:05.000000000"),
            (date("2026-01-02T03:04:05", "s"), "2026-01-02T03:04:05"), (date("NaT"), None),
            (span(90, "s"), "PT1M30S"), (span(-5, "ns"), "-PT0.000000005S"), (span("NaT"), None),
            (span(3, "W"), "P21D"), (span(-2, "Y"), "-P2Y"), (span(3, "25ns"), "PT0.000000075S"),
            (numpy.array(["2026-01-02", "NaT"], "M8[D]"), ["2026-01-02", None]),
            (numpy.array([[1]], "m8[ns]"), [["PT0.000000001S"]]),
            (numpy.array([("2026-01-02", 1)], [("a", "M8[ns]"), ("b", "i4")]),
             [["2026-01-02T00:00:00.000000000", 1]])]:
        assert as_read([value]) == [expected]


def test_what_pandas_has_in_place_of_a_value_is_null():
    class NotATime(datetime.datetime):  # as pandas.NaT: not every machine has it
        __hash__ = None

        def __eq__(self, other):
            return False

    assert as_read({"when": NotATime(2026, 1, 2)}) == {"when": None}
    pandas = pytest.importorskip("pandas")
    assert as_read([pandas.NaT, pandas.NA, pandas.Timedelta(5, "ns")]) == [
        None, None, "PT0.000000005S"]


def test_an_object_that_contains_itself_is_refused_with_its_path():
    item = Item("chain")
    item.parts.append(item)
    with pytest.raises(ValueError, match=r"^\$\.\.\..*\.parts\[0\].*: nested deeper than "):
        pack(item)


def test_a_memoryview_that_is_released_is_refused():
    view = memoryview(b"abc")
    view.release()
    with pytest.raises(ValueError, match=r"^\$\.a: a memoryview that has been released$"):
        pack({"a": view})


def test_pydantic_models_are_maps():
    pydantic = pytest.importorskip("pydantic")

    class Part(pydantic.BaseModel):
        size: decimal.Decimal
        tags: set = {1}

    class Thing(pydantic.BaseModel):
        parts: list[Part]
        kind: str = pydantic.Field("k", alias="type")

    thing = Thing(parts=[Part(size="1.50")])
    assert as_read({"x": thing}) == {"x": {"parts": [{"size": "1.50", "tags": [1]}], "type": "k"}}


def test_attrs_models_are_maps():
    attr = pytest.importorskip("attr")

    @attr.s(slots=True)
    class Part:
        a = attr.ib()

    assert as_read(Part(Part({1}))) == {"a": {"a": [1]}}


def test_an_error_names_the_path():
    with pytest.raises(TypeError) as raised:
        pack({"items": [0, 1, 2, Item("pen", price=Money(1))]})
    assert str(raised.value) == "$.items[3].price: no value on the wire for type Money"


def money_or_not(value):
    if isinstance(value, Money):
        return {"cents": value.cents, "when": datetime.date(2026, 1, 2)}
    return NotImplemented


MONEY = {"cents": 5, "when": "2026-01-02"}
SERVED = """
import dora

class Money:
    cents = 5

def encode(value):
    if isinstance(value, Money):
        return {"cents": value.cents}
    raise TypeError("nothing for " + type(value).__name__)

app = dora.App(encode=encode)

@app.api("/echo")
def echo(param):
    return param

@app.api("/money")
def money(param):
    return [Money()]

@app.api("/odd")
def odd(param):
    return {"x": [object()]}

@app.api("/async")
async def money_async(param):
    return Money()
"""


def test_encode_takes_what_is_left(serve):
    server = serve(SERVED)
    with dora.Client(server.node, encode=money_or_not) as client:
        assert client.call("/echo", {"m": Money(5)}) == {"m": MONEY}
        assert client.call_many({"a": ("/echo", [Money(5)])}) == {"a": [MONEY]}
        assert client.submit("/echo", Money(5)).result(timeout=10) == MONEY
        with pytest.raises(TypeError, match=r"^\$\.m\[0\]: no value on the wire for type object$"):
            client.call("/echo", {"m": [object()]})
        assert client.call("/money") == [{"cents": 5}]
        assert client.call("/async") == {"cents": 5}
        with pytest.raises(dora.HandlerError, match="nothing for object"):
            client.call("/odd")


def test_encode_of_an_async_client(serve):
    server = serve(SERVED)

    async def ask():
        async with dora.AsyncClient(server.node, encode=money_or_not) as client:
            return await client.call("/echo", Money(5))

    assert asyncio.run(ask()) == MONEY


def test_encode_must_be_callable():
    for make in (lambda: dora.App(encode=1), lambda: dora.Client("127.0.0.1:1", encode="x"),
                 lambda: dora.AsyncClient("127.0.0.1:1", encode=[])):
        with pytest.raises(TypeError, match="^encode must be callable, not "):
            make()
    dora.App(encode=None)


def test_encode_that_gives_the_same_value_is_refused(serve):
    with dora.Client("127.0.0.1:1", encode=lambda value: value) as client:
        with pytest.raises(TypeError, match="no value on the wire for type object"):
            client.call("/x", object())


def test_encode_that_goes_on_for_ever_ends():
    with dora.Client("127.0.0.1:1", encode=lambda value: Money(1)) as client:
        with pytest.raises(ValueError, match=r"^\$\[0\]: what stands for it never has a place"):
            client.call("/x", [Money(0)])


def test_a_small_stack_is_enough_to_refuse_what_goes_on_for_ever():
    code = """
import sys, threading, dora
sys.setrecursionlimit(10**6)
threading.stack_size(128 * 1024)
class Money: pass
def run():
    nest = lambda value: [Money()]
    for encode in (lambda value: Money(), nest):
        try:
            dora.Client("127.0.0.1:1", encode=encode).call("/x", Money())
        except ValueError as error:
            print("refused")
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "refused\nrefused\n"), done.stderr


def test_an_exception_of_a_value_keeps_its_own_and_says_where():
    class Bad(dict):
        def items(self):
            raise ValueError("db closed")

    half = object.__new__(Item)
    for value, kind in ((Bad(a=1), ValueError), (half, AttributeError)):
        with pytest.raises(kind) as raised:
            pack({"rows": [1, value]})
        if sys.version_info >= (3, 11):  # before, an exception has no notes
            assert raised.value.__notes__ == ["while $.rows[1] was written"]


def test_a_client_in_its_own_encode_is_collected():
    class Box:
        pass

    def make():
        box = Box()
        box.client = dora.Client("127.0.0.1:1", encode=lambda value: box)
        return weakref.ref(box)

    gone = make()
    gc.collect()
    assert gone() is None
