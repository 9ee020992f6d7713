"""Seconds of calls while the server is reloaded every 300 ms, once with a broken application in
between: no call fails, each runs once, and the master ends as it began. `-s` shows the figures."""

import os
import signal
import time

from support import processes
from support.load import Load, quantile
from support.server import Server, wait_until
from support.versions import Versions

SECONDS = float(os.environ.get("DORA_FAULT_S", "12"))
WORKERS = 4
CONNECTIONS = 32
RELOAD_EVERY_S = 0.3
RELOADS = 3  # at least, where each takes long
MEMORY_SLACK_BYTES = 4 << 20
WARM_CALLS = 5000  # then the buffers are as large as they get
TOO_SLOW_S = 30

# Quick, but one time in twenty not quite, so that a reload finds it at work. Each run is booked.
APP = """
import os, random, time
import dora

app = dora.App()
BOOK = os.open(%(book)r, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

@app.api("/book%(version)d")
def other(param): return None

@app.api("/book")
def book(param, request):
    os.write(BOOK, (request.guid + "\\n").encode())
    if random.random() < 0.05:
        time.sleep(0.02)
    return %(version)d
"""


class Reloader:
    """Rewrites the application and asks for a reload, again and again. Its order of apis changes
    each time, and one has another name."""

    def __init__(self, server, app):
        self.server, self.app = server, app
        self.refusals = 0

    def broken_version(self):
        self.app.write("import dora\nraise RuntimeError('broken on purpose')\n")
        self.server.signal(signal.SIGHUP)
        assert wait_until(lambda: "broken on purpose" in self.server.log())
        self.refusals += 1

    def run(self, seconds):
        began = time.monotonic()
        is_broken_due = True
        at, loaded = began, generations(self.server)
        while at < began + seconds or generations(self.server) < loaded + RELOADS:
            assert at < began + seconds + TOO_SLOW_S * 4, self.server.log()[-2000:]
            if is_broken_due and at > began + seconds / 2:
                is_broken_due = False
                self.broken_version()
            self.app.next()
            self.server.signal(signal.SIGHUP)
            at += RELOAD_EVERY_S
            time.sleep(max(0.0, at - time.monotonic()))  # the pace of reloads


def generations(server):
    return server.log().count("reloaded, generation")


def settle(server):
    """Waits until one generation is left; the master's own memory, without
    replies that it keeps, and its descriptors."""
    assert wait_until(lambda: len(processes.descendants(server.pid)) == WORKERS + 1), \
        [processes.title(pid) for pid in server.everyone()]
    return server.own_memory(), processes.fd_count(server.pid)


def test_reloads_under_load(tmp_path):
    app = Versions(tmp_path, APP)
    pool = {"runtime": "python", "app": app.path, "workers": WORKERS}
    with Server({"p": pool}) as server:
        reloader = Reloader(server, app)
        warm = Load(server.address, "/book", connections=CONNECTIONS)
        warm.start()
        for _ in range(3):
            seen = generations(server)
            server.signal(signal.SIGHUP)
            assert wait_until(lambda seen=seen: generations(server) > seen)
        assert wait_until(lambda: warm.answered >= WARM_CALLS, 60), warm.answered
        warm.stop()
        before = settle(server)

        load = Load(server.address, "/book", connections=CONNECTIONS)
        seen = set()
        load.on_code = lambda code, reply: seen.add(code or reply["data"]["data"])
        reloaded = generations(server)
        load.start()
        reloader.run(SECONDS)
        load.stop()
        reloaded = generations(server) - reloaded
        print("\n%d calls, %s, %d reloads, %d refused, %d versions answered, lost %d, twice %d, "
              "median %.1f ms, longest %.0f ms" %
              (load.sent, dict(load.codes), reloaded, reloader.refusals, len(seen), load.lost,
               load.twice, quantile(load.times, 0.5) * 1e3, max(load.times) * 1e3))

        assert (load.lost, load.twice, load.broken) == (0, 0, 0)
        assert set(load.codes) == {0}, load.codes
        runs = app.runs()
        assert len(runs) == load.sent + warm.sent
        assert set(runs.values()) == {1}
        assert reloader.refusals == 1
        assert reloaded >= RELOADS
        assert len(seen) > reloaded / 2, (sorted(seen), reloaded)

        settle(server)
        assert wait_until(lambda: processes.fd_count(server.pid) <= before[1]), (
            processes.fd_count(server.pid), before[1])
        memory = server.own_memory(before[0] + MEMORY_SLACK_BYTES)
        assert memory <= before[0] + MEMORY_SLACK_BYTES, (memory, before[0])
        print("master: %.1f MiB and %d descriptors before, %.1f MiB and %d after" %
              (before[0] / 2**20, before[1], memory / 2**20, processes.fd_count(server.pid)))
        family = server.everyone()
        assert server.stop() == 0
        assert wait_until(lambda: not any(map(processes.is_alive, family))), [
            processes.title(pid) for pid in family]


def test_an_application_that_never_loads(tmp_path):
    """It is given up after 30 s, and the next good one is taken."""
    app = Versions(tmp_path, APP)
    with Server({"p": {"runtime": "python", "app": app.path, "workers": WORKERS}}) as server:
        app.write("import time\ntime.sleep(600)\n")
        began = time.monotonic()
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: "reload refused, generation 1" in server.log(), 3 * TOO_SLOW_S)
        assert time.monotonic() - began > TOO_SLOW_S - 1
        assert wait_until(lambda: "the application is not loaded after 30 s" in server.log())
        app.next()
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: "reloaded, generation 2" in server.log())
        settle(server)
        assert server.stop() == 0
