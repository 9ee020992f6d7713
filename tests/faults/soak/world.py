"""What the soak runs on: one server with pools of three languages and every door, a Redis that
knows it, certificates; and what is to be as it was when all is over."""

import contextlib
import os
import select
import shutil
import subprocess

from support import processes, tls, v1
from support.certificates import Certificates
from support.metrics import admin_of, ask
from support.redis import RedisServer
from support.server import ROOT, wait_until
from support.upgrade import Family, end

HERE = os.path.dirname(os.path.abspath(__file__))
POOLS = ("python", "php", "c")
WORKERS = 2
QUEUE_MB = 32  # of each pool's memory: sixteen calls of 2 MiB
BIG_BYTES = (2 << 20) - 4096  # a string in a frame of the largest size
ALIKE_S = 60.0  # to be as before, on a machine with other work


def compile_c(source, target, *more):
    subprocess.run([os.environ.get("CC", "cc"), "-fPIC", "-I" + os.path.join(ROOT, "core/include"),
                    "-o", target, source, *more], check=True)
    return target


def has_come(conn):
    """Whether there is something to read."""
    return bool(select.select([conn.sock], [], [], 0)[0])


class World:
    """`with World(folder) as world`."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.book = self.at("book")
        self.stack = contextlib.ExitStack()

    def at(self, name):
        return os.path.join(self.folder, name)

    def __enter__(self):
        with self.stack:
            self._start()
            self.stack = self.stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stack.close()

    def _start(self):
        os.environ["DORA_SOAK_BOOK"] = self.book
        self.stack.callback(os.environ.pop, "DORA_SOAK_BOOK")
        self.certificates = Certificates(self.folder)
        self.redis = self.stack.enter_context(RedisServer())
        for name in ("app.py", "app.php"):
            shutil.copy(os.path.join(HERE, name), self.at(name))
        compile_c(os.path.join(HERE, "app.c"), self.at("app.so"), "-shared")
        core = os.path.dirname(os.environ["DORA_BIN"])
        compile_c(os.path.join(HERE, "client.c"), self.at("client"), "-L" + core,
                  "-Wl,-rpath," + core, "-ldora")
        for kind in ("cert", "key"):  # of their own, so that they can change
            self.take_certificate("server", kind)
        apps = {"python": "app.py", "php": "app.php", "c": "app.so"}
        self.unix = self.at("socket")
        self.server = self.stack.enter_context(Family(
            {name: {"runtime": name, "app": self.at(app), "workers": WORKERS,
                    "queue_mb_max": QUEUE_MB} for name, app in apps.items()},
            listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0", "http": "127.0.0.1:0",
                    "unix": self.unix, "admin": "127.0.0.1:0"},
            tls={"cert": self.at("served.cert"), "key": self.at("served.key")},
            discovery={"redis": [self.redis.url], "groups": ["g"], "advertise": None}))
        self.tls = tls.address_of(self.server)
        assert wait_until(self.is_whole, ALIKE_S), self.server.log()

    def take_certificate(self, name, kind):
        """In one step, as a careful deployment does it."""
        source = {"cert": self.certificates.cert, "key": self.certificates.key}[kind](name)
        shutil.copy(source, self.at("served.part"))
        os.replace(self.at("served.part"), self.at("served." + kind))

    def write_app(self, text):
        with open(self.at("app.part"), "w") as file:
            file.write(text)
        os.replace(self.at("app.part"), self.at("app.py"))

    def is_whole(self):
        """Every pool has one zygote, its workers, and nobody else."""
        found = sorted(processes.title(pid) for pid in processes.descendants(self.server.pid))
        wanted = ["dora: worker %s %d" % (pool, number) for pool in POOLS
                  for number in range(WORKERS)] + ["dora: zygote " + pool for pool in POOLS]
        return found == sorted(wanted)

    def stat(self):
        with v1.Conn(self.server.address, timeout=60) as conn:
            return conn.command("getStat", timeout=60)["data"]["server"]

    def is_quiet(self):
        """Nothing waits, runs, or is held for a connection."""
        stat = self.stat()
        return stat["tasking_num"] == 0 and all(
            pool["queued"] == pool["running"] == 0 for pool in stat["pools"].values())

    def descriptors(self):
        """Of the master, with one connection and no more."""
        with v1.Conn(self.server.address, timeout=60) as conn:
            assert wait_until(lambda: conn.command("getStat", timeout=60)["data"]["server"][
                "connection_num"] == 1, ALIKE_S)
            return processes.fd_count(self.server.pid)

    def is_ready(self):
        return ask(admin_of(self.server), "/readyz", timeout=60)[0] == 200

    def stop(self):
        """Ends the server: the last of those that took over from one another."""
        family = self.server.everyone()
        if self.server.pid == self.server.process.pid:
            assert self.server.stop(ALIKE_S) == 0
        else:
            end(self.server.pid, ALIKE_S)
        return wait_until(lambda: not [pid for pid in family if processes.is_alive(pid)], ALIKE_S)

    def room(self, pool, mark):
        """How many calls of the largest size a pool has room for while its workers are held: a
        block that was not freed is seen, since no large one can be made with it."""
        gate = self.at("gate-" + mark)
        held = [v1.Conn(self.server.address, timeout=60) for _ in range(WORKERS)]
        for conn in held:
            conn.ask("W_S", {"one": ("/%s/hold" % pool, gate)})
        assert wait_until(lambda: sum(name.startswith("gate-%s.begun." % mark) for name in
                                      os.listdir(self.folder)) == WORKERS, ALIKE_S), pool
        waiting, room = [], 0
        for number in range(QUEUE_MB):
            conn = v1.Conn(self.server.address, timeout=60)
            waiting.append(conn)
            conn.ask("W_S", {"one": ("/%s/echo" % pool, {"n": "%s-%d" % (mark, number),
                                                         "fill": "x" * BIG_BYTES})})
            assert wait_until(lambda want=room + 1: has_come(waiting[-1]) or
                              self.stat()["pools"][pool]["queued"] == want, ALIKE_S)
            if has_come(conn):
                assert v1.code(conn.receive()[1]) == 100203
                break
            room += 1
        open(gate, "w").close()
        for conn in held + waiting[:room]:
            assert v1.code(conn.receive(60)[1]) == 0
        for conn in held + waiting:
            conn.close()
        return room
