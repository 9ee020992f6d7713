"""Calls that are sent again under their guid: they run once, and each caller is answered."""

import os
import signal

import pytest

from support import v1
from support.repeats import (connect, close, data_of, first_of, joined, marks, repeats, send,
                             serve, spread, stat, tasks_are)
from support.server import Server, python_pool, wait_until

ACCEPTED = 100001
LOST = 100012


@pytest.fixture(scope="module", params=[1, 2], ids=["one reactor", "two reactors"])
def server(request):
    with serve(workers=4, reactors=request.param) as one:
        yield one
        assert one.stop() == 0


def test_a_repeat_while_it_runs_joins_it(server, marks):
    """The client gives up on one connection, and asks again on others."""
    ident = v1.guid()
    frame = v1.request(ident, *marks.hold())
    before = repeats(server)
    with connect(server) as first:
        first.send(frame)
        marks.await_lines(1)
    conns = spread(server)
    send(conns, frame)
    joined(server, before, len(conns))
    marks.let_go()
    assert data_of(first_of(conns), ident)["data"] == "let go"
    close(conns)
    assert marks.lines() == ["held"]


def test_two_callers_get_the_one_reply(server, marks):
    ident = v1.guid()
    frame = v1.request_of("W_M", ident, {"a": marks.hold(), 7: marks.mark("b")})
    before = repeats(server)
    conns = spread(server, 3)
    conns[0].send(frame)
    marks.await_lines(2)
    send(conns[1:], frame)
    conns[0].send(frame)  # and once more by the first
    joined(server, before, 3)
    marks.let_go()
    data = data_of(first_of(conns), ident)
    assert list(data) == ["a", 7]
    assert [each["data"] for each in data.values()] == ["let go", "b"]
    assert data_of(conns[0].receive(), ident) == data
    close(conns)
    assert sorted(marks.lines()) == ["b", "held"]


def test_a_repeat_after_it_ended_gets_the_kept_reply(server, marks):
    ident = v1.guid()
    frame = v1.request(ident, *marks.mark("once"))
    with connect(server) as first:
        first.send(frame)
        reply = first.receive()
        first.send(frame)
        assert first.receive() == reply
    before = repeats(server)
    conns = spread(server)
    send(conns, frame)
    assert first_of(conns) == reply
    assert data_of(reply, ident)["data"] == "once"
    # How long it may take and which attempt it is do not make it another call.
    conns[0].send(v1.request(ident, *marks.mark("once"), timeout=5000, attempt=3, trace="00-ab"))
    assert conns[0].receive() == reply
    close(conns)
    assert marks.lines() == ["once"]
    assert repeats(server)["hits"] - before["hits"] == len(conns) + 1


def test_the_reply_is_kept_when_nobody_waits(server, marks):
    """The connection ends while the call runs; the repeat comes when it has ended."""
    ident = v1.guid()
    frames = {"W_S": v1.request(ident, *marks.hold()),
              "W_M": v1.request_of("W_M", ident, {"a": marks.hold(), "b": ("/big", 70000)})}
    kept = repeats(server)["kept"]
    with connect(server) as first:
        for frame in frames.values():
            first.send(frame)
        marks.await_lines(2)
    marks.let_go()
    assert wait_until(lambda: repeats(server)["kept"] >= kept + 2)
    with connect(server) as again:
        again.send(frames["W_S"])
        assert data_of(again.receive(), ident)["data"] == "let go"
        again.send(frames["W_M"])
        data = data_of(again.receive(), ident)
        assert (data["a"]["data"], data["b"]["data"]) == ("let go", "x" * 70000)
    assert marks.lines() == ["held", "held"]


def test_a_call_that_has_begun_is_run_to_its_end(marks):
    """One api runs, the other waits when the connection ends: the repeat gets both results."""
    with serve(workers=1) as server, connect(server) as conn:
        frame = v1.request_of("W_M", v1.guid(), {"a": marks.hold(), "b": marks.mark("too")})
        with connect(server) as first:
            first.send(frame)
            marks.await_lines(1)
        assert wait_until(lambda: stat(conn)["close_count"] == 1)
        assert stat(conn)["tasking_num"] == 2
        marks.let_go()
        conn.send(frame)
        assert [each["data"] for each in conn.receive()[1]["data"].values()] == ["let go", "too"]
        assert server.stop() == 0
    assert marks.lines() == ["held", "too"]


@pytest.mark.parametrize("other", ["name", "param", "type", "key", "guid"])
def test_another_call_is_another_call(server, marks, other):
    ident = v1.guid()
    name, param = marks.mark("first")
    with connect(server) as conn:
        conn.send(v1.request_of("W_S", ident, {"one": (name, param)}))
        assert data_of(conn.receive(), ident)["data"] == "first"
        if other == "name":
            conn.send(v1.request(ident, "/hold", {**param, "until": marks.file}))
            marks.await_lines(2)
        elif other == "param":
            conn.send(v1.request(ident, *marks.mark("second")))
        elif other == "type":
            conn.send(v1.request_of("W_M", ident, {"one": (name, param)}))
        elif other == "key":
            for key in ("a", "b"):
                conn.send(v1.request_of("W_M", ident, {key: (name, param)}))
            data_of(conn.receive(), ident)
        else:
            ident = v1.guid()
            conn.send(v1.request(ident, name, param))
        data_of(conn.receive(), ident)
    assert len(marks.lines()) == (3 if other == "key" else 2)


@pytest.mark.parametrize("kind", ["W_S", "AM_S"])
def test_after_its_worker_was_killed_it_is_not_run_again(server, marks, kind):
    """It may have run: the answer is kept."""
    ident = v1.guid()
    frame = v1.request_of(kind, ident, {"one": marks.die()})
    with connect(server) as first:
        first.send(frame)
        if kind == "AM_S":
            assert first.receive()[1]["code"] == ACCEPTED
        reply = first.receive()
        assert data_of(reply, ident)["code"] == 100200
    with connect(server) as again:
        again.send(frame)
        if kind == "AM_S":
            assert again.receive()[1]["code"] == ACCEPTED
        assert again.receive() == reply
    assert len(marks.lines()) == 1


def test_what_was_accepted_is_accepted_again_and_runs_once(server, marks):
    idents = {kind: v1.guid() for kind in ("AN_S", "AN_M")}
    for kind, ident in idents.items():
        frame = v1.request_of(kind, ident, {"one": marks.mark(kind), "b": ("/big", 1)})
        conns = spread(server)
        send(conns, frame)
        assert first_of(conns)[1]["code"] == ACCEPTED
        conns[0].send(frame)
        assert conns[0].receive()[1]["code"] == ACCEPTED
        close(conns)
    marks.await_lines(2)
    with connect(server) as conn:
        assert wait_until(lambda: conn.command("getStat")["data"]["server"]["tasking_num"] == 0)
    assert sorted(marks.lines()) == ["AN_M", "AN_S"]


@pytest.mark.parametrize("kind", ["AM_S", "AM_M"])
def test_later_results_of_repeats(server, marks, kind):
    """Before the result every caller that is there gets it; after it, it comes at once."""
    ident = v1.guid()
    frame = v1.request_of(kind, ident, {"one": marks.hold()})
    with connect(server) as first:
        first.send(frame)
        assert first.receive()[1]["code"] == ACCEPTED
        marks.await_lines(1)
    conns = spread(server)
    send(conns, frame)
    assert first_of(conns)[1]["code"] == ACCEPTED
    conns.pop().close()
    marks.let_go()
    result = first_of(conns)
    assert result[1]["isresult"] == 1
    data = data_of(result, ident)
    assert (data if kind == "AM_S" else data["one"])["data"] == "let go"
    conns[0].send(frame)
    assert conns[0].receive()[1]["code"] == ACCEPTED
    assert conns[0].receive() == result
    close(conns)
    assert marks.lines() == ["held"]


def test_not_run_is_not_kept(marks):
    """Refused or dropped, a call may be sent again, and then it runs."""
    with serve(workers=1) as server, connect(server) as busy, connect(server) as conn:
        hold = busy.ask("W_S", {"one": marks.hold()})
        marks.await_lines(1)
        late, gone, none = v1.guid(), v1.guid(), v1.guid()
        apis = {"late": marks.mark("late"), "more": marks.mark("more")}
        conn.send(v1.request_of("W_M", late, apis, timeout=20))
        data = data_of(conn.receive(), late)
        assert [each["code"] for each in data.values()] == [100202, 100202]
        conn.send(v1.request_of("AN_S", none, {"one": ("/no/such", None)}))
        assert conn.receive()[1]["code"] == 100204
        with connect(server) as leaves:
            leaves.send(v1.request(gone, *marks.mark("gone")))
            assert wait_until(lambda: stat(conn)["tasking_num"] == 2)
        assert wait_until(lambda: stat(conn)["tasking_num"] == 1)
        assert stat(conn)["repeats"]["kept"] == 0
        marks.let_go()
        assert data_of(busy.receive(), hold)["data"] == "let go"
        conn.send(v1.request_of("W_M", late, apis))
        assert [each["code"] for each in data_of(conn.receive(), late).values()] == [0, 0]
        conn.send(v1.request(gone, *marks.mark("gone")))
        assert data_of(conn.receive(), gone)["data"] == "gone"
        assert server.stop() == 0
    assert marks.lines() == ["held", "late", "more", "gone"]


@pytest.mark.parametrize("reactors", [1, 2])
def test_a_queued_call_stays_while_one_asker_is_there(marks, reactors):
    with serve(workers=1, reactors=reactors) as server, connect(server) as busy:
        busy.ask("W_S", {"one": marks.hold()})
        marks.await_lines(1)
        stays, goes = (v1.request(v1.guid(), *marks.mark(text)) for text in ("stays", "goes"))
        first, watch, conns = connect(server), connect(server), spread(server)
        first.send(stays + goes)
        tasks_are(watch, 3)
        before = repeats(server)
        send(conns, stays + goes)
        joined(server, before, 2 * len(conns))
        first.close()
        close(conns[1:])
        assert wait_until(lambda: stat(watch)["close_count"] >= len(conns))
        assert stat(watch)["tasking_num"] == 3
        # The last one leaves, but for a connection that asks for the one call only.
        last = connect(server)
        last.send(stays)
        joined(server, before, 2 * len(conns) + 1)
        conns[0].close()
        tasks_are(watch, 2)
        marks.let_go()
        assert last.receive()[1]["data"]["data"] == "stays"
        assert server.stop() == 0
    assert marks.lines() == ["held", "stays"]


def test_a_pool_may_do_without(marks):
    pools = {"plain": {**python_pool("modes.py", workers=1, dedupe=False), "apis": ["/mark"]},
             "safe": {**python_pool("modes.py", workers=1), "apis": ["/big", "/hold"]}}
    with Server(pools, linger_ms=50) as server, connect(server) as conn:
        ident = v1.guid()
        for kind in ("W_S", "W_M", "AN_S"):
            for _ in range(2):
                conn.send(v1.request_of(kind, ident, {"one": marks.mark(kind)}))
                assert conn.receive()[1]["code"] in (0, ACCEPTED)
        marks.await_lines(6)
        # Many apis are remembered when all their pools do so.
        mixed = {"one": marks.mark("mixed"), "two": ("/big", 1)}
        for apis in (mixed, mixed, {"two": ("/big", 1)}, {"two": ("/big", 1)}):
            conn.send(v1.request_of("W_M", ident, apis))
            data_of(conn.receive(), ident)
        numbers = stat(conn)["repeats"]
        assert (numbers["kept"], numbers["hits"], numbers["joins"]) == (1, 1, 0)
        assert server.stop() == 0
    assert sorted(marks.lines()) == ["AN_S"] * 2 + ["W_M"] * 2 + ["W_S"] * 2 + ["mixed"] * 2


def test_without_any_pool_that_remembers(marks):
    with serve(dedupe=False) as server, connect(server) as conn:
        frame = v1.request(v1.guid(), *marks.mark("each"))
        conn.send(frame + frame)
        assert conn.receive()[1]["code"] == conn.receive()[1]["code"] == 0
        assert set(stat(conn)["repeats"].values()) == {0}
        assert server.stop() == 0
    assert marks.lines() == ["each", "each"]


def test_an_evicted_reply_is_lost_and_its_call_does_not_run_again(marks):
    """More than is kept: 64 MiB. The store's own test has the limits to the byte."""
    with serve() as server, connect(server) as conn:
        frames = [v1.request(v1.guid(), *marks.mark("wait")),
                  v1.request_of("AM_S", v1.guid(), {"one": marks.mark("later")}),
                  v1.request_of("AN_S", v1.guid(), {"one": marks.mark("never")})]
        for frame, count in zip(frames, (1, 2, 1)):
            conn.send(frame)
            assert {conn.receive()[1]["code"] for _ in range(count)} <= {0, ACCEPTED}
        marks.await_lines(3)
        for _ in range(36):
            assert conn.call("/big", 1900000)["data"]["code"] == 0
        codes = []
        for frame in frames:
            conn.send(frame)
            codes.append(conn.receive()[1]["code"])
        assert codes == [LOST, LOST, ACCEPTED]
        numbers = stat(conn)["repeats"]
        assert numbers["bytes"] <= 64 << 20
        assert numbers["evicted"] >= 4
        assert numbers["tombstones"] == numbers["evicted"]
        assert numbers["lost"] == 3
        assert conn.call("/big", 1)["data"]["code"] == 0
        assert server.stop() == 0
    assert sorted(marks.lines()) == ["later", "never", "wait"]


def test_a_result_over_the_limit_is_kept_as_such(marks):
    with serve(frame_bytes_max=4096) as server, connect(server) as conn:
        frame = v1.request(v1.guid(), "/big", 4000)
        conn.send(frame)
        reply = conn.receive()
        assert reply[1]["data"]["code"] == 100206
        conn.send(frame)
        assert conn.receive() == reply
        # And where nobody waits for it.
        frame = v1.request_of("W_M", v1.guid(), {"a": marks.hold(), "b": ("/big", 3900)})
        with connect(server) as first:
            first.send(frame)
            marks.await_lines(1)
        marks.let_go()
        assert wait_until(lambda: stat(conn)["repeats"]["kept"] == 2)
        conn.send(frame)
        codes = sorted(each["code"] for each in conn.receive()[1]["data"].values())
        assert codes in ([0, 100206], [100206, 100206])
        assert server.stop() == 0


def test_a_reload_forgets_nothing(marks):
    with serve() as server, connect(server) as conn:
        frame = v1.request(v1.guid(), *marks.mark("once"))
        conn.send(frame)
        reply = conn.receive()
        assert conn.command("reloadWait", 60)["data"]["server"]["reload"] == "done"
        conn.send(frame)
        assert conn.receive() == reply
        assert server.stop() == 0
    assert marks.lines() == ["once"]


def test_a_stopping_server_answers_repeats(marks):
    """100207 would say that the call has not run."""
    with serve(linger_ms=5000) as server, connect(server) as conn, connect(server) as other:
        done = v1.request(v1.guid(), *marks.mark("once"), attempt=0)
        runs = v1.request(v1.guid(), *marks.hold(), attempt=0)
        conn.send(done)
        reply = conn.receive()
        conn.send(runs)
        marks.await_lines(2)
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: stat(other)["draining"])
        other.send(done)
        assert other.receive() == reply
        other.send(runs)
        assert wait_until(lambda: stat(other)["repeats"]["joins"] == 1)
        assert other.call("/big", 1, attempt=0)["code"] == 100207
        marks.let_go()
        assert conn.receive() == other.receive()
        conn.close()
        other.close()
        assert server.wait() == 0
    assert marks.lines() == ["once", "held"]


def test_stopped_at_once_while_repeats_wait(marks):
    with serve(reactors=2) as server:
        frame = v1.request(v1.guid(), *marks.hold())
        conns = spread(server)
        conns[0].send(frame)
        marks.await_lines(1)
        send(conns[1:], frame)
        assert wait_until(lambda: repeats(server)["joins"] == len(conns) - 1)
        server.signal(signal.SIGINT)
        assert wait_until(lambda: stat(conns[0])["draining"])
        server.signal(signal.SIGINT)
        assert server.wait(10) == 0
        assert all(conn.receive() is None for conn in conns)
        close(conns)


def test_an_idle_server_keeps_little(marks):
    """Memory for what is remembered is taken as it is needed."""
    with serve(dedupe=True) as server, connect(server) as conn:
        assert conn.call("/big", 1)["data"]["code"] == 0
        before = resident_kib(server.pid)
        for _ in range(200):
            assert conn.call("/big", 1)["data"]["code"] == 0
        assert stat(conn)["repeats"]["kept"] == 201
        assert resident_kib(server.pid) - before < 2048
        assert server.stop() == 0


def resident_kib(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024


def held(server):
    with connect(server) as conn:
        return stat(conn)["held"]["bytes"]


def test_repeats_that_have_joined_count_as_held(marks):
    """They have no tasks, so no queue bounds them: what they take is counted, and where that is
    much their connection is not read, until the call ends and all are answered."""
    with serve(workers=1, frame_bytes_max=65536, connection_mb_max=1) as server, \
            connect(server) as first, connect(server) as many:
        ident, count = v1.guid(), 3000
        frame = v1.request(ident, *marks.hold())
        first.send(frame)
        marks.await_lines(1)
        many.send(frame * count)
        assert wait_until(lambda: held(server) > 256 * 1024), held(server)
        assert 0 < repeats(server)["joins"] < count
        marks.let_go()
        for _ in range(count):
            assert data_of(many.receive(), ident)["data"] == "let go"
        assert data_of(first.receive(), ident)["data"] == "let go"
        assert wait_until(lambda: held(server) == 0), held(server)
        assert server.stop() == 0
