#!/usr/bin/env python3
"""Sends damaged frames, JSON, HTTP and operators' requests to a whole server built with sanitizers,
while a well-behaved client beside them checks every reply.

    DORA_BIN=... DORA_BENCH_APP=... tests/fuzz/live.py [--seconds 60] [--seed NUMBER]

It fails where the server has died, a sanitizer has spoken, the good client got a wrong answer or
none, or SIGTERM does not end the server with 0. The seed is printed: the same one sends the same
bytes, though not in the same order across connections."""

import argparse
import collections
import glob
import http.client
import json
import os
import random
import re
import select
import socket
import struct
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))

from support import v1  # noqa: E402
from support.server import Server  # noqa: E402

COMPLAINTS = ("Sanitizer", "runtime error:", "Assertion")
PATIENCE_S = 30.0  # of the good client: sanitizers and a busy machine are slow
NUMBERS = (b"0", b"-1", b"1", b"7", b"31", b"32", b"36", b"255", b"256", b"1024", b"65535",
           b"2097152", b"2147483647", b"2147483648", b"4294967295", b"9223372036854775807",
           b"18446744073709551615", b"1e999", b"0x10", b"")


def seeds_of(name):
    """The files of a fuzz target's corpus."""
    found = []
    for path in sorted(glob.glob(os.path.join(HERE, "corpus", name, "*"))):
        with open(path, "rb") as file:
            found.append(file.read())
    return found


def frames():
    """Whole frames of the vectors."""
    found = []
    for name in ("v1.json", "older.json"):
        with open(os.path.join(os.path.dirname(HERE), "vectors", name), encoding="utf-8") as file:
            vectors = json.load(file)
        found += [bytes.fromhex(each["hex"]) for each in vectors["valid"] + vectors["invalid"]]
    return found


GUID = b"0123456789abcdef0123456789abcdef"
BODIES = [v1.dump({"api": {"one": {"name": "/bench/echo", "param": [1, "x", {"a": 0.5}]}},
                   "guid": GUID, "type": kind, "timeout": 5000, "trace": "t", "attempt": 0})
          for kind in ("W_S", "AN_S", "AM_S")]
BODIES += [v1.dump({"api": {str(i): {"name": "/bench/echo", "param": i} for i in range(9)},
                    "guid": GUID, "type": kind}) for kind in ("W_M", "AN_M", "AM_M")]
BODIES.append(v1.dump({"api": {"cmd": {"name": "getStat"}}, "type": "SC", "guid": GUID}))
TEXTS = [json.dumps({"api": {"one": {"name": "/bench/echo", "param": {"\0k": [1.5, "ä\n", None]}}},
                     "guid": GUID.decode(), "type": kind, "timeout": 5000, "attempt": 1}).encode()
         for kind in ("W_S", "W_M", "AM_S", "AN_M")]
REQUESTS = [
    b"POST /call/bench/echo?timeout=2000&attempt=0&guid=" + GUID + b" HTTP/1.1\r\nHost: x\r\n"
    b"Content-Length: 13\r\n\r\n{\"a\": [1, 2]}",
    b"POST /call/bench/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    b"X-Dora-Timeout: 500\r\n\r\n5\r\n[1, 2\r\n1\r\n]\r\n0\r\n\r\n",
    b"POST /api/multisync HTTP/1.1\r\nHost: x\r\nContent-Length: 97\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nguid=g&params=%7B%22guid%22%3A%22g%22"
    b"%2C%22api%22%3A%7B%22a%22%3A%7B%22name%22%3A%22/bench/echo%22%7D%7D%7D",
    b"POST /server/cmd HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 130\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"params\"\r\n\r\n"
    b"{\"guid\":\"g\",\"api\":{\"cmd\":{\"name\":\"getStat\"}}}\r\n--b--\r\n",
    b"GET /call/x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\n\r\n"]
OPERATORS = [b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % path
             for path in (b"livez", b"readyz", b"stats", b"metrics", b"", b"no?a=1")]


def damage(chance, data):
    """`data` with one to a few things wrong, or none."""
    data = bytearray(data)
    for _ in range(chance.choice((0, 1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        how = chance.randrange(8)
        if how == 0:
            data[at:at + 1] = bytes([chance.randrange(256)])
        elif how == 1:
            del data[at:at + chance.randrange(1, 9)]
        elif how == 2:
            data[at:at] = chance.randbytes(chance.randrange(1, 5))
        elif how == 3:
            end = at + chance.randrange(1, 40)
            data[at:at] = data[at:end] * chance.choice((1, 2, 50))
        elif how == 4:
            numbers = list(re.finditer(rb"\d+", bytes(data)))
            if numbers:
                one = chance.choice(numbers)
                data[one.start():one.end()] = chance.choice(NUMBERS)
        elif how == 5:
            del data[at:]
        elif how == 6 and len(data) > 0:
            data[at - 1] ^= 1 << chance.randrange(8)
        else:
            data[at:at] = chance.choice((b"\0", b"\r\n", b"\r\n\r\n", b"[" * 600, b"\xff",
                                         b"a:1:{i:0;" * 600, b"O:1:\"x\":0:{}"))
    return bytes(data)


class Hostile(threading.Thread):
    """Connects, sends damaged bytes in pieces, reads some of what comes, and leaves in some way."""

    def __init__(self, name, address, seed, make, ended):
        super().__init__(daemon=True, name=name)
        host, port = address.rsplit(":", 1)
        self.peer = (host, int(port))
        self.chance = random.Random("%d %s" % (seed, name))
        self.make, self.ended = make, ended
        self.sent = self.connections = 0
        self.last = collections.deque(maxlen=4)

    def run(self):
        while not self.ended.is_set():
            try:
                self.visit()
            except OSError:
                pass

    def visit(self):
        chance = self.chance
        with socket.create_connection(self.peer, 10) as sock:
            self.connections += 1
            for _ in range(chance.choice((1, 1, 2, 5, 30))):
                data = self.make(chance)
                self.last.append(data)
                self.sent += 1
                cut = chance.randrange(len(data) + 1) if chance.random() < 0.3 else len(data)
                sock.sendall(data[:cut])
                if chance.random() < 0.3:
                    self.read(sock, 0.002)
                sock.sendall(data[cut:])
            how = chance.randrange(4)
            if how == 0:
                self.read(sock, 0.2)
            elif how == 1:
                sock.shutdown(socket.SHUT_WR)
                self.read(sock, 0.05)
            elif how == 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @staticmethod
    def read(sock, seconds):
        while select.select([sock], [], [], seconds)[0]:
            if not sock.recv(65536):
                return


class Good(threading.Thread):
    """Calls by every door, one after the other, and compares each answer with what it must be."""

    def __init__(self, server, seed, ended):
        super().__init__(daemon=True, name="good")
        self.server, self.ended = server, ended
        self.chance = random.Random(seed)
        self.answers = 0
        self.faults = []

    def expect(self, what, got, wanted):
        self.answers += 1
        if got != wanted:
            self.faults.append("%s: %r instead of %r" % (what, got, wanted))

    def run(self):
        try:
            with v1.Conn(self.server.address, PATIENCE_S) as conn:
                while not self.ended.is_set():
                    self.turn(conn)
        except Exception as error:  # pylint: disable=broad-except
            self.faults.append("no answer: %r" % error)

    def turn(self, conn):
        token = [self.chance.randrange(1 << 40), "ä%d" % self.answers, {"k": 0.5, "l": [None]}]
        self.expect("frame", v1.code(conn.call("/none")), 100204)
        self.expect("frame", conn.call("/bench/echo", token)["data"]["data"], token)
        guid = conn.ask("W_M", {"a": ("/bench/echo", token), "b": ("/bench/echo", 1)})
        got, reply = conn.receive()
        data = [reply["data"][key]["data"] for key in ("a", "b")]
        self.expect("multi", (got, reply["guid"], data), (guid, guid, [token, 1]))
        guid = conn.ask("AM_S", {"one": ("/bench/echo", token)})
        replies = [conn.receive() for _ in range(2)]
        codes = [reply["code"] for _, reply in replies]
        self.expect("later", (codes, replies[1][1]["data"]["data"]), ([100001, 0], token))
        conn.splitter.decode = json.loads
        guid = v1.guid()
        api = {"name": "/bench/echo", "param": token}
        body = {"api": {"one": api}, "guid": guid, "type": "W_S"}
        conn.send(v1.frame(guid, json.dumps(body).encode()))
        self.expect("JSON", conn.receive()[1]["data"]["data"], token)
        conn.splitter.decode = v1.load
        self.web(token)

    def web(self, token):
        web = http.client.HTTPConnection(self.server.http, timeout=PATIENCE_S)
        web.request("POST", "/call/bench/echo", json.dumps(token))
        answer = web.getresponse()
        self.expect("HTTP", (answer.status, json.loads(answer.read())), (200, token))
        web.close()
        admin = http.client.HTTPConnection(admin_of(self.server), timeout=PATIENCE_S)
        admin.request("GET", "/livez")
        answer = admin.getresponse()
        answer.read()
        self.expect("operators", answer.status, 200)
        admin.close()


def admin_of(server):
    return re.search(r" admin=(\S+)", server.ready_line).group(1)


def makers():
    """Who sends what to which listener."""
    whole, bodies = frames(), BODIES + seeds_of("message") + seeds_of("value")
    texts = TEXTS + seeds_of("json")

    def damaged(among):
        return lambda chance: damage(chance, chance.choice(among))

    def framed(among):
        def make(chance):
            body = damage(chance, chance.choice(among))
            guid = GUID if chance.random() < 0.98 else body[:32]
            return struct.pack(">I", len(guid) + len(body)) + guid + body
        return make

    return [("frames", "tcp", damaged(whole)), ("bodies", "tcp", framed(bodies)),
            ("texts", "tcp", framed(texts)), ("http", "http", damaged(REQUESTS)),
            ("operators", "admin", damaged(OPERATORS))]


def attack(server, seconds, seed):
    """Returns: what went wrong while the server was under fire, a line each."""
    ended = threading.Event()
    peers = {"tcp": server.address, "http": server.http, "admin": admin_of(server)}
    hostile = [Hostile(name, peers[door], seed, make, ended) for name, door, make in makers()]
    good = Good(server, seed, ended)
    for thread in [good, *hostile]:
        thread.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.process.poll() is None and good.is_alive():
        time.sleep(0.2)  # between two looks
    ended.set()
    for thread in [good, *hostile]:
        thread.join(PATIENCE_S + 10)
    for thread in hostile:
        print("%-10s %7d inputs on %d connections" % (thread.name, thread.sent, thread.connections))
    print("%-10s %7d answers" % ("good", good.answers))
    problems = list(good.faults[:5])
    if good.answers == 0 or any(thread.sent == 0 for thread in hostile):
        problems.append("somebody has sent nothing")
    if server.process.poll() is not None:
        problems.append("the server has ended with %s" % server.process.returncode)
        problems += ["%s sent last: %r" % (thread.name, data[:300])
                     for thread in hostile for data in thread.last]
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else int.from_bytes(os.urandom(4), "big")
    print("live fuzz: seed %d, %g s" % (seed, given.seconds), flush=True)
    pool = {"runtime": "c", "app": os.environ["DORA_BENCH_APP"], "workers": 2}
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    with Server({"c": pool}, ready_s=60, reactors=2, listen=listen, linger_ms=200) as server:
        problems = attack(server, given.seconds, seed)
        if server.process.poll() is None:
            status = server.stop(60)
            if status != 0:
                problems.append("SIGTERM ends the server with %s" % status)
        log = server.log()
        complaints = [line for line in log.splitlines() if any(word in line for word in COMPLAINTS)]
        if complaints:
            problems += complaints[:5]
            print(log[-20000:])
    for line in problems:
        print("live fuzz: seed %d: %s" % (seed, line))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
