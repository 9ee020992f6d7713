"""The page of the apis in a real browser: looked at, and a call made."""

import json
import os

import pytest

from support import v1
from support.browser import Browser
from support.metrics import admin_of
from support.server import Server, python_pool

LISTEN = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}
C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "described_app.so")
CARD = """[...document.querySelectorAll("details")].find(
    card => card.querySelector(".name").firstChild.textContent === %s)"""


@pytest.fixture(scope="module")
def server():
    with Server({"said": python_pool("described.py", workers=1, time_limit_ms=30500),
                 "shop": {"runtime": "c", "app": C_APP, "workers": 1}}, listen=LISTEN) as one:
        yield one


@pytest.fixture
def page(server, tmp_path):
    with Browser(tmp_path) as one:
        one.open("http://%s/apis" % admin_of(server))
        one.wait('document.querySelectorAll("details").length === 12')
        yield one
        assert one.problems == []


def fill(page, name, param):
    """Opens an api's card, writes the parameter and presses the button; what is answered."""
    page.ask("""{ const card = %s; card.open = true;
        card.querySelector("textarea").value = %s; card.querySelector("button").click(); }"""
             % (CARD % json.dumps(name), json.dumps(param)))
    return page.wait("""{ const card = %s; const text = card.querySelector("form pre").textContent;
        card.querySelector("button").disabled || !/^[0-9]/.test(text) ? "" : text }"""
                     % (CARD % json.dumps(name)))


def test_the_page_shows_apis_with_summaries_and_schemas(page):
    text = page.ask('document.querySelector("main").textContent')
    for words in ("/said", "Gives what it was given.", "fallback", "Answers the rest.",
                  "Buys something", '"required": [', "Pool said, python, may run for 30.5 s"):
        assert words in text
    assert page.ask('document.getElementById("state").textContent').startswith("12 apis")


def test_a_call_is_made_from_the_page(page):
    status, answer = fill(page, "/said", '{"a": {}, "b": "<b>not bold</b>"}').split("\n", 1)
    assert status.startswith("200 after ")
    assert json.loads(answer) == {"a": {}, "b": "<b>not bold</b>"}
    assert page.ask('document.querySelector("b")') is None


def test_numbers_follow_the_calls(server, page):
    cells = '[...(%s).querySelectorAll("summary .number")].map(one => one.textContent)' % (
        CARD % '"/c/buy"')
    before = page.ask(cells)
    with v1.Conn(server.address) as conn:
        conn.call("/c/buy", {})
    fill(page, "/c/buy", "{}")
    page.wait("(%s)[0] === '%d'" % (cells, int(before[0]) + 2))


def test_the_form_of_a_schema_is_filled_in(page):
    assert json.loads(page.ask('(%s).querySelector("textarea").value' % (CARD % '"/c/buy"'))) == {
        "name": ""}


def test_an_example_has_what_its_schema_names_elsewhere(page):
    schema = {"$defs": {"Cat": {"type": "object", "required": ["kind", "lives", "mood", "cat"],
                                "properties": {"kind": {"const": "cat"}, "mood": {"enum": ["low"]},
                                               "lives": {"type": "integer", "exclusiveMinimum": 0},
                                               "cat": {"anyOf": [{"type": "null"}]}}}},
              "type": "object", "required": ["pet", "pets"],
              "properties": {"pet": {"oneOf": [{"$ref": "#/$defs/Cat"}, {"type": "string"}]},
                             "pets": {"type": "array", "items": {"$ref": "#/$defs/Cat"}}}}
    assert json.loads(page.ask("JSON.stringify(example(%s))" % json.dumps(schema))) == {
        "pet": {"kind": "cat", "lives": 1, "mood": "low", "cat": None}, "pets": []}
    endless = {"$defs": {"N": {"anyOf": [{"$ref": "#/$defs/N"}]}}, "$ref": "#/$defs/N"}
    assert page.ask("example(%s)" % json.dumps(endless)) is None


def test_an_answer_is_shown_with_its_numbers_as_they_came(page):
    param = '{"a":9223372036854775807,"b":[1.0,-0.0,[],{}],"c":{"d":"{\\u0000\\",:["},"e":1.0E-7}'
    text = fill(page, "/said", param).split("\n", 1)[1]
    assert "".join(line.strip() for line in text.split("\n")).replace('": ', '":') == param
    assert text.split("\n")[:4] == ["{", '  "a": 9223372036854775807,', '  "b": [', "    1.0,"]


def test_faults_of_a_parameter_are_shown_a_line_each(page):
    answer = {"error": {"code": 100210, "msg": "x", "faults": [
        {"path": "$.a", "reason": "Field required"}, {"path": "$.b[0]", "reason": "unknown"}]}}
    shown = page.ask("readable(%s)" % json.dumps(json.dumps(answer)))
    assert shown == "100210\n$.a: Field required\n$.b[0]: unknown"
    shown = page.ask("readable(%s)" % json.dumps('{"error":{"code":404,"msg":"no user"}}'))
    assert shown == "404 no user"


def test_a_name_is_written_where_a_fallback_answers(page):
    page.ask('(%s).querySelector("input").value = "/anything"' % (CARD % '"*"'))
    assert fill(page, "*", "1").endswith('"/anything"')


def test_the_list_is_searched(page):
    page.ask("""{ const box = document.getElementById("find"); box.value = "buys";
        box.dispatchEvent(new Event("input")); }""")
    assert page.ask('[...document.querySelectorAll("details")].filter(one => !one.hidden).length'
                    ) == 1


def shades(path):
    """How many different rows the picture has, and whether its corner is dark."""
    import struct
    import zlib
    data = path.read_bytes()
    packed, at = b"", 8
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    raw = zlib.decompress(packed)
    return raw[1]


@pytest.mark.parametrize("size", [(1200, 1000), (420, 1000)])
def test_the_page_is_light_or_dark_as_its_reader_likes(page, tmp_path, size):
    fill(page, "/c/buy", '{"name": "mill"}')
    pictures = {}
    for scheme in ("light", "dark"):
        path = tmp_path / ("%s.png" % scheme)
        page.look(path, *size, scheme)
        pictures[scheme] = shades(path)
        if os.environ.get("DORA_PICTURES"):
            with open(os.path.join(os.environ["DORA_PICTURES"], "apis-%s-%d.png" %
                                   (scheme, size[0])), "wb") as file:
                file.write(path.read_bytes())
    assert pictures["light"] > 200 and pictures["dark"] < 60
