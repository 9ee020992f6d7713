"""Typed handlers: parameters and results as their annotations say."""

import datetime
import decimal
import enum
import functools
import json
import subprocess
import sys
import typing
import urllib.error
import urllib.request
from pathlib import Path

import pydantic
import pytest
import typing_extensions

import dora
from support import openapi
from support.metrics import admin_of, ask
from support.server import Server, python_pool


class Line(pydantic.BaseModel):
    name: str
    price: decimal.Decimal
    tags: set[str] = set()


class Order(pydantic.BaseModel):
    items: list[Line]
    when: datetime.date
    note: str = pydantic.Field("", alias="n o t e")


class Color(enum.Enum):
    RED = "red"


class Point(typing_extensions.TypedDict):  # before 3.12 pydantic wants this one
    x: int
    y: typing_extensions.NotRequired[int]


def app_of(function, **options):
    app = dora.App(**options)
    app.api("/x")(function)
    return app


def call(function, param=None, **options):
    return app_of(function, **options).call("/x", param)


def refused(function, param):
    """The faults that a call is refused with, each as (path, reason)."""
    with pytest.raises(dora.NotRunError) as raised:
        call(function, param)
    assert raised.value.code == 100210
    return [tuple(fault.split(": ", 1)) for fault in raised.value.msg.split("; ")]


ORDER = {"items": [{"name": "pen", "price": "1.10", "tags": ["a"]}], "when": "2026-01-02"}


def test_a_model_is_made_of_the_parameter():
    def handler(param: Order):
        assert type(param) is Order and type(param.items[0].price) is decimal.Decimal
        return [param.when, param.items[0].tags, param.note]

    assert call(handler, ORDER) == ["2026-01-02", ["a"], ""]
    assert call(handler, {**ORDER, "n o t e": "!"})[2] == "!"


def test_every_fault_is_named_with_its_path():
    def handler(param: Order):
        raise AssertionError("it must not run")

    faults = refused(handler, {"items": [{"name": "x"}, {"name": 1, "price": "z"}],
                               "when": "no", "n o t e": 5})
    assert [path for path, _ in faults] == [
        "$.items[0].price", "$.items[1].name", "$.items[1].price", "$.when", '$["n o t e"]']
    assert faults[0][1] == "Field required"
    assert [path for path, _ in refused(handler, [])] == ["$"]


@pytest.mark.parametrize("annotation, given, made", [
    (list[int], ["1", 2], [1, 2]),
    (dict[str, float], {"a": "1.5"}, {"a": 1.5}),
    (typing.Annotated[int, pydantic.Field(gt=0)], 3, 3),
    (typing.Optional[datetime.date], None, None),
    (datetime.date | None, "2026-01-02", datetime.date(2026, 1, 2)),
    (Color, "red", Color.RED),
    (Point, {"x": "1"}, {"x": 1}),
    (typing.Literal["a", "b"], "a", "a"),
    (tuple[int, str], [1, "x"], (1, "x")),
    (bytes | int, b"x", b"x"),
])
def test_an_annotation_converts(annotation, given, made):
    found = []

    def handler(param):
        found.append(param)

    handler.__annotations__["param"] = annotation
    call(handler, given)
    assert repr(found) == repr([made])


@pytest.mark.parametrize("annotation", [
    dict, list, str, int, float, bool, bytes, object, typing.Any, typing.Mapping, typing.Sequence,
    typing.Dict, "dict", "str", dict | None, typing.Optional[str]])
def test_a_plain_type_is_not_validated(annotation):
    def handler(param, request):
        return param

    handler.__annotations__.update({"param": annotation, "return": annotation})
    assert call(handler, [1, "x"]) == [1, "x"]


def test_results_are_validated_and_dumped_by_the_return_annotation():
    def good(param) -> Line:
        return {"name": "x", "price": "2"}

    def bad(param) -> list[int]:
        return [1, "x"]

    assert call(good) == {"name": "x", "price": "2", "tags": []}
    with pytest.raises(dora.HandlerError, match=r"\$\[1\]: Input should be a valid integer") as it:
        call(bad)
    assert it.value.code == 100208


def test_async_handlers_are_typed_too():
    async def handler(param: list[int]) -> dict[str, int]:
        return {"sum": sum(param)}

    assert call(handler, ["1", 2]) == {"sum": 3}
    assert refused(handler, ["q"])[0][0] == "$[0]"


def test_members_of_a_map_are_typed_one_by_one():
    def handler(*, name: str, lines: list[Line], kind: typing.Literal["a", "b"] = "a", request):
        return [name, len(lines), kind, request.name]

    line = {"name": "x", "price": 1}
    assert call(handler, {"name": "n", "lines": [line]}) == ["n", 1, "a", "/x"]
    assert [path for path, _ in refused(handler, {"lines": [{}], "kind": "c", "odd": 1})] == [
        "$.name", "$.odd", "$.lines[0].name", "$.lines[0].price", "$.kind"]


def test_callables_of_all_sorts_are_typed():
    class Handler:
        def __call__(self, param: list[int]):
            return param

        def method(self, param: list[int]):
            return param

    def two(scale, param: list[int]):
        return [scale * each for each in param]

    assert call(Handler(), ["1"]) == [1]
    assert call(Handler().method, ["1"]) == [1]
    assert call(functools.partial(two, 2), ["1"]) == [2]


def test_what_pydantic_refuses_fails_at_load_with_its_place():
    class Odd:
        pass

    def handler(param: Odd):
        return 1

    def unknown(param: "Nowhere"):  # noqa: F821
        return 1

    for function, what in ((handler, "Odd"), (unknown, "Nowhere")):
        with pytest.raises(TypeError) as raised:
            app_of(function).call("/x")
        text = str(raised.value)
        assert f"{__file__}:{function.__code__.co_firstlineno}" in text
        assert function.__qualname__ in text and "parameter param" in text and what in text


def test_typed_false_looks_at_nothing():
    def handler(param: list[int]):
        return param

    assert call(handler, ["x"], typed=False) == ["x"]
    with pytest.raises(TypeError, match="typed must be bool or None, not int"):
        dora.App(typed=1)


SERVED = '''
from __future__ import annotations
import decimal
import pydantic
import dora

app = dora.App()

class Line(pydantic.BaseModel):
    name: str
    price: decimal.Decimal

@app.api("/total")
def total(param: list[Line]) -> decimal.Decimal:
    """Adds the prices."""
    return sum((line.price for line in param), decimal.Decimal(0))

@app.api("/named")
def named(*, line: Line, count: int = 1) -> Later:
    return Later(line=line, count=count)

class Later(pydantic.BaseModel):
    line: Line
    count: int
'''


def test_a_server_validates_and_tells_schemas(dora_server, tmp_path):
    (tmp_path / "app.py").write_text(SERVED)
    server = dora_server(tmp_path / "app.py", http=0)
    assert server.call("/total", [{"name": "a", "price": "1.10"}]) == "1.10"
    assert server.call("/named", {"line": {"name": "a", "price": 2}}) == {
        "line": {"name": "a", "price": "2"}, "count": 1}
    with pytest.raises(dora.NotRunError, match=r"^\$\[0\]\.price: Field required$"):
        server.call("/total", [{"name": "a"}])
    status, said = post(server.http + "/call/total", [{"price": 1}, 5])
    assert status == 422 and said["error"]["faults"] == [
        {"path": "$[0].name", "reason": "Field required"},
        {"path": "$[1]", "reason": "Input should be a valid dictionary or instance of Line"}]
    apis = apis_of(server.address)
    assert apis["/total"]["param"]["items"] == {"$ref": "#/$defs/Line"}
    assert apis["/total"]["summary"] == "Adds the prices."
    assert apis["/named"]["param"]["required"] == ["line"]
    assert apis["/named"]["result"]["properties"]["count"] == {"title": "Count", "type": "integer"}


def test_a_document_of_them_is_valid_by_a_public_validator(tmp_path):
    (tmp_path / "app.py").write_text(SERVED)
    listen = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    with Server({"p": python_pool(str(tmp_path / "app.py"), workers=1)}, listen=listen) as server:
        status, text, _ = ask(admin_of(server), "/openapi.json")
    document = json.loads(text)
    assert status == 200 and "Line" in str(document["components"]["schemas"])
    openapi.validate(document)


def test_the_path_of_a_fault_leads_through_the_value_alone():
    class Cat(pydantic.BaseModel):
        kind: typing.Literal["cat"]
        lives: int

    class Dog(pydantic.BaseModel):
        kind: typing.Literal["dog"]

    pet = typing.Annotated[typing.Union[Cat, Dog], pydantic.Field(discriminator="kind")]

    def pets(param: list[pet]):
        return None

    def either(param: dict[str, typing.Union[int, list[int]]]):
        return None

    def numbered(param: dict[int, str]):
        return None

    assert refused(pets, [{"kind": "cat"}]) == [("$[0].lives", "Field required")]
    assert refused(either, {"a": [0, "x"]}) == [
        ("$.a", "Input should be a valid integer"),
        ("$.a[1]", "Input should be a valid integer, unable to parse string as an integer")]
    assert refused(numbered, {"x": "a"}) == [
        ("$.x", "the key: Input should be a valid integer, unable to parse string as an integer")]


class Filter(pydantic.BaseModel):
    words: list[str] = []
    limits: dict[str, int] = {}
    inner: typing.Optional["Filter"] = None


def test_an_empty_list_is_an_empty_map_where_one_is_wanted():
    def find(param: Filter) -> Filter:
        return param

    def named(*, filters: list[Filter]) -> int:
        return len(filters)

    empty = {"words": [], "limits": {}, "inner": None}
    assert call(find, []) == empty  # as PHP writes an empty array
    assert call(find, {"limits": [], "inner": [], "words": []}) == {**empty, "inner": empty}
    assert call(named, {"filters": [[], {}]}) == 2
    assert refused(find, {"limits": [1]}) == [("$.limits", "Input should be a valid dictionary")]
    assert refused(find, {"limits": [], "words": {}}) == [
        ("$.words", "Input should be a valid list"),
        ("$.limits", "Input should be a valid dictionary")]

    def of_list(param) -> Filter:
        return param

    with pytest.raises(dora.HandlerError, match="result is not what its annotation says: "):
        call(of_list, [])


def test_a_default_stands_where_a_call_has_no_parameter():
    def find(param: list[int] = [1]):
        return param

    def maybe(param: typing.Optional[list[int]] = [1]):
        return param

    assert call(find) == [1] and call(find, [2]) == [2] and call(maybe) is None
    assert refused(find, {"a": 1}) == [("$", "Input should be a valid list")]


def post(url, value):
    asked = urllib.request.Request(url, json.dumps(value).encode(),
                                   {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def apis_of(address):
    command = [sys.executable, "-m", "dora", "apis", address, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    found = json.loads(done.stdout)
    return {each["name"]: each for each in (found["apis"] if isinstance(found, dict) else found)}


def test_the_guides_example_is_served(dora_server, tmp_path):
    guide = Path(__file__).resolve().parents[2] / "bindings/python/README.md"
    chapter = guide.read_text("utf-8").split("## Typed handlers\n")[1]
    block = chapter.split("```python", 1)[1].split("\n", 1)[1].split("```")[0]
    (tmp_path / "app.py").write_text(block)
    server = dora_server(tmp_path / "app.py")
    order = {"lines": [{"name": "pen", "price": "1.10"}], "when": "2026-01-02"}
    assert server.call("/order/total", order) == "1.10"
    assert server.call("/order/add", order) == order
    faults = r"^\$\.lines\[0\]\.price: Field required; \$\.when: "
    with pytest.raises(dora.NotRunError, match=faults):
        server.call("/order/total", {"lines": [{"name": "pen"}], "when": "soon"})


WITHOUT = """
import sys
sys.modules["pydantic"] = None
import dora
app = dora.App()

@app.api("/a")
def a(param: list[int]):
    return param

@app.api("/b")
def b(param: list[int]) -> dict[str, int]:
    return param
"""


def test_without_pydantic_annotations_are_left_out_and_the_log_says_so_once(dora_server, tmp_path):
    (tmp_path / "app.py").write_text(WITHOUT)
    server = dora_server(tmp_path / "app.py", workers=2)
    assert server.call("/a", ["x"]) == ["x"] and server.call("/b", 5) == 5
    assert server.log().count("annotations of handlers are not looked at") == 1
    (tmp_path / "strict.py").write_text(WITHOUT.replace("App()", "App(typed=True)"))
    with pytest.raises(RuntimeError, match=r"strict\.py:7: handler a: App\(typed=True\) wants"):
        dora_server(tmp_path / "strict.py")


# ---- handlers that yield ----

def test_parts_are_made_what_the_annotation_says():
    def lines(param: Order) -> typing.Iterator[Line]:
        yield param.items[0]
        yield {"name": "Pot", "price": "2.5", "tags": ["x", "x"]}

    async def later(param: Order) -> typing.AsyncIterator[Line]:
        for each in lines(param):
            yield each

    def made(param: Order) -> typing.Iterator[Line]:
        return lines(param)

    order = {"items": [{"name": "Cup", "price": "1.50"}], "when": "2026-01-02"}
    for function in (lines, later, made):
        assert call(function, order) == [{"name": "Cup", "price": "1.50", "tags": []},
                                         {"name": "Pot", "price": "2.5", "tags": ["x"]}]
        with pytest.raises(dora.NotRunError, match=r"\$\.when"):
            call(function, {**order, "when": "soon"})


def test_what_a_generator_returns_is_the_third_of_its_annotation():
    def total(param: list[int]) -> typing.Generator[Color, None, Line]:
        yield Color.RED
        return {"name": "all", "price": "7"}

    assert call(total, []) == {"name": "all", "price": "7", "tags": []}

    def nothing(param) -> typing.Generator[Color, None, Line]:
        yield "red"

    assert call(nothing) == ["red"]


@pytest.mark.parametrize("part", [{"name": "Cup"}, 5])
def test_part_that_is_not_what_it_says_is_the_handlers_error(part):
    ended = []

    def lines(param) -> typing.Iterator[Line]:
        try:
            yield part
        finally:
            ended.append(True)

    with pytest.raises(dora.HandlerError, match="a part is not what its annotation says: \\$"):
        call(lines)
    assert ended


def test_annotation_that_is_no_generators_is_refused():
    def lines(param) -> list[Line]:
        yield 1

    with pytest.raises(TypeError, match="that of a generator is an Iterator"):
        call(lines)


@pytest.mark.parametrize("result", [
    typing.Iterator, typing.Iterator[dict], typing.Generator[int, None, str],
    "typing.Iterator[str]",
    typing.AsyncIterator[typing.Any], "Generator[dict, None, list]"])
def test_plain_parts_ask_nothing_of_pydantic(result):
    from dora import _typed

    def plain(param):
        yield 1

    plain.__annotations__["return"] = result
    assert _typed.prepare(plain, None) is None


def test_schema_is_that_of_the_list_or_of_the_result():
    from dora import _typed

    def lines(param) -> typing.Iterator[Line]:
        yield 1

    def total(param) -> typing.Generator[Line, None, Color]:
        yield 1

    def plain(param) -> typing.Generator[Line, None, int]:
        yield 1

    def schema(function):
        return json.loads(_typed.schemas(function, _typed.prepare(function, None))[1] or "null")

    assert schema(lines)["type"] == "array" and schema(lines)["items"] == {"$ref": "#/$defs/Line"}
    assert schema(total)["enum"] == ["red"] and schema(plain) is None
