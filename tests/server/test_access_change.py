"""What happens to identities while a server runs: reloads, repeats, guesses, numbers; and tools."""

import json
import os
import subprocess
import urllib.error
import urllib.request

import dora
import pytest

from support import v1
from support.access import TOKENS, Frames, Http, access, digest, hello
from support.metrics import admin_of
from support.server import Server, asking, python_pool, wait_until

NOT_PERMITTED = 100205
RULES = [
    {"who": "shop", "apis": ["/shop/*"]},
    {"who": "ops", "apis": "*", "control": True},
    {"who": {"address": "127.0.0.64/26"}, "apis": ["/stock/*"]},
]


@pytest.fixture
def server(tmp_path):
    path = str(tmp_path / "dora.sock")
    with Server({"py": python_pool("access.py", workers=1)}, access=access(RULES), linger_ms=50,
                listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0",
                        "unix": path}) as one:
        one.unix = path
        one.admin = admin_of(one)
        yield one
        assert one.stop() == 0


def write(server, **more):
    """Writes the configuration with something else in it."""
    path = os.path.join(server.folder, "dora.json")
    with open(path) as file:
        config = json.load(file)
    config.update(more)
    with open(path, "w") as file:
        json.dump(config, file)


def change(server, **more):
    """And reloads."""
    write(server, **more)
    with Frames(server.address, TOKENS["ops"]) as ops:
        assert ops.conn.command("reloadWait", 60)["code"] == 0


def test_a_reload_judges_open_connections_by_the_new_rules(server):
    with Frames(server.address, TOKENS["shop"]) as shop, Frames(server.address) as nobody:
        assert shop.call("/shop/list")[0] == 0
        assert nobody.call("/public/ping")[0] == NOT_PERMITTED
        change(server, access=access(RULES[1:] + [{"who": "anyone", "apis": ["/public/*"]}]))
        assert shop.call("/shop/list")[0] == NOT_PERMITTED
        assert shop.call("/public/ping")[2]["caller"] == "shop"
        assert nobody.call("/public/ping")[2]["caller"] is None


def test_a_token_is_rotated_without_a_failed_call(server):
    both = [digest(TOKENS["shop"]), digest("shop-token-2")]
    with Frames(server.address, TOKENS["shop"]) as old:
        assert old.call("/shop/list")[0] == 0
        change(server, access=access(RULES, shop={"token_sha256": both}))
        assert old.call("/shop/list")[0] == 0
        with Frames(server.address, "shop-token-2") as new:
            change(server, access=access(RULES, shop={"token_sha256": both[1:]}))
            assert new.call("/shop/list")[2]["caller"] == "shop"
            assert old.call("/shop/list")[0] == NOT_PERMITTED
    with Frames(server.address, TOKENS["shop"]) as late:
        assert late.greeting["code"] == NOT_PERMITTED


def test_rules_come_and_go_with_a_reload(server):
    with Frames(server.address, TOKENS["shop"]) as shop:
        change(server, access=None)
        assert shop.call("/stock/count")[2]["caller"] is None
        write(server, access=access(RULES))
        with v1.Conn(server.address) as conn:
            assert conn.command("reloadWait", 60)["code"] == 0
        assert shop.call("/stock/count")[0] == NOT_PERMITTED
        assert shop.call("/shop/list")[2]["caller"] == "shop"


def test_a_wrong_configuration_leaves_the_old_rules(server):
    with Frames(server.address, TOKENS["shop"]) as shop:
        write(server, access={**access(RULES), "rules": []})
        with Frames(server.address, TOKENS["ops"]) as ops:
            ops.command("reloadTask")
        assert wait_until(lambda: "its settings stay as they were" in server.log())
        assert shop.call("/shop/list")[0] == 0
        assert shop.call("/stock/count")[0] == NOT_PERMITTED


def test_two_callers_never_share_a_kept_reply(server):
    ident = v1.guid()
    frame = v1.request(ident, "/shop/list", 7)
    callers = []
    for who in ("shop", "ops", "shop"):
        with Frames(server.address, TOKENS[who]) as caller:
            caller.conn.send(frame)
            callers.append(caller.conn.receive()[1]["data"]["data"]["caller"])
    assert callers == ["shop", "ops", "shop"]
    with Frames(server.address, TOKENS["ops"]) as ops:
        repeats = ops.conn.command("getStat")["data"]["server"]["repeats"]
    assert repeats["hits"] == 1


def test_a_reply_is_kept_from_who_may_not_have_it_by_its_address(server):
    """Neither has an identity, and both send the same bytes."""
    for kind, refused in (("W_S", ("data", "code")), ("AM_S", ("code",))):
        ident = v1.guid()
        frame = v1.request_of(kind, ident, {"one": ("/stock/count", 7)})
        with v1.Conn(server.address, source="127.0.0.64") as inside:
            inside.send(frame)
            inside.receive()
        with v1.Conn(server.address, source="127.0.0.63") as outside:
            outside.send(frame)
            reply = outside.receive()[1]
            for key in refused:
                reply = reply[key]
            assert reply == NOT_PERMITTED, kind
        with v1.Conn(server.address, source="127.0.0.65") as inside:
            inside.send(frame)
            inside.receive()
    with Frames(server.address, TOKENS["ops"]) as ops:
        repeats = ops.conn.command("getStat")["data"]["server"]["repeats"]
    assert repeats["hits"] + repeats["joins"] == 2


def test_of_an_api_that_a_reload_takes_away_a_repeat_is_another_call_without_identity(server):
    """The first attempt ran; what a repeat without identity hears says nothing of it."""
    frame = v1.request(v1.guid(), "/shop/list", 7)
    with Frames(server.address, TOKENS["shop"]) as shop, \
            v1.Conn(server.address, source="127.0.0.64") as nobody:
        change(server, access=access([{"who": ["shop", {"address": "127.0.0.64/26"}],
                                       "apis": ["/shop/*"]}, *RULES[1:]]))

        def code_of(conn, frame):
            conn.send(frame)
            return conn.receive()[1]["data"]["code"]

        def told_by(conn, code):  # a reload may take longer than its answer
            return wait_until(
                lambda: code_of(conn, v1.request(v1.guid(), "/shop/list", 7)) == code)
        assert told_by(nobody, 0)
        assert [code_of(conn, frame) for conn in (shop.conn, nobody)] == [0, 0]
        change(server, access=access(RULES[1:]))
        assert told_by(nobody, NOT_PERMITTED) and told_by(shop.conn, NOT_PERMITTED)
        assert [code_of(conn, frame) for conn in (shop.conn, nobody)] == [0, NOT_PERMITTED]


def test_an_address_is_let_in_by_its_network(server):
    for source, expected in (("127.0.0.64", 0), ("127.0.0.127", 0), ("127.0.0.63", NOT_PERMITTED),
                             ("127.0.0.128", NOT_PERMITTED)):
        with v1.Conn(server.address, source=source) as conn:
            assert conn.call("/stock/count")["data"]["code"] == expected, source


def test_too_many_wrong_tokens_of_one_address_are_not_looked_at(server):
    def greet(token, source):
        with v1.Conn(server.address, source=source) as conn:
            conn.send(hello(v1.guid(), token))
            return conn.receive()[1]
    answers = [greet("wrong-%d" % i, "127.0.0.2") for i in range(60)]
    while "too many" not in answers[-1]["msg"] and len(answers) < 600:  # some come back a second
        answers.append(greet("wrong-%d" % len(answers), "127.0.0.2"))
    assert {answer["code"] for answer in answers} == {NOT_PERMITTED}
    assert answers[0]["msg"] == "the token is not known"
    assert "too many" in answers[-1]["msg"]
    assert greet(TOKENS["shop"], "127.0.0.3")["code"] == 0
    assert server.log().count("a wrong token came from 127.0.0.2") < len(answers)
    assert "wrong-" not in server.log()


def test_one_who_guesses_behind_a_proxy_uses_up_no_other_ones_guesses(server):
    def call(token, forwarded_for):
        with Http(server.http, token) as caller:
            caller.more["X-Forwarded-For"] = forwarded_for
            return caller.call("/shop/list")

    last = (0, "")
    for i in range(600):  # some come back a second
        last = call("wrong-%d" % i, "198.51.100.%d, 203.0.113.7" % (i % 250))
        if i >= 60 and "too many" in last[1]:
            break
    assert "too many" in last[1]
    assert call(TOKENS["shop"], "203.0.113.7")[0] == NOT_PERMITTED
    assert call(TOKENS["shop"], "203.0.113.7, 203.0.113.8")[0] == 0
    assert call(TOKENS["shop"], "what is no address")[0] == 0
    assert wait_until(lambda: "a wrong token came from 203.0.113.7" in server.log())


def test_calls_and_refusals_are_counted_by_identity(server):
    with Frames(server.address, TOKENS["shop"]) as shop, Frames(server.address) as nobody:
        shop.call("/shop/list")
        shop.call("/stock/count")
        nobody.call("/shop/list")
    with Frames(server.address, TOKENS["ops"]) as ops:
        told = ops.conn.command("getStat")["data"]["server"]["callers"]
    assert told["shop"] == {"calls": 2, "refused": 1}
    assert told["anyone"] == {"calls": 1, "refused": 1}
    with urllib.request.urlopen("http://%s/metrics" % server.admin) as answer:
        text = answer.read().decode()
    assert 'dora_caller_calls_total{caller="shop"} 2\n' in text
    assert 'dora_caller_refused_total{caller="anyone"} 1\n' in text


@pytest.mark.parametrize("who,status", [("shop", 200), ("ops", 200), (None, 403), ("wrong", 403)])
def test_calls_of_the_operators_page_are_judged_by_their_token(server, who, status):
    request = urllib.request.Request("http://%s/apis/call?name=/shop/list" % server.admin, b"7", {
        "Content-Type": "application/json", "X-Dora-Try": "1"})
    if who is not None:
        request.add_header("Authorization", "Bearer " + TOKENS.get(who, who))
    try:
        with urllib.request.urlopen(request) as answer:
            assert (answer.status, json.load(answer)["caller"]) == (status, who)
    except urllib.error.HTTPError as error:
        assert error.code == status


def test_an_address_that_a_proxy_speaks_for_is_none(server):
    with Http(server.http) as caller:
        change(server, access=access(RULES + [{"who": {"address": "127.0.0.0/8"}, "apis": "*"}]))
        assert caller.call("/shop/list")[0] == 0
        caller.more = {"X_Forwarded_For": "10.0.0.1"}
        assert caller.call("/shop/list")[0] == NOT_PERMITTED
        assert caller.status == 401


def run(*words, **env):
    return subprocess.run(asking(*words), capture_output=True, text=True, timeout=30,
                          env={**os.environ, **env})


def test_tools_take_a_token_from_a_file_or_the_environment(server, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKENS["ops"] + "\n")
    assert run("stat", server.address).returncode == 1
    assert "serving" in run("stat", server.address, "--token-file", str(path)).stdout
    assert "serving" in run("stat", server.address, DORA_TOKEN=TOKENS["ops"]).stdout
    assert "serving" in run("stat", "unix:" + server.unix, DORA_TOKEN=TOKENS["ops"]).stdout
    told = run("call", server.address, "/shop/list", "7", "--token-file=%s" % path)
    assert json.loads(told.stdout) == {"caller": "ops", "param": 7}
    told = run("call", server.address, "/shop/list", DORA_TOKEN="wrong")
    assert told.returncode == 3 and "the token is not known" in told.stderr
    missing = run("stat", server.address, "--token-file", str(tmp_path / "none"))
    assert missing.returncode == 2 and "No such file" in missing.stderr


def test_clients_say_who_calls(server):
    with dora.Client(server.address, token=TOKENS["shop"], timeout=60) as shop:
        assert [shop.call("/shop/list", i)["caller"] for i in range(3)] == ["shop"] * 3
        with pytest.raises(dora.NotRunError, match="/stock/count") as caught:
            shop.call("/stock/count")
        assert caught.value.code == NOT_PERMITTED
    with dora.Client("unix:" + server.unix, token=TOKENS["shop"], timeout=60) as shop:
        assert shop.call("/shop/list")["caller"] == "shop"
    with dora.Client(server.address, token="wrong", timeout=60) as wrong:
        for _ in range(2):
            with pytest.raises(dora.Error) as caught:
                wrong.call("/stock/count")
            assert caught.value.code == NOT_PERMITTED
    with Frames(server.address, TOKENS["ops"]) as ops:
        assert ops.conn.command("getStat")["data"]["server"]["callers"]["shop"]["calls"] == 5


async def ask(address, token, count):
    import asyncio
    async with dora.AsyncClient(address, token=token, connections=2, timeout=60) as client:
        return await asyncio.gather(*(client.call("/shop/list", i) for i in range(count)),
                                    return_exceptions=True)


def test_asynchronous_clients_say_who_calls(server):
    import asyncio
    told = asyncio.run(ask(server.address, TOKENS["shop"], 50))
    assert {one["caller"] for one in told} == {"shop"}
    told = asyncio.run(ask(server.address, "wrong", 5))
    assert {one.code for one in told} == {NOT_PERMITTED}


@pytest.mark.parametrize("nodes", ["192.0.2.1:9567", ["127.0.0.1:1", "192.0.2.1:9567"]])
def test_a_client_does_not_send_a_token_over_plain_tcp_to_another_machine(nodes):
    for make in (dora.Client, dora.AsyncClient):
        with pytest.raises(ValueError, match="the token is not sent to 192.0.2.1:9567"):
            make(nodes, token="secret-token")
    dora.Client("tls://192.0.2.1:9567", token="secret-token").close()


@pytest.mark.parametrize("token", ["", "two words", "x" * 2000, "tab\t"])
def test_a_token_that_no_header_can_carry_is_refused(token):
    with pytest.raises(ValueError, match="token"):
        dora.Client("127.0.0.1:1", token=token)


@pytest.mark.parametrize("broken,part", [
    ({"rules": []}, "without any, nobody could call"),
    ({"identities": {}}, "has no \"rules\""),
    ({"rules": [{"who": "shpo", "apis": ["*"]}]}, "did you mean \"shop\""),
    ({"rules": [{"who": {"address": "10.0.0.1/8"}, "apis": ["*"]}]}, "10.0.0.0/8"),
    ({"rules": [{"who": "anyone"}]}, "neither \"apis\" nor \"control\""),
    ({"rules": [{"who": "anyone", "control": ["getStats"]}]}, "did you mean \"getStat\""),
    ({"rules": [{"who": "anyone", "apis": ["*"], "deny": True}]}, "unknown key \"deny\""),
    ({"identities": {"x": {"token_sha256": "abc"}}}, "64 hexadecimal digits"),
    ({"identities": {"x": {}}}, "by what it is known"),
    ({"identities": {"anyone": {"uid": 1}}}, "not \"anyone\""),
    ({"identities": {"x": {"uid": "nobody-of-that-name"}}}, "name of a user"),
    ({"identities": {"x": {"uid": 77}, "y": {"uid": 77}}}, "that of \"x\" already"),
    ({"identities": {"x": {"token_sha256": ["a" * 64, "A" * 64]}}}, "that of \"x\" already"),
    ({"rule": []}, "did you mean \"rules\""),
])
def test_a_mistake_in_access_is_named_with_its_mend(tmp_path, broken, part):
    good = {"identities": {"shop": {"uid": 4711}}, "rules": [{"who": "shop", "apis": ["*"]}]}
    path = tmp_path / "dora.json"
    config = {**good, **broken}
    if broken == {"identities": {}}:
        del config["rules"]
    if "x" in broken.get("identities", {}) or "anyone" in broken.get("identities", {}):
        config["identities"] = {**good["identities"], **broken["identities"]}
    path.write_text(json.dumps({"pools": {"py": python_pool("access.py")}, "access": config}))
    told = run("check", str(path))
    assert told.returncode == 1 and part in told.stderr, told.stderr
    assert "%s:1:" % path in told.stderr


def test_check_says_who_may_what(tmp_path):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({
        "pools": {"py": python_pool("access.py")},
        "access": {"identities": {"shop": {"uid": 4711}, "idle": {"uid": 4712}},
                   "rules": [{"who": "shop", "apis": ["!/shop/reset", "/shop/*"]},
                             {"who": {"address": "10.0.0.0/8"}, "control": True}]}}))
    told = run("check", "--load", "--who", "shop", str(path)).stdout
    rows = {tuple(line.split()[:2]): line.split()[2:] for line in told.splitlines()
            if line.startswith("  ")}
    assert rows["api", "/shop/list"] == ["yes", "rule", "1"]
    assert rows["api", "/shop/reset"] == ["no", "rule", "1"]
    assert rows["api", "/stock/count"] == ["no", "no", "rule"]
    assert rows["command", "getStat"] == ["no", "no", "rule"]
    assert "access.identities.idle: no rule names it" in told
    assert "getStat                          yes  rule 2" in run(
        "check", "--who", "10.1.2.3", str(path)).stdout
    wrong = run("check", "--who", "shp", str(path))
    assert wrong.returncode == 1 and "did you mean \"shop\"" in wrong.stderr
