"""Reloading: the new code answers, running calls finish in the old, a broken application changes
nothing, and no generation but the last is left."""

import collections
import contextlib
import os
import signal

import pytest

from support import processes, v1
from support.load import Load
from support.reload import (
    LOADING, PYTHON, RELOADED, Site, ask, command, is_alone, reload_task, stop, titles, value,
    zygote_of, zygotes)
from support.server import Server, wait_until


@pytest.fixture
def site(tmp_path):
    return Site(tmp_path)


@pytest.mark.parametrize("language", ["python", "php", "c"])
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGUSR1])
def test_new_code_answers(site, language, number):
    write = getattr(site, language)
    with Server({"p": site.pool(write("one"))}) as server:
        assert value(server, "/version") == "one"
        old = server.workers("p").values()
        write("two")
        site.reload(server, number)
        assert value(server, "/version") == "two"
        assert wait_until(lambda: is_alone(server)), titles(server)
        assert not set(old) & set(server.workers("p").values())
        stop(server)


def test_three_languages_at_once(site):
    """One reload renews every pool."""
    apps = {"a": site.python, "b": site.php, "c": site.c}
    pools = {name: site.pool(write("one")) for name, write in apps.items()}
    pools["b"]["apis"], pools["c"]["apis"] = ["/b*"], ["/c*"]
    with Server(pools) as server:
        before = server.workers()
        for version in ("two", "three"):
            for write in apps.values():
                write(version)
            site.reload(server)
            assert value(server, "/version") == version
        for name in apps:
            assert wait_until(lambda name=name: is_alone(server, name)), titles(server)
        assert not set(before.values()) & set(server.workers().values())
        stop(server)


def test_names_come_and_go(site):
    one = "@app.api('/%s')\ndef %s(param): return VERSION\n"
    app = site.python(1, one % ("old", "old") + one % ("kept", "kept"))
    with Server({"p": site.pool(app)}) as server:
        assert value(server, "/old") == value(server, "/kept") == 1
        assert ask(server, "/new")["code"] == 100204
        site.python(2, one % ("new", "new") + one % ("kept", "kept"))
        site.reload(server)
        assert value(server, "/new") == value(server, "/kept") == 2
        assert ask(server, "/old")["code"] == 100204
        site.python(3, "@app.fallback\ndef rest(param): return 'rest'\n")
        site.reload(server)
        assert value(server, "/old") == value(server, "/anything") == "rest"
        assert value(server, "/version") == 3
        stop(server)


@pytest.mark.parametrize("preload", [True, False])
def test_a_running_call_gets_its_old_answer(site, preload):
    """It finishes in its old worker, however long it takes, while the new ones serve."""
    with Server({"p": site.pool(site.python("one", site.slow), preload=preload)}) as server:
        with site.call_slow(server, "one") as conn:
            site.python("two", site.slow)
            site.reload(server)
            assert value(server, "/version") == "two"
            assert wait_until(lambda: len(processes.descendants(server.pid)) == 2 + 2 + 1)
            assert len(zygotes(server, "p")) == 2
            site.go()
            assert conn.receive()[1]["data"]["data"] == "one"
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)


def test_what_waits_behind_a_long_call_moves_on(site):
    """Tasks that an old worker was given and has not begun are run by the new ones."""
    with Server({"p": site.pool(site.python("one", site.slow), workers=1)}) as server:
        with site.call_slow(server, "one") as conn, v1.Conn(server.address) as behind:
            for _ in range(5):
                behind.send(v1.request(v1.guid(), "/version"))
            site.python("two", site.slow)
            site.reload(server)
            for _ in range(5):
                assert behind.receive()[1]["data"]["data"] == "two"
            site.go()
            assert conn.receive()[1]["data"]["data"] == "one"
        stop(server)


def test_load_over_several_reloads(site):
    """No call fails, none is lost, and each is run exactly once."""
    with Server({"p": site.pool(site.python(0, site.book), workers=3)}) as server:
        load = Load(server.address, "/book", connections=20)
        seen = set()
        load.on_code = lambda code, reply: seen.add(reply["data"]["data"])
        load.start()
        for version in range(1, 6):
            before = load.answered
            assert wait_until(lambda before=before: load.answered > before + 200)
            site.python(version, site.book)
            site.reload(server)
        assert wait_until(lambda: 5 in seen)
        load.stop()
        assert (load.lost, load.twice, load.broken) == (0, 0, 0)
        assert set(load.codes) == {0}, load.codes
        with open(site.path("book")) as file:
            runs = collections.Counter(file.read().split())
        assert len(runs) == load.sent and set(runs.values()) == {1}
        assert seen == set(range(6))
        assert wait_until(lambda: is_alone(server, workers=3)), titles(server)
        stop(server)


@pytest.mark.parametrize("broken, why", [
    ("def (:\n", "SyntaxError"),
    ("raise ValueError('no database')\n", "ValueError: no database"),
    ("import sys\nsys.exit(4)\n", "exit(4)"),
    ("import os\nos._exit(7)\n", "status 7"),
    ("import os\nos.kill(os.getpid(), 9)\n", "signal 9"),
    ("@app.worker_start\ndef start(worker): raise RuntimeError('no socket')\n", "no socket"),
    ("@app.worker_start\ndef start(worker):\n    if worker == 1: raise RuntimeError('second')\n",
     "second"),
    ("import os\n@app.worker_start\ndef start(worker): os._exit(3)\n", "while it started"),
    ("app = None\n", "no dora.App"),
])
def test_a_broken_application_is_refused(site, broken, why):
    with Server({"p": site.pool(site.python("good")),
                 "q": site.pool(site.python("other", name="q.py"), apis=["/none*"])}) as server:
        assert wait_until(lambda: is_alone(server) and is_alone(server, "q")), titles(server)
        workers = server.workers()
        site.python("broken", broken)
        site.refused(server, "pool p: ", why)
        assert value(server, "/version") == "good"
        assert wait_until(lambda: server.workers() == workers), (workers, server.workers())
        assert wait_until(lambda: is_alone(server) and is_alone(server, "q")), titles(server)
        site.python("mended")
        site.reload(server)
        assert value(server, "/version") == "mended"
        assert wait_until(lambda: is_alone(server) and is_alone(server, "q"))
        stop(server)


def test_broken_php_and_c_are_refused(site):
    pools = {"p": site.pool(site.php("one")), "c": site.pool(site.c("one"), apis=["/none*"])}
    with Server(pools) as server:
        site.php("two", "this is no PHP")
        site.refused(server, "pool p: ", "app.php")
        site.php("two", "exit(3);")
        site.refused(server, "pool p: ")
        site.php("two")
        site.c("two", 'return dora_error_set(error, DORA_ELOAD, "no licence");')
        site.refused(server, "pool c: ", "no licence")
        site.c("two", "extern void nowhere(void); nowhere();")
        site.refused(server, "pool c: ", "nowhere")
        assert value(server, "/version") == "one"
        site.c("two")
        site.reload(server)
        assert value(server, "/version") == "two"
        assert wait_until(lambda: is_alone(server) and is_alone(server, "c")), titles(server)
        stop(server)


def test_a_name_in_two_pools_is_refused(site):
    q = PYTHON + "@app.api('/%s')\ndef f(param): return 1\n"
    pools = {"p": site.pool(site.python(1)), "q": site.pool(site.write("q.py", q % "other"))}
    with Server(pools) as server:
        site.write("q.py", q % "version")
        site.refused(server, "/version", "pool p", "pool q")
        assert value(server, "/version") == 1
        assert value(server, "/other") == 1
        assert wait_until(lambda: is_alone(server) and is_alone(server, "q"))
        stop(server)


def test_threads_at_loading(site):
    """Such an application is loaded again in each worker, after a reload too."""
    threads = ("import threading\n"
               "threading.Thread(target=threading.Event().wait, daemon=True).start()\n")
    with Server({"p": site.pool(site.python(1))}) as server:
        site.python(2, threads)
        site.reload(server)
        assert value(server, "/version") == 2
        assert wait_until(lambda: is_alone(server)), titles(server)
        site.python(3)
        site.reload(server)
        assert value(server, "/version") == 3
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)


def test_a_change_within_the_second(site, monkeypatch):
    """Python's compiled files know seconds and sizes; the application's file is always read."""
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    app = site.python(1)
    os.utime(app, (1e9, 1e9))
    with Server({"p": site.pool(app)}) as server:
        assert value(server, "/version") == 1
        os.utime(site.python(2), (1e9, 1e9))
        site.reload(server)
        assert value(server, "/version") == 2
        stop(server)


def test_a_wish_while_it_starts(site):
    """It is granted when the server serves."""
    once = ("import os, signal\nif not os.path.exists(%r):\n    open(%r, 'w').close()\n"
            "    os.kill(os.getppid(), signal.SIGHUP)\n" % ((site.path("asked"),) * 2))
    with Server({"p": site.pool(site.python(1, once))}) as server:
        assert wait_until(lambda: RELOADED % 2 in server.log()), server.log()
        assert value(server, "/version") == 1
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)


def test_the_client_is_told(site):
    with Server({"p": site.pool(site.python(1))}) as server:
        site.python(2)  # where this machine stands still it is pending
        assert wait_until(lambda: reload_task(server)["data"]["server"]["reload"] == "done")
        assert value(server, "/version") == 2
        site.python(3, "raise ValueError('not today')\n")
        reply = wait_until(lambda: (got := reload_task(server))["code"] == 100209 and got)
        assert reply
        assert "ValueError: not today" in reply["msg"] and "app.py" in reply["msg"]
        assert value(server, "/version") == 2
        stop(server)


def test_a_slow_application_is_pending(site):
    """The client hears of that, and the reload goes on."""
    with Server({"p": site.pool(site.python(1))}) as server:
        site.python(2, site.gate)
        reply = reload_task(server)
        assert reply["code"] == 0 and reply["data"]["server"]["reload"] == "pending"
        assert value(server, "/version") == 1
        site.go()
        assert wait_until(lambda: value(server, "/version") == 2)
        stop(server)


def test_many_wishes_are_one_reload(site):
    """What is asked while one is under way is one more reload after it: who asks gets what is on
    disk at that time."""
    with Server({"p": site.pool(site.python(1))}) as server:
        site.python(2, site.gate)
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: len(zygotes(server, "p")) == 2)
        conns = [v1.Conn(server.address) for _ in range(10)]
        for conn in conns:
            command(conn, "reloadWait")
            assert conn.command("getStat")["code"] == 0  # it has been read
            server.signal(signal.SIGUSR1)
        assert wait_until(lambda: "signal %d: reload" % signal.SIGUSR1 in server.log())
        site.go()
        for conn in conns:
            reply = conn.receive(60)[1]
            assert reply["code"] == 0 and reply["data"]["server"]["reload"] == "done"
            conn.close()
        assert wait_until(lambda: is_alone(server)), titles(server)
        assert wait_until(lambda: RELOADED % 3 in server.log())
        assert server.log().count(LOADING) == 2
        stop(server)


def test_a_stop_during_a_reload(site):
    """The new generation is thrown away; the client that asked for it is told."""
    with Server({"p": site.pool(site.python(1))}) as server:
        site.python(2, "import time\ntime.sleep(60)\n")
        with v1.Conn(server.address) as conn:
            command(conn)
            assert wait_until(lambda: len(zygotes(server, "p")) == 2)
            family = server.everyone()
            server.signal(signal.SIGTERM)
            assert conn.receive()[1]["code"] == 100207
        assert server.wait() == 0
        assert wait_until(lambda: not [pid for pid in family if processes.is_alive(pid)])


def test_a_stop_while_old_workers_finish(site):
    """Their calls are answered before the server ends."""
    with Server({"p": site.pool(site.python(1, site.slow))}) as server:
        with site.call_slow(server, 1) as conn:
            site.python(2, site.slow)
            site.reload(server)
            family = server.everyone()
            assert len(zygotes(server, "p")) == 2
            server.signal(signal.SIGTERM)
            assert wait_until(lambda: ("signal %d" % signal.SIGTERM) in server.log())
            site.go()
            assert conn.receive()[1]["data"]["data"] == 1
        assert server.wait() == 0
        assert not [pid for pid in family if processes.is_alive(pid)]


def test_the_old_zygote_dies_during_a_reload(site):
    with Server({"p": site.pool(site.python(1))}) as server:
        old = zygote_of(server, "p")
        site.python(2, site.gate)
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: len(zygotes(server, "p")) == 2)
        os.kill(old, signal.SIGKILL)
        assert wait_until(lambda: "its workers go with it" in server.log())
        site.go()
        assert wait_until(lambda: RELOADED % 2 in server.log()), server.log()
        assert value(server, "/version") == 2
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)


def test_the_new_zygote_dies_during_a_reload(site):
    with Server({"p": site.pool(site.python(1))}) as server:
        old = zygote_of(server, "p")
        site.python(2, "import time\ntime.sleep(60)\n")
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: len(zygotes(server, "p")) == 2)
        new = zygote_of(server, "p", old)
        os.kill(new, signal.SIGKILL)
        assert wait_until(lambda: "reload refused" in server.log())
        assert wait_until(lambda: "signal 9" in server.log())
        assert value(server, "/version") == 1
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)


def test_the_zygote_of_a_replaced_generation_dies(site):
    """The call that still ran in it is answered, and the new generation is untouched."""
    with Server({"p": site.pool(site.python(1, site.slow))}) as server:
        old = zygote_of(server, "p")
        with site.call_slow(server, 1) as conn:
            site.python(2, site.slow)
            site.reload(server)
            os.kill(old, signal.SIGKILL)
            assert v1.code(conn.receive()[1]) == 100200
        assert value(server, "/version") == 2
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)


def test_room_is_found_when_old_calls_end(site):
    """Each generation leaves a worker with a long call; a reload waits for room, and then goes on.
    """
    with Server({"p": site.pool(site.python(1, site.slow), workers=1)}) as server:
        conns = []
        for version in range(2, 6):
            conns.append(site.call_slow(server, version - 1))
            site.python(version, site.slow)
            site.reload(server)
        site.python(6, site.slow)
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: server.log().count(LOADING) == 5)
        assert value(server, "/version") == 5
        site.go()
        for version, conn in enumerate(conns, 1):
            assert conn.receive()[1]["data"]["data"] == version
            conn.close()
        assert wait_until(lambda: RELOADED % 6 in server.log()), server.log()
        assert value(server, "/version") == 6
        assert wait_until(lambda: is_alone(server, workers=1)), titles(server)
        stop(server)


def test_workers_are_numbered_from_0(site):
    """A successor has its predecessor's number, whatever ended it."""
    more = ("import os\nNUMBER = None\n@app.worker_start\ndef start(worker):\n    global NUMBER\n"
            "    NUMBER = worker\n@app.api('/number')\ndef number(param): return NUMBER\n")
    app = site.python(1, more)
    with Server({"p": site.pool(app, workers=3, max_requests=20)}) as server:
        assert wait_until(lambda: is_alone(server, workers=3)), titles(server)
        load = Load(server.address, "/number", connections=6)
        seen = set()
        load.on_code = lambda code, reply: code or seen.add(reply["data"]["data"])
        load.start()
        for victim in (1, 0, 2):
            before = load.answered
            pid = server.workers("p").get("dora: worker p %d" % victim)
            if pid:
                with contextlib.suppress(ProcessLookupError):  # it may have been replaced just now
                    os.kill(pid, signal.SIGKILL)
            assert wait_until(lambda before=before: load.answered > before + 300)
        site.reload(server)
        load.stop()
        assert set(load.codes) <= {0, 100200}
        assert seen <= {0, 1, 2}, seen
        assert wait_until(lambda: is_alone(server, workers=3)), titles(server)
        stop(server)


def test_a_file_that_calls_run(site):
    """It is the same command line again, as for the first zygote."""
    tail = "if __name__ == '__main__':\n    app.run(port=0, workers=2)\n"
    app = site.python(1, tail)
    with Server(command=[os.environ["DORA_PYTHON"], app]) as server:
        assert value(server, "/version") == 1
        site.python(2, tail)
        site.reload(server)
        assert value(server, "/version") == 2
        site.python(3, "raise ValueError('broken')\n" + tail)
        site.refused(server, "ValueError: broken")
        assert value(server, "/version") == 2
        assert wait_until(lambda: len(zygotes(server, "app")) == 1), titles(server)
        stop(server)


def test_a_reload_mends_a_pool_without_workers(site):
    """What a broken change did to the zygote that was started again, a good one undoes."""
    with Server({"p": site.pool(site.python(1))}) as server:
        zygote = zygote_of(server, "p")
        site.python(2, "raise ValueError('broken')\n")
        os.kill(zygote, signal.SIGKILL)
        assert wait_until(lambda: ask(server, "/version")["code"] == 100203)
        site.python(3)
        site.reload(server)
        assert value(server, "/version") == 3
        assert wait_until(lambda: is_alone(server)), titles(server)
        stop(server)
