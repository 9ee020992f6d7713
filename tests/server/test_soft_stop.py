"""A handler that should end is asked first: at its time limit, at a stop. Its caller is answered at
once; who ends keeps its worker, who does not is killed with it."""

import http.client
import json
import os
import re
import signal
import subprocess

import pytest

from support import v1
from support.server import HERE, Server, asking, environment, python_pool, wait_until

C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "overrun_app.so")
LATE = "the handler ran past its time limit: time_limit of %s (0.15 s)"
FOREVER_MS = 600000  # a grace that is never over: what ends has ended by itself


def pool(kind, **more):
    more.setdefault("kill_after_ms", FOREVER_MS)
    more.setdefault("workers", 1)
    if kind == "php":
        return {"runtime": "php", "app": os.path.join(HERE, "apps", "overrun.php"), **more}
    if kind == "c":
        return {"runtime": "c", "app": C_APP, **more}
    if kind == "async":
        return python_pool("overrun_async.py", concurrency=8, **more)
    return python_pool("overrun.py", **more)


@pytest.fixture(scope="module")
def served():
    """{kind: a server}: what obeys leaves it as it was."""
    servers = {}

    def of(kind):
        if kind not in servers:
            servers[kind] = Server({"p": pool(kind)}, log={"format": "json"}, linger_ms=0)
        return servers[kind]

    yield of
    for server in servers.values():
        server.close()


def records(server, guid):
    return [json.loads(line) for line in server.lines() if guid in line]


def one_record(server, guid):
    assert wait_until(lambda: records(server, guid)), server.log()
    found = records(server, guid)
    assert len(found) == 1, found
    return found[0]


def overrun(conn, name, param):
    """(guid, envelope) of a call that runs past its limit."""
    guid = conn.ask("W_S", {"one": (name, param)})
    ident, reply = conn.receive(60)
    assert ident == guid
    return guid, reply["data"]


def running_tasks(server):
    """What `dora stat --running` prints."""
    done = subprocess.run(asking("stat", server.address, "--running"), env=environment(),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


OBEYS = [(kind, name)
         for kind, names in {
             "python": ["/sleep", "/loop", "/receive", "/acquire", "/match", "/foreign", "/guarded",
                        "/translated", "/ignored", "/behind"],
             "async": ["/sleep", "/loop", "/steps", "/parts", "/parts/loop", "/task",
                       "/task/finally", "/task/gathered", "/task/apart", "/task/watched",
                       "/task/below", "/plain/loop"],
             "php": ["/sleep", "/loop", "/guarded", "/translated", "/ignored", "/map", "/sort",
                     "/apply", "/destructor", "/buffered", "/generator", "/fiber", "/select",
                     "/accept", "/fifo", "/flock", "/receive", "/wait4", "/curl"],
             "c": ["/loop", "/poll"]}.items()
         for name in names]


def is_offered(conn, name):
    return name in [api["name"] for api in conn.command("getApis")["data"]]


@pytest.mark.parametrize("kind,name", OBEYS)
def test_one_that_ends_keeps_its_worker(served, tmp_path, kind, name):
    """`finally` and destructors have run, and the log has it once, with api, guid and times."""
    made = tmp_path / "made"
    server = served(kind)
    guids = []
    with v1.Conn(server.address) as conn:
        if not is_offered(conn, name):
            pytest.skip("this PHP lacks the extension")
        pid = conn.call("/pid")["data"]["data"]

        def has_begun():
            """Once more where its time was over before that."""
            guid, envelope = overrun(conn, name, str(made))
            guids.append(guid)
            assert envelope["code"] == 100201 and envelope["msg"].startswith(LATE % name), envelope
            assert conn.call("/pid", timeout=30)["data"]["data"] == pid
            return kind == "c" or (tmp_path / "made.begun").exists()

        assert wait_until(has_begun), server.log()
        assert kind == "c" or wait_until(made.exists), server.log()
    record = one_record(server, guids[-1])
    assert record["code"] == 100201 and record["api"] == name
    assert record["queue_ms"] >= 0 and record["run_ms"] > 0


@pytest.mark.parametrize("kind,name,place", [
    ("python", "/sleep", r"overrun\.py:\d+ in sleep"),
    ("python", "/loop", r"overrun\.py:\d+ in loop"),
    ("php", "/loop", r"overrun\.php:\d+ in \{closure\}"),
    ("php", "/nameless", r"overrun\.php:\d+ in class@anonymous::run$"),
])
def test_its_caller_is_told_where_it_was(served, tmp_path, kind, name, place):
    """Unless the worker takes so long to say it that the answer goes without."""
    with v1.Conn(served(kind).address) as conn:
        found = []

        def is_told():
            found.append(overrun(conn, name, str(tmp_path / "made")))
            return re.search("; it was at " + place, found[-1][1]["msg"])

        assert wait_until(is_told), found
    record = one_record(served(kind), found[-1][0])
    assert "overrun.p" in record["traceback"]
    assert record["class"] in ("TimeLimit", "Dora\\Interrupted")


@pytest.mark.parametrize("kind,name", [("python", "/total"), ("php", "/deaf"), ("c", "/deaf")])
def test_its_caller_does_not_wait_for_one_that_does_not_end(tmp_path, kind, name):
    """Nor do the callers of others."""
    with Server({"p": pool(kind, workers=2)}, linger_ms=0) as server:
        with v1.Conn(server.address) as conn:
            assert overrun(conn, name, str(tmp_path / "made"))[1]["code"] == 100201
            assert len(server.workers("p")) == 2 and "was killed" not in server.log()
            assert conn.call("/pid", timeout=30)["data"]["code"] == 0
        ending = {"python": "py", "php": "php"}.get(kind)
        shown = r"^p +\d+ +\d+ .* %s\n" % name
        if ending:
            shown += r"    /\S*overrun\.%s:\d+ in \S+" % ending
        assert wait_until(lambda: re.search(shown, running_tasks(server), re.M))
        for pid in server.workers("p").values():
            os.kill(pid, signal.SIGKILL)
        assert server.stop() == 0


@pytest.mark.parametrize("name,places", [
    ("/steps", ["in sleep", "overrun_async.py:N in steps", "overrun_async.py:N in walk"]),
    ("/parts", ["in sleep", "overrun_async.py:N in steps", "overrun_async.py:N in parts"])])
def test_an_async_generator_is_where_it_awaits(served, tmp_path, name, places):
    server = served("async")
    with v1.Conn(server.address) as conn:
        guid, envelope = overrun(conn, name, str(tmp_path / "made"))
        assert envelope["code"] == 100201
    said = re.sub(r":\d+ in", ":N in", one_record(server, guid)["traceback"])
    at = [said.find(each) for each in places]
    assert -1 not in at and at == sorted(at), said


@pytest.mark.parametrize("kind,name,place", [
    ("python", "/deaf", r"overrun\.py:\d+ in deaf"),
    ("python", "/total", r"overrun\.py:\d+ in total"),
    ("php", "/total", r"overrun\.php:\d+ in hash_pbkdf2"),
    ("php", "/deaf", r"overrun\.php:\d+ in \{closure\}"),
    ("php", "/finally", r"overrun\.php:\d+ in \{closure\}"),
    ("php", "/socket", r"overrun\.php:\d+ in fread"),
    ("c", "/deaf", None)])
def test_one_that_does_not_end_is_killed(tmp_path, kind, name, place):
    """The log has one record of it, with where it was, unless its worker was killed before it could
    say so; and its caller one answer."""
    pools = {"p": pool(kind, kill_after_ms=1000 if place else 100, poison_s=0)}
    with Server(pools, log={"format": "json"}, linger_ms=0) as server, \
            v1.Conn(server.address) as conn:
        found = []

        def is_told():
            pid = conn.call("/pid", timeout=30)["data"]["data"]
            guid, envelope = overrun(conn, name, str(tmp_path / "made"))
            assert envelope["code"] == 100201
            assert conn.call("/pid", timeout=30)["data"]["data"] != pid
            found.append(one_record(server, guid))
            assert "was killed by signal 9" in found[-1]["m"] and found[-1]["code"] == 100201
            return place is None or re.search(place, found[-1]["traceback"] or "")

        assert wait_until(is_told), found
        restarts = conn.command("getStat")["data"]["server"]["pools"]["p"]["restarts"]
        assert restarts["time_limit"] == len(found) and restarts["cancelled"] == 0


def test_a_task_that_goes_on_costs_the_others_on_its_loop_nothing(tmp_path):
    """Its worker serves until another is there, and ends when its calls have."""
    pools = {"p": pool("async", kill_after_ms=100)}
    with Server(pools, log={"format": "json"}, linger_ms=0) as server, \
            v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
        pid = conn.call("/pid")["data"]["data"]
        beside = other.ask("W_S", {"one": ("/until", str(tmp_path / "done"))})
        assert wait_until((tmp_path / "done.begun").exists)
        guid, envelope = overrun(conn, "/deaf", None)
        assert envelope["code"] == 100201
        assert wait_until(lambda: conn.call("/pid", timeout=30)["data"]["data"] != pid)
        (tmp_path / "done").touch()
        ident, reply = other.receive(60)
        assert ident == beside and (reply["data"]["code"], reply["data"]["data"]) == (0, pid)
        assert wait_until(lambda: not os.path.exists("/proc/%d" % pid))
        assert wait_until(lambda: len(records(server, guid)) == 2), server.log()
        _, late = records(server, guid)
        assert late["m"].startswith("/deaf goes on, though") and late["code"] == 100201, late
        assert re.search(r"overrun_async\.py:\d+ in deaf", late["traceback"])
        pool_now = conn.command("getStat")["data"]["server"]["pools"]["p"]
        restarts = pool_now["restarts"]
        assert restarts["went_on"] == 1 and sum(restarts.values()) == 1, restarts
        assert (pool_now["died"], pool_now["recycled"]) == (0, 1)


def test_one_that_ends_while_its_worker_leaves_stops_nothing(tmp_path):
    """Its worker has stopped serving, and turns its loop for what handlers have started."""
    pools = {"p": pool("async", kill_after_ms=100)}
    with Server(pools, linger_ms=0) as server, v1.Conn(server.address) as conn:
        pid = conn.call("/pid")["data"]["data"]
        _, envelope = overrun(conn, "/late", str(tmp_path / "may"))
        assert envelope["code"] == 100201
        assert wait_until(lambda: conn.call("/pid", timeout=30)["data"]["data"] != pid)
        (tmp_path / "may").touch()
        assert wait_until(lambda: not os.path.exists("/proc/%d" % pid))
        assert "RuntimeError" not in server.log(), server.log()


def test_without_a_grace_a_loop_is_asked_all_the_same(tmp_path):
    """A function beside it has a second: less is what it takes here, unless the machine is busy."""
    pools = {"p": pool("async", kill_after_ms=0, poison_s=0)}
    with Server(pools, linger_ms=0) as server, v1.Conn(server.address) as conn:
        def is_kept():
            made = tmp_path / "made"
            made.unlink(missing_ok=True)
            pid = conn.call("/pid", timeout=30)["data"]["data"]
            assert overrun(conn, "/plain/finally", str(made))[1]["code"] == 100201
            assert wait_until(made.exists), server.log()
            return conn.call("/pid", timeout=30)["data"]["data"] == pid

        assert wait_until(is_kept), server.log()


@pytest.mark.parametrize("kind", ["python", "async", "php"])
def test_a_stop_asks_first(tmp_path, kind):
    made = tmp_path / "made"
    with Server({"p": pool(kind, time_limit_ms=0)}, stop_timeout_ms=300) as server:
        with v1.Conn(server.address) as conn:
            guid = conn.ask("W_S", {"one": ("/wait", str(made))})
            assert wait_until((tmp_path / "made.begun").exists)
            server.signal(signal.SIGTERM)
            ident, reply = conn.receive(60)
            assert ident == guid and reply["data"]["code"] == 100211, reply
            assert reply["data"]["msg"].startswith("cancelled: the server stops")
        assert wait_until(made.exists)
        assert server.wait() == 0
        assert "is ended after" not in server.log()


@pytest.mark.parametrize("kind,code,place", [
    ("python", 100200, r"overrun\.py:\d+ in stay"),
    ("async", 100211, r"overrun_async\.py:\d+ in stay"),  # answered by its loop, which turns
    ("php", 100200, r"overrun\.php:\d+ in \{closure")])
def test_a_stop_that_kills_says_so_once(tmp_path, kind, code, place):
    """With where it was, unless its worker was killed before it could say so."""
    found = []

    def is_told():
        made = tmp_path / ("made%d" % len(found))
        pools = {"p": pool(kind, time_limit_ms=0, kill_after_ms=400)}
        with Server(pools, stop_timeout_ms=100, log={"format": "json"}) as server, \
                v1.Conn(server.address) as conn:
            guid = conn.ask("W_S", {"one": ("/stay", str(made))})
            assert wait_until((tmp_path / (made.name + ".begun")).exists)
            server.signal(signal.SIGTERM)
            ident, reply = conn.receive(60)
            assert ident == guid and reply["data"]["code"] == code, reply
            assert server.wait() == 0
            found.append(one_record(server, guid))
        assert found[-1]["code"] == code and found[-1]["api"] == "/stay"
        return re.search(place, found[-1]["traceback"] or "")

    assert wait_until(is_told), found


@pytest.mark.parametrize("kind", ["python", "async", "php"])
def test_one_that_nobody_waits_for_is_ended(tmp_path, kind):
    """A caller over HTTP has gone: `finally` runs, the worker lives, and nothing is logged."""
    made = tmp_path / "made"
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with Server({"p": pool(kind, time_limit_ms=0)}, listen=listen, linger_ms=0) as server:
        with v1.Conn(server.address) as conn:
            pid = conn.call("/pid")["data"]["data"]
            gone = http.client.HTTPConnection(server.http, timeout=60)
            gone.request("POST", "/call/wait", json.dumps(str(made)))
            assert wait_until((tmp_path / "made.begun").exists)
            gone.close()
            assert wait_until(made.exists), server.log()
            assert conn.call("/pid", timeout=30)["data"]["data"] == pid
        assert server.stop() == 0
        assert " error " not in server.log(), server.log()


@pytest.mark.parametrize("kind", ["python", "php"])
def test_the_next_one_is_not_hit_by_what_was_meant_for_the_last(kind):
    """Some end by themselves just when they should: whichever it is, the next has its own time."""
    with Server({"p": pool(kind, time_limit_ms=0)}, linger_ms=0) as server:
        with v1.Conn(server.address) as conn:
            pid = conn.call("/pid")["data"]["data"]
            for _ in range(8):
                assert overrun(conn, "/edge", None)[1]["code"] in (0, 100201)
                assert conn.call("/pid", timeout=30)["data"]["data"] == pid
