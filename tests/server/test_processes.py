"""Deaths, names, recycling, draining: what happens to processes, and that nothing stays behind."""

import os
import signal

import pytest

from support import processes, v1
from support.load import Load
from support.server import HERE, Server, python_pool, wait_tasking, wait_until

PHP_APP = os.path.join(HERE, "apps", "basic.php")
FINISHING = "finishing what is accepted"


def all_gone(pids):
    return not any(processes.is_alive(pid) for pid in pids)


def php_pool(**more):
    return {"runtime": "php", "app": PHP_APP, **more}


@pytest.fixture(scope="module")
def server():
    with Server({"p": python_pool("basic.py", workers=2), "q": php_pool(workers=2)}) as one:
        yield one


def test_processes_have_names(server):
    def others():
        return sorted(title for title in map(processes.title, server.everyone())
                      if " worker " not in title)

    # A worker that was forked just now still has its zygote's title, and one of each pool is enough
    # for a server that is ready.
    expected = ["dora: master", "dora: zygote p", "dora: zygote q"]
    assert wait_until(lambda: others() == expected and
                      len(server.workers("p")) == len(server.workers("q")) == 2), others()
    for pid in server.everyone():
        assert processes.comm(pid) == processes.title(pid).replace(": ", ":").replace(" ", ":")[:15]


@pytest.mark.parametrize("name, how", [("/die", "segv"), ("/die", "kill"), ("/die", "_exit"),
                                       ("/die", "exit"), ("/php/die", "exit"),
                                       ("/php/die", "memory"), ("/php/die", "segv")])
def test_a_worker_that_dies(server, name, how):
    """Its caller hears of it; the pool is whole again; a neighbour notices nothing."""
    pool = "q" if name.startswith("/php") else "p"
    with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
        other.send(v1.request(v1.guid(), "/sleep", 300))
        reply = conn.call(name, how)
        assert reply["code"] == 0
        assert reply["data"]["code"] == 100200
        assert reply["data"]["data"] in ([], None)
        assert conn.call("/echo", 1)["data"]["data"] == 1
        assert v1.code(other.receive()[1]) == 0
    assert wait_until(lambda: len(server.workers(pool)) == 2)


def test_php_fatal_error_says_why(server):
    with v1.Conn(server.address) as conn:
        reply = conn.call("/php/die", "memory")
        assert "memory" in reply["data"]["msg"].lower()
        reply = conn.call("/php/die", "fatal")
        assert reply["data"]["code"] == 100208
        assert "no_such_function_declared" in reply["data"]["msg"]


def test_the_zygote_dies(server):
    """Its workers serve on, or new ones do; the pool recovers."""
    zygote = next(pid for pid in server.everyone() if processes.title(pid) == "dora: zygote p")
    os.kill(zygote, signal.SIGKILL)
    assert wait_until(lambda: any(processes.title(pid) == "dora: zygote p" and pid != zygote
                                  for pid in server.everyone()))
    with v1.Conn(server.address) as conn:
        assert wait_until(lambda: v1.code(conn.call("/echo", 1)) == 0)
        assert wait_until(lambda: len(server.workers("p")) == 2)
        assert conn.call("/die", "kill")["data"]["code"] == 100200
        assert wait_until(lambda: v1.code(conn.call("/echo", 1)) == 0)


def test_recycling_loses_nothing():
    pool = python_pool("basic.py", workers=2, max_requests=50)
    with Server({"p": pool}) as server:
        first = set(server.workers("p").values())
        load = Load(server.address, "/echo", 1, connections=8)
        load.start()
        assert wait_until(lambda: not first & set(server.workers("p").values()))
        load.stop()
        assert load.lost == load.twice == load.broken == 0
        assert set(load.codes) == {0}
        # Of two with one name, the old one that leaves and its successor, only one is seen.
        assert wait_until(lambda: not any(map(processes.is_alive, first)))
        assert server.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_drain_under_load(number, tmp_path):
    """Every accepted call is answered, later ones get 100207 or no connection, status 0, and
    nothing stays behind."""
    shm = processes.shm_names()
    pid_file = tmp_path / "dora.pid"
    pools = {"p": python_pool("basic.py", workers=2), "q": php_pool(workers=2)}
    with Server(pools, pid_file=str(pid_file)) as server:
        assert wait_until(pid_file.exists) and int(pid_file.read_text()) == server.pid
        family = server.everyone()
        load = Load(server.address, "/sleep", 20, connections=16, patience=5)
        load.start()
        assert wait_until(lambda: load.answered > 32)
        with v1.Conn(server.address) as slow, v1.Conn(server.address) as late:
            slow.send(v1.request(v1.guid(), "/sleep", 1500))
            assert slow.command("getStat")["code"] == 0  # it has been read
            assert late.call("/echo", 1, attempt=0)["code"] == 0
            server.signal(number)
            assert wait_until(lambda: FINISHING in server.log())
            try:
                code = v1.code(late.call("/echo", 1, attempt=0))
                assert code == 100207
            except OSError:
                pass
            assert v1.code(slow.receive()[1]) == 0
        load.ended.set()
        assert server.wait(30) == 0
        load.stop()
        # A frame may be on its way while the server closes after lingering; no call that was
        # taken is without its reply, and none has two.
        assert load.twice == 0
        assert set(load.codes) <= {0, 100207}, load.codes
        assert load.codes[0] > 0
        assert load.lost <= load.broken
        assert wait_until(lambda: all_gone(family))
        assert not pid_file.exists()
        # Those of other tests, which run beside this, come and go.
        assert wait_until(lambda: processes.shm_names() <= shm), processes.shm_names() - shm


def test_second_interrupt_stops_now():
    """The first waits for what runs, here without an end."""
    with Server({"p": python_pool("basic.py", workers=1)}, stop_timeout_ms=0) as server:
        family = server.everyone()
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            conn.send(v1.request(v1.guid(), "/sleep", 600000))
            wait_tasking(other, 1)
            server.signal(signal.SIGINT)
            assert wait_until(lambda: FINISHING in server.log())
            server.signal(signal.SIGINT)
            server.wait(30)
        assert wait_until(lambda: all_gone(family))


def test_master_killed_takes_all_along():
    """Even a worker in the middle of a long sleep, and one that is stopped."""
    pools = {"p": python_pool("basic.py", workers=3), "q": php_pool(workers=2)}
    with Server(pools) as server:
        family = server.everyone()
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            conn.send(v1.request(v1.guid(), "/sleep", 60000))
            conn.send(v1.request(v1.guid(), "/php/sleep", 60000))
            wait_tasking(other, 2)
            os.kill(server.pid, signal.SIGKILL)
            server.process.wait()
        assert wait_until(lambda: all_gone(family)), [processes.title(pid) for pid in family
                                                         if processes.is_alive(pid)]


def test_stops_again_and_again():
    """Twelve starts and stops, some in the middle of calls: status 0 and nobody left, each time."""
    for turn in range(12):
        with Server({"p": python_pool("basic.py", workers=3)}) as server:
            family = server.everyone()
            with v1.Conn(server.address) as conn:
                if turn % 2:
                    conn.send(b"".join(v1.request(v1.guid(), "/sleep", 20) for _ in range(6)))
                else:
                    conn.call("/die", "kill")
                assert server.stop() == 0
            assert wait_until(lambda: all_gone(family))


def test_memory_of_large_frames_is_kept_while_calls_come_then_given_back():
    big, slack = "x" * (1 << 20), 4 << 20
    with Server({"p": {**python_pool("basic.py", workers=2), "dedupe": False}}) as server:
        conns = [v1.Conn(server.address) for _ in range(8)]
        before = processes.anonymous_bytes(server.pid)
        frames = [v1.request(v1.guid(), "/echo", big) for _ in conns]
        for conn, frame in zip(conns, frames):
            conn.send(frame[:-1])
        assert wait_until(lambda: processes.anonymous_bytes(server.pid) > before + slack), (
            before, processes.anonymous_bytes(server.pid))
        for conn, frame in zip(conns, frames):
            conn.send(frame[-1:])
        for conn in conns:
            assert conn.receive()[1]["data"]["data"] == big
        assert processes.anonymous_bytes(server.pid) > before + slack
        assert wait_until(lambda: processes.anonymous_bytes(server.pid) < before + slack, 15), (
            before, processes.anonymous_bytes(server.pid))
        assert conns[0].call("/echo", big)["data"]["data"] == big
        assert server.stop() == 0
