"""What is broken while the soak lasts, one thing after the other, in an order that a seed gives."""

import collections
import itertools
import os
import random
import signal
import socket
import ssl
import struct
import time

from support import processes, tls, v1
from support.server import wait_until

from . import callers
from .world import ALIKE_S, BIG_BYTES, HERE, POOLS, WORKERS

WORKER_DIED = 100200
STOPPING = 100207
NEVER = -2  # what was sent can never be run
SLOW_CALLS = 3

# A fault as the seed has it: which one, of which pool, which of its workers, and for how long.
Plan = collections.namedtuple("Plan", "name pool number pause_s")
# One that was made, from when until all was whole again.
Window = collections.namedtuple("Window", "name began ended")


def send(pid, number):
    """A signal; whether there was somebody to get it."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def plans(seed):
    """Without end: each fault once in every round, in an order of the round's own."""
    dice = random.Random("faults %s" % seed)
    while True:
        names = sorted(FAULTS)
        dice.shuffle(names)
        for name in names:
            yield Plan(name, dice.choice(POOLS), dice.randrange(WORKERS),
                       round(dice.uniform(0.1, 0.8), 2))


class Breaker:
    """Makes faults, and books the calls that belong to them."""

    def __init__(self, world, say=lambda text: None):
        self.world, self.say = world, say
        self.server = world.server
        self.calls, self.windows = [], []
        self.numbers = itertools.count()
        self.reloads = itertools.count(1)
        self.certificates = itertools.cycle(("server2", "server"))

    def make(self, plan):
        began = time.monotonic()
        self.say("%s %s %d %.2f s" % plan)
        FAULTS[plan.name](self, plan)
        assert wait_until(self.world.is_whole, ALIKE_S), "%s: not whole again: %s" % (
            plan.name, [processes.title(pid) for pid in self.server.everyone()])
        self.windows.append(Window(plan.name, began, time.monotonic()))

    # ---- processes ----

    def signal(self, number, title):
        """To a process of that title, which may be another one in a moment. Returns: its pid."""
        sent = []

        def has_got():
            for pid in processes.descendants(self.server.pid):
                if processes.title(pid) == title:
                    sent.append(pid)
                    return send(pid, number)
            return False

        assert wait_until(has_got, ALIKE_S), title
        return sent[-1]

    def kill(self, title):
        pid = self.signal(signal.SIGKILL, title)
        assert wait_until(lambda: pid not in processes.descendants(self.server.pid), ALIKE_S), pid

    def kill_worker(self, plan):
        self.kill("dora: worker %s %d" % (plan.pool, plan.number))

    def kill_zygote(self, plan):
        self.kill("dora: zygote " + plan.pool)

    def stop_worker(self, plan):
        pid = self.signal(signal.SIGSTOP, "dora: worker %s %d" % (plan.pool, plan.number))
        time.sleep(plan.pause_s)  # so long it stands still
        send(pid, signal.SIGCONT)

    # ---- connections ----

    def ident(self):
        return "fault-%d" % next(self.numbers)

    def conn(self):
        return v1.Conn(self.server.address, callers.TIMEOUT_S)

    def request(self, plan, ident, fill="", api="echo"):
        return v1.request(v1.guid(), "/%s/%s" % (plan.pool, api), {"n": ident, "fill": fill})

    def book(self, plan, ident, code, began, api="echo", is_right=True):
        self.calls.append(callers.Call(ident, "W_S", {"/%s/%s" % (plan.pool, api): code}, began,
                                       time.monotonic(), is_right))

    def take(self, conn, plan, ident, fill, began):
        """One answer."""
        got = conn.receive(callers.TIMEOUT_S)
        code = callers.BROKEN if got is None else v1.code(got[1])
        is_right = code != 0 or got[1]["data"]["data"] == {"n": ident, "fill": fill}
        self.book(plan, ident, code, began, is_right=is_right)

    def reset_connection(self, plan):
        """While a handler is at work for it."""
        ident, began = self.ident(), time.monotonic()
        with self.conn() as conn:
            conn.send(self.request(plan, ident, api="slow"))
            conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.book(plan, ident, callers.BROKEN, began, "slow")

    def slow_reader(self, plan):
        """More comes than the kernel takes for it."""
        began, fill = time.monotonic(), "y" * BIG_BYTES
        idents = [self.ident() for _ in range(SLOW_CALLS)]
        with self.conn() as conn:
            guids = {}
            for ident in idents:
                guid = v1.guid()
                guids[guid] = ident
                conn.send(v1.request(guid, "/%s/echo" % plan.pool, {"n": ident, "fill": fill}))
            time.sleep(plan.pause_s)  # so long it does not read
            for _ in idents:
                got = conn.receive(callers.TIMEOUT_S)
                code = v1.code(got[1])
                is_right = code != 0 or got[1]["data"]["data"]["fill"] == fill
                self.book(plan, guids[got[0]], code, began, is_right=is_right)

    def half_frames(self, plan):
        """One whose other half comes late, one whose other half never comes."""
        late, never, began = self.ident(), self.ident(), time.monotonic()
        frame = self.request(plan, late, "z" * 1000)
        with self.conn() as conn, self.conn() as other:
            conn.send(frame[:500])
            other.send(self.request(plan, never, "z" * 1000)[:500])
            time.sleep(plan.pause_s)  # so long it waits
            conn.send(frame[500:])
            self.take(conn, plan, late, "z" * 1000, began)
        self.book(plan, never, NEVER, began)

    # ---- reloads ----

    def reload(self, text):
        """Until the log says it once more."""
        seen = self.server.log().count(text)
        os.kill(self.server.pid, signal.SIGHUP)
        assert wait_until(lambda: self.server.log().count(text) > seen, ALIKE_S), text

    def app(self):
        with open(os.path.join(HERE, "app.py")) as file:
            return file.read()

    def reload_good(self, _):
        self.world.write_app(self.app() + "\n# version %d\n" % next(self.reloads))
        self.reload("reloaded, generation")

    def reload_bad(self, _):
        self.world.write_app("raise RuntimeError('broken on purpose')\n")
        self.reload("reload refused")
        self.world.write_app(self.app())

    def reload_certificate(self, _):
        name = next(self.certificates)
        for kind in ("key", "cert"):
            self.world.take_certificate(name, kind)
        self.reload("reloaded, generation")
        with open(self.world.certificates.cert(name)) as file:
            wanted = ssl.PEM_cert_to_DER_cert(file.read())
        with tls.Conn(self.world.tls, tls.context(self.world.certificates),
                      callers.TIMEOUT_S) as conn:
            assert conn.sock.getpeercert(binary_form=True) == wanted, name

    def upgrade(self, _):
        """Another master takes over; the old one ends with its last call."""
        old = self.server.pid
        self.server.upgrade()
        if old == self.server.process.pid:
            assert self.server.wait(ALIKE_S) == 0
        assert wait_until(lambda: not processes.is_alive(old), ALIKE_S), old

    # ---- Redis ----

    def restart_redis(self, _):
        self.world.redis.kill()
        self.world.redis.start()
        port = '"port":%s' % self.server.address.rsplit(":", 1)[1]
        assert wait_until(lambda: any(port in node.replace(" ", "") for node in self.nodes()),
                          ALIKE_S), self.nodes()

    def nodes(self):
        return self.world.redis.command("SMEMBERS", "dora.serverlist") or []


FAULTS = {name: getattr(Breaker, name) for name in (
    "kill_worker", "kill_zygote", "stop_worker", "reset_connection", "slow_reader", "half_frames",
    "reload_good", "reload_bad", "reload_certificate", "restart_redis", "upgrade")}
EXPLAINS = {"kill_worker": {WORKER_DIED}, "kill_zygote": {WORKER_DIED},
            "reset_connection": {callers.BROKEN}, "half_frames": {NEVER},
            # A connection stays with the old master, which ends: what it did not take has not run.
            "upgrade": {callers.BROKEN, STOPPING}}
