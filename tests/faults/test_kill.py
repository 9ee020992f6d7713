"""Seconds of calls while workers are killed, stopped, or end themselves: each request gets
exactly one reply, and the master ends as it began. `-s` shows the figures."""

import collections
import os
import random
import signal
import threading
import time

import pytest

from support import processes, tls, v1
from support.load import Load, quantile
from support.server import Server, python_pool, wait_until

SECONDS = float(os.environ.get("DORA_FAULT_S", "12"))
WORKERS = 4
CONNECTIONS = 32
SECURE_CONNECTIONS = 4
KILL_EVERY_S = 0.05
STOP_EVERY_S = 3.0
STOPPED_S = 1.0
MEMORY_SLACK_BYTES = 4 << 20
WARM_CALLS = 5000  # then the buffers are as large as they get
WORKER_DIED = 100200


class Killer:
    """Kills a random worker now and then; stops one for a second once in a while."""

    def __init__(self, server, kill=True):
        self.server, self.kill = server, kill
        self.kills = self.stops = 0
        self.stopped = None

    def send(self, pid, number):
        try:
            os.kill(pid, number)
            return True
        except ProcessLookupError:
            return False

    def run(self, seconds):
        end = time.monotonic() + seconds
        next_kill = next_stop = time.monotonic()
        wake_at = None
        while time.monotonic() < end:
            now = time.monotonic()
            workers = list(self.server.workers("p").values())
            if self.kill and now >= next_kill and workers:
                self.kills += self.send(random.choice(workers), signal.SIGKILL)
                next_kill += KILL_EVERY_S
            if self.stopped is None and now >= next_stop and workers:
                self.stopped = random.choice(workers)
                self.stops += self.send(self.stopped, signal.SIGSTOP)
                wake_at = now + STOPPED_S
            if self.stopped is not None and now >= wake_at:
                self.resume()
                next_stop = now + STOP_EVERY_S
            until = min(next_kill if self.kill else now + KILL_EVERY_S, end)
            time.sleep(max(0.0, until - time.monotonic()))  # the pace of kills
        self.resume()

    def resume(self):
        if self.stopped is not None:
            self.send(self.stopped, signal.SIGCONT)
            self.stopped = None


def settle(server):
    """Waits until the pool is whole; the master's own memory, without replies that it keeps, and
    its descriptors."""
    assert wait_until(lambda: len(server.workers("p")) == WORKERS), server.log()[-2000:]
    return server.own_memory(), processes.fd_count(server.pid)


def report(what, load, killer):
    print("\n%s: %d calls, %s, %d kills, %d stops, lost %d, twice %d, broken %d, "
          "median %.1f ms, longest %.0f ms" %
          (what, load.sent, dict(load.codes), killer.kills, killer.stops, load.lost, load.twice,
           load.broken, quantile(load.times, 0.5) * 1e3, max(load.times) * 1e3))


def await_died(load):
    """Until a worker has died at a call; one that ends itself by chance may do so late."""
    assert wait_until(lambda: load.error or load.codes[WORKER_DIED] > 0, 60), load.codes


def check(server, load, before, more_fds=0):
    assert (load.lost, load.twice, load.broken) == (0, 0, 0)
    assert load.sent == load.answered
    assert set(load.codes) <= {0, WORKER_DIED}, load.codes
    assert load.codes[0] > 0
    settle(server)
    assert wait_until(lambda: processes.fd_count(server.pid) <= before[1] + more_fds), (
        processes.fd_count(server.pid), before[1])
    memory = server.own_memory(before[0] + MEMORY_SLACK_BYTES)
    assert memory <= before[0] + MEMORY_SLACK_BYTES, (memory, before[0])
    print("master: %.1f MiB and %d descriptors before, %.1f MiB and %d after" %
          (before[0] / 2**20, before[1], memory / 2**20, processes.fd_count(server.pid)))
    assert server.stop() == 0


def warm_up(server, name, param):
    """The first load lets the master's buffers grow to their size."""
    load = Load(server.address, name, param, connections=CONNECTIONS)
    load.start()
    assert wait_until(lambda: load.answered >= WARM_CALLS, 60), load.answered
    load.stop()
    return settle(server)


class Secure(threading.Thread):
    """A caller over TLS, one call after the other: each has its own reply, or this fails."""

    def __init__(self, server, trust):
        super().__init__(daemon=True)
        self.address, self.trust = tls.address_of(server), trust
        self.codes = collections.Counter()
        self.ended = threading.Event()
        self.error = None

    def run(self):
        try:
            with tls.Conn(self.address, self.trust, 60) as conn:
                while not self.ended.is_set():
                    self.codes[v1.code(conn.call("/brief", {"n": 1}))] += 1
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def stop(self):
        self.ended.set()
        self.join(90)
        assert self.error is None and not self.is_alive(), self.error
        return self.codes


def test_workers_killed_and_stopped(certificates):
    with Server({"p": python_pool("basic.py", workers=WORKERS)}, tls=certificates.server(),
                listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}) as server:
        before = warm_up(server, "/echo", "warm")
        load = Load(server.address, "/brief", {"n": 1}, connections=CONNECTIONS)
        secure = [Secure(server, tls.context(certificates)) for _ in range(SECURE_CONNECTIONS)]
        for one in (load, *secure):
            one.start()
        killer = Killer(server)
        killer.run(SECONDS)
        await_died(load)
        load.stop()
        for codes in [one.stop() for one in secure]:
            assert codes[0] > 0 and set(codes) <= {0, WORKER_DIED}, codes
        report("killed", load, killer)
        assert killer.kills > WORKERS
        assert killer.stops >= 1
        check(server, load, before)


@pytest.mark.parametrize("one_in", [50])
def test_handlers_that_exit(one_in):
    # By chance two runs end workers and none ends well between: that alone would be refused.
    with Server({"p": python_pool("basic.py", workers=WORKERS, poison_s=0)}) as server:
        before = warm_up(server, "/echo", "warm")
        load = Load(server.address, "/maybe_die", one_in, connections=CONNECTIONS)
        load.start()
        killer = Killer(server, kill=False)
        killer.run(SECONDS)
        await_died(load)
        load.stop()
        report("exits", load, killer)
        check(server, load, before)


# A worker with an event loop has a descriptor of its own in the master, kept for its slot's next
# worker: there are three slots a worker, and two.
LOOP_FDS = WORKERS * 3 + 2


@pytest.mark.parametrize("name,kill", [("/brief", True), ("/maybe_die", False)])
def test_workers_of_many_slots(name, kill):
    pool = python_pool("waiting.py", workers=WORKERS, concurrency=16, poison_s=0)
    with Server({"p": pool}) as server:
        before = warm_up(server, "/echo", "warm")
        load = Load(server.address, name, 200, connections=CONNECTIONS, depth=2)
        load.start()
        killer = Killer(server, kill=kill)
        killer.run(SECONDS / 2)
        await_died(load)
        load.stop()
        report("many slots, " + name, load, killer)
        check(server, load, before, LOOP_FDS)
