"""Web pages and proxies: who may call over HTTP, and who may command."""

import json

import pytest

from support.metrics import admin_of, ask
from support.server import Server, python_pool
from support.web import Web

LISTEN = {"tcp": "127.0.0.1:0", "http": 0, "admin": "127.0.0.1:0"}
GUID = "0123456789abcdef0123456789abcdef"
STAT = {"guid": GUID, "api": {"cmd": {"name": "getStat"}}}
ECHO = {"guid": GUID, "api": {"x": {"name": "/echo", "param": 7}}}
FORM = "application/x-www-form-urlencoded"


def server_with(**config):
    return Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN, **config)


@pytest.fixture(scope="module")
def server():
    with server_with(control={"http": True},
                     http={"hosts": ["dora.example", "inner.example:8080"]}) as one:
        yield one
        assert one.stop() == 0


def page(host, origin=True, **more):
    """The headers of a page that was loaded from `host`."""
    headers = {"Host": host, "Origin": "http://" + host} if origin else {"Host": host}
    return {**headers, **{key.replace("_", "-"): value for key, value in more.items()}}


def form(web, path, params, headers=None):
    """A form's answer: (status, code of the reply or of the error)."""
    status, body = web.ask("POST", path, "params=" + json.dumps(params),
                           {"Content-Type": FORM, **(headers or {})})
    return status, body["error"]["code"] if "error" in body else body["code"]


FOREIGN = [
    page("evil.example"), page("evil.example:80"),
    page("evil.example", Sec_Fetch_Site="same-origin"),
    page("evil.example", False, Sec_Fetch_Site="same-origin"),
    page("evil.example", False, Sec_Fetch_Site="none"),
    page("evil.example", False, Sec_Fetch_Mode="cors"), page("127.0.0.1.evil.example"),
    page("localhost.evil.example"), page("127.1"), page("2130706433"), page("0x7f.0.0.1"),
    page("[::1"), page("[evil.example]"), page("127.0.0.1:x"), page("evil.dora.example"),
    page("dora.example.evil.example"), page("inner.example"), page("inner.example:80"), page(""),
    {"Host": "127.0.0.1", "Origin": "http://evil.example"}, {"Host": "127.0.0.1", "Origin": "null"},
    {"Host": "dora.example", "Origin": "http://evil.example"},
]
OWN = [
    page("127.0.0.1"), page("127.0.0.1:8080"), page("10.1.2.3:1"), page("[::1]"),
    page("[::1]:8080"), page("localhost"), page("LocalHost:8080"), page("dora.example"),
    page("DORA.example:444"),
    page("inner.example:8080"), page("127.0.0.1", Sec_Fetch_Site="same-origin"),
    page("localhost", False, Sec_Fetch_Site="none"),
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_pages_of_other_names_are_refused(server, headers):
    """Also where the name was made to resolve to this machine, so that Origin and Host agree."""
    with Web(server.http) as web:
        status, body = web.ask("POST", "/call/echo", "7", headers)
        assert (status, body["error"]["code"]) == (403, 100205)
        assert form(web, "/api/multisync", ECHO, headers) == (403, 100205)
        assert form(web, "/server/cmd", STAT, headers) == (403, 100205)
    for path in ("/", "/livez", "/readyz", "/stats", "/metrics"):
        assert ask(admin_of(server), path, headers=headers)[0] == 403


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_own_pages_may_call_and_never_command(server, headers):
    with Web(server.http) as web:
        assert web.ask("POST", "/call/echo", "7", headers) == (200, 7)
        assert form(web, "/api/multisync", ECHO, headers) == (200, 0)
        assert form(web, "/server/cmd", STAT, headers) == (403, 100205)
        assert form(web, "//server/cmd/", STAT, headers) == (403, 100205)
    assert ask(admin_of(server), "/stats", headers=headers)[0] == 200


def test_programs_send_any_host(server):
    with Web(server.http) as web:
        assert web.ask("POST", "/call/echo", "7", {"Host": "node7.lan"}) == (200, 7)


def test_a_listener_for_all_refuses_pages_of_other_names():
    """There, a name is fine, but not a page's."""
    listen = {"tcp": "127.0.0.1:0", "admin": "0.0.0.0:0"}
    with Server({"p": python_pool("basic.py", workers=1)}, listen=listen,
                http={"hosts": ["node7.lan"]}) as server:
        admin = "127.0.0.1:" + admin_of(server).rsplit(":", 1)[1]
        assert ask(admin, "/stats", headers={"Host": "node8.lan"})[0] == 200
        assert ask(admin, "/stats", headers=page("node8.lan"))[0] == 403
        assert ask(admin, "/stats", headers=page("node7.lan"))[0] == 200
        assert server.stop() == 0


# Commands


def test_commands_over_http_are_off():
    """Behind a proxy on this machine everybody would command. The rest of the form is as ever."""
    with server_with() as server, Web(server.http) as web:
        for name in ("getStat", "reloadTask", "dance"):
            params = {"guid": GUID, "api": {"cmd": {"name": name}}}
            status, reply = web.form("/server/cmd", params)
            assert (status, reply["code"], reply["guid"], reply["data"]) == (
                200, 100205, GUID, [])
            assert reply["msg"] == "control commands are not taken over HTTP (control.http)"
        assert web.form("/server/cmd", "nope", GUID)[1]["code"] == 100004
        told = json.loads(ask(admin_of(server), "/stats")[1])["server"]["pools"]["p"]
        assert told["generation"] == 1
        assert server.stop() == 0


def test_any_does_not_mean_http():
    with server_with(control={"allow": ["any"]}) as server, Web(server.http) as web:
        assert web.form("/server/cmd", STAT)[1]["code"] == 100205
        assert server.stop() == 0


@pytest.mark.parametrize("name", [
    "Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host", "X-Forwarded-By",
    "X-Real-IP", "Via", "VIA"])
def test_commands_of_a_proxy_are_refused(server, name):
    with Web(server.http) as web:
        for value in ("for=127.0.0.1", ""):
            assert form(web, "/server/cmd", STAT, {name: value}) == (200, 100205)
        assert form(web, "/api/multisync", ECHO, {name: "x"}) == (200, 0)
        assert web.ask("POST", "/call/echo", "7", {name: "x"}) == (200, 7)
        assert form(web, "/server/cmd", STAT) == (200, 0)


def test_commands_of_a_proxy_are_refused_with_any():
    with server_with(control={"allow": ["any"], "http": True}) as server, Web(server.http) as web:
        assert form(web, "/server/cmd", STAT) == (200, 0)
        assert form(web, "/server/cmd", STAT, {"X-Forwarded-For": "10.0.0.1"}) == (200, 100205)
        assert server.stop() == 0
