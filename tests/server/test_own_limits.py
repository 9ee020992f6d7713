"""Time limits that apis have of their own, in place of their pool's."""

import os
import re
import time

import pytest

from support import v1
from support.metrics import admin_of, ask
from support.reload import reload_wait
from support.server import HERE, Server, python_pool, wait_until

C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "limited_app.so")
KINDS = ["python", "async", "plain", "php", "c"]
POOLS_TEXT = "the handler ran past its time limit"
SHORT_TEXT = POOLS_TEXT + ": time_limit of %s (0.3 s)"


def pool(kind, **more):
    more.setdefault("workers", 1)
    if kind == "php":
        return {"runtime": "php", "app": os.path.join(HERE, "apps", "limited.php"), **more}
    if kind == "c":
        return {"runtime": "c", "app": C_APP, **more}
    if kind == "python":
        return python_pool("limited.py", **more)
    return python_pool("limited_async.py", concurrency=8, **more)


def served(pools, **more):
    """A server whose stop does not wait for the test's own connections."""
    return Server(pools, linger_ms=0, **more)


def name_of(kind, name):
    return "/plain" + name if kind == "plain" else name


def said(msg):
    """What a caller is told, without where the handler was."""
    return msg.partition("; it was at ")[0]


def ends(conn, asked):
    """{guid: (code, msg)} of all that was asked."""
    found = {}
    while len(found) < len(asked):
        ident, reply = conn.receive(30)
        if reply["code"] != 100001:
            found[ident] = (v1.code(reply), said(reply["data"]["msg"]))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_that_is_shorter_than_the_pools(kind):
    """Its caller and the log are told which it was; others are as before."""
    name = name_of(kind, "/short")
    with served({"p": pool(kind, time_limit_ms=60000)}) as server:
        with v1.Conn(server.address) as conn:
            envelope = conn.call(name, 20, timeout=30)["data"]
            assert (envelope["code"], said(envelope["msg"])) == (100201, SHORT_TEXT % name)
            assert conn.call(name_of(kind, "/pool"), 0.5, timeout=30)["data"]["code"] == 0
        assert wait_until(lambda: "time_limit of %s (0.3 s)" % name in server.log())
        assert server.stop() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_that_is_longer_than_the_pools(kind):
    with served({"p": pool(kind, time_limit_ms=300)}) as server:
        with v1.Conn(server.address) as conn:
            assert conn.call(name_of(kind, "/long"), 0.7, timeout=30)["data"]["code"] == 0
            for name in ("/pool", "/unsaid"):
                envelope = conn.call(name_of(kind, name), 5, timeout=30)["data"]
                assert (envelope["code"], said(envelope["msg"])) == (100201, POOLS_TEXT)


@pytest.mark.parametrize("kind", KINDS)
def test_0_is_no_limit(kind):
    with served({"p": pool(kind, time_limit_ms=300)}) as server, v1.Conn(server.address) as conn:
        assert conn.call(name_of(kind, "/none"), 0.7, timeout=30)["data"]["code"] == 0
        assert server.stop() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_limit_in_a_pool_that_has_none(kind):
    with served({"p": pool(kind, time_limit_ms=0)}) as server, v1.Conn(server.address) as conn:
        assert conn.call(name_of(kind, "/short"), 5, timeout=30)["data"]["code"] == 100201
        assert conn.call(name_of(kind, "/pool"), 0.6, timeout=30)["data"]["code"] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_accepted_work_has_it_too(kind):
    """It was asked for. That of the pool, by default, does not count for it."""
    with served({"p": pool(kind, workers=2)}) as server, v1.Conn(server.address) as conn:
        asked = [conn.ask("AM_S", {"one": (name_of(kind, name), seconds)})
                 for name, seconds in (("/short", 20), ("/pool", 0.5))]
        found = ends(conn, asked)
        assert found[asked[0]] == (100201, SHORT_TEXT % name_of(kind, "/short"))
        assert found[asked[1]][0] == 0


@pytest.mark.parametrize("kind", KINDS)
def test_each_api_of_one_call_has_its_own(kind):
    apis = {"a": (name_of(kind, "/short"), 20), "b": (name_of(kind, "/long"), 1),
            "c": (name_of(kind, "/none"), 1), "d": (name_of(kind, "/pool"), 20)}
    more = {"threads": 8} if kind == "plain" else {"workers": 4}
    with served({"p": pool(kind, time_limit_ms=600, **more)}) as server:
        with v1.Conn(server.address) as conn:
            conn.send(v1.request_many(v1.guid(), apis))
            _, reply = conn.receive(30)
        told = {key: (each["code"], said(each["msg"])) for key, each in reply["data"].items()}
        assert told == {"a": (100201, SHORT_TEXT % apis["a"][0]), "b": (0, "OK"),
                        "c": (0, "OK"), "d": (100201, POOLS_TEXT)}


@pytest.mark.parametrize("kind", ["python", "plain", "php", "c"])
def test_what_waits_for_a_worker_is_not_running(kind):
    """The limit counts from a run's start, and the next in turn has all of it."""
    with served({"p": pool(kind)}) as server, v1.Conn(server.address) as conn:
        asked = [conn.ask("W_S", {"one": (name_of(kind, name), seconds)})
                 for name, seconds in [("/none", 1.2)] + [("/second", 0)] * 4]
        assert {code for code, _ in ends(conn, asked).values()} == {0}
        assert server.stop() == 0


def test_async_handlers_beside_each_other():
    """Whose limit is over is ended alone, however they have come."""
    with served({"p": pool("async", time_limit_ms=800)}) as server:
        with v1.Conn(server.address) as conn:
            pid = conn.call("/pool", 0)["data"]["data"]
            apis = [("/long", 1.2), ("/pool", 20), ("/short", 20), ("/none", 1.2), ("/second", 0)]
            asked = [conn.ask("W_S", {"one": each}) for each in apis]
            assert [code for code, _ in map(ends(conn, asked).get, asked)] == \
                [0, 100201, 100201, 0, 0]
            assert conn.call("/pool", 0)["data"]["data"] == pid
        assert server.stop() == 0


def test_the_short_one_is_not_ended_by_a_sweep_for_the_long(tmp_path):
    """A timer that waits for a call with much time is set anew for one with little."""
    with served({"p": pool("async", time_limit_ms=60000)}) as server:
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            long = other.ask("W_S", {"one": ("/long", 1.2)})
            for _ in range(3):
                assert conn.call("/short", 30, timeout=30)["data"]["code"] == 100201
            assert ends(other, [long])[long][0] == 0
        assert server.stop() == 0


@pytest.mark.parametrize("name, grace_ms", [("/block", 60000), ("/deaf", 300)],
                         ids=["/block", "/deaf"])
def test_a_loop_that_does_not_turn_is_ended_by_the_master(name, grace_ms):
    """What blocks it is ended; where that does not end, the worker is killed."""
    with served({"p": pool("async", time_limit_ms=60000, kill_after_ms=grace_ms)}) as server:
        with v1.Conn(server.address) as conn:
            pid = conn.call("/pool", 0)["data"]["data"]
            envelope = conn.call(name, 20, timeout=30)["data"]
            assert (envelope["code"], said(envelope["msg"])) == (100201, SHORT_TEXT % name)
            if name == "/block":
                assert conn.call("/pool", 0)["data"]["data"] == pid
            else:
                assert wait_until(lambda: re.search(
                    r"worker process %d was killed by signal 9 \(Killed\) past time_limit of /deaf "
                    r"\(0\.3 s\), while it ran /deaf" % pid, server.log())), server.log()
        assert server.stop() == 0


def test_a_handler_that_cleans_up_on_the_loop_is_ended_once():
    with served({"p": pool("async", time_limit_ms=60000, kill_after_ms=30000)}) as server:
        with v1.Conn(server.address) as conn:
            assert conn.call("/tidy", 20, timeout=30)["data"]["code"] == 100201
            assert wait_until(lambda: "it has tidied up" in server.log()), server.log()
        assert server.stop() == 0


@pytest.mark.parametrize("kind", ["python", "php"])
def test_what_ends_a_handler_in_a_call_of_its_own_ends_both(kind):
    with served({"p": pool(kind, kill_after_ms=30000)}) as server:
        with v1.Conn(server.address) as conn:
            assert conn.call("/outer", "/inner", timeout=30)["data"]["code"] == 100201
            assert wait_until(lambda: "ended within /inner" in server.log()), server.log()
        assert server.stop() == 0


STOPPING = """
import asyncio, contextlib, time
import dora
app = dora.App()
@app.worker_stop
async def stopped():
    await asyncio.sleep(0.6)
    print("the stop hook has run", flush=True)
@app.api("/deaf", time_limit=0.1)
def deaf(param):
    until = time.monotonic() + param
    while time.monotonic() < until:
        with contextlib.suppress(dora.TimeLimit):
            time.sleep(0.05)
@app.api("/async")
async def other(param):
    pass
"""


def test_a_thread_is_looked_for_while_stop_hooks_run(tmp_path):
    app = tmp_path / "app.py"
    app.write_text(STOPPING)
    with served({"p": python_pool(str(app), workers=1, kill_after_ms=300)}) as server:
        with v1.Conn(server.address) as conn:
            assert conn.call("/deaf", 1, timeout=30)["data"]["code"] == 100201
        assert server.stop() == 0
        assert "the stop hook has run" in server.log()


def test_what_php_does_after_the_reply_has_it_too():
    with served({"p": pool("php")}) as server, v1.Conn(server.address) as conn:
        pid = conn.call("/after")["data"]["data"]
        assert conn.call("/pool", 0, timeout=30)["data"]["code"] == 0
        line = "worker process %d is ended: what it did after a task took longer than the time " \
            "limit of its api, in ms (400)" % pid
        assert wait_until(lambda: line in server.log())
        assert server.stop() == 0


APP = """
import os, time
import dora
app = dora.App()
@app.api("/first")
def first(param):
    return 1
@app.api("/x", time_limit=%s)
def x(param):
    with open(param["mark"], "w"):
        pass
    while not os.path.exists(param["until"]):
        time.sleep(0.005)
    return os.getpid()
"""


def limit_of(conn, name):
    return {api["name"]: api["time_limit_ms"] for api in conn.command("getApis")["data"]}[name]


def test_a_reload_changes_it(tmp_path):
    """What runs keeps the limit that it has, what waits gets the new one."""
    app, gate, marks = tmp_path / "app.py", str(tmp_path / "gate"), [tmp_path / "a", tmp_path / "b"]
    app.write_text(APP % 60)
    with served({"p": python_pool(str(app), workers=1)}) as server:
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            runs, waits = [conn.ask("W_S", {"one": ("/x", {"mark": str(mark), "until": gate})})
                           for mark in marks]
            assert wait_until(marks[0].exists)
            assert limit_of(other, "/x") == 60000
            app.write_text((APP % 0.4).replace('"/first"', '"/other"'))
            assert reload_wait(server)["code"] == 0
            assert limit_of(other, "/x") == 400
            assert ends(conn, [waits])[waits] == (100201, "the handler ran past its time limit: "
                                                          "time_limit of /x (0.4 s)")
            time.sleep(0.5)  # what runs since before is past the new limit by far
            with open(gate, "w"):
                pass
            assert ends(conn, [runs])[runs][0] == 0
            app.write_text(APP % None)
            assert reload_wait(server)["code"] == 0
            assert limit_of(other, "/x") == 60000
        assert server.stop() == 0


@pytest.mark.parametrize("kind", ["python", "php", "c"])
def test_who_asks_is_told_what_counts(kind):
    with served({"p": pool(kind, time_limit_ms=1500)},
                listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}) as server:
        with v1.Conn(server.address) as conn:
            told = {api["name"]: api["time_limit_ms"] for api in conn.command("getApis")["data"]}
        document = ask(admin_of(server), "/openapi.json")[1]
        assert server.stop() == 0
    for other in ("/after", "/inner", "/outer"):
        told.pop(other, None)
    assert told == {"/pool": 1500, "/short": 300, "/second": 1000, "/long": 60000, "/none": 0,
                    "/unsaid": 1500}
    assert re.findall(r'"time_limit_ms": ?300\b', document)


@pytest.mark.parametrize("kind", ["python", "php"])
def test_what_is_no_limit_is_told_at_load_with_its_place(tmp_path, kind):
    """File, line and api."""
    text = {"python": "import dora\napp = dora.App()\n@app.api('/x', time_limit=-2)\n"
                      "def x(param): pass\n",
            "php": "<?php\n$app = new Dora\\App();\n"
                   "$app->api('/x', fn () => 1, ['timeLimit' => -2]);\nreturn $app;\n"}[kind]
    app = tmp_path / ("app.py" if kind == "python" else "app.php")
    app.write_text(text)
    with pytest.raises(RuntimeError) as info:
        Server({"p": {"runtime": kind, "app": str(app), "workers": 1}})
    said = {"python": [r'app\.py", line 3', r"ValueError: api '/x': time_limit must be 0 \(none\) "
                       r"to 86400 seconds, not -2"],
            "php": [r"app\.php:3", r'of api "/x" has "timeLimit", which must be 0 \(none\) to '
                    r"86400 seconds, not -2"]}[kind]
    assert all(re.search(each, str(info.value)) for each in said), str(info.value)


@pytest.mark.parametrize("kind", KINDS)
def test_who_develops_has_none(kind):
    """With --dev a breakpoint may take as long as it likes."""
    with served({"p": pool(kind)}, dev=True) as server, v1.Conn(server.address) as conn:
        assert conn.call(name_of(kind, "/short"), 0.5, timeout=30)["data"]["code"] == 0
        assert limit_of(conn, name_of(kind, "/short")) == 0
        assert server.stop() == 0


def test_a_task_without_a_limit_hangs_in_nothing(tmp_path):
    """Its api says that it may take as long as it likes: the server is ready while tasks wait."""
    app, mark, gate = tmp_path / "app.py", tmp_path / "mark", str(tmp_path / "gate")
    app.write_text(APP % 0)
    with served({"p": python_pool(str(app), workers=1, hung_ms=50)},
                listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}) as server:
        with v1.Conn(server.address) as conn:
            asked = [conn.ask("W_S", {"one": ("/x", {"mark": str(mark), "until": gate})})
                     for _ in range(2)]
            assert wait_until(mark.exists)
            time.sleep(0.2)  # past hung_ms
            assert ask(admin_of(server), "/readyz")[0] == 200
            with open(gate, "w"):
                pass
            assert {code for code, _ in ends(conn, asked).values()} == {0}
        assert server.stop() == 0
