"""A worker that spoils its descriptors, each in each way, and programs that hold what they have
inherited: it costs the master no more than that worker. Each call gets one answer, another pool
notices nothing, and nothing is left when the server has stopped."""

import ast
import contextlib
import os
import signal
import time

import pytest

from support import processes, v1
from support.load import Load
from support.server import Server, python_pool, wait_until

WORKERS = 2
WORKER_DIED = 100200
WAYS = ["shut", "shut_reading", "shut_writing", "rubbish", "rights", "fill", "signals",
        "drain_events", "fill_events", "output_non_blocking", "seek_and_cut", "close_all"]


def own_cpu(pid):
    with open("/proc/%d/stat" % pid) as file:
        fields = file.read().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / processes.TICKS


def is_idle(pid):
    """Whether a process without work uses no processor; one that spins uses all of it."""
    before, began = own_cpu(pid), time.monotonic()
    wait_until(lambda: False, 1.0)
    return own_cpu(pid) - before < (time.monotonic() - began) / 3


def pools(app="descriptors.py"):
    """Their workers do not grow old: a test that waits for one of them would wait for nobody."""
    return {"a": python_pool(app, workers=WORKERS, max_requests=0),
            "b": python_pool("basic.py", workers=1, max_requests=0)}


@contextlib.contextmanager
def loads(server):
    """Callers of both pools, whose books are checked at the end."""
    both = [Load(server.address, "/d/echo", "x", connections=4),
            Load(server.address, "/echo", "y", connections=4)]
    for one in both:
        one.start()
    yield
    for one in both:
        one.stop()
        assert one.sent == one.answered > 0
        assert one.lost == one.twice == one.broken == 0
    assert set(both[0].codes) <= {0, WORKER_DIED}, both[0].codes
    assert set(both[1].codes) == {0}, both[1].codes


def say(server, word):
    """Has every worker of the pool log and print a word; who did."""
    with v1.Conn(server.address) as conn:
        def said():
            for _ in range(WORKERS * 2):  # at a time, or the same one takes them all
                conn.ask("W_S", {"one": ("/d/log", word)})
            return {conn.receive()[1]["data"]["data"] for _ in range(WORKERS * 2)}

        seen = set()
        assert wait_until(lambda: seen.update(said()) or len(seen) == WORKERS, 20), seen


def is_heard(server, word):
    return wait_until(lambda: server.log().count("logged " + word) >= 1 and
                      server.log().count("printed " + word) >= 1)


def assert_nobody_left(family):
    assert wait_until(lambda: not [pid for pid in family if processes.title(pid).startswith(
        "dora: ")]), [processes.title(pid) for pid in family]


@pytest.mark.parametrize("way", WAYS)
def test_a_worker_spoils_its_descriptors(way):
    with Server(pools()) as server:
        with loads(server), v1.Conn(server.address, timeout=20) as conn:
            assert wait_until(lambda: len(server.workers("a")) == WORKERS)  # one makes it ready
            spoiler = conn.call("/d/spoil", way)["data"]["data"]
            others = [pid for pid in server.workers("a").values() if pid != spoiler]
            assert len(others) == WORKERS - 1
            # What another one logs comes through.
            assert wait_until(lambda: conn.call("/d/log", "by-the-other")["data"]["data"] in others)
            assert is_heard(server, "by-the-other")
        assert is_idle(server.pid)
        with v1.Conn(server.address) as conn:
            assert conn.command("reloadWait", 60)["code"] == 0
        say(server, "after-the-reload")
        assert is_heard(server, "after-the-reload")
        with v1.Conn(server.address) as conn:
            assert conn.call("/d/echo", way)["data"]["data"] == way
        family = server.everyone()
        assert server.stop() == 0
        assert_nobody_left(family)


def test_a_worker_shuts_its_log_before_it_is_ready(tmp_path, monkeypatch):
    """It cannot say that it is ready: it is ended, and another one is started."""
    flag = tmp_path / "spoil"
    monkeypatch.setenv("SPOIL_START", str(flag))
    with Server(pools()) as server:
        with loads(server):
            flag.touch()
            os.kill(next(iter(server.workers("a").values())), signal.SIGKILL)
            assert wait_until(lambda: not flag.exists())
            say(server, "both")
        assert is_heard(server, "both")
        assert server.stop() == 0


def test_a_worker_has_no_descriptor_more_than_it_needs():
    with Server(pools()) as server, v1.Conn(server.address) as conn:
        found = dict((int(fd), what) for fd, what in conn.call("/d/list")["data"]["data"])
        kinds = [what.split(":")[0] for fd, what in found.items() if fd > 2]
        assert found[0] == "/dev/null"
        assert found[1] == found[2] and found[1].startswith("pipe:")
        assert kinds.count("socket") == 1, found  # its own, to say what it logs
        # The region, sealed so that nothing can be cut off, and a file of its own for its stacks.
        assert kinds.count("/memfd") == 2, found
        assert not any("pidfd" in what or "signalfd" in what for what in found.values()), found
        # And a program that it starts inherits none of them.
        seen = ast.literal_eval(conn.call("/d/children")["data"]["data"])
        assert set(seen) <= {0, 1, 2, 3}, seen  # 3 lists the folder
        assert server.stop() == 0


# ---- programs that the application starts while it loads ----

@pytest.fixture
def helpers(tmp_path, monkeypatch):
    """Their process ids, as far as they were started; they end with the test."""
    path = tmp_path / "helpers"
    monkeypatch.setenv("HELPERS", str(path))

    def found():
        return [int(pid) for pid in path.read_text().split()] if path.exists() else []

    yield found
    for pid in found():
        if not processes.title(pid).startswith("dora: master"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def zygote_of(server, pool):
    """Its process; the helper that was forked from it has the same title."""
    return next(pid for pid in server.everyone()
                if processes.title(pid) == "dora: zygote " + pool and
                processes.parent(pid) == server.pid)


def test_a_zygote_dies_whose_socket_others_hold(helpers):
    with Server(pools()) as server:
        before = helpers()
        assert len(before) == 2
        zygote = zygote_of(server, "a")
        assert zygote not in before
        with loads(server):
            os.kill(zygote, signal.SIGKILL)
            assert wait_until(lambda: len(helpers()) == 4, 20), "another zygote has loaded"
            assert wait_until(lambda: len(server.workers("a")) == WORKERS, 20)
        say(server, "again")
        assert all(processes.is_alive(pid) for pid in before)
        family = [pid for pid in server.everyone() if pid not in helpers()]
        began = time.monotonic()
        assert server.stop() == 0  # while they live
        assert time.monotonic() - began < 200 and all(map(processes.is_alive, before))
        assert wait_until(lambda: not any(map(processes.is_alive, family)))


def test_a_program_inherits_no_descriptor_of_ours(helpers):
    with Server(pools()) as server:
        run = helpers()[1]
        assert wait_until(lambda: processes.comm(run) == "sleep")
        assert sorted(os.listdir("/proc/%d/fd" % run)) == ["0", "1", "2"]
        assert server.stop() == 0


def test_the_master_is_killed_while_others_hold_its_zygotes_sockets(helpers):
    with Server(pools()) as server:
        family = [pid for pid in server.everyone() if pid not in helpers()]
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        assert wait_until(lambda: not any(map(processes.is_alive, family)), 20), [
            processes.title(pid) for pid in family]
