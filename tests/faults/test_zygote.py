"""A zygote that is stopped, or hangs: it is noticed within seconds, said in the log, and replaced,
while the workers that it has made serve on. Each call gets one answer, and another pool notices
nothing."""

import contextlib
import os
import signal
import subprocess

import pytest

from support import processes, v1
from support.load import Load
from support.server import HERE, Server, python_pool, wait_until

WORKERS = 2
NOTICED_S = 30.0  # five looks, one a second, on a busy machine
WORKER_DIED = 100200


def zygotes(server, pool):
    """A worker that was forked just now still has its zygote's title, and another parent."""
    return [pid for pid in server.everyone() if processes.title(pid) == "dora: zygote " + pool and
            processes.parent(pid) == server.pid]


def end(both, codes):
    """The callers' books: `codes` are what may have become of the first one's calls."""
    for one in both:
        one.stop()
        assert one.sent == one.answered > 0
        assert one.lost == one.twice == one.broken == 0
        assert set(one.codes) <= codes | {0}, one.codes


def assert_replaced(server, old):
    assert wait_until(lambda: "has not answered" in server.log(), NOTICED_S), server.log()
    assert wait_until(lambda: zygotes(server, "a") and old not in zygotes(server, "a"), NOTICED_S)
    assert wait_until(lambda: len(server.workers("a")) == WORKERS, NOTICED_S)


def pool_of(kind):
    more = {"workers": WORKERS, "max_requests": 0}
    pools = {"python": lambda: python_pool("basic.py", **more),
             "loop": lambda: python_pool("waiting.py", concurrency=8, **more),
             "php": lambda: {"runtime": "php", "app": os.path.join(HERE, "apps", "basic.php"),
                             **more}}
    return pools[kind]()


@pytest.mark.parametrize("kind", ["python", "loop", "php"])
def test_a_zygote_is_stopped(kind):
    """No call fails: the workers serve until others are ready."""
    pool = pool_of(kind)
    with Server({"a": pool}) as server:
        load = Load(server.address, "/php/echo" if kind == "php" else "/echo", "x", connections=4)
        load.start()
        [old] = zygotes(server, "a")
        before = set(server.workers("a").values())
        os.kill(old, signal.SIGSTOP)
        assert_replaced(server, old)
        assert not before & set(server.workers("a").values())
        end([load], set())
        assert wait_until(lambda: "has not answered" in server.log())
        assert server.log().count("has not answered") == 1
        with v1.Conn(server.address) as conn:
            pool = conn.command("getStat")["data"]["server"]["pools"]["a"]
        assert {why: count for why, count in pool["restarts"].items() if count} == {
            "zygote": WORKERS}
        assert server.stop() == 0


def test_a_zygote_is_stopped_and_all_its_workers_die():
    """Nothing starts others until another zygote has: callers wait for that, and no longer."""
    with Server({"a": python_pool("basic.py", workers=WORKERS)}) as server:
        [old] = zygotes(server, "a")
        os.kill(old, signal.SIGSTOP)
        for pid in server.workers("a").values():
            os.kill(pid, signal.SIGKILL)
        with v1.Conn(server.address, timeout=NOTICED_S) as conn:
            assert v1.code(conn.call("/echo", 1)) == 0
        assert_replaced(server, old)
        assert server.stop() == 0


def test_another_pool_notices_nothing():
    with Server({"a": python_pool("descriptors.py", workers=WORKERS),
                 "b": python_pool("basic.py", workers=1)}) as server:
        load = Load(server.address, "/d/echo", "a", connections=4)
        other = Load(server.address, "/echo", "b", connections=4)
        load.start()
        other.start()
        [old] = zygotes(server, "a")
        os.kill(old, signal.SIGSTOP)
        for pid in server.workers("a").values():
            os.kill(pid, signal.SIGKILL)
        assert_replaced(server, old)
        end([load], {WORKER_DIED})
        end([other], set())
        assert server.stop() == 0


def test_a_zygote_goes_on_after_it_was_given_up():
    """Orders that were on their way to it make no worker, and those of its successor stay."""
    with Server({"a": python_pool("basic.py", workers=WORKERS)}) as server:
        [old] = zygotes(server, "a")
        load = Load(server.address, "/brief", "x", connections=4)
        load.start()
        os.kill(old, signal.SIGSTOP)
        os.kill(next(iter(server.workers("a").values())), signal.SIGKILL)
        assert wait_until(lambda: "has not answered" in server.log(), NOTICED_S)
        with contextlib.suppress(ProcessLookupError):
            os.kill(old, signal.SIGCONT)
        assert_replaced(server, old)
        end([load], {WORKER_DIED})
        assert wait_until(lambda: len(server.workers("a")) == WORKERS), server.workers("a")
        assert server.stop() == 0


def test_a_server_stops_whose_zygote_is_stopped():
    with Server({"a": python_pool("basic.py", workers=WORKERS)}) as server:
        [old] = zygotes(server, "a")
        family = server.everyone()
        os.kill(old, signal.SIGSTOP)
        assert server.stop(60) == 0
        assert wait_until(lambda: not any(map(processes.is_alive, family)))


def test_a_zygote_is_stopped_while_it_loads(tmp_path):
    """Loading may take its time, but not in a process that stands still."""
    app, flag = tmp_path / "slow.py", tmp_path / "slow"
    app.write_text("import os, time, dora\n"
                   "app = dora.App()\n"
                   "while os.path.exists(%r):\n"
                   "    time.sleep(0.01)\n"
                   "@app.api('/echo')\n"
                   "def echo(param):\n"
                   "    return param\n" % str(flag))
    with Server({"a": {"runtime": "python", "app": str(app), "workers": 1}}) as server:
        [first] = zygotes(server, "a")
        flag.touch()
        os.kill(first, signal.SIGKILL)
        assert wait_until(lambda: zygotes(server, "a") not in ([], [first]))
        [second] = zygotes(server, "a")
        os.kill(second, signal.SIGSTOP)
        flag.unlink()
        with v1.Conn(server.address, timeout=NOTICED_S) as conn:
            assert wait_until(lambda: v1.code(conn.call("/echo", 1)) == 0, NOTICED_S, 0.1)
        assert wait_until(lambda: "was stopped while it loaded" in server.log())
        assert wait_until(lambda: second not in zygotes(server, "a"))
        assert server.stop() == 0


# ---- a worker's first steps ----

ORPHAN = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The first process that takes the file away, in its first step of all, loses its parent. */
int prctl(int option, ...)
{
    int (*real)(int, unsigned long, unsigned long, unsigned long, unsigned long) =
        dlsym(RTLD_NEXT, "prctl");
    unsigned long more[4];
    va_list arguments;
    va_start(arguments, option);
    for (int i = 0; i < 4; i++) {
        more[i] = va_arg(arguments, unsigned long);
    }
    va_end(arguments);
    if (option == PR_SET_PDEATHSIG && unlink(getenv("ORPHAN")) == 0) {
        const pid_t parent = getppid();
        kill(parent, SIGKILL);
        while (getppid() == parent) {
            usleep(1000);
        }
    }
    return real(option, more[0], more[1], more[2], more[3]);
}
"""


def test_a_zygote_dies_between_a_fork_and_the_workers_first_steps(tmp_path, monkeypatch):
    """The worker leaves at once: into its host, whose locks are as the fork left them, it must not
    return. Clean-up of the host that runs there would show."""
    source, library = tmp_path / "orphan.c", tmp_path / "orphan.so"
    flag, ran, app = tmp_path / "flag", tmp_path / "ran", tmp_path / "app.py"
    source.write_text(ORPHAN)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    app.write_text("import atexit, os, dora\n"
                   "app = dora.App()\n"
                   "zygote = os.getpid()\n"
                   "def leave():\n"
                   "    if os.getpid() != zygote and os.getppid() != zygote:\n"
                   "        open(%r, 'a').write('%%d\\n' %% os.getpid())\n"
                   "atexit.register(leave)\n"
                   "@app.api('/echo')\n"
                   "def echo(param):\n"
                   "    return param\n" % str(ran))
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("ORPHAN", str(flag))
    with Server({"a": {"runtime": "python", "app": str(app), "workers": 1}}) as server:
        monkeypatch.delenv("LD_PRELOAD")
        [old] = zygotes(server, "a")
        flag.touch()
        os.kill(next(iter(server.workers("a").values())), signal.SIGKILL)
        assert wait_until(lambda: not flag.exists())
        assert wait_until(lambda: zygotes(server, "a") not in ([], [old]), 20)
        with v1.Conn(server.address, timeout=20) as conn:
            assert v1.code(conn.call("/echo", 1)) == 0
        assert not ran.exists(), ran.read_text()
        family = server.everyone()
        assert server.stop() == 0
        assert wait_until(lambda: not any(map(processes.is_alive, family)))
    assert not ran.exists()
