"""Seconds of calls through every door while new masters take over again and again, one of which
does not load: each call is answered, or its connection closed before it ran, by the handlers' own
book; nothing runs twice. `-s` shows the figures."""

import http.client
import os
import threading
import time

import dora

from support import processes, tls, v1
from support.load import Load
from support.server import wait_until
from support.upgrade import Family
from support.versions import Versions

SECONDS = float(os.environ.get("DORA_FAULT_S", "12"))
UPGRADE_EVERY_S = 3
ACCEPTED = 100001
FULL = 100203

# Each run is booked under its caller's own name for it, or its guid. Some take a while, so that an
# upgrade finds them at work.
APP = """
import os, random, time
import dora

app = dora.App()
BOOK = os.open(%(book)r, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.api("/book")
def book(param, request):
    os.write(BOOK, ((param or request.guid) + "\\n").encode())
    if random.random() < 0.05:
        time.sleep(0.05)
    return %(version)d
"""


class Caller(threading.Thread):
    """Calls one after the other by `call(ident)`, which says whether that was answered, until
    stop()."""

    def __init__(self, name, call):
        super().__init__(daemon=True)
        self.title, self.call = name, call
        self.answered, self.closed = [], []
        self.ended = threading.Event()
        self.error = None

    def run(self):
        try:
            while not self.ended.is_set():
                ident = v1.guid()
                (self.answered if self.call(ident) else self.closed).append(ident)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.ended.set()
        self.join(60)
        assert not self.is_alive(), self.title
        if self.error:
            raise self.error
        return self


class Raw:
    """A client of the original: it knows nothing of repeats, and connects anew where it must."""

    def __init__(self, connect, kind="W_S"):
        self.connect, self.kind, self.conn = connect, kind, None

    def __call__(self, ident):
        if self.conn is None:
            self.conn = self.connect()
        try:
            self.conn.send(v1.request_of(self.kind, ident, {"one": ("/book", None)}))
            got = self.conn.receive(30)
        except ConnectionError:
            got = None
        if got is None:
            self.conn.close()
            self.conn = None
            return False
        assert got[0] == ident, got
        if self.kind == "AN_S":
            time.sleep(0.005)  # nobody waits for it: it must not outrun the workers
            assert got[1]["code"] in (ACCEPTED, FULL), got
            return got[1]["code"] == ACCEPTED
        assert got[1]["code"] == 0, got
        return True


class Web:
    """HTTP with connections that are kept."""

    def __init__(self, address):
        self.conn = http.client.HTTPConnection(address, timeout=30)

    def __call__(self, ident):
        if self.conn.sock is None:
            self.conn.connect()
        try:
            self.conn.request("POST", "/call/book", '"%s"' % ident)
            answer = self.conn.getresponse()
            body = answer.read()
        except (ConnectionError, http.client.HTTPException):
            self.conn.close()
            return False
        assert answer.status == 200, (answer.status, body)
        return True


def library(client):
    def call(ident):
        client.call("/book", ident)
        return True
    return call


def upgrade_again_and_again(app, server, seconds):
    """The masters that were taken over from."""
    before = []
    end = time.monotonic() + seconds
    is_broken_due = True
    while time.monotonic() < end or is_broken_due or len(before) < 2:
        began = time.monotonic()
        before.append(server.pid)
        app.next()
        server.upgrade()
        assert wait_until(lambda: not processes.is_alive(before[-1]), 60)
        if is_broken_due:
            is_broken_due = False
            app.write("raise RuntimeError('broken on purpose')\n")
            assert "broken on purpose" in server.refusal()
        time.sleep(max(0.0, began + UPGRADE_EVERY_S - time.monotonic()))  # the pace of upgrades
    return before


def test_upgrades_under_load(tmp_path, certificates):
    app = Versions(tmp_path, APP)
    unix, pid_file = str(tmp_path / "socket"), str(tmp_path / "pid")
    keys = certificates.server("server", ca=certificates.ca)
    pool = {"runtime": "python", "app": app.path, "workers": 4}
    listen = {"tcp": "127.0.0.1:0", "unix": unix, "http": "127.0.0.1:0", "tls": "127.0.0.1:0"}
    with Family({"p": pool}, listen=listen, tls=keys, pid_file=pid_file, linger_ms=50) as server:
        secure = tls.address_of(server)
        trust = tls.context(certificates)
        loads = [Load(server.address, "/book", connections=8, patience=30.0),
                 Load(unix, "/book", connections=4, depth=4, patience=30.0)]
        callers = [Caller("tls", Raw(lambda: tls.Conn(secure, trust))),
                   Caller("http", Web(server.http)),
                   Caller("accepted", Raw(lambda: v1.Conn(server.address), "AN_S")),
                   Caller("dora", library(dora.Client(server.address))),
                   Caller("dora unix", library(dora.Client("unix:" + unix))),
                   Caller("dora tls", library(dora.Client("tls://" + secure, retry=1,
                                                          tls_ca=certificates.ca)))]
        for each in loads + callers:
            each.start()
        before = upgrade_again_and_again(app, server, SECONDS)
        for each in loads + callers:
            each.stop()
        runs = app.runs()
        for load in loads:
            print("\n%d calls, %s" % (load.sent, dict(load.codes)), end="")
            assert (load.lost, load.twice, load.broken, set(load.codes)) == (0, 0, 0, {0})
        for caller in callers:
            print("\n%s: %d calls answered, %d refused or their connections closed" %
                  (caller.title, len(caller.answered), len(caller.closed)), end="")
            assert caller.answered
            ran = [ident for ident in caller.closed if ident in runs]
            assert not ran, (caller.title, ran)
        print("\n%d upgrades" % len(before))
        assert not callers[2].closed and not callers[3].closed  # plain connections have moved
        assert wait_until(lambda: set(callers[2].answered) <= set(app.runs()))
        runs = app.runs()
        assert set(runs.values()) == {1}, [each for each in runs.items() if each[1] != 1]
        assert len(runs) == sum(load.sent for load in loads) + \
            sum(len(caller.answered) for caller in callers)
        assert len(before) > 1
        with open(pid_file) as file:
            assert int(file.read()) == server.pid
        family = server.everyone()
    assert wait_until(lambda: not any(map(processes.is_alive, before + family))), [
        processes.title(pid) for pid in before + family]
    assert not os.path.exists(pid_file)
