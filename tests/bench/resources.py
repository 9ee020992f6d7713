"""What scenarios measure beside plain speed: memory, idle connections, large neighbours, rates."""

import math
import resource
import socket
import subprocess
import threading

import tools
from support import processes

CLOSED_CONNECTIONS = 4
MODERATE = 0.5
PYTHON_SHARE = 1.3
FURTHER_WORKER_MB = 2
IDLE_WORKERS = 10


def plain_python(bench):
    """The memory of an interpreter with the application loaded."""
    code = ("import runpy, sys; app = runpy.run_path(sys.argv[1]); print('ready', flush=True);"
            " input()")
    with subprocess.Popen([bench.python, "-c", code, bench.app("python")], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        found = tools.pss_mb(process.pid)
        process.communicate("\n")
    return {"pss_mb": found}


def idle_server(bench, plain_mb):
    """The memory of a server's whole tree, beside what it may have."""
    with bench.server("python", IDLE_WORKERS) as server:
        found = tools.pss_mb(server.pid)
    allowed = PYTHON_SHARE * plain_mb + FURTHER_WORKER_MB * (IDLE_WORKERS - 1)
    return {"pss_mb": found, "limit_mb": allowed, "of_limit": found / allowed}


class IdleConnections:
    """So many connections to a server that have called nothing, while the block lasts."""

    def __init__(self, server, count):
        self.server = server
        self.count = count
        self.sockets = []

    def __enter__(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if self.count + 200 > soft:
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(self.count + 1000, hard), hard))
        host, port = self.server.address.rsplit(":", 1)
        before = processes.anonymous_bytes(self.server.pid)
        try:
            for _ in range(self.count):
                self.sockets.append(socket.create_connection((host, int(port)), timeout=10))
            with_all = processes.anonymous_bytes(self.server.pid)
        except OSError:
            self.__exit__()
            raise
        self.bytes_each = (with_all - before) / self.count
        return self

    def __exit__(self, *_):
        for each in self.sockets:
            each.close()


def beside(bench, server, shape, others, rate="big_per_second"):
    """A row's `run`: one load while another one lasts longer, whose own rate is told as `rate`."""
    def run(seconds):
        found = {}

        def drive_others():
            found.update(bench.drive(server.address, [], seconds + 0.6, warm_up=0.1, **others))

        other = threading.Thread(target=drive_others)
        other.start()
        mine = bench.drive(server.address, [server.pid], seconds, **shape)
        other.join()
        return {**mine, rate: found["per_second"]}
    return run


def closed_loop(bench, server):
    """A row's `run`: `little` is rate times mean time over what is under way; it should be 1."""
    def run(seconds):
        found = bench.drive(server.address, [server.pid], seconds, connections=CLOSED_CONNECTIONS)
        under_way = found["per_second"] * found["mean_us"] / 1e6
        return {**found, "little": under_way / CLOSED_CONNECTIONS}
    return run


def fixed_rate(bench, server, closed):
    """A row's `run`: half the rate of the closed loop in the same round."""
    def run(seconds):
        rate = closed.rounds[-1]["per_second"] * MODERATE
        return bench.drive(server.address, [server.pid], seconds, rate=rate,
                           connections=CLOSED_CONNECTIONS, depth=64)
    return run


def over_echo(bench, server, floor, **load):
    """A row's `run`: `over_echo` is the CPU of a request over the echo's in the same round. Of an
    echo that came to nothing in a short round on a busy machine it is infinite."""
    def run(seconds):
        found = bench.drive(server.address, [server.pid], seconds, **load)
        floor_us = floor.rounds[-1]["cpu_us"]
        return {**found, "over_echo": found["cpu_us"] / floor_us if floor_us else math.inf}
    return run
