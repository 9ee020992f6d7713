"""FastAPI with AsyncClient: an endpoint says the same, byte for byte, with its logic in itself and
behind Dora."""

import asyncio
import contextlib
import importlib
import json
import sys
import urllib.request

import pytest

import dora
from dora.testing import Server

fastapi = pytest.importorskip("fastapi")

# Both sides load this: what an application does, the endpoint's own function and the handler.
LOGIC = '''
import datetime
import decimal
import enum
import ipaddress
import uuid
from typing import Any, Optional, Union

import dora
from pydantic import BaseModel, Field


class Kind(enum.Enum):
    SOFT = "soft"
    HARD = "hard"


class Part(BaseModel):
    name: str
    size: Optional[decimal.Decimal] = None
    tags: set[str] = set()
    parts: list["Part"] = []


class Order(BaseModel):
    number: int
    ratio: float
    when: datetime.datetime
    day: Optional[datetime.date] = None
    at: Optional[datetime.time] = None
    left: datetime.timedelta = datetime.timedelta(seconds=90)
    kind: Kind = Kind.SOFT
    key: uuid.UUID = uuid.UUID(int=5)
    origin: Union[ipaddress.IPv4Address, ipaddress.IPv6Address, None] = None
    shipped: Optional[str] = Field(None, alias="shippedBy")
    parts: list[Part] = []
    by_name: dict[str, Part] = {}
    extra: dict[str, Any] = {}
    pair: tuple[int, str] = (1, "a")
    either: Union[int, str, None] = None
    raw: bytes = b""


def echo(param: Any) -> Any:
    return param


def order(param: Order) -> Order:
    return param


def orders(param: list[Order]) -> dict[str, list[Order]]:
    return {"all": param, "none": []}


def total(param: Order) -> dict[str, Optional[decimal.Decimal]]:
    return {part.name: part.size for part in param.parts}


def plain(param: Any) -> Any:
    """What has one text in JSON, whoever writes it: a time of UTC has two, Z and +00:00."""
    return {
        "empty": [{}, [], "", {"": {}}, [[]], [{}]],
        "when": datetime.datetime(2026, 1, 2, 3, 4, 5, 60),
        "day": datetime.date(2026, 1, 2), "at": datetime.time(3, 4), "kind": Kind.HARD,
        "key": uuid.UUID(int=7), "origin": ipaddress.ip_address("::1"), "set": {"a"},
        "model": Part(name="x", parts=[Part(name="y", size="1.10", tags={"t"})]),
        "tuple": (1, (2.0, None)), "keys": {"0": 0, "1": 1}, "text": "\\U0001f600\\0",
    }


app = dora.App(typed=True)
for function in (echo, order, orders, total, plain):
    app.api("/" + function.__name__)(function)
'''
PLAIN = [
    {}, [], [[], {}], {"a": {}, "b": [], "c": {"d": {}}}, {"0": "a", "1": "b"}, {"1": 1, "0": 0},
    {"": {"": None}}, None, True, False, 0, -1, 1, 1.0, -0.0, 0.1, 1e-7, 1e22, 1e15, 1.5e300,
    5e-324, 123456789.12345679, 2**53 + 1, 2**63 - 1, -2**63, "", "\0", "a\0b", "\u00e9\u4e2d",
    "\U0001f600", "\ufffd\uffff", "\"\\/\b\f\n\r\t\u2028", "</script>", {"b": 1, "a": 2, "B": 3},
    {"\0": 1, "\U0001f600": {}}, [1, 1.0, "1", True, None], [[[[[[[[[[{}]]]]]]]]]],
    {"guid": 1, "code": 0, "msg": "OK", "data": []}, {"a": [{"b": [{"c": [{}]}]}]}]
PART = {"name": "lid", "size": "1.10", "tags": ["a"], "parts": [{"name": "pin", "parts": []}]}
ORDER = {"number": 7, "ratio": 1, "when": "2026-01-02T03:04:05Z"}
ORDERS = [
    ORDER,
    {**ORDER, "ratio": 1e-7, "when": "2026-01-02T03:04:05.000060+05:30", "day": "2026-01-02",
     "at": "03:04:05", "left": "-PT0.5S", "kind": "hard",
     "key": "00000000-0000-0000-0000-00000000000a", "origin": "::1", "shippedBy": "\U0001f600",
     "parts": [PART, PART], "by_name": {"0": PART, "1": PART}, "either": "7", "raw": "abc",
     "extra": {"a": {}, "b": [], "c": 1.0, "d": None, "0": {"0": {}}}, "pair": [2, "b"]},
    {**ORDER, "number": 2**63 - 1, "ratio": -0.0, "either": 7, "extra": {}, "by_name": {}},
    {**ORDER, "origin": "127.0.0.1", "raw": "\u00e9", "when": "2026-01-02T03:04:05"}]
CALLS = ([("/echo", each) for each in PLAIN] + [("/order", each) for each in ORDERS] +
         [("/orders", []), ("/orders", ORDERS), ("/plain", None), ("/total", ORDERS[1]),
          ("/total", {**ORDER, "parts": [{"name": "x"}]})])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """The FastAPI application: each function as /own/NAME and, by AsyncClient, as /dora/NAME."""
    folder = tmp_path_factory.mktemp("bodies")
    (folder / "logic_of_bodies.py").write_text(LOGIC, encoding="utf-8")
    sys.path.insert(0, str(folder))
    logic = importlib.import_module("logic_of_bodies")
    sys.path.remove(str(folder))
    with Server(folder / "logic_of_bodies.py", workers=1, http=True) as server:
        api = api_of(logic, server.address)
        api.state.http = server.http
        yield api


def api_of(logic, address):
    @contextlib.asynccontextmanager
    async def lifespan(api):
        async with dora.AsyncClient(address, timeout=10.0) as api.state.client:
            yield

    api = fastapi.FastAPI(lifespan=lifespan)
    for name in ("echo", "order", "orders", "total", "plain"):
        add(api, "/" + name, getattr(logic, name))
    return api


def add(api, name, function):
    wanted, given = function.__annotations__["param"], function.__annotations__["return"]

    async def own(param: wanted = fastapi.Body()) -> given:
        return function(param)

    async def by_dora(param: wanted = fastapi.Body()) -> given:
        return await api.state.client.call(name, param)

    api.post("/own" + name)(own)
    api.post("/dora" + name)(by_dora)


async def post(api, path, body):
    """What an ASGI server would send. Returns: (status, body)."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST",
             "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
             "root_path": "", "headers": [(b"content-type", b"application/json")],
             "client": ("127.0.0.1", 1), "server": ("api", 80)}
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await api(scope, receive, send)
    return sent[0]["status"], b"".join(each.get("body", b"") for each in sent)


def asked(api, *questions):
    """The answers to (path, body), of one run of the application."""
    async def ask():
        async with api.router.lifespan_context(api):
            return [await post(api, path, body) for path, body in questions]

    return asyncio.run(ask())


@pytest.mark.parametrize("name, param", [
    pytest.param(*call, id="%s %d" % (call[0][1:], at)) for at, call in enumerate(CALLS)])
def test_the_body_is_the_same_byte_for_byte(both, name, param):
    body = json.dumps(param).encode()
    own, by_dora = asked(both, ("/own" + name, body), ("/dora" + name, body))
    assert own[0] == 200
    assert by_dora == own


def test_what_fastapi_refuses_never_reaches_a_handler(both):
    body = json.dumps({"number": "x"}).encode()
    own, by_dora = asked(both, ("/own/order", body), ("/dora/order", body))
    assert own[0] == 422 and by_dora == own


@pytest.mark.parametrize("param, kind, said", [
    ({"n": [2**63]}, OverflowError, r"^\$\.n\[0\]: an integer that does not fit 64 bits$"),
    ({"a": "\ud83d"}, ValueError, r"^\$\.a: a str with lone surrogates, which UTF-8 cannot hold$"),
])
def test_what_the_wire_has_no_place_for_is_refused_by_its_path(both, param, kind, said):
    with pytest.raises(kind, match=said):
        asked(both, ("/dora/echo", json.dumps(param).encode()))


def outcome(api, path, body):
    try:
        return asked(api, (path, body))
    except ValueError as error:  # FastAPI before 0.130 refuses what JSON has no word for
        return str(error)


def test_what_json_has_no_word_for_comes_to_the_same(both):
    for body in (b"[NaN]", b'{"a": Infinity}'):
        assert outcome(both, "/own/echo", body) == outcome(both, "/dora/echo", body)


@pytest.mark.parametrize("param", PLAIN, ids=range(len(PLAIN)))
def test_the_door_for_http_says_the_same_value(both, param):
    body = json.dumps(param).encode()
    (_, own), = asked(both, ("/own/echo", body))
    request = urllib.request.Request(both.state.http + "/call/echo", body, method="POST")
    with urllib.request.urlopen(request) as answer:
        assert strictly(answer.read()) == strictly(own)


def strictly(text):
    """With the order of keys, and int and float apart."""
    return repr(json.loads(text, object_pairs_hook=lambda pairs: ("map", pairs)))
