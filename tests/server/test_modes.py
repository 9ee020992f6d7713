"""Calls that are accepted first: all or none, done whatever becomes of the caller."""

import signal
import time

import pytest

from support import v1
from support.repeats import marks  # noqa: F401: a fixture
from support.server import Server, python_pool, wait_until

ACCEPTED = 100001


@pytest.fixture(scope="module")
def server():
    with Server({"py": python_pool("modes.py", workers=3)}) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def narrow(queue=3, workers=1, **more):
    """A server with room for few tasks."""
    pool = python_pool("modes.py", workers=workers, queue_tasks_max=queue)
    return Server({"py": pool}, linger_ms=50, **more)


def hold_worker(conn, marks, calls=1):
    """Keeps workers busy until marks.let_go()."""
    for _ in range(calls):
        conn.ask("W_S", {"one": marks.hold()})
    marks.await_lines(calls)


def check_acceptance(got, ident):
    guid, reply = got
    assert guid == ident
    assert list(reply) == ["guid", "code", "msg", "data"]
    assert (reply["guid"], reply["code"], reply["data"]) == (ident, ACCEPTED, [])
    assert reply["msg"].startswith("transfer success.")


@pytest.mark.parametrize("kind", ["W_S", "AN_S", "AM_S"])
def test_single_calls_of_each_mode(conn, marks, kind):
    ident = conn.ask(kind, {"one": marks.mark("it"), "other": ("/no/such", None)})
    if kind != "W_S":
        check_acceptance(conn.receive(), ident)
    if kind != "AN_S":
        guid, reply = conn.receive()
        assert guid == ident
        envelope = {"guid": ident, "code": 0, "msg": "OK", "data": "it"}
        more = {"isresult": 1} if kind == "AM_S" else {}
        assert reply == {"guid": ident, "code": 0, "msg": "OK", "data": envelope, **more}
        assert list(reply) == ["guid", "code", "msg", "data", *more]
    assert marks.await_lines(1) == ["it"]


@pytest.mark.parametrize("kind", ["W_M", "AN_M", "AM_M"])
def test_multi_calls_of_each_mode(conn, marks, kind):
    ident = conn.ask(kind, {"z": marks.mark("a"), 7: marks.mark("b"), "a": ("/big", 10)})
    if kind != "W_M":
        check_acceptance(conn.receive(), ident)
    if kind != "AN_M":
        guid, reply = conn.receive()
        assert guid == ident
        assert reply["code"] == 0
        assert ("isresult" in reply) == (kind == "AM_M")
        assert list(reply["data"]) == ["z", 7, "a"]
        assert [each["data"] for each in reply["data"].values()] == ["a", "b", "x" * 10]
        assert {each["guid"] for each in reply["data"].values()} == {ident}
    assert sorted(marks.await_lines(2)) == ["a", "b"]


@pytest.mark.parametrize("kind", ["W_S", "W_M", "AN_S", "AN_M", "AM_S", "AM_M", "SC"])
def test_a_call_of_nothing_is_answered(conn, kind):
    """The original never answers an empty multi call."""
    ident = v1.guid()
    conn.send(v1.request_of(kind, ident, {}))
    guid, reply = conn.receive()
    assert (guid, reply["code"], reply["data"]) == (ident, 100003, [])


@pytest.mark.parametrize("kind", ["AN_M", "AM_M"])
def test_an_unknown_api_in_the_middle_runs_nothing(conn, marks, kind):
    ident = conn.ask(kind, {"a": marks.mark("a"), "b": ("/no/such", 1), "c": marks.mark("c")})
    guid, reply = conn.receive()
    assert guid == ident
    assert (reply["code"], reply["data"]) == (100204, [])
    assert reply["msg"] == "no such api: /no/such"
    # Whatever had been handed over would run before this.
    assert conn.call(*marks.mark("after"))["data"]["data"] == "after"
    assert marks.lines() == ["after"]


@pytest.mark.parametrize("kind", ["AN_M", "AM_M"])
def test_a_full_queue_takes_all_or_none(marks, kind):
    """The original queues without bound."""
    with narrow(queue=3) as server, v1.Conn(server.address) as busy:
        hold_worker(busy, marks)
        with v1.Conn(server.address) as conn:
            conn.ask(kind, {key: marks.mark("no") for key in range(1, 5)})
            assert conn.receive()[1]["code"] == 100203
            first = conn.ask(kind, {key: marks.mark("yes") for key in range(1, 4)})
            check_acceptance(conn.receive(), first)
            conn.ask(kind[:2] + "_S", {"one": marks.mark("no")})
            assert conn.receive()[1]["code"] == 100203
            marks.let_go()
            assert marks.await_lines(4) == ["held", "yes", "yes", "yes"]
            if kind == "AM_M":
                assert conn.receive()[0] == first
        assert server.stop() == 0
        assert "no" not in marks.lines()


def test_a_full_second_pool_undoes_the_first(marks):
    pools = {"a": {**python_pool("modes.py", workers=2), "apis": ["/mark"]},
             "b": {**python_pool("modes.py", workers=1, queue_tasks_max=1),
                   "apis": ["/hold", "/big"]}}
    with Server(pools) as server, v1.Conn(server.address) as conn:
        hold_worker(conn, marks)
        apis = {"m": marks.mark("no"), "one": ("/big", 1), "two": ("/big", 1)}
        for _ in range(50):
            conn.ask("AN_M", apis)
            assert conn.receive()[1]["code"] == 100203
        conn.ask("AN_M", {"m": marks.mark("yes"), "one": ("/big", 1)})
        assert conn.receive()[1]["code"] == ACCEPTED
        marks.await_lines(2)
        marks.let_go()
        assert server.stop() == 0
        assert marks.lines() == ["held", "yes"]


def test_the_acceptance_comes_before_the_result(conn):
    """Trivial handlers, many at a time: the result is never first."""
    idents = [v1.guid() for _ in range(300)]
    conn.send(b"".join(v1.request_of("AM_S", each, {"one": ("/big", 1)}) for each in idents))
    seen = {}
    for _ in range(600):
        guid, reply = conn.receive()
        seen.setdefault(guid, []).append((reply["code"], reply.get("isresult", 0)))
    assert seen == {each: [(ACCEPTED, 0), (0, 1)] for each in idents}


def test_results_come_when_they_are_ready(conn, marks):
    """Every type at once on one connection; the slow one last, each under its own guid."""
    slow = conn.ask("AM_S", {"one": marks.hold()})
    many = conn.ask("AM_M", {"a": ("/big", 1), "b": ("/big", 2)})
    quiet = conn.ask("AN_S", {"one": ("/big", 3)})
    wait = conn.ask("W_S", {"one": ("/big", 4)})
    seen = []
    for _ in range(5):
        guid, reply = conn.receive()
        seen.append((guid, reply["code"], reply.get("isresult", 0)))
    assert {each for each in seen if each[1] == ACCEPTED} == {
        (slow, ACCEPTED, 0), (many, ACCEPTED, 0), (quiet, ACCEPTED, 0)}
    assert {each for each in seen if each[1] == 0} == {(many, 0, 1), (wait, 0, 0)}
    marks.let_go()
    guid, reply = conn.receive()
    assert (guid, reply["isresult"], reply["data"]["data"]) == (slow, 1, "let go")


@pytest.mark.parametrize("kind", ["AN_M", "AM_M"])
def test_accepted_work_outlives_its_connection(marks, kind):
    with narrow(queue=10) as server, v1.Conn(server.address) as busy:
        hold_worker(busy, marks)
        with v1.Conn(server.address) as gone:
            ident = gone.ask(kind, {key: marks.mark("done") for key in range(1, 6)})
            check_acceptance(gone.receive(), ident)
            gone.ask("W_M", {key: marks.mark("waited") for key in range(1, 4)})
        with v1.Conn(server.address) as other:
            # The server has seen the end of that connection when it answers this.
            assert wait_until(lambda: other.command("getStat")["data"]["server"]["close_count"])
        marks.let_go()
        assert marks.await_lines(6) == ["held"] + ["done"] * 5
        assert busy.receive()[1]["code"] == 0
        assert server.stop() == 0
        assert "waited" not in marks.lines()


@pytest.mark.parametrize("kind", ["AN_S", "AM_S"])
def test_a_drain_waits_for_accepted_work(marks, kind):
    with narrow(queue=10) as server, v1.Conn(server.address) as conn:
        hold_worker(conn, marks)
        idents = [conn.ask(kind, {"one": marks.mark("done")}) for _ in range(5)]
        for ident in idents:
            check_acceptance(conn.receive(), ident)
        if kind == "AN_S":
            conn.close()
        server.signal(signal.SIGTERM)
        if kind == "AM_S":
            assert wait_until(lambda: is_stopping(conn))
        marks.let_go()
        if kind == "AM_S":
            got = [conn.receive() for _ in range(6)]
            results = {guid: reply for guid, reply in got if "isresult" in reply}
            assert set(results) == set(idents)
            assert {each["data"]["data"] for each in results.values()} == {"done"}
            conn.close()
        assert server.wait() == 0
        assert marks.lines() == ["held"] + ["done"] * 5


def is_stopping(conn):
    """Whether a new call is refused because the server stops."""
    ident = conn.ask("AN_S", {"one": ("/big", 1)}, attempt=0)
    guid, reply = conn.receive()
    return guid == ident and reply["code"] == 100207


def test_a_killed_worker_is_a_result_too(conn, marks):
    """The original never answers the caller of a killed worker: 5 of 10 kills were lost."""
    for kind, apis in (("AM_S", {"one": marks.die()}),
                       ("AM_M", {"a": marks.die(), "b": ("/big", 1)})):
        ident = conn.ask(kind, apis)
        check_acceptance(conn.receive(), ident)
        guid, reply = conn.receive()
        assert (guid, reply["code"], reply["isresult"]) == (ident, 0, 1)
        data = reply["data"]
        assert (data if kind == "AM_S" else data["a"])["code"] == 100200
        assert kind == "AM_S" or data["b"]["data"] == "x"


def test_a_failure_that_nobody_is_told_is_logged_once(marks):
    with narrow(workers=2, queue=10) as server, v1.Conn(server.address) as conn:
        ident = conn.ask("AN_M", {"a": ("/raise", {"code": 42, "msg": "because"}),
                                  "b": marks.mark("fine")})
        check_acceptance(conn.receive(), ident)
        dead = conn.ask("AN_S", {"one": marks.die()})
        check_acceptance(conn.receive(), dead)
        assert wait_until(lambda: dead in server.log())
        assert server.stop() == 0
        lines = [line for line in server.log().split("\n") if ident in line or dead in line]
        lines.sort(key=lambda line: dead in line)  # two workers: either may be written first
        assert len(lines) == 2, lines
        assert all(part in lines[0] for part in ("AN_M", "/raise", "42", "because", ident))
        assert " while it ran /die " in lines[1]
        assert all(part in lines[1] for part in ("AN_S", "/die", "100200", dead))


def test_a_result_that_is_too_big():
    with narrow(queue=10, frame_bytes_max=4096) as server, v1.Conn(server.address) as conn:
        ident = conn.ask("AM_S", {"one": ("/big", 5000)})
        check_acceptance(conn.receive(), ident)
        guid, reply = conn.receive()
        assert (guid, reply["code"], reply["isresult"]) == (ident, 0, 1)
        assert reply["data"]["code"] == 100206
        ident = conn.ask("AM_M", {"a": ("/big", 2500), "b": ("/big", 2500)})
        check_acceptance(conn.receive(), ident)
        guid, reply = conn.receive()
        assert guid == ident
        assert sorted(each["code"] for each in reply["data"].values()) == [0, 100206]
        assert server.stop() == 0


def test_the_callers_time_counts_until_the_acceptance(marks):
    """Accepted work is done, however late; a call that comes too late is not accepted."""
    with narrow(queue=10) as server, v1.Conn(server.address) as busy:
        hold_worker(busy, marks)
        with v1.Conn(server.address) as conn:
            ident = conn.ask("AM_S", {"one": ("/about", None)}, timeout=20)
            check_acceptance(conn.receive(), ident)
            late = conn.ask("W_S", {"one": marks.mark("late")}, timeout=20)
            guid, reply = conn.receive()
            assert (guid, reply["data"]["code"]) == (late, 100202)
            conn.ask("AN_S", {"one": marks.mark("late")}, timeout=0)
            assert conn.receive()[1]["code"] == 100202
            marks.let_go()
            guid, reply = conn.receive()
            assert guid == ident
            assert reply["data"]["data"] == {"type": "AM_S", "remaining_ms": None}
        assert server.stop() == 0
        assert marks.lines() == ["held"]


def test_an_idle_limit_waits_for_results(marks):
    def is_still_good(server):
        """A result begins a new idle time: unless this machine stands still for all of it."""
        with v1.Conn(server.address) as conn:
            ident = conn.ask("AM_S", {"one": marks.mark("slow", ms=2500)})
            check_acceptance(conn.receive(), ident)
            guid, reply = conn.receive()
            assert (guid, reply["data"]["data"]) == (ident, "slow")
            began = time.monotonic()
            try:
                assert conn.call("/big", 1)["data"]["data"] == "x"
            except ConnectionError:
                return False
            assert conn.receive(20) is None
            assert time.monotonic() - began > 0.7
            return True

    with narrow(queue=10, idle_s=1) as server:
        assert any(is_still_good(server) for _ in range(3))
        assert server.stop() == 0


def test_many_accepted_calls_do_not_stop_the_reading():
    """More AN calls than a connection may have in flight, and all of them run."""
    pool = python_pool("modes.py", workers=2, queue_tasks_max=20000)
    with Server({"py": pool}) as server, v1.Conn(server.address) as conn:
        count = 10000
        conn.send(b"".join(v1.request_of("AN_S", v1.guid(), {"one": ("/big", 1)})
                           for _ in range(count)))
        assert {conn.receive()[1]["code"] for _ in range(count)} == {ACCEPTED}
        assert server.stop() == 0


def test_stopping_at_once_with_accepted_work(marks):
    with narrow(queue=10) as server, v1.Conn(server.address) as conn:
        hold_worker(conn, marks)
        ident = conn.ask("AN_S", {"one": marks.mark("never")})
        check_acceptance(conn.receive(), ident)
        server.signal(signal.SIGINT)
        assert wait_until(lambda: is_stopping(conn))
        server.signal(signal.SIGINT)
        assert server.wait(10) == 0
        assert marks.lines() == ["held"]
