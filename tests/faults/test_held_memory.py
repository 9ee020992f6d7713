"""Peers that hold memory: frames that never end, replies that nobody reads, bodies over HTTP, JSON,
calls of many apis whose results wait. Beside them well-behaved clients get each answer once, other
pools notice nothing, and the master's memory stays bounded. `-s` shows the figures."""

import json
import os
import random
import socket
import threading
import time

from support import processes, v1
from support.load import Load, quantile
from support.server import Server, python_pool, wait_until

SECONDS = float(os.environ.get("DORA_FAULT_S", "12")) / 2
PATIENCE_S = 60.0  # each kind of attack is made, however slow the machine
MB = 1 << 20
FRAME = 2 * MB
BUFFERS_MB = 32
# Beside what is counted: scratch memory of the reactor and of jobs in the thread pool (a JSON tree
# is some thirty times its text), and what the allocator keeps.
SLACK_BYTES = 160 * MB


class Attacker(threading.Thread):
    """Opens connections of one kind, has each hold what it can, and leaves some after a while."""

    def __init__(self, server, attack, ended):
        super().__init__(daemon=True)
        self.server, self.attack, self.ended = server, attack, ended
        self.socks = []
        self.opened = 0

    def run(self):
        while not self.ended.is_set():
            try:
                self.socks.append(self.attack(self.server))
                self.opened += 1
            except OSError:
                pass  # it had to go already
            if len(self.socks) > 40:
                self.socks.pop(random.randrange(len(self.socks))).close()
            self.ended.wait(0.01)

    def close(self):
        for sock in self.socks:
            sock.close()


def connect(address):
    """A socket with little room, which waits for nothing."""
    host, port = address.rsplit(":", 1)
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.settimeout(2)
    sock.connect((host, int(port)))
    return sock


def send(address, data):
    sock = connect(address)
    try:
        sock.sendall(data)
    except OSError:
        sock.close()
        raise
    return sock


def unfinished(server):
    frame = v1.request(v1.guid(), "/big/echo", "x" * (FRAME - 1000))
    return send(server.address, frame[:random.randrange(len(frame))])


def unread(server):
    return send(server.address, b"".join(v1.request(v1.guid(), "/big/big", 1_500_000)
                                         for _ in range(8)))


def in_json(server):
    body = {"api": {"one": {"name": "/big/echo", "param": [0] * 200_000}}, "type": "W_S"}
    data = b""
    for _ in range(4):
        ident = v1.guid()
        data += v1.frame(ident, json.dumps({**body, "guid": ident}).encode())
    return send(server.address, data)


def waiting(server):
    apis = {"slow": ("/big/sleep", 500), "big": ("/big/big", 1_500_000)}
    return send(server.address, b"".join(v1.request_many(v1.guid(), apis) for _ in range(8)))


def by_http(server):
    head = "POST /call/big/echo HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n" % MB
    return send(server.http, head.encode() + b'"' + b"x" * random.randrange(MB))


def check(load):
    assert (load.lost, load.twice, load.broken) == (0, 0, 0)
    assert load.sent == load.answered and set(load.codes) == {0}


def test_peers_that_hold_memory():
    pools = {"big": python_pool("prefixed.py", workers=2, dedupe=False),
             "small": python_pool("basic.py", workers=2)}
    ended = threading.Event()
    with Server(pools, connection_mb_max=8, buffers_mb_max=BUFFERS_MB, stall_ms=2000,
                listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        before = processes.anonymous_bytes(server.pid)
        loads = [Load(server.address, name, {"n": 1}, connections=4, patience=60.0)
                 for name in ("/echo", "/big/echo")]
        attackers = [Attacker(server, attack, ended)
                     for attack in (unfinished, unread, in_json, waiting, by_http)]
        for thread in loads + attackers:
            thread.start()
        peak, held, end = 0, 0, time.monotonic() + SECONDS
        while time.monotonic() < end or not (
                all(each.opened for each in attackers) or time.monotonic() > end + PATIENCE_S):
            peak = max(peak, processes.anonymous_bytes(server.pid) - before)
            with v1.Conn(server.address, 30) as conn:
                numbers = conn.command("getStat")["data"]["server"]["held"]
            held = max(held, numbers["bytes"])
            time.sleep(0.05)  # between two looks
        ended.set()
        for thread in attackers:
            thread.join()
            thread.close()
        loads = [load.stop() for load in loads]
        for load in loads:
            print("\n%s: %d calls, median %.1f ms, longest %.0f ms" %
                  (load.name_called, load.sent, quantile(load.times, 0.5) * 1e3,
                   max(load.times) * 1e3), end="")
            check(load)
        print("\n%d attacks; the master's memory grew by %.0f MB at most, %.0f MB counted; "
              "ended: %s" % (sum(each.opened for each in attackers), peak / MB, held / MB,
                             numbers["ended"]))
        assert all(each.opened > 0 for each in attackers), {
            each.attack.__name__: each.opened for each in attackers}
        assert held <= (BUFFERS_MB + 16) * MB
        assert peak < BUFFERS_MB * MB + SLACK_BYTES
        assert sum(numbers["ended"].values()) > 0

        def is_free():
            with v1.Conn(server.address) as conn:
                return conn.command("getStat")["data"]["server"]["held"]["bytes"] < MB
        assert wait_until(is_free, 40)
        assert server.stop(40) == 0
