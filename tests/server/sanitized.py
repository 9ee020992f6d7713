"""A whole server built with a sanitizer, under load, killing and draining: it has nothing to say.
Run by the suites `sanitize` and `threads`; DORA_BIN and DORA_BENCH_APP are that build's."""

import contextlib
import json
import os
import signal
import threading
import time

import pytest

from support import streams, tls, v1
from support.collector import Collector
from support.load import Load
from support.metrics import Metrics, admin_of, ask
from support.server import Server, wait_until
from support.web import Web, raw

COMPLAINTS = ("Sanitizer", "runtime error:")


def start(**more):
    pool = {"runtime": "c", "app": os.environ["DORA_BENCH_APP"], "workers": 3}
    return Server({"c": pool}, ready_s=60, **more)


def check(server, status):
    """Of an ended server: a sanitizer's report is what to see, and makes the status another one."""
    log = server.log()
    at = min((log.find(word) for word in COMPLAINTS if word in log), default=None)
    assert at is None, log[max(at - 200, 0):at + 6000]
    assert status == 0, log[-6000:]


@pytest.mark.parametrize("reactors", [1, 2])
def test_load_with_deaths(reactors):
    with start(reactors=reactors) as server:
        load = Load(server.address, "/bench/spin", 1, connections=16, depth=4)
        load.start()
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for pid in list(server.workers("c").values())[:1]:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.25)  # the pace of deaths
        load.stop()
        assert load.lost == load.twice == load.broken == 0
        assert set(load.codes) <= {0, 100200}
        check(server, server.stop(30))


def streams_until_all_ended(server, conn, kills):
    """Eight streams, some cancelled, some left to stand; `kills` says after which parts a worker
    is killed."""
    ends, taken = {}, 0
    idents = [streams.begin(conn, name, size, window=1 + at % 3) for at, (name, size) in enumerate(
        [("/large", 0), ("/large", 5000), ("/large", 300_000), ("/large", 1_900_000),
         ("/ends", 400_000), ("/progress", 30), ("/count", 50), ("/endless", None)])]
    while len(ends) < len(idents):
        ident, reply = conn.receive(60)
        assert ident in idents and ident not in ends, reply
        if reply["code"] == streams.PROGRESS:
            continue
        if reply["code"] != streams.PART:
            ends[ident] = reply["data"]["code"]
            continue
        taken += 1
        if taken in kills:
            assert wait_until(lambda: server.workers("stream"))
            os.kill(list(server.workers("stream").values())[0], signal.SIGKILL)
        if ident == idents[-1] and taken > 20:
            streams.cancel(conn, ident)
        else:
            streams.take(conn, ident, 1)
    return set(ends.values())


@pytest.mark.parametrize("reactors", [1, 2])
def test_streams_with_deaths(reactors):
    pools = streams.pools(workers=3, stream_idle_ms=2000, poison_s=0)
    with Server(pools, ready_s=60, reactors=reactors) as server:
        for kills in ((), (5,), (2, 9, 30)):
            with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
                streams.begin(other, "/endless", window=1)  # its client makes no room, then goes
                codes = streams_until_all_ended(server, conn, kills)
                assert codes <= {0, 100200, 100211}
        with v1.Conn(server.address) as conn:
            assert wait_until(lambda: tasking(conn) == 0)
        check(server, server.stop(30))


def tasking(conn):
    return conn.command("getStat")["data"]["server"]["tasking_num"]


def reload_until(server, last):
    """One reload after the other, up to the generation `last`."""
    for generation in range(2, last + 1):
        server.signal(signal.SIGHUP)
        text = "reloaded, generation %d" % generation
        assert wait_until(lambda text=text: text in server.log(), 30), server.log()


@pytest.mark.parametrize("reactors", [1, 2])
def test_load_with_reloads(reactors):
    with start(reactors=reactors) as server:
        load = Load(server.address, "/bench/spin", 1, connections=16, depth=4)
        load.start()
        reload_until(server, 11)
        load.stop()
        assert load.lost == load.twice == load.broken == 0
        assert set(load.codes) == {0}
        server.signal(signal.SIGHUP)
        status = server.stop(30)
        check(server, status)


def test_load_with_spans():
    """Lanes give them to a thread of their own, to which each reload gives another target."""
    with Collector() as collector, \
            start(reactors=2, trace={"endpoint": collector.url, "sample": 1}) as server:
        load = Load(server.address, "/bench/spin", 1, connections=4, depth=2)
        load.start()
        reload_until(server, 5)
        load.stop()
        assert load.lost == load.twice == load.broken == 0
        assert wait_until(lambda: collector.spans, 30) and not collector.faults
        check(server, server.stop(30))


def test_scrapes_under_load():
    """The supervisor's thread reads what the reactors' write, over reloads and deaths."""
    with start(reactors=2, listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}) as server:
        admin = admin_of(server)
        load = Load(server.address, "/bench/spin", 1, connections=8, depth=4)
        load.start()
        for turn in range(60):
            with v1.Conn(server.address) as conn:
                assert conn.call("none %d" % turn)["data"]["code"] == 100204
                assert conn.command("getStat")["code"] == 0
            assert Metrics(admin).one("dora_uptime_seconds") >= 0
            assert ask(admin, "/stats")[0] == 200
            if turn % 20 == 10:
                server.signal(signal.SIGHUP)
            if turn % 20 == 0:
                for pid in list(server.workers("c").values())[:1]:
                    os.kill(pid, signal.SIGKILL)
        load.stop()
        assert load.lost == load.twice == load.broken == 0
        counted = Metrics(admin).requests()
        assert {code: counted["/bench/spin", "W_S", str(code)] for code in load.codes} == load.codes
        check(server, server.stop(30))


def test_many_odd_frames_and_a_drain():
    with start(reactors=2) as server:
        for body in (b"", b"a:1:{", b"N;", b"a:0:{}", os.urandom(500)):
            with v1.Conn(server.address) as conn:
                conn.send(v1.frame(v1.guid(), body))
                assert conn.receive()[1]["code"] != 0
        with v1.Conn(server.address) as conn:
            apis = {key: ("/bench/spin", None) for key in range(1, 40)}
            for _ in range(50):
                conn.send(v1.request_many(v1.guid(), apis))
            for _ in range(50):
                assert conn.receive(30)[1]["code"] == 0
            assert conn.call("/bench/hello", "x" * 500000)["data"]["code"] == 0
        loads = [Load(server.address, "/bench/spin", 1, connections=8, depth=8, patience=3)
                 for _ in range(2)]
        for load in loads:
            load.start()
        assert wait_until(lambda: all(load.answered > 100 for load in loads), 20)
        server.signal(signal.SIGTERM)
        for load in loads:
            load.ended.set()
        status = server.wait(30)
        for load in loads:
            load.stop()
            assert load.twice == 0
            assert set(load.codes) <= {0, 100207}
        check(server, status)


def ask_all(conn, rounds):
    """Every type, many at a time; what came back for each guid."""
    spin = ("/bench/spin", 1)
    apis = {key: spin for key in range(1, 9)}
    asked = {}
    for _ in range(rounds):
        for kind in ("W_S", "AN_S", "AM_S"):
            asked[conn.ask(kind, {"one": spin})] = kind
        for kind in ("W_M", "AN_M", "AM_M"):
            asked[conn.ask(kind, apis)] = kind
        conn.ask("AN_M", {**apis, "none": ("/no/such", None)})
        conn.send(v1.control(v1.guid(), "getStat"))
    seen = {ident: [] for ident in asked}
    for _ in range(rounds * 10):
        guid, reply = conn.receive(30)
        seen.get(guid, []).append(reply["code"])
    return {(asked[ident], tuple(codes)) for ident, codes in seen.items()}


def test_every_type_on_two_reactors(tmp_path):
    path = str(tmp_path / "sock")
    with start(reactors=2, listen={"tcp": "127.0.0.1:0", "unix": path}) as server:
        expected = {(kind, (0,)) for kind in ("W_S", "W_M")}
        expected |= {(kind, (100001,)) for kind in ("AN_S", "AN_M")}
        expected |= {(kind, (100001, 0)) for kind in ("AM_S", "AM_M")}
        for number in range(6):
            with v1.Conn(path if number % 2 else server.address) as conn:
                assert ask_all(conn, 20) == expected
                # Gone while some of this waits, some runs, and some has results.
                for _ in range(20):
                    conn.ask("AM_M", {key: ("/bench/spin", 1) for key in range(1, 30)})
                    conn.ask("W_M", {key: ("/bench/spin", 1) for key in range(1, 30)})
            for pid in list(server.workers("c").values())[:1]:
                os.kill(pid, signal.SIGKILL)
        with v1.Conn(path) as conn:
            assert wait_until(
                lambda: conn.command("getStat")["data"]["server"]["tasking_num"] == 0, 30)
        check(server, server.stop(30))


def test_repeats_on_two_reactors():
    """The same calls from many connections, some of which leave while these run."""
    spin = ("/bench/spin", 200)
    apis = {key: spin for key in range(1, 5)}
    with start(reactors=2) as server:
        conns = [v1.Conn(server.address) for _ in range(8)]
        for number in range(150):
            ident = v1.guid()
            frame = (v1.request(ident, *spin) + v1.request_of("W_M", ident, apis)
                     + v1.request_of("AM_M", ident, apis)
                     + v1.request_of("AN_S", ident, {"one": spin}))
            for conn in conns:
                conn.send(frame)
            conns[number % 8].close()
            conns[number % 8] = v1.Conn(server.address)
            conns[number % 8].send(frame)
            for conn in conns:
                codes = sorted(conn.receive(30)[1]["code"] for _ in range(5))
                assert codes == [0, 0, 0, 100001, 100001]
            if number % 20 == 0:
                os.kill(list(server.workers("c").values())[0], signal.SIGKILL)
        repeats = conns[0].command("getStat")["data"]["server"]["repeats"]
        assert repeats["hits"] + repeats["joins"] >= 150 * 7 * 4
        assert repeats["lost"] == 0
        check(server, server.stop(30))


def test_stopped_at_once_with_work_in_hand():
    """The workers stand still, so that there is work when the second Ctrl-C comes."""
    with start(reactors=2) as server, v1.Conn(server.address) as watch:
        assert wait_until(lambda: len(server.workers("c")) == 3)
        for pid in server.workers("c").values():
            os.kill(pid, signal.SIGSTOP)
        conns = [v1.Conn(server.address) for _ in range(4)]
        for conn in conns:
            for kind in ("W_M", "AN_M", "AM_M"):
                conn.ask(kind, {key: ("/bench/spin", 1) for key in range(1, 40)})
            assert [conn.receive(30)[1]["code"] for _ in range(2)] == [100001] * 2
        conns.pop().close()
        server.signal(signal.SIGINT)
        assert wait_until(lambda: watch.command("getStat")["data"]["server"]["draining"])
        assert watch.command("getStat")["data"]["server"]["tasking_num"] > 8 * 39
        server.signal(signal.SIGINT)
        status = server.wait(30)
        check(server, status)


@pytest.mark.parametrize("reactors", [1, 2])
def test_http_and_json(reactors):
    """All callers at once, large and small, some of whom leave; then a stop in the middle."""
    text = "é" * 50000
    body = json.dumps({"guid": "g" * 32, "type": "W_M",
                       "api": {key: {"name": "/bench/echo", "param": text} for key in "ab"}})
    listen = {"tcp": "127.0.0.1:0", "http": 0}
    with start(reactors=reactors, listen=listen) as server:
        def client(number):
            for turn in range(15):
                with Web(server.http, 60) as web, v1.Conn(server.address, 60) as conn:
                    conn.splitter = v1.Splitter(json.loads)
                    conn.send(v1.frame("g" * 32, body.encode()))
                    assert web.call("bench/echo", text) == (200, text)
                    form = {"guid": "short", "api": {"x": {"name": "/bench/echo", "param": turn}}}
                    assert web.form("/api/multisync", form)[1]["data"]["x"]["data"] == turn
                    if (number + turn) % 2 == 0:
                        assert conn.receive()[1]["data"]["b"]["data"] == text
                raw(server.http, b"POST /call/bench/echo HTTP/1.1\r\nHost: x\r\n"
                                 b"Content-Length: 1\r\n\r\n7").close()
            done.append(number)

        done = []
        threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert sorted(done) == [0, 1, 2, 3]
        late = [raw(server.http, b"POST /call/bench/echo HTTP/1.1\r\nHost: x\r\n"
                                 b"Content-Length: 1\r\n\r\n7") for _ in range(20)]
        status = server.stop(30)
        for each in late:
            each.close()
        check(server, status)


def test_tls_is_clean(certificates):
    """Calls, reloads, and all that is no TLS."""
    trust = tls.context(certificates, "client")
    keys = certificates.server(ca=certificates.ca, verify_client="optional", handshake_ms=4000)
    with start(listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}, tls=keys, reactors=2) as server:
        address = tls.address_of(server)

        def ask():
            for _ in range(10):
                with tls.Conn(address, trust, timeout=60) as conn:
                    for _ in range(20):
                        assert v1.code(conn.call("/bench/hello")) == 0

            done.append(True)

        done = []
        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        with contextlib.ExitStack() as opened:
            socks = []
            for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05hello", b"\x16", b"",
                            v1.request(v1.guid(), "/bench/hello")):
                socks.append(opened.enter_context(tls.plain_socket(address, 60)))
                socks[-1].sendall(rubbish)
                server.signal(signal.SIGHUP)
            for sock in socks:
                while sock.recv(65536):  # until its time is over
                    pass
        for thread in threads:
            thread.join()
        assert len(done) == len(threads)
        with tls.Conn(address, trust, timeout=60) as conn:
            conn.send(b"".join(v1.request(v1.guid(), "/bench/hello") for _ in range(2000)))
        check(server, server.stop(60))
