"""Calls that are sent again under their guid: they run once, and each asker is answered."""

import json
import os
import signal
import struct
import zlib

import pytest

from support import v1
from support.server import Server, python_pool, wait_until
from support.web import Web

ACCEPTED = 100001
LOST = 100012


class Marks:
    """A file to which handlers add lines, and the gates that /hold waits for."""

    def __init__(self, folder):
        self.folder = folder
        self.file = str(folder / "marks")
        self.gate = str(folder / "gate")

    def mark(self, text):
        return ("/mark", {"file": self.file, "text": text})

    def hold(self):
        return ("/hold", {"file": self.file, "until": self.gate})

    def die(self):
        return ("/die", {"file": self.file})

    def let_go(self):
        with open(self.gate, "w"):
            pass

    def lines(self):
        try:
            with open(self.file) as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def await_lines(self, count):
        assert wait_until(lambda: len(self.lines()) >= count), self.lines()


@pytest.fixture
def marks(tmp_path):
    one = Marks(tmp_path)
    yield one
    one.let_go()


def serve(workers=2, reactors=1, dedupe=True, **more):
    return Server({"py": python_pool("modes.py", workers=workers, dedupe=dedupe)},
                  reactors=reactors, **{"linger_ms": 50, **more})


@pytest.fixture(scope="module", params=[1, 2], ids=["one reactor", "two reactors"])
def server(request):
    with serve(workers=4, reactors=request.param) as one:
        yield one
        assert one.stop() == 0


def connect(server):
    return v1.Conn(server.address)


def repeats(server):
    with connect(server) as conn:
        return conn.command("getStat")["data"]["server"]["repeats"]


def spread(server, count=12):
    """Connections that the kernel deals out to the reactors: with two, both have some."""
    return [connect(server) for _ in range(count)]


def close(conns):
    for conn in conns:
        conn.close()


def joined(server, before, count):
    """Waits until so many repeats have joined running calls."""
    assert wait_until(lambda: repeats(server)["joins"] - before["joins"] >= count)


def send(conns, frame):
    for conn in conns:
        conn.send(frame)


def first_of(conns):
    """The next frame on each connection; they must all be the same."""
    got = [conn.receive() for conn in conns]
    assert all(each == got[0] for each in got), got
    return got[0]


def data_of(got, ident):
    guid, reply = got
    assert guid == reply["guid"] == ident
    assert reply["code"] == 0
    return reply["data"]


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


def test_two_askers_get_the_one_reply(server, marks):
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
    """Before the result every asker that is there gets it; after it, it comes at once."""
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


def stat(conn):
    return conn.command("getStat")["data"]["server"]


def tasks_are(conn, count):
    assert wait_until(lambda: stat(conn)["tasking_num"] == count), stat(conn)


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


@pytest.mark.parametrize("settings", [{"sign": True}, {"gzip": True}])
def test_signed_and_packed(marks, settings):
    """Kept as it is inside; what the wire adds is added to each."""
    with serve(**settings) as server:
        ident = v1.guid()
        name, param = marks.mark("once")
        body = v1.request(ident, name, param)[36:]
        frames = []
        for _ in range(2):
            if "gzip" in settings:
                pack = zlib.compressobj(4, zlib.DEFLATED, 31)
                packed = pack.compress(body) + pack.flush()
                frame = v1.frame(ident, packed)
            else:
                check = zlib.crc32(body + b"=&$*#@(*&%(@")
                frame = struct.pack(">II", 36 + len(body), check) + ident.encode() + body
            with connect(server) as conn:
                conn.send(frame)
                data = b""
                while len(data) < 4 or len(data) < 4 + struct.unpack_from(">I", data)[0]:
                    piece = conn.sock.recv(65536)
                    assert piece
                    data += piece
                frames.append(data)
        assert frames[0] == frames[1]
        assert server.stop() == 0
    assert marks.lines() == ["once"]


class Json(v1.Conn):
    """A connection on which requests and replies are JSON."""

    def __init__(self, address):
        super().__init__(address)
        self.splitter = v1.Splitter(json.loads)

    def ask_again(self, kind, ident, apis, **more):
        apis = {key: {"name": name, "param": param} for key, (name, param) in apis.items()}
        body = {"api": apis, "guid": ident, "type": kind, **more}
        self.send(v1.frame(ident, json.dumps(body).encode()))


def test_json_says_which_attempt_it_is(marks):
    with serve() as server, Json(server.address) as conn, connect(server) as plain:
        ident = v1.guid()
        one = {"one": marks.mark("each")}
        for _ in range(2):
            conn.ask_again("W_S", ident, one)
            assert data_of(conn.receive(), ident)["data"] == "each"
        ident = v1.guid()
        one = {"one": marks.mark("once")}
        for attempt in range(3):
            conn.ask_again("W_S", ident, one, attempt=attempt)
            assert data_of(conn.receive(), ident)["data"] == "once"
        # It is the same call in whatever words.
        plain.send(v1.request_of("W_S", ident, one))
        assert data_of(plain.receive(), ident)["data"] == "once"
        hold = {"one": marks.hold()}
        plain.send(v1.request_of("AM_S", ident, hold))
        assert plain.receive()[1]["code"] == ACCEPTED
        conn.ask_again("AM_S", ident, hold, attempt=1)
        assert conn.receive()[1]["code"] == ACCEPTED
        marks.let_go()
        assert conn.receive() == plain.receive()
        assert server.stop() == 0
    assert marks.lines() == ["each", "each", "once", "held"]


def test_http_says_which_attempt_it_is(marks):
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with serve(listen=listen) as server, connect(server) as plain, Web(server.http) as web:
        ident = v1.guid()
        for _ in range(2):
            assert web.call(*marks.mark("each"), X_Dora_Guid=ident) == (200, "each")
        for attempt in range(2):
            got = web.call(*marks.mark("once"), X_Dora_Guid=ident, X_Dora_Attempt=str(attempt))
            assert got == (200, "once")
        plain.send(v1.request(ident, *marks.hold()))
        marks.await_lines(4)
        web.conn.request("POST", "/call//hold", json.dumps(marks.hold()[1]),
                         {"X-Dora-Guid": ident, "X-Dora-Attempt": "1"})
        assert wait_until(lambda: repeats(server)["joins"] == 1)
        marks.let_go()
        assert json.loads(web.conn.getresponse().read()) == "let go"
        assert data_of(plain.receive(), ident)["data"] == "let go"
        for short, count in ((ident, 1), ("short", 2)):
            name, param = marks.mark("form" + str(count))
            params = {"api": {"a": {"name": name, "param": param}}, "attempt": 0}
            for _ in range(2):
                status, reply = web.form("/api/multisync", params, short)
                assert (status, reply["guid"]) == (200, short)
                assert reply["data"]["a"]["data"] == "form" + str(count)
                status, reply = web.form("/api/multinoresult", params, short)
                assert reply["code"] == ACCEPTED
        assert wait_until(lambda: stat(plain)["tasking_num"] == 0)
        assert server.stop() == 0
    assert sorted(marks.lines()) == sorted(
        ["each"] * 2 + ["once", "held"] + ["form1"] * 2 + ["form2"] * 4)


def test_a_web_client_that_leaves_a_call_it_has_joined(marks):
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with serve(listen=listen) as server, connect(server) as plain:
        ident = v1.guid()
        frame = v1.request(ident, *marks.hold())
        plain.send(frame)
        marks.await_lines(1)
        with Web(server.http) as web:
            web.conn.request("POST", "/call//hold", json.dumps(marks.hold()[1]),
                             {"X-Dora-Guid": ident, "X-Dora-Attempt": "1"})
            assert wait_until(lambda: repeats(server)["joins"] == 1)
        with connect(server) as other:
            other.send(frame)
            assert wait_until(lambda: repeats(server)["joins"] == 2)
            marks.let_go()
            assert data_of(other.receive(), ident) == data_of(plain.receive(), ident)
        assert server.stop() == 0


def test_a_reload_forgets_nothing(marks):
    with serve() as server, connect(server) as conn:
        frame = v1.request(v1.guid(), *marks.mark("once"))
        conn.send(frame)
        reply = conn.receive()
        assert conn.command("reloadTask")["data"]["server"]["reload"] == "done"
        conn.send(frame)
        assert conn.receive() == reply
        assert server.stop() == 0
    assert marks.lines() == ["once"]


def test_a_stopping_server_answers_repeats(marks):
    """100207 would say that the call has not run."""
    with serve(linger_ms=5000) as server, connect(server) as conn, connect(server) as other:
        done = v1.request(v1.guid(), *marks.mark("once"))
        runs = v1.request(v1.guid(), *marks.hold())
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
        assert other.call("/big", 1)["code"] == 100207
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
