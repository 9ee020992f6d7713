"""A worker that writes over its pool's shared memory, under pipelined load: each call gets exactly
one answer, the pool serves again, the other pools notice nothing. Each case prints its seed;
DORA_SCRIBBLE_SEED repeats one. `-s` shows the figures."""

import collections
import json
import os
import random
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
WORKER_DIED, OVERLOADED, NO_API, HANDLER = 100200, 100203, 100204, 100208
PATIENCE_S = 20.0
SLOW = float(os.environ.get("DORA_SLOW", "1"))  # of a sanitized server

# Where every seed is noticed; elsewhere it may be that nothing of it was in use.
NOTICED = {"header", "workers", "outboxes", "tasks", "control"}
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
    with v1.Conn(server.address, 5) as conn:
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


def c_pool(workers=3, **more):
    return {"runtime": "c", "app": APP, "workers": workers, **more}


@pytest.mark.parametrize("reactors", [1, 4])
def test_every_area(reactors):
    pools = {"s": c_pool(), "good": python_pool("basic.py", workers=1)}
    with Server(pools, ready_s=60, reactors=reactors) as server:
        good = Load(server.address, "/echo", "well", connections=1)
        good.on_code = lambda code, reply: codes_of_good.update(
            ["well" if code == 0 and reply["data"]["data"] == "well" else "bad"])
        codes_of_good = collections.Counter()
        good.start()
        damages = 0
        for area in AREAS:
            for seed in seeds():
                what = "area %r, seed %d, %d reactors" % (area, seed, reactors)
                callers = start_callers(server)
                assert wait_until(lambda: all(one.codes[0] >= 50 for one in callers), 20 * SLOW)
                began = time.monotonic()
                scribbler = scribble(server, seed, area)
                noticed = wait_until(lambda: server.log().count(DAMAGED) > damages,
                                     10 * SLOW if area in NOTICED else 0.3)
                assert noticed or area not in NOTICED, what + server.log()[-3000:]
                for one in callers:
                    one.stop()
                codes = check(callers, area, what)
                assert wait_until(lambda: is_whole(server, 3), 10 * SLOW), (what, pool_of(server))
                assert serves(server), what
                after = server.log().count(DAMAGED)
                print("%s: %s, noticed %d, %.1f s, %s" % (what, scribbler, after - damages,
                                                          time.monotonic() - began, dict(codes)))
                assert after - damages <= 1, what + server.log()[-3000:]
                damages = after
        good.stop()
        assert set(codes_of_good) == {"well"}, codes_of_good
        assert (good.lost, good.twice, good.broken) == (0, 0, 0)
        assert pool_of(server)["restarts"]["damaged"] >= damages
        assert pool_of(server, "good")["restarts"]["damaged"] == 0
        assert server.stop() == 0
