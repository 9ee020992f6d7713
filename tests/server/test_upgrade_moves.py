"""What moves to the new master of an upgrade: connections, with all that was sent on them, and what
is remembered of calls; and what ends in the old one."""

import contextlib
import http.client
import json
import os
import signal

import pytest

import dora
from support import access, processes, tls, v1
from support.repeats import Marks
from support.server import python_pool, wait_until
from support.upgrade import Family

ACCEPTED = 100001
DIED = 100200
LOST = 100012
STOPPING = 100207


@pytest.fixture
def marks(tmp_path):
    one = Marks(tmp_path)
    yield one
    one.let_go()


def serve(workers=4, **config):
    return Family({"py": python_pool("modes.py", workers=workers)}, **{"linger_ms": 50, **config})


@pytest.fixture
def server():
    with serve() as one:
        yield one


@pytest.fixture
def doors(tmp_path):
    """A server with two reactors, and where it is reached: by each kind of socket that moves."""
    path = str(tmp_path / "socket")
    with serve(listen={"tcp": "127.0.0.1:0", "unix": path}, reactors=2) as one:
        yield one, (one.address, path)


def connect(addresses):
    return [v1.Conn(address) for address in addresses]


def close(conns):
    for conn in conns:
        conn.close()


def stat(conn):
    return conn.command("getStat")["data"]["server"]


def is_over(server, pid):
    """Whether the old master has ended, and what it ran with it."""
    return wait_until(lambda: "process %d, from which this server took over, has ended" % pid
                      in server.log(), 30)


def data_of(got, ident):
    assert got is not None, "closed without an answer"
    guid, reply = got
    assert (guid, reply["guid"], reply["code"]) == (ident, ident, 0)
    return reply["data"]["data"]


def ask_all(conn, marks, name, numbers, **more):
    """One call after the other, no answer awaited: {guid: what its answer has to be}."""
    texts = ["%s%d" % (name, i) for i in numbers]
    return {conn.ask("W_S", {"one": marks.mark(text, **more)}): text for text in texts}


def check_answers(conn, asked):
    """Each call is answered once, in any order."""
    got = dict(conn.receive(20) for _ in asked)
    assert {ident: reply["data"]["data"] for ident, reply in got.items()} == asked


def test_connections_go_on_between_two_calls(doors, marks):
    server, addresses = doors
    old = server.pid
    conns = connect(addresses)
    unused = connect(addresses)
    for conn in conns:
        assert conn.call(*marks.mark("before"))["data"]["data"] == "before"
        assert stat(conn)["pid"] == old
    server.upgrade()
    for conn in conns + unused:
        assert conn.call(*marks.mark("after"))["data"]["data"] == "after"
        assert stat(conn)["pid"] == server.pid != old
    assert is_over(server, old)
    for conn in conns:
        assert conn.call(*marks.mark("later"))["data"]["data"] == "later"
    close(conns + unused)
    assert marks.lines() == ["before"] * 2 + ["after"] * 4 + ["later"] * 2


def test_half_a_frame_goes_along(doors, marks):
    """A small one, and one that had gathered in the old master."""
    server, addresses = doors
    conns = connect(addresses * 2)
    parts = []
    with v1.Conn(server.address) as other:
        before = stat(other)["bytes_in"]
        for conn, size in zip(conns, (10, 10, 300 << 10, 300 << 10)):
            ident = v1.guid()
            frame = v1.request(ident, *marks.mark("x", filler="f" * size))
            parts.append((ident, frame[len(frame) // 2:]))
            conn.send(frame[:len(frame) // 2])
        assert wait_until(lambda: stat(other)["bytes_in"] - before > 300 << 10)
    server.upgrade()
    for conn, (ident, rest) in zip(conns, parts):
        conn.send(rest)
        assert data_of(conn.receive(), ident) == "x"
        assert stat(conn)["pid"] == server.pid
    close(conns)
    assert marks.lines() == ["x"] * 4


def test_frames_behind_a_call_that_runs_go_along_with_its_answer(doors, marks):
    """The old master ends what it has begun, and the new one takes what was sent since."""
    server, addresses = doors
    old = server.pid
    conns = connect(addresses)
    held = [conn.ask("W_S", {"one": marks.hold()}) for conn in conns]
    marks.await_lines(2)
    server.upgrade()
    asked = [ask_all(conn, marks, "m", range(20)) for conn in conns]
    assert processes.is_alive(old)
    marks.let_go()
    for conn, ident, calls in zip(conns, held, asked):
        assert data_of(conn.receive(), ident) == "let go"
        check_answers(conn, calls)
        assert stat(conn)["pid"] == server.pid
    close(conns)
    assert sorted(marks.lines()) == sorted(["held"] * 2 + ["m%d" % i for i in range(20)] * 2)
    assert is_over(server, old)


def test_frames_in_a_row_are_all_answered_once(doors, marks):
    """Nobody waits for any of them, so the upgrade meets them anywhere."""
    server, addresses = doors
    conns = connect(addresses)
    asked = [ask_all(conn, marks, "c%d-" % i, range(40), ms=20) for i, conn in enumerate(conns)]
    server.upgrade()
    for i, conn in enumerate(conns):
        asked[i].update(ask_all(conn, marks, "c%d-" % i, range(40, 60)))
        check_answers(conn, asked[i])
    close(conns)
    assert sorted(marks.lines()) == sorted(text for calls in asked for text in calls.values())


def test_who_a_connection_is_goes_along(marks):
    """It has said so once, and cannot say so again."""
    rules = [{"who": "shop", "apis": ["/mark"]}, {"who": "anyone", "control": True}]
    with serve(access=access.access(rules)) as server:
        shop = access.Frames(server.address, access.TOKENS["shop"])
        other = access.Frames(server.address)
        assert other.call(*marks.mark("no"))[0] == 100205
        server.upgrade()
        assert shop.call(*marks.mark("yes"))[0] == 0
        assert shop.call("/big", 1)[0] == 100205
        assert other.call(*marks.mark("no"))[0] == 100205
        shop.close()
        other.close()
    assert marks.lines() == ["yes"]


def repeat(server, ident, what, kind="W_S"):
    """A second attempt at a call, on a connection of its own."""
    conn = v1.Conn(server.address)
    conn.send(v1.request_of(kind, ident, {"one": what}, attempt=1))
    return conn


def test_a_repeat_of_a_call_that_had_ended_gets_its_reply(server, marks):
    with v1.Conn(server.address) as conn:
        ident = conn.ask("W_S", {"one": marks.mark("once")})
        reply = conn.receive()
        accepted = conn.ask("AN_S", {"one": marks.mark("accepted")})
        assert conn.receive()[1]["code"] == ACCEPTED
    marks.await_lines(2)
    server.upgrade()
    with repeat(server, ident, marks.mark("once")) as again:
        assert again.receive() == reply
        assert stat(again)["repeats"]["hits"] == 1
    with repeat(server, accepted, marks.mark("accepted"), "AN_S") as again:
        assert again.receive()[1]["code"] == ACCEPTED
        assert again.call(*marks.mark("end"))["code"] == 0
    assert is_over(server, server.process.pid)
    server.upgrade()  # what it had from the first goes on
    with repeat(server, ident, marks.mark("once")) as again:
        assert again.receive() == reply
    assert marks.lines() == ["once", "accepted", "end"]


def test_a_repeat_of_a_call_that_runs_in_the_old_one_joins_it(server, marks):
    with v1.Conn(server.address) as conn:
        ident = conn.ask("W_S", {"one": marks.hold()})
        marks.await_lines(1)
        server.upgrade()
        with repeat(server, ident, marks.hold()) as again, v1.Conn(server.address) as other:
            assert wait_until(lambda: stat(other)["repeats"]["joins"] == 1)
            marks.let_go()
            assert data_of(again.receive(), ident) == "let go"
        assert data_of(conn.receive(), ident) == "let go"
    with repeat(server, ident, marks.hold()) as later:
        assert data_of(later.receive(), ident) == "let go"
    assert marks.lines() == ["held"]


def test_a_repeat_of_a_call_whose_caller_has_gone_joins_it(marks):
    """The caller gives up while the call still waits for a worker of the old master."""
    with serve(workers=1) as one:
        first = v1.Conn(one.address)
        first.ask("W_S", {"one": marks.hold()})
        marks.await_lines(1)
        ident = first.ask("W_S", {"one": marks.mark("queued")})
        with v1.Conn(one.address) as other:
            assert wait_until(lambda: stat(other)["tasking_num"] == 2)
        one.upgrade()
        first.close()
        with repeat(one, ident, marks.mark("queued")) as again:
            marks.let_go()
            assert data_of(again.receive(), ident) == "queued"
        assert marks.lines() == ["held", "queued"]


def test_a_repeat_of_a_call_whose_old_worker_dies_hears_so(server, marks):
    with v1.Conn(server.address) as conn:
        ident = conn.ask("W_S", {"one": marks.hold()})
        marks.await_lines(1)
        old = list(server.workers().values())
        server.upgrade()
        with repeat(server, ident, marks.hold()) as again:
            for pid in old:
                with contextlib.suppress(ProcessLookupError):  # one without a call has ended
                    os.kill(pid, signal.SIGKILL)
            assert again.receive()[1]["data"]["code"] == DIED
        assert conn.receive()[1]["data"]["code"] == DIED
    assert marks.lines() == ["held"]


def test_a_call_of_an_old_master_that_is_killed_is_lost_and_not_run_again(server, marks):
    old = server.pid
    with v1.Conn(server.address) as conn:
        ident = conn.ask("W_S", {"one": marks.hold()})
        marks.await_lines(1)
        server.upgrade()
        with repeat(server, ident, marks.hold()) as again:
            os.kill(old, signal.SIGKILL)
            assert again.receive()[1]["code"] == LOST
        assert conn.receive() is None
    with repeat(server, ident, marks.hold()) as later:
        assert later.receive()[1]["code"] == LOST
    assert marks.lines() == ["held"]


def test_accepted_work_that_waits_is_done_by_the_old_one(marks):
    with serve(workers=1, stop_timeout_ms=1) as server:
        old = server.pid
        with v1.Conn(server.address) as conn:
            result = conn.ask("AM_S", {"one": marks.hold()})
            assert conn.receive()[1]["code"] == ACCEPTED
            for i in range(10):
                conn.ask("AN_S", {"one": marks.mark("m%d" % i)})
                assert conn.receive()[1]["code"] == ACCEPTED
            marks.await_lines(1)
            server.upgrade()
            marks.let_go()
            guid, reply = conn.receive()
            assert (guid, reply["isresult"], reply["data"]["data"]) == (result, 1, "let go")
            assert is_over(server, old)
            assert stat(conn)["pid"] == server.pid
        assert marks.lines() == ["held"] + ["m%d" % i for i in range(10)]


def call_http(conn, name, param, **headers):
    conn.request("POST", "/call" + name, json.dumps(param), headers)


def test_connections_over_http_end_between_requests(marks):
    """One that waits is closed without a word, one that is served has its answer first."""
    with serve(listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        idle = http.client.HTTPConnection(server.http, timeout=20)
        call_http(idle, *marks.mark("before"))
        assert json.loads(idle.getresponse().read()) == "before"
        busy = http.client.HTTPConnection(server.http, timeout=20)
        call_http(busy, *marks.hold())
        marks.await_lines(2)
        server.upgrade()
        assert idle.sock.recv(1) == b""
        idle.close()
        call_http(idle, *marks.mark("after"))  # on a new connection
        assert json.loads(idle.getresponse().read()) == "after"
        marks.let_go()
        answer = busy.getresponse()
        assert (answer.status, answer.getheader("Connection")) == (200, "close")
        assert json.loads(answer.read()) == "let go"
        idle.close()
        busy.close()
    assert marks.lines() == ["before", "held", "after"]


def test_connections_over_tls_end_with_their_last_answer(certificates, marks):
    """And with TLS's own goodbye, so that nobody takes them for cut."""
    keys = certificates.server("server", ca=certificates.ca)
    with serve(listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}, tls=keys) as server:
        address = tls.address_of(server)
        trust = tls.context(certificates)
        with tls.Conn(address, trust) as idle, tls.Conn(address, trust) as busy:
            assert idle.call(*marks.mark("before"))["data"]["data"] == "before"
            held = busy.ask("W_S", {"one": marks.hold()})
            marks.await_lines(2)
            server.upgrade()
            for conn in (idle, busy):
                conn.sock.suppress_ragged_eofs = False
            assert idle.receive() is None
            marks.let_go()
            assert data_of(busy.receive(), held) == "let go"
            assert busy.receive() is None
        with tls.Conn(address, trust) as fresh:
            assert fresh.call(*marks.mark("after"))["data"]["data"] == "after"
            assert stat(fresh)["pid"] == server.pid
    assert marks.lines() == ["before", "held", "after"]


def test_clients_of_dora_over_tls_are_told_to_call_the_new_one(certificates, marks):
    """As where a server stops, for linger_ms: what they send has not run, and they know it."""
    keys = certificates.server("server", ca=certificates.ca)
    with serve(listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}, tls=keys,
               linger_ms=60000) as server:
        address, old = tls.address_of(server), server.pid
        with dora.Client("tls://" + address, tls_ca=certificates.ca, timeout=20) as client:
            assert client.call(*marks.mark("before")) == "before"
            with tls.Conn(address, tls.context(certificates)) as conn:
                server.upgrade()
                name, param = marks.mark("refused")
                assert conn.call(name, param, attempt=0)["code"] == STOPPING
            assert client.call(*marks.mark("after")) == "after"
            assert is_over(server, old)  # nobody is left there
    assert marks.lines() == ["before", "after"]
