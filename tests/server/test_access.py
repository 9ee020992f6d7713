"""Who may do what: identities, rules and doors, every cell."""

import itertools
import json
import os

import pytest

from support import tls, v1
from support.access import TOKENS, Frames, Http, Json, access, digest, hello
from support.server import Server, python_pool

NOT_PERMITTED = 100205
RULES = [
    {"who": "shop", "apis": ["!/shop/reset", "/shop/*"]},
    {"who": ["stock", "shop"], "apis": ["/stock/count"], "control": ["getApis"]},
    {"who": ["ops", "local"], "apis": "*", "control": True},
    {"who": "anyone", "apis": ["/public/*"]},
]
APIS = ["/shop/list", "/shop/reset", "/stock/count", "/public/ping"]
COMMANDS = ["getStat", "getApis"]
MAY = {
    None: {"/public/ping"},
    "shop": {"/shop/list", "/stock/count", "/public/ping", "getApis"},
    "stock": {"/stock/count", "/public/ping", "getApis"},
    "ops": set(APIS + COMMANDS),
}
DOORS = {"frames": Frames, "tls": Frames, "unix": Frames, "json": Json, "http": Http}


@pytest.fixture(scope="module")
def server(tmp_path_factory, certificates):
    path = str(tmp_path_factory.mktemp("access") / "dora.sock")
    known = access(RULES, stock={"cert": ["client_cn", "client.example"],
                                 "token_sha256": digest(TOKENS["stock"])})
    with Server({"py": python_pool("access.py", workers=1)}, access=known, linger_ms=50,
                listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0", "http": "127.0.0.1:0",
                        "unix": path},
                tls=certificates.server(ca=certificates.ca, verify_client="optional")) as one:
        one.unix = path
        one.certificates = certificates
        yield one
        assert one.stop() == 0


def door_of(server, door, who):
    if door == "tls":
        conn = tls.Conn(tls.address_of(server), tls.context(server.certificates))
        return Frames(None, TOKENS.get(who), conn)
    address = {"http": server.http, "unix": server.unix}.get(door, server.address)
    return DOORS[door](address, TOKENS.get(who))


@pytest.mark.parametrize("door,who", itertools.product(DOORS, MAY))
def test_each_cell_of_identities_and_apis_has_its_verdict(server, door, who):
    known = "local" if door == "unix" and who is None else who
    may = set(APIS + COMMANDS) if known == "local" else MAY[who]
    with door_of(server, door, who) as caller:
        for name in APIS:
            code, msg, data = caller.call(name, 7)
            if name in may:
                assert (code, data) == (0, {"caller": known, "param": 7}), (name, msg)
            else:
                assert code == NOT_PERMITTED, (name, msg)
                assert name in msg and (known or "without identity") in msg
            code, msg = caller.send(name)
            assert code == (100001 if name in may else NOT_PERMITTED), (name, msg)
        for name in COMMANDS:
            code, msg = caller.command(name)
            assert code == (0 if name in may else NOT_PERMITTED), (name, msg)


def test_of_many_apis_only_those_that_are_permitted_run(server):
    with Frames(server.address, TOKENS["stock"]) as stock:
        ident = v1.guid()
        stock.conn.send(v1.request_many(ident, {"a": ("/stock/count", 1), "b": ("/shop/list", 2),
                                                "c": ("/nothing", 3)}))
        reply = stock.conn.receive()[1]
        assert reply["code"] == 0
        assert [reply["data"][key]["code"] for key in "abc"] == [0, NOT_PERMITTED, NOT_PERMITTED]
        ident = stock.conn.ask("AN_M", {"a": ("/stock/count", 1), "b": ("/shop/list", 2)})
        reply = stock.conn.receive()[1]
        assert reply["code"] == NOT_PERMITTED and "/shop/list" in reply["msg"]


def test_a_hello_is_answered_with_the_identity(server):
    with Frames(server.address, TOKENS["shop"]) as shop:
        assert shop.greeting["code"] == 0
        assert shop.greeting["data"] == {"identity": "shop"}


def test_a_hello_goes_with_the_first_call(server):
    with v1.Conn(server.address) as conn:
        first, second = v1.guid(), v1.guid()
        conn.send(hello(first, TOKENS["shop"]) + v1.request(second, "/shop/list", 1))
        assert conn.receive()[0] == first
        assert conn.receive()[1]["data"]["data"]["caller"] == "shop"


@pytest.mark.parametrize("token", ["wrong-one", "", "shop-token-1 ", "x" * 5000],
                         ids=["wrong", "empty", "blank", "long"])
def test_nothing_behind_a_wrong_token_is_run(server, token):
    with v1.Conn(server.address) as conn:
        first, second = v1.guid(), v1.guid()
        conn.send(hello(first, token) + v1.request(second, "/public/ping", 1))
        ident, reply = conn.receive()
        assert (ident, reply["code"], reply["msg"]) == (first, NOT_PERMITTED,
                                                       "the token is not known")
        assert conn.receive() is None
    assert token == "" or token not in server.log()


@pytest.mark.parametrize("param", [None, "text", {}, {"token": 7}, {"other": "x"}, [1, 2]])
def test_a_hello_without_a_token_is_none(server, param):
    with v1.Conn(server.address) as conn:
        ident = v1.guid()
        api = {"cmd": {"name": "hello", "param": param}}
        conn.send(v1.frame(ident, v1.dump({"api": api, "type": "SC", "guid": ident})))
        reply = conn.receive()[1]
        assert reply["code"] == 100003 and "token" in reply["msg"]
        assert conn.receive() is None


def test_a_hello_comes_once_and_first(server):
    with Frames(server.address, TOKENS["shop"]) as shop:
        shop.conn.send(hello(v1.guid(), TOKENS["ops"]))
        assert shop.conn.receive()[1]["code"] == NOT_PERMITTED
        assert shop.conn.receive() is None
    with Frames(server.address) as late:
        assert late.call("/public/ping")[0] == 0
        late.conn.send(hello(v1.guid(), TOKENS["ops"]))
        assert late.conn.receive()[1]["code"] == NOT_PERMITTED
        assert late.conn.receive() is None


def test_over_http_the_rules_alone_decide_on_commands_but_no_page_gives_any(server):
    with Http(server.http, TOKENS["ops"]) as ops:  # without control.http
        ops.more["X-Forwarded-For"] = "192.0.2.1"
        assert ops.command("getStat")[0] == 0
        ops.more["Origin"] = "http://elsewhere.example"
        fields = "params=" + json.dumps({"guid": v1.guid(), "api": {"cmd": {"name": "getStat"}}})
        status, reply = ops.web.ask("POST", "/server/cmd", fields, {
            "Content-Type": "application/x-www-form-urlencoded", **ops.more})
        assert (status, reply["error"]["code"]) == (403, NOT_PERMITTED)
    with Http(server.http, TOKENS["shop"]) as shop:
        assert shop.command("getStat")[0] == NOT_PERMITTED


def test_over_http_a_token_that_is_missing_or_wrong_is_asked_for(server):
    for token in (None, "wrong"):
        with Http(server.http, token) as caller:
            assert caller.call("/shop/list")[0] == NOT_PERMITTED
            assert caller.status == 401
            assert caller.web.headers["www-authenticate"].startswith("Bearer")
    with Http(server.http, TOKENS["stock"]) as stock:
        assert stock.call("/shop/list")[0] == NOT_PERMITTED
        assert stock.status == 403
        assert "www-authenticate" not in stock.web.headers


@pytest.mark.parametrize("name", ["client", "client_cn"])
def test_a_certificate_says_who_calls_unless_a_token_does(server, name):
    trust = tls.context(server.certificates, client=name)
    with tls.Conn(tls.address_of(server), trust) as conn:
        assert Frames(None, conn=conn).call("/stock/count", 1)[2]["caller"] == "stock"
        assert Frames(None, conn=conn).call("/shop/list")[0] == NOT_PERMITTED
    with tls.Conn(tls.address_of(server), trust) as conn:
        shop = Frames(None, TOKENS["shop"], conn)
        assert shop.call("/shop/list", 1)[2]["caller"] == "shop"
