"""Typed handlers in PHP over every door: 100210 with each fault, values that arrive, schemas."""

import json
import os
import subprocess

import pytest

from support import openapi, v1
from support.metrics import admin_of, ask
from support.server import Server, asking, environment, program
from support.web import Web

APP = """<?php
namespace Shop;

use DateTimeImmutable;

enum Size: string { case Small = 's'; case Large = 'l'; }

final class Price
{
    public function __construct(public readonly int $cents)
    {
        if ($cents < 0) {
            throw new \\DomainException('not below zero');
        }
    }
}

final class Line
{
    public function __construct(
        public string $name,
        public Price $price,
        public float $weight = 1.0,
    ) {}
}

final class Order
{
    /** @param list<Line> $lines what is in it */
    public function __construct(
        public array $lines,
        public DateTimeImmutable $when,
        public Size $size = Size::Small,
        public ?Order $before = null,
    ) {}
}

class Tally
{
    /** @param list<array<string, int[]>> $days */
    public function __construct(
        public array $days = [],
        /** @var array<string, Price> */
        public array $prices = [],
        public array $other = [],
    ) {}
}
final class Weekly extends Tally {}

$app = new \\Dora\\App();
$ran = 0;
$app->api('/total', function (Order $order) use (&$ran): Price {
    $ran++;
    return new Price(array_sum(array_map(fn (Line $line) => $line->price->cents, $order->lines)));
}, ['summary' => 'What it costs']);
$app->api('/ran', function () use (&$ran) { return $ran; });
$app->api('/echo', fn (Order $order): Order => $order);
$add = fn (Line $line, int $count, ?Size $size = null) => [$line->name, $count, $size];
$app->api('/add', $add, ['named' => true]);
$app->api('/late', fn (Order $order): Price => throw new \\RuntimeException('closed'));
$app->api('/wrong', fn (Order $order): Price => $order);
$app->api('/tally', fn (Tally $tally): Tally => $tally);
$app->api('/weekly', fn (): Tally => new Weekly([[], [[1]]], [new Price(1)], [2]));
/** @return array<string, Price> */
$none = fn (): array => [];
$app->api('/none', $none);
$app->api('/plain', fn (array $order) => $order);
$app->api('/inside', fn (int $count) => strlen([]));
return $app;
"""
LINE = {"name": "pen", "price": {"cents": 120}}
ORDER = {"lines": [LINE, {**LINE, "weight": 2}], "when": "2026-01-02T03:04:05+01:00"}
WRONG = {"lines": [LINE, {"price": {"cents": -1}}, 7], "when": "soon", "size": "xl"}
FAULTS = [("$.lines[1].name", "missing"), ("$.lines[1].price", "not below zero"),
          ("$.lines[2]", "a map is wanted, not a number"),
          ("$.when", "a date and time as in RFC 3339 is wanted"),
          ("$.size", 'one of "s", "l" is wanted')]
MSG = "; ".join("%s: %s" % each for each in FAULTS)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typed")
    (folder / "shop.php").write_text(APP)
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0",
              "unix": str(folder / "dora.sock")}
    pool = {"runtime": "php", "app": str(folder / "shop.php"), "workers": 1}
    with Server({"shop": pool}, listen=listen) as one:
        one.unix = listen["unix"]
        yield one
        assert one.stop() == 0


def call(server, name, param):
    with v1.Conn(server.address) as conn:
        return conn.call(name, param)["data"]


def dora_call(address, name, param):
    """(status, stdout, stderr) of `dora call`."""
    done = subprocess.run(asking("call", address, name, json.dumps(param)),
                          env=environment(), capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def test_an_order_is_made_of_what_is_sent(server):
    assert call(server, "/total", ORDER)["data"] == {"cents": 240}
    status, said = Web(server.http).call("/echo", ORDER)
    line = {**LINE, "weight": 1.0}
    assert (status, said) == (200, {**ORDER, "lines": [line, {**line, "weight": 2.0}],
                                    "size": "s", "before": None})


def test_every_fault_is_told_over_tcp_and_nothing_runs(server):
    ran = call(server, "/ran", None)["data"]
    reply = call(server, "/total", WRONG)
    assert (reply["code"], reply["msg"]) == (100210, MSG)
    assert call(server, "/ran", None)["data"] == ran


def test_every_fault_is_a_member_of_a_list_over_http(server):
    with Web(server.http) as web:
        status, said = web.call("/total", WRONG)
        assert status == 422
        assert said["error"] == {"code": 100210, "msg": MSG, "faults": [
            {"path": path, "reason": reason} for path, reason in FAULTS]}
        assert web.call("/total", [])[0] == 422
        status, said = web.call("/add", {"line": {"name": "x"}, "count": "q", "odd": 1})
        assert status == 422 and said["error"]["faults"] == [
            {"path": "$.odd", "reason": "unknown"}, {"path": "$.line.price", "reason": "missing"},
            {"path": "$.count", "reason": "a whole number is wanted, not a text"}]


def test_every_fault_is_told_over_a_unix_socket(server):
    status, _, said = dora_call("unix:" + server.unix, "/total", WRONG)
    assert status == 3 and "100210 " + MSG in said


def test_named_members_are_made_one_by_one(server):
    said = call(server, "/add", {"line": LINE, "count": "3", "size": "l"})
    assert said["data"] == ["pen", 3, "l"]


def test_what_a_handler_raises_or_returns_wrong_is_its_error(server):
    reply = call(server, "/late", ORDER)
    assert (reply["code"], reply["msg"]) == (100208, "RuntimeException: closed (code 0)")
    reply = call(server, "/wrong", ORDER)
    assert reply["code"] == 100208
    assert "Return value must be of type Shop\\Price, Shop\\Order returned" in reply["msg"]


def test_an_array_declared_as_a_map_is_one_though_it_looks_like_a_list(server):
    empty = {"days": [], "prices": {}, "other": []}
    weekly = {"days": [{}, {"0": [1]}], "prices": {"0": {"cents": 1}}, "other": [2]}
    with Web(server.http) as web:
        assert web.call("/tally", {}) == (200, empty)
        assert web.call("/weekly", None) == (200, weekly)
        assert web.call("/none", None) == (200, {})


def test_a_plain_type_that_does_not_take_the_parameter_is_told_as_a_fault(server):
    why = "must be of type array, string given"
    reply = call(server, "/plain", "pen")
    assert (reply["code"], reply["msg"]) == (100210, "$: " + why)
    with Web(server.http) as web:
        status, said = web.call("/plain", "pen")
        assert status == 422 and said["error"]["faults"] == [{"path": "$", "reason": why}]
        assert web.call("/inside", "x")[0] == 422
        status, said = web.call("/inside", 5)
        assert (status, said["error"]["code"]) == (500, 100208)


def apis_of(server):
    with v1.Conn(server.address) as conn:
        return {api["name"]: api for api in conn.command("getApis")["data"]}


def test_schemas_of_parameter_and_result_are_told(server):
    apis = apis_of(server)
    order = apis["/total"]["param"]
    assert order["title"] == "Order" and order["required"] == ["lines", "when"]
    assert order["properties"] == {
        "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
        "when": {"type": "string", "format": "date-time"},
        "size": {"$ref": "#/$defs/Size"},
        "before": {"anyOf": [{"$ref": "#/$defs/Order"}, {"type": "null"}], "default": None}}
    assert order["$defs"]["Size"] == {"enum": ["s", "l"], "type": "string", "title": "Size"}
    assert order["$defs"]["Line"]["properties"]["weight"] == {"type": "number", "default": 1.0}
    assert order["$defs"]["Line"]["required"] == ["name", "price"]
    assert order["$defs"]["Order"]["required"] == ["lines", "when"]
    assert apis["/total"]["result"] == {
        "type": "object", "properties": {"cents": {"type": "integer"}}, "required": ["cents"],
        "title": "Price"}
    assert apis["/total"]["summary"] == "What it costs"
    assert apis["/echo"]["result"]["required"] == ["lines", "when", "size", "before"]
    assert apis["/plain"]["param"] is None and apis["/plain"]["result"] is None
    added = apis["/add"]["param"]
    assert added["required"] == ["line", "count"] and added["additionalProperties"] is False
    assert added["properties"]["count"] == {"type": "integer"}


def test_a_document_of_them_is_valid_by_a_public_validator(server):
    status, text, _ = ask(admin_of(server), "/openapi.json")
    document = json.loads(text)
    schemas = document["components"]["schemas"]
    assert status == 200 and any(each.endswith("total.param") for each in schemas)
    openapi.validate(document)


def test_a_parameter_that_fits_its_schema_is_taken(server):
    jsonschema = pytest.importorskip("jsonschema", reason="the package is not installed")
    schema = apis_of(server)["/total"]["param"]
    before = {**ORDER, "before": {**ORDER, "size": "l"}}
    for param in (ORDER, before, {**ORDER, "odd": 1}):
        jsonschema.validate(param, schema)
        assert call(server, "/total", param)["code"] == 0
    for param in (WRONG, {}, {**ORDER, "before": 5}, {**ORDER, "lines": {"a": LINE}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(param, schema)
        assert call(server, "/total", param)["code"] == 100210


def test_a_class_that_cannot_be_made_stops_the_start(tmp_path):
    (tmp_path / "bad.php").write_text(APP.replace("public Price $price", "public Prise $price"))
    path = os.fspath(tmp_path / "bad.php")
    done = subprocess.run([program(), "serve", path, "--port", "0"], env=environment(),
                          capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL)
    line = 1 + APP[:APP.index("$app->api('/total'")].count("\n")
    assert done.returncode != 0
    assert (f"{path}:{line}: handler {{closure}}: parameter $order: Shop\\Line::__construct(), "
            "$price: there is no class Shop\\Prise") in done.stderr
