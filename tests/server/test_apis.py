"""What a server says of the apis that it offers: the command getApis, and `dora apis`."""

import json
import os
import signal
import subprocess

import pytest

from support import v1
from support.metrics import admin_of, ask
from support.reload import Site, reload_wait
from support.server import HERE, Server, asking, environment, python_pool, wait_until

C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "described_app.so")
KEYS = ["name", "pool", "language", "fallback", "summary", "param", "result", "time_limit_ms",
        "stream"]


def apis_of(server):
    with v1.Conn(server.address) as conn:
        reply = conn.command("getApis")
    assert (reply["code"], reply["msg"]) == (0, "OK")
    return reply["data"]


def summaries(server):
    return {api["name"]: api["summary"] for api in apis_of(server)}


def run(*arguments):
    """(status, stdout, stderr) of the program."""
    done = subprocess.run(asking(*arguments), env=environment(), capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def server():
    with Server({"py": python_pool("described.py", workers=1, time_limit_ms=1500)}) as one:
        yield one
        assert one.stop() == 0


def test_each_api_is_told_with_all_that_is_known(server):
    apis = apis_of(server)
    assert [list(api) for api in apis] == [KEYS] * 10
    assert apis[1] == {"name": "/said", "pool": "py", "language": "python", "fallback": False,
                       "summary": "Gives what it was given.", "param": None, "result": None,
                       "time_limit_ms": 1500, "stream": False}


def test_a_summary_is_the_first_line_of_a_docstring(server):
    assert summaries(server) == {
        "/plain": "", "/odd": "",
        "/said": "Gives what it was given.",
        "/below": "Says it in the second line: \\x1b[31m it cannot steer a terminal.",
        "/long": "\u00e9" * 100,
        "/wrapped": "Gives what it was given.", "/part": "Gives what it was given.",
        "/object": "Opens the door.", "/method": "Closes the door.",
        "*": "Answers the rest."}


def test_a_fallback_is_named_as_one(server):
    assert [api["name"] for api in apis_of(server) if api["fallback"]] == ["*"]


def test_a_summary_is_the_first_line_of_a_doc_comment():
    pool = {"runtime": "php", "app": os.path.join(HERE, "apps", "described.php"), "workers": 1}
    with Server({"php": pool}) as server:
        assert summaries(server) == {
            "/php/plain": "", "/php/tagged": "", "/php/builtin": "",
            "/php/add": "Adds two numbers.", "/php/goods": "Lists the goods.",
            "/php/closure": "Gives it back.", "/php/before": "Stands before the statement.",
            "/php/behind": "", "/php/option": "Says it itself."}
        assert {api["language"] for api in apis_of(server)} == {"php"}


def test_patterns_and_names_of_the_configuration_are_told():
    pools = {"own": python_pool("described.py", workers=1, apis=["/plain", "/shop/*", "/other"])}
    with Server(pools) as server:
        told = [(api["name"], api["fallback"], api["summary"]) for api in apis_of(server)]
        assert told == [("/plain", False, ""), ("/shop/*", True, "Answers the rest."),
                        ("/other", True, "Answers the rest.")]


def test_names_of_a_pattern_are_told_where_they_lead():
    pools = {"first": python_pool("described.py", workers=1, apis=["/p*"]),
             "second": python_pool("described.py", workers=1, apis=["/plain"])}
    with Server(pools) as server:
        told = [(api["name"], api["pool"]) for api in apis_of(server)]
        assert told == [("/part", "first"), ("/p*", "first"), ("/plain", "second")]


def test_what_sends_parts_is_told():
    """As far as the function says it by itself."""
    pools = {"py": python_pool("parts.py", workers=1, apis=["/sum", "/made"]),
             "async": python_pool("parts_async.py", workers=1, apis=["/count", "/echo"]),
             "php": {"runtime": "php", "workers": 1, "apis": ["/large", "/fail"],
                     "app": os.path.join(HERE, "apps", "parts.php")},
             "c": {"runtime": "c", "app": C_APP, "workers": 1}}
    with Server(pools) as server:
        told = {api["name"]: api["stream"] for api in apis_of(server)}
        assert told == {"/sum": True, "/made": False, "/count": True, "/echo": False,
                        "/large": True, "/fail": True, "/c/buy": False, "/c/silent": True}
        _, out, _ = run("apis", server.address)
        assert {line.split()[0]: "  (stream)" in line for line in out.splitlines()[1:]} == told


def test_a_reload_changes_the_list(tmp_path):
    site = Site(tmp_path)
    text = "import dora\napp = dora.App()\n@app.api('/%s')\ndef one(param):\n    '''%s'''\n"
    site.write("app.py", text % ("old", "As it was."))
    with Server({"py": {"runtime": "python", "app": site.path("app.py"), "workers": 1}}) as server:
        assert summaries(server) == {"/old": "As it was."}
        site.write("app.py", text % ("new", "As it is."))
        assert reload_wait(server)["code"] == 0
        assert summaries(server) == {"/new": "As it is."}


def test_the_list_of_a_late_loaded_application_is_told():
    pools = {"py": python_pool("described.py", workers=1, preload=False)}
    with Server(pools) as server:
        assert summaries(server)["/said"] == "Gives what it was given."


def test_schemas_are_told_as_they_are():
    with Server({"c": {"runtime": "c", "app": C_APP, "workers": 1}}) as server:
        _, out, _ = run("apis", server.address, "--json")
        buy, silent = json.loads(out)
        assert buy["summary"] == "Buys something"
        assert buy["param"] == {"$ref": "#/$defs/Order", "$defs": {"Order": {
            "type": "object", "properties": {"name": {"type": "string"}, "more": {}},
            "required": ["name"]}}}
        assert buy["result"] is True
        assert (silent["summary"], silent["param"], silent["result"]) == ("", None, None)


def test_a_name_that_is_no_utf8_is_shown_byte_by_byte(tmp_path):
    app = tmp_path / "app.php"
    app.write_bytes(b"<?php\n$app = new Dora\\App();\n"
                    b"$app->api(\"/a\\xff\", fn ($param) => 1);\n$app->run();\n")
    pool = {"runtime": "php", "app": str(app), "workers": 1}
    with Server({"php": pool}, listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}) as server:
        assert summaries(server) == {"/a\\xff": ""}
        assert json.loads(run("apis", server.address, "--json")[1])[0]["name"] == "/a\\xff"
        assert "/call/a%FF" in json.loads(ask(admin_of(server), "/openapi.json")[1])["paths"]


def test_the_list_is_told_while_a_server_drains(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server({"py": python_pool("modes.py", workers=1)}) as server, \
            v1.Conn(server.address) as conn:
        conn.ask("AN_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert conn.receive()[1]["code"] == 100001
        assert wait_until(lambda: os.path.exists(marks))
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: conn.command("getStat")["data"]["server"]["draining"])
        assert "/hold" in [api["name"] for api in conn.command("getApis")["data"]]
        open(gate, "w").close()
        assert server.wait() == 0


def test_the_program_prints_a_table(server):
    status, out, err = run("apis", server.address)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].split() == ["NAME", "POOL", "LANGUAGE", "LIMIT", "SUMMARY"]
    assert lines[1] == "/plain    py    python       1.5 s"
    assert lines[2] == "/said     py    python       1.5 s  Gives what it was given."
    assert lines[10] == "*         py    python       1.5 s  (fallback)  Answers the rest."
    assert len(lines) == 11


def test_the_program_prints_json(server):
    status, out, err = run("apis", server.address, "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == apis_of(server)


def test_the_list_is_told_where_commands_are_taken():
    with Server({"py": python_pool("described.py", workers=1)}, control={"allow": []}) as server:
        with v1.Conn(server.address) as conn:
            reply = conn.command("getApis")
        assert (reply["code"], reply["data"]) == (100205, [])
        status, out, err = run("apis", server.address)
        assert (status, out) == (1, "") and "100205" in err
