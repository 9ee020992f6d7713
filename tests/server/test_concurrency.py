"""Workers that run several tasks at a time: how many, what a death, a limit, a reload and a stop
mean for those that run, and that each is answered once."""

import collections
import os
import signal

import pytest

from support import processes, v1
from support.load import Load
from support.server import Server, python_pool, wait_until

WORKER_DIED = 100200
TIME_LIMIT = 100201
EXPIRED = 100202
OVERLOADED = 100203
SLOTS = 64


def pool(**more):
    return {"p": python_pool("waiting.py", **{"workers": 2, "concurrency": SLOTS, **more})}


def served(**more):
    """A server whose stop does not wait for the test's own connections."""
    return Server(pool(**more), linger_ms=0)


def send(conn, name, param=None, count=1, **more):
    """Sends calls at once; their guids."""
    idents = [v1.guid() for _ in range(count)]
    conn.send(b"".join(v1.request(ident, name, param, **more) for ident in idents))
    return idents


def collect(conn, idents, timeout=15.0):
    """The envelopes of all, by guid; that none comes twice."""
    left, found = set(idents), {}
    while left:
        ident, reply = conn.receive(timeout)
        left.remove(ident)
        assert reply["code"] == 0, reply
        found[ident] = reply["data"]
    return found


class Gate:
    """Calls of /gate, which go on until `open`."""

    def __init__(self, folder):
        self.book, self.path = folder / "book", folder / "open"
        self.book.touch()
        self.api = ("/gate", {"book": str(self.book), "until": str(self.path)})

    def wait_begun(self, count):
        assert wait_until(lambda: self.book.stat().st_size == count), self.book.stat().st_size

    def open(self):
        self.path.touch()


def codes(envelopes):
    return collections.Counter(one["code"] for one in envelopes.values())


def runs(server, count):
    """Whether so many tasks are queued or running."""
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["tasking_num"] >= count


def test_500_calls_at_a_time_by_two_workers(tmp_path):
    gate = Gate(tmp_path)
    with served(concurrency=256) as server, v1.Conn(server.address) as conn:
        collect(conn, send(conn, "/echo", 1, 10))
        asked = send(conn, *gate.api, 500)
        gate.wait_begun(500)
        gate.open()
        got = collect(conn, asked)
        assert codes(got) == {0: 500}
        assert len({one["data"] for one in got.values()}) == 2
        assert server.stop() == 0


def test_no_more_than_concurrency_at_a_time():
    with served(workers=1, concurrency=5) as server, v1.Conn(server.address) as conn:
        got = collect(conn, send(conn, "/sleep", 0.02, 60))
        assert codes(got) == {0: 60}
        assert conn.call("/most")["data"]["data"] == 5


def test_one_at_a_time_by_default():
    with served(workers=1, concurrency=1) as server, v1.Conn(server.address) as conn:
        collect(conn, send(conn, "/sleep", 0.01, 20))
        assert conn.call("/most")["data"]["data"] == 1
        line = "concurrency is 1: each worker runs one call at a time"
        assert wait_until(lambda: line in server.log())


def test_many_slots_and_nobody_waits():
    with Server({"p": python_pool("basic.py", workers=1, concurrency=8)}) as server:
        with v1.Conn(server.address) as conn:
            assert conn.call("/echo", 7)["data"]["data"] == 7
        assert wait_until(lambda: "no handler waits on an event loop" in server.log())


def test_the_queue_is_bounded_beyond_what_runs(tmp_path):
    gate = Gate(tmp_path)
    more = {"workers": 1, "concurrency": 4, "queue_tasks_max": 6}
    with served(**more) as server, v1.Conn(server.address) as conn:
        asked = set(send(conn, *gate.api, 20))
        refused = [conn.receive() for _ in range(10)]
        assert {v1.code(reply) for _, reply in refused} == {OVERLOADED}
        gate.open()
        assert codes(collect(conn, asked - {ident for ident, _ in refused})) == {0: 10}


def test_quick_calls_beside_waiting_ones():
    with served(workers=1) as server, v1.Conn(server.address) as conn:
        send(conn, "/sleep", 600, SLOTS - 1)
        with v1.Conn(server.address) as other:
            for i in range(50):
                assert other.call("/echo", i)["data"]["data"] == i
                assert other.call("/inline", i)["data"]["data"] == i
        os.kill(next(iter(server.workers("p").values())), signal.SIGKILL)


def test_a_blocked_loop_loses_what_it_has_not_begun():
    with served() as server, v1.Conn(server.address) as conn:
        collect(conn, send(conn, "/echo", 1, 10))
        send(conn, "/block_loop", 600)
        with v1.Conn(server.address) as other:
            pools = lambda: other.command("getStat")["data"]["server"]["pools"]
            assert wait_until(lambda: [one["api"] for one in pools()["p"]["running_tasks"]] == [
                "/block_loop"])  # what is claimed in one turn with it would wait for it
            assert codes(collect(other, send(other, "/echo", 2, 40))) == {0: 40}
        for pid in server.workers("p").values():
            os.kill(pid, signal.SIGKILL)


def test_a_stopped_worker_loses_what_it_has_not_begun():
    with served() as server, v1.Conn(server.address) as conn:
        collect(conn, send(conn, "/echo", 1, 10))
        stopped = list(server.workers("p").values())[0]
        os.kill(stopped, signal.SIGSTOP)
        try:
            assert codes(collect(conn, send(conn, "/echo", 2, 40))) == {0: 40}
        finally:
            os.kill(stopped, signal.SIGCONT)
        assert codes(collect(conn, send(conn, "/echo", 3, 40))) == {0: 40}
        assert server.stop() == 0


def test_a_death_answers_each_running_task_once(tmp_path):
    more = {"workers": 1, "concurrency": 50}
    begun = tmp_path / "begun"
    begun.touch()
    with served(**more) as server, v1.Conn(server.address) as conn:
        (pid,) = server.workers("p").values()
        running = send(conn, "/hold", str(begun), 50)
        assert wait_until(lambda: begun.stat().st_size == 50)
        waiting = send(conn, "/echo", "after", 30)
        assert wait_until(lambda: runs(server, 80))
        os.kill(pid, signal.SIGKILL)
        got = collect(conn, running + waiting)
        assert codes({ident: got[ident] for ident in running}) == {WORKER_DIED: 50}
        assert codes({ident: got[ident] for ident in waiting}) == {0: 30}
        with pytest.raises(TimeoutError):
            conn.receive(0.3)
        assert conn.call("/echo", 1)["data"]["data"] == 1
        assert server.stop() == 0


def test_a_handler_that_exits_lets_the_others_end(tmp_path):
    more = {"workers": 1}
    with served(**more) as server, v1.Conn(server.address) as conn:
        for turn, name in enumerate(("/exit", "/inline_exit", "/exit")):
            (tmp_path / str(turn)).mkdir()
            gate = Gate(tmp_path / str(turn))
            others = send(conn, *gate.api, 10)
            gate.wait_begun(10)
            too_long = send(conn, "/sleep", 60) if turn == 2 else []
            exits = send(conn, name, {"status": 3, "opens": str(gate.path)})
            got = collect(conn, exits + others + too_long)
            gone = got.pop(exits[0])
            assert gone["code"] == WORKER_DIED
            assert gone["msg"] == "the handler raised SystemExit(3)"
            if turn < 2:
                assert codes(got) == {0: 10}
                assert conn.call("/echo", 5)["data"]["data"] == 5
        cut = got.pop(too_long[0])
        assert cut["code"] == WORKER_DIED
        assert cut["msg"] == "the worker left before the handler ended"
        assert codes(got) == {0: 10}


def test_who_ran_beside_one_that_exits_is_not_refused_for_it(tmp_path):
    """The worker gives it up when it leaves, which is not its own doing."""
    book = tmp_path / "book"
    book.touch()
    with served(workers=1) as server, v1.Conn(server.address) as conn:
        for number in (1, 2):
            held = send(conn, "/hold", str(book), 2)
            assert wait_until(lambda n=number: len(book.read_bytes()) == 2 * n)
            assert codes(collect(conn, send(conn, "/exit", number))) == {WORKER_DIED: 1}
            assert codes(collect(conn, held)) == {WORKER_DIED: 2}
        send(conn, "/hold", str(book))
        assert wait_until(lambda: len(book.read_bytes()) == 5), server.log()


def test_a_task_past_its_limit_is_ended_alone():
    more = {"workers": 1, "time_limit_ms": 1000, "kill_after_ms": 60000}
    with served(**more) as server, v1.Conn(server.address) as conn:
        (pid,) = server.workers("p").values()
        slow = send(conn, "/sleep", 20, 5) + send(conn, "/stubborn", 2.0, 2)
        quick = send(conn, "/sleep", 0, 20)
        got = collect(conn, slow + quick)
        assert codes({ident: got[ident] for ident in slow}) == {TIME_LIMIT: 7}
        assert codes({ident: got[ident] for ident in quick}) == {0: 20}
        assert conn.call("/sleep", 0)["data"]["data"] == pid
        assert server.stop() == 0


@pytest.mark.parametrize("concurrency", [8, 1])
def test_a_loop_that_does_not_turn_is_ended(concurrency):
    more = {"workers": 1, "concurrency": concurrency, "time_limit_ms": 500}
    with served(**more) as server, v1.Conn(server.address) as conn:
        (got,) = collect(conn, send(conn, "/block_loop", 300)).values()
        assert got["code"] == TIME_LIMIT
        assert conn.call("/echo", 5)["data"]["data"] == 5


def test_deadlines_and_gone_callers(tmp_path):
    gate = Gate(tmp_path)
    with served(workers=1, concurrency=2) as server, v1.Conn(server.address) as conn:
        running = send(conn, *gate.api, 2)
        gate.wait_begun(2)
        with v1.Conn(server.address) as gone:
            send(gone, "/sleep", 30, 5)
            assert wait_until(lambda: runs(server, 7))
        expired = send(conn, "/echo", "late", 5, timeout=100)
        assert codes(collect(conn, expired)) == {EXPIRED: 5}
        gate.open()
        assert codes(collect(conn, running)) == {0: 2}
        assert conn.call("/echo", 1)["data"]["data"] == 1  # the gone caller's did not begin


def test_large_replies_at_the_same_time():
    with served(workers=1, concurrency=16) as server, v1.Conn(server.address) as conn:
        sizes = [2_000_000 - i for i in range(8)] + [3_000_000]
        asked = {send(conn, "/big", size)[0]: size for size in sizes}
        asked.update({send(conn, "/long_error", 8000)[0]: 0 for _ in range(4)})
        quick = send(conn, "/echo", "x" * 2000, 20)
        got = collect(conn, list(asked) + quick)
        assert codes({ident: got[ident] for ident in quick}) == {0: 20}
        for ident, size in asked.items():
            if size == 3_000_000:
                assert got[ident]["code"] == 100206
            elif size == 0:
                assert (got[ident]["code"], got[ident]["msg"]) == (7, "e" * 8000)
            else:
                assert got[ident]["data"] == str(size % 10) * size
        assert server.stop() == 0


def test_recycling_lets_what_runs_end():
    with served(max_requests=40, concurrency=16) as server:
        first = set(server.workers("p").values())
        load = Load(server.address, "/brief", 1, connections=8, depth=4)
        load.start()
        assert wait_until(lambda: first.isdisjoint(server.workers("p").values()), 20)
        load.stop()
        assert (load.lost, load.twice, load.broken) == (0, 0, 0)
        assert set(load.codes) == {0}
        assert wait_until(lambda: server.log().count("stopped") >= 2), server.log()
        assert server.stop() == 0


def test_a_reload_lets_what_runs_end(tmp_path):
    gate = Gate(tmp_path)
    with served() as server, v1.Conn(server.address) as conn:
        assert wait_until(lambda: len(server.workers("p")) == 2)
        old = set(server.workers("p").values())
        running = send(conn, *gate.api, 60)
        gate.wait_begun(60)
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: "reloaded, generation 2" in server.log())
        with v1.Conn(server.address) as other:
            assert other.call("/sleep", 0)["data"]["data"] not in old
        gate.open()
        got = collect(conn, running)
        assert codes(got) == {0: 60}
        assert {one["data"] for one in got.values()} <= old
        assert wait_until(lambda: old.isdisjoint(server.workers("p").values()))
        assert server.stop() == 0


def test_draining_waits_for_what_runs(tmp_path):
    gate = Gate(tmp_path)
    with served(workers=1, concurrency=8) as server, v1.Conn(server.address) as conn:
        accepted = send(conn, *gate.api, 20)
        assert wait_until(lambda: runs(server, 20))
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: "finishing what is accepted" in server.log())
        gate.open()
        assert codes(collect(conn, accepted)) == {0: 20}
        conn.close()
        assert server.wait() == 0
        assert "stopped 0" in server.log()


def test_a_stop_at_once_ends_what_runs():
    with served(workers=1) as server, v1.Conn(server.address) as conn:
        send(conn, "/sleep", 60, 5)
        assert wait_until(lambda: runs(server, 5))
        family = server.everyone()
        server.signal(signal.SIGINT)
        assert wait_until(lambda: "finishing what is accepted" in server.log())
        server.signal(signal.SIGINT)
        server.wait()
        assert wait_until(lambda: not any(processes.is_alive(pid) for pid in family))


def test_nothing_survives_the_master():
    with served() as server, v1.Conn(server.address) as conn:
        send(conn, "/sleep", 60, 5)
        assert wait_until(lambda: runs(server, 5))
        family = server.everyone()
        server.signal(signal.SIGKILL)
        server.wait()
        assert wait_until(lambda: not any(processes.is_alive(pid) for pid in family))


def test_workers_keep_no_descriptors_of_each_other():
    with served(workers=6) as server:
        def counts():
            return {processes.fd_count(pid) for pid in server.workers("p").values()}
        assert wait_until(lambda: len(server.workers("p")) == 6 and len(counts()) == 1), counts()


def test_an_idle_loop_sleeps():
    with served(workers=1) as server, v1.Conn(server.address) as conn:
        collect(conn, send(conn, "/sleep", 0.01, 20))
        (pid,) = server.workers("p").values()
        running = send(conn, "/sleep", 1.0, 20)
        before = processes.cpu_seconds(pid)
        collect(conn, running)
        assert processes.cpu_seconds(pid) - before < 0.3


def test_late_loading():
    with served(preload=False) as server, v1.Conn(server.address) as conn:
        assert codes(collect(conn, send(conn, "/sleep", 0.05, 100))) == {0: 100}
        assert server.stop() == 0
