"""/openapi.json: POST /call/NAME of each api, as OpenAPI 3.1 has it."""

import json
import os
import re
from urllib.parse import quote

import pytest

from support import openapi
from support.metrics import admin_of, ask
from support.server import Server, python_pool

LISTEN = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}
C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "described_app.so")
ODD = ["/a b", "/a%", "/{x}", "/\u00e9?", "both", "/both", "/c/buy#", "//twice", "plain"]
ODD_APP = """
import dora
app = dora.App()
for name in %r:
    app.api(name)(lambda param, request: request.name)
"""


def document_of(server):
    status, text, headers = ask(admin_of(server), "/openapi.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    return json.loads(text)


def pools_of(folder):
    (folder / "odd.py").write_text(ODD_APP % ODD)
    return {"py": python_pool("described.py", workers=1, time_limit_ms=1500,
                              apis=["/plain", "/said", "/shop/*"]),
            "c": {"runtime": "c", "app": C_APP, "workers": 1},
            "odd": {"runtime": "python", "app": str(folder / "odd.py"), "workers": 1}}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Server(pools_of(tmp_path_factory.mktemp("apps")), listen=LISTEN) as one:
        yield one


@pytest.fixture(scope="module")
def document(server):
    return document_of(server)


def references(value):
    """Every $ref below a value."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from [one] if key == "$ref" else references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)


def found(document, reference):
    """What a reference leads to."""
    assert reference.startswith("#/"), reference
    at = document
    for step in reference[2:].split("/"):
        at = at[step.replace("~1", "/").replace("~0", "~")]
    return at


def test_a_document_has_the_form_of_openapi(server, document):
    assert document["openapi"] == "3.1.0"
    assert set(document["info"]) == {"title", "version", "description"}
    assert document["servers"] == [{"url": "http://" + server.http}]
    operations = []
    for path, item in document["paths"].items():
        assert path.startswith("/")
        operation = item["post"]
        operations.append(operation["operationId"])
        named = {each["name"] for each in item.get("parameters", [])}
        assert named == set(re.findall(r"{(\w+)}", path))
        assert {"200", "default"} == set(operation["responses"])
        assert "application/json" in operation["requestBody"]["content"]
    assert len(operations) == len(set(operations)) == 3 + 2 + len(ODD)
    for key in document["components"]["schemas"]:
        assert re.fullmatch(r"[a-zA-Z0-9._-]+", key)


def test_every_reference_of_a_document_leads_somewhere(document):
    every = list(references(document))
    assert "#/components/schemas/c.buy.param/$defs/Order" in every
    for reference in every:
        assert found(document, reference) is not None


def test_a_document_is_valid_by_a_public_validator(document):
    openapi.validate(document)


def test_schemas_and_summary_of_an_api_are_in_its_operation(document):
    operation = document["paths"]["/call/c/buy"]["post"]
    assert operation["summary"] == "Buys something"
    assert operation["tags"] == ["c"]
    assert operation["x-dora"]["language"] == "c"
    param = operation["requestBody"]["content"]["application/json"]["schema"]
    assert param == {"$ref": "#/components/schemas/c.buy.param"}
    schema = found(document, param["$ref"])
    assert schema["$defs"]["Order"]["required"] == ["name"]
    assert schema["$defs"]["Order"]["properties"]["more"] == {}
    result = operation["responses"]["200"]["content"]["application/json"]["schema"]
    assert found(document, result["$ref"]) is True
    silent = document["paths"]["/call/c/silent"]["post"]
    assert silent["requestBody"]["content"]["application/json"]["schema"] == {}


def test_a_pattern_is_a_path_with_a_parameter(document):
    item = document["paths"]["/call/shop/{name}"]
    assert item["parameters"] == [{"name": "name", "in": "path", "required": True,
                                   "schema": {"type": "string"}}]
    assert item["post"]["x-dora"]["fallback"] is True


def test_each_path_calls_the_api_that_it_describes(server, document):
    paths = [path for path, item in document["paths"].items() if "odd" in item["post"]["tags"]]
    called = [ask(server.http, path, "POST", "null")[:2] for path in paths]
    assert sorted(called) == sorted((200, json.dumps(name, ensure_ascii=False)) for name in ODD)
    assert "/call//both" in paths and "/call/" + quote("a b") in paths


def test_a_server_without_http_says_so(tmp_path):
    listen = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    with Server({"py": python_pool("described.py", workers=1)}, listen=listen) as server:
        document = document_of(server)
        assert "servers" not in document
        assert "listen.http" in document["info"]["description"]
        assert "/call/{name}" in document["paths"]
