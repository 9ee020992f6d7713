"""What the subcommands say to mistakes that people make."""

import json
import os
import subprocess

import pytest

from support import tries
from support.metrics import admin_of
from support.server import Server, asking, environment, python_pool

LISTEN = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}


def errors_of(*arguments):
    return subprocess.run(asking(*arguments), env=environment(), capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL).stderr


def one_pool():
    return {"py": python_pool("described.py", workers=1, apis=["/said"])}


@pytest.fixture(scope="module")
def server():
    with Server(one_pool(), listen=LISTEN) as one:
        yield one


def test_a_call_of_no_api_names_one_that_is_near(server):
    for name in ("/sad", "said", "/Said"):
        assert errors_of("call", server.address, name) == (
            "dora call: %s: 100204 no such api: %s; did you mean /said?\n" % (name, name))
    assert errors_of("call", server.address, "/far/from/it") == (
        "dora call: /far/from/it: 100204 no such api: /far/from/it\n")


def test_a_call_of_no_api_names_none_where_commands_are_not_taken():
    with Server(one_pool(), control={"allow": []}) as one:
        assert errors_of("call", one.address, "/sad").endswith("no such api: /sad\n")


@pytest.mark.parametrize("arguments", [["call", "/said"], ["apis"], ["stat"], ["reload"]])
def test_the_port_of_http_is_told_from_that_of_frames(server, arguments):
    """Unless the server takes so long to say it that this is not waited for: then once more."""
    told = "; HTTP is spoken there: give the port behind tcp= in the server's ready line\n"
    for port in (server.http, admin_of(server)):
        said = tries.until(lambda said: said.endswith(told), lambda: errors_of(
            arguments[0], port, *arguments[1:], "--timeout", "0.2"))
        assert said.count("\n") == 1, said


@pytest.mark.parametrize("name", ["users.py", "products.php", "hello.so"])
def test_a_check_of_an_application_says_what_loads_one(tmp_path, name):
    said = errors_of("check", os.path.join(tmp_path, name))
    assert said.endswith("is an application, and FILE a configuration: `dora serve FILE` loads "
                         "one\n")


def test_a_handler_that_takes_long_is_no_server_of_http(tmp_path):
    gate = tmp_path / "gate"
    param = json.dumps({"file": str(tmp_path / "marks"), "until": str(gate)})
    with Server({"py": python_pool("modes.py", workers=1)}) as one:
        said = errors_of("call", one.address, "/hold", param, "--timeout", "0.1")
        assert said.startswith("dora call: ") and "100009" in said and "HTTP" not in said
        gate.touch()
        assert errors_of("call", one.address, "/hold", param) == ""
