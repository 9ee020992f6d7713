"""A worker that writes over its pool's shared memory, under pipelined load: each call gets exactly
one answer, the pool serves again, the other pools notice nothing. Each case prints its seed;
DORA_SCRIBBLE_SEED repeats one. `-s` shows the figures."""

import collections
import json
import os
import random
import signal
import socket
import struct
import threading
import time

import pytest

from support import processes, v1
from support.load import Load
from support.server import ROOT, Server, python_pool, wait_until

APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "scribble_app.so")
DAMAGED = "the shared memory is damaged"
WORKER_DIED, OVERLOADED = 100200, 100203
PATIENCE_S = 20.0
SLOW = float(os.environ.get("DORA_SLOW", "1"))  # of a sanitized server

# Where every seed is noticed; elsewhere it may be that nothing of it was in use, or that the next
# hand-over writes over it before anybody looks.
NOTICED = {"header", "tasks", "control"}
AREAS = ["header", "board", "reactors", "workers", "inboxes", "outboxes", "tasks", "big", "blocks",
         "wake words", "task words", "control", "all"]
# What stands in blocks and in the big area is the workers' alone: nobody else knows what is right.
SPOILS_VALUES = {"big", "blocks", "all"}


def seeds():
    given = os.environ.get("DORA_SCRIBBLE_SEED")
    return [int(given)] if given else [random.SystemRandom().randrange(1, 1 << 32)
                                       for _ in range(2)]


class Callers(threading.Thread):
    """Calls /s/echo in batches on one connection, each with its own value; books each answer."""

    def __init__(self, address, is_json, batch=50):
        super().__init__(daemon=True)
        self.address, self.is_json, self.batch = address, is_json, batch
        self.codes = collections.Counter()
        self.waiting = {}
        self.twice = self.wrong = self.broken = self.sent = 0
        self.ended = threading.Event()

    def encode(self, ident, value):
        if not self.is_json:
            return v1.request(ident, "/s/echo", value)
        body = {"api": {"one": {"name": "/s/echo", "param": value}}, "guid": ident, "type": "W_S"}
        return v1.frame(ident, json.dumps(body).encode())

    def book(self, ident, body):
        value = self.waiting.pop(ident, None)
        if value is None:
            self.twice += 1
            return
        try:
            reply = json.loads(body) if self.is_json else v1.load(body)
            code = v1.code(reply)
            data = reply["data"]["data"] if code == 0 else None
        except (v1.Refused, ValueError, KeyError, TypeError, IndexError):
            code, data = "no value", None
        self.codes[code] += 1
        self.wrong += code == 0 and data != value

    def run(self):
        host, port = self.address.rsplit(":", 1)
        sock = socket.create_connection((host, int(port)), 10)
        sock.settimeout(PATIENCE_S * SLOW)
        data = bytearray()
        try:
            while not self.ended.is_set() or self.waiting:
                if not self.waiting:
                    calls = {v1.guid(): "v%d" % random.getrandbits(60) for _ in range(self.batch)}
                    self.waiting.update(calls)
                    self.sent += len(calls)
                    sock.sendall(b"".join(self.encode(*call) for call in calls.items()))
                piece = sock.recv(1 << 18)
                if not piece:
                    raise ConnectionError("closed")
                data += piece
                while len(data) >= 4 and len(data) >= 4 + struct.unpack_from(">I", data)[0]:
                    end = 4 + struct.unpack_from(">I", data)[0]
                    self.book(bytes(data[4:36]).decode(), bytes(data[36:end]))
                    del data[:end]
        except OSError:
            self.broken += 1
        sock.close()

    def stop(self):
        self.ended.set()
        self.join(PATIENCE_S * SLOW * 2)
        return self


def start_callers(server, is_json=(False, False, True)):
    callers = [Callers(server.address, one) for one in is_json]
    for one in callers:
        one.start()
    return callers


def scribble(server, seed, area):
    """What became of the call that scribbled; it may be lost with its worker, never unanswered."""
    with v1.Conn(server.address, PATIENCE_S * SLOW) as conn:
        return v1.code(conn.call("/s/scribble", "%d %s" % (seed, area)))


def serves(server, name="/s/echo"):
    with v1.Conn(server.address, PATIENCE_S * SLOW) as conn:
        reply = conn.call(name, "well")
        return v1.code(reply) == 0 and reply["data"]["data"] == "well"


def pool_of(server, name="s"):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["pools"][name]


def is_whole(server, workers, name="s"):
    pool = pool_of(server, name)
    return pool["idle"] == workers and pool["queued"] == pool["running"] == 0 and pool["healthy"]


def check(callers, area, what):
    codes = collections.Counter()
    for one in callers:
        assert not one.is_alive(), what
        assert (one.broken, one.twice, len(one.waiting)) == (0, 0, 0), (
            what, one.broken, one.twice, len(one.waiting), one.codes)
        assert area in SPOILS_VALUES or one.wrong == 0, (what, one.wrong, one.codes)
        assert sum(one.codes.values()) == one.sent
        codes += one.codes
    assert codes[0] > 0, what
    return codes


def end(server):
    assert server.stop(15 * SLOW) == 0
    for word in ("Sanitizer", "runtime error:"):  # where it is a sanitized one
        assert word not in server.log(), server.log()[-6000:]


def c_pool(workers=3, **more):
    return {"runtime": "c", "app": APP, "workers": workers, **more}


def scribble_and_check(server, area, seed, workers):
    """One incident under load."""
    what = "area %r, seed %d" % (area, seed)
    callers = start_callers(server)
    assert wait_until(lambda: all(one.codes[0] >= 50 for one in callers), 20 * SLOW)
    damages = server.log().count(DAMAGED)  # what lay hidden is found by the next who come by
    began = time.monotonic()
    scribbler = scribble(server, seed, area)
    noticed = wait_until(lambda: server.log().count(DAMAGED) > damages,
                         10 * SLOW if area in NOTICED else 0.3)
    assert noticed or area not in NOTICED, what + server.log()[-3000:]
    for one in callers:
        one.stop()
    codes = check(callers, area, what)
    assert wait_until(lambda: is_whole(server, workers), 10 * SLOW), (what, pool_of(server))
    assert serves(server), what
    after = server.log().count(DAMAGED)
    print("%s: %s, noticed %d, %.1f s, %s" % (what, scribbler, after - damages,
                                              time.monotonic() - began, dict(codes)))
    assert after - damages <= 1, what + server.log()[-3000:]


@pytest.mark.parametrize("reactors", [1, 4])
def test_every_area(reactors):
    pools = {"s": c_pool(), "good": python_pool("basic.py", workers=1)}
    with Server(pools, ready_s=60, reactors=reactors) as server:
        codes_of_good = collections.Counter()
        good = Load(server.address, "/echo", "well", connections=1)
        good.on_code = lambda code, reply: codes_of_good.update(
            ["well" if code == 0 and reply["data"]["data"] == "well" else "bad"])
        good.start()
        for area in AREAS:
            for seed in seeds():
                scribble_and_check(server, area, seed, 3)
        good.stop()
        assert set(codes_of_good) == {"well"}, codes_of_good
        assert (good.lost, good.twice, good.broken) == (0, 0, 0)
        assert pool_of(server)["restarts"]["damaged"] >= server.log().count(DAMAGED) > 0
        assert pool_of(server, "good")["restarts"]["damaged"] == 0
        end(server)


def loop_pool(workers=2):
    return python_pool("scribbling.py", workers=workers, concurrency=16)


@pytest.fixture
def app_of_loops(monkeypatch, tmp_path):
    """For loop_pool: the gate, at which new workers wait while it is there."""
    monkeypatch.setenv("DORA_SCRIBBLE_APP", os.environ.get("DORA_SCRIBBLE_APP", APP))
    monkeypatch.setenv("DORA_TEST_GATE", str(tmp_path / "gate"))
    return tmp_path / "gate"


def test_workers_with_event_loops(app_of_loops):
    del app_of_loops
    with Server({"s": loop_pool()}, ready_s=60) as server:
        for area in AREAS:
            scribble_and_check(server, area, seeds()[0], 2)
        end(server)


def test_large_replies():
    """The big areas are handed to and fro by words of their own."""
    with Server({"s": c_pool()}, ready_s=60) as server:
        for area in ("wake words", "workers", "tasks"):
            load = Load(server.address, "/s/large", 300000, connections=3, depth=2)
            wrong = []
            load.on_code = lambda code, reply, wrong=wrong: wrong.append(code) if (
                code == 0 and reply["data"]["data"] != "x" * 300000) else None
            load.start()
            assert wait_until(lambda load=load: load.codes[0] >= 20, 20 * SLOW)
            for seed in seeds():
                print("large replies, area %r, seed %d" % (area, seed))
                scribble(server, seed, area)
            load.stop()
            assert (load.lost, load.twice, load.broken, wrong) == (0, 0, 0, []), load.codes
            assert set(load.codes) <= {0, WORKER_DIED, OVERLOADED}, load.codes
            assert wait_until(lambda: is_whole(server, 3), 10 * SLOW), pool_of(server)
        assert serves(server)
        end(server)


def test_what_was_held_has_one_answer_each():
    """A multi call keeps the part that was done, calls that waited have not run, accepted work has
    its result or its line in the log."""
    with Server({"s": c_pool(workers=2)}, ready_s=60) as server, v1.Conn(server.address) as conn:
        many = conn.ask("W_M", {"done": ("/s/echo", "early"), "runs": ("/s/pause", 60000)})
        assert wait_until(lambda: pool_of(server)["handled"] == pool_of(server)["running"] == 1)
        conn.ask("W_S", {"one": ("/s/scribble", "1 header")})
        waits = {conn.ask("W_S", {"one": ("/s/pause", 60000)}) for _ in range(4)}
        silent = {conn.ask("AN_S", {"one": ("/s/pause", 60000)}) for _ in range(3)}
        later = {conn.ask("AM_S", {"one": ("/s/pause", 60000)}) for _ in range(3)}
        replies = collections.defaultdict(list)
        for _ in range(1 + 1 + 4 + 3 + 2 * 3):
            ident, reply = conn.receive(10 * SLOW)
            replies[ident].append(reply)
        done = replies[many][0]["data"]
        assert (done["done"]["code"], done["done"]["data"]) == (0, "early")
        assert done["runs"]["code"] == WORKER_DIED
        codes = collections.Counter(v1.code(replies[each][0]) for each in waits)
        assert set(codes) == {WORKER_DIED, OVERLOADED} and sum(codes.values()) == 4
        assert codes[WORKER_DIED] <= 1  # the other worker had at most one of them
        for ident in silent:
            assert len(replies[ident]) == 1
            assert wait_until(lambda ident=ident: ident in server.log()), server.log()
        for ident in later:
            assert v1.code(replies[ident][1]) in (WORKER_DIED, OVERLOADED)
        assert wait_until(lambda: DAMAGED in server.log())
        assert server.log().count(DAMAGED) == 1
        assert wait_until(lambda: serves(server))


def test_a_reload_on_trial_begins_again(app_of_loops):
    with Server({"s": loop_pool()}, ready_s=60) as server:
        app_of_loops.touch()
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: pool_of(server)["starting"] > 0, 20 * SLOW)
        scribble(server, 1, "header")
        assert wait_until(lambda: DAMAGED in server.log(), 10 * SLOW)
        app_of_loops.unlink()
        assert wait_until(lambda: "reloaded, generation 2" in server.log(), 20 * SLOW), server.log()
        assert "refused" not in server.log()
        assert wait_until(lambda: is_whole(server, 2), 10 * SLOW), pool_of(server)
        assert serves(server)
        end(server)


def zygote_of(server):
    """Once the one before it has ended."""
    def zygotes():
        return [pid for pid in processes.descendants(server.pid)
                if processes.title(pid) == "dora: zygote s"]

    assert wait_until(lambda: len(zygotes()) == 1), zygotes()
    return zygotes()[0]


def test_a_zygote_that_dies_after_the_header_was_spoiled():
    with Server({"s": c_pool()}, ready_s=60) as server:
        for _ in range(3):
            zygote = zygote_of(server)
            scribble(server, 1, "header")
            os.kill(zygote, signal.SIGKILL)
            assert wait_until(lambda: serves(server) and is_whole(server, 3), 10 * SLOW)
            with v1.Conn(server.address) as conn:
                assert conn.command("reloadTask", 20 * SLOW)["code"] == 0
        assert wait_until(lambda: "header differs)" in server.log())
        assert wait_until(lambda: server.log().count(DAMAGED) >= 3), server.log()
        assert server.log().count(DAMAGED) == 3, server.log()
        end(server)


@pytest.mark.parametrize("area", ["header", "control"])
def test_a_stop_meanwhile_answers_what_it_has(area):
    """A stop that begins in the same moment answers what it has, and ends."""
    with Server({"s": c_pool(workers=1)}, ready_s=60) as server, v1.Conn(server.address) as conn:
        idents = [conn.ask("W_S", {"one": ("/s/scribble", "7 " + area)})]
        idents += [conn.ask("W_S", {"one": ("/s/pause", 20)}) for _ in range(20)]
        replies = [conn.receive(10 * SLOW)]
        server.signal(signal.SIGTERM)
        replies += [conn.receive(10 * SLOW) for _ in idents[1:]]
        assert sorted(each[0] for each in replies) == sorted(idents)
        assert {v1.code(each[1]) for each in replies} <= {0, WORKER_DIED, OVERLOADED}
        conn.close()
        assert server.wait(20 * SLOW) == 0


def test_a_stopped_worker_is_no_damage():
    """A worker that stands still at any moment, longer than any look takes, costs its own task."""
    with Server({"s": c_pool(workers=2)}, ready_s=60) as server:
        load = Load(server.address, "/s/echo", "value", connections=4, depth=8)
        load.start()
        assert wait_until(lambda: load.codes[0] > 100)
        pid = random.choice(list(server.workers("s").values()))
        os.kill(pid, signal.SIGSTOP)
        until = time.monotonic() + 3
        assert wait_until(lambda: time.monotonic() > until and load.codes[0] > 1000, 20)
        os.kill(pid, signal.SIGCONT)
        load.stop()
        assert (load.lost, load.twice, load.broken) == (0, 0, 0)
        assert set(load.codes) == {0}
        assert DAMAGED not in server.log()
        end(server)


def test_words_that_no_worker_should_say():
    """What it sends over the zygote's socket before it is ready keeps nothing of the master's."""
    seed = seeds()[0]
    print("seed %d" % seed)
    os.environ["DORA_BABBLE_SEED"] = str(seed)
    try:
        with Server({"s": python_pool("babbling.py", workers=3)}, ready_s=60) as server:
            assert wait_until(lambda: is_whole(server, 3) and len(server.workers("s")) == 3)
            before = processes.fd_count(server.pid)
            for pid in list(server.workers("s").values()):
                os.kill(pid, signal.SIGKILL)
                assert wait_until(lambda pid=pid: pid not in server.workers("s").values() and
                                  is_whole(server, 3)), (pool_of(server), server.log()[-2000:])
            assert wait_until(lambda: serves(server))
            assert wait_until(lambda: processes.fd_count(server.pid) <= before), (
                processes.fd_count(server.pid), before)
            assert wait_until(lambda: len(server.workers("s")) == 3), server.workers("s")
            end(server)
    finally:
        del os.environ["DORA_BABBLE_SEED"]
