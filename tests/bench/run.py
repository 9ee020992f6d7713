"""Measures the server: requests per second and server CPU microseconds per request.

    python tests/bench/run.py --build DIR [--seconds S] [--runtimes c,php,python]

DIR is a build of the core with -DDORA_TESTS=ON. PHP's module is found by DORA_PHP_EXTENSION, the
Python with the extension in it is the one that runs this file, or DORA_PYTHON. All rows come from
one run on one machine: compare them with each other, not with another day's.
"""

import argparse
import json
import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support import processes  # noqa: E402
from support.server import Server  # noqa: E402

SHAPES = [(1, 1), (16, 1), (64, 1), (64, 8)]
WARM_UP_S = 0.3


class Tool:
    """One of the small servers to compare with; `with Tool(argv) as tool`."""

    def __init__(self, *argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            raise RuntimeError("%s did not start" % argv[0])
        self.address = line.split()[1]
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.process.stdout.close()


def drive(options, address, shape, seconds, name="/bench/hello"):
    """One run of the load generator; its figures."""
    argv = [os.path.join(options.programs, "bench_load"), address, str(shape[0]), str(shape[1]),
            str(seconds), name]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + 60)
    if done.returncode != 0:
        raise RuntimeError("bench_load failed: %s%s" % (done.stdout, done.stderr))
    return json.loads(done.stdout)


def measure(options, server, shape, name="/bench/hello"):
    """Figures of one shape, with the server's CPU per request."""
    drive(options, server.address, shape, WARM_UP_S, name)
    before = processes.cpu_seconds(server.pid)
    found = drive(options, server.address, shape, options.seconds, name)
    used = processes.cpu_seconds(server.pid) - before
    found["server_cpu_us"] = used * 1e6 / found["requests"]
    return found


def pool_of(options, runtime):
    app = {"c": os.path.join(options.programs, "bench_app.so"),
           "php": os.path.join(HERE, "app.php"), "python": os.path.join(HERE, "app.py")}[runtime]
    pool = {"runtime": runtime, "app": app}
    if options.workers:
        pool["workers"] = options.workers
    return {runtime: pool}


class Table:
    """Rows as they are measured, each beside the echo of the same shape."""

    def __init__(self):
        self.floor = {}
        print("%-22s %6s %10s %9s %9s %10s %8s" %
              ("server", "load", "req/s", "p50 us", "p99 us", "cpu us/req", "x echo"))

    def add(self, who, shape, found):
        cpu = found["server_cpu_us"]
        floor = self.floor.setdefault(shape, cpu)
        ratio = "%.2f" % (cpu / floor) if floor > 0 else "-"
        print("%-22s %6s %10.0f %9.1f %9.1f %10.2f %8s" %
              (who, "%dx%d" % shape, found["per_second"], found["p50_us"], found["p99_us"], cpu,
               ratio), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="a build of the core with DORA_TESTS")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row")
    parser.add_argument("--runtimes", default="c,php,python")
    parser.add_argument("--workers", type=int, default=0, help="for each pool; 0: the default")
    parser.add_argument("--shapes", default=",".join("%dx%d" % shape for shape in SHAPES))
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.programs = os.path.join(options.build, "tests", "bench")
    os.environ.setdefault("DORA_BIN", os.path.join(options.build, "dora"))
    runtimes = [each for each in options.runtimes.split(",") if each]
    shapes = [tuple(int(n) for n in each.split("x")) for each in options.shapes.split(",")]
    reply_bytes = 249
    print("%d CPUs, %.1f s a row; cpu us/req is user and system time of all the server's processes"
          % (os.cpu_count(), options.seconds))
    table = Table()
    with Tool(os.path.join(options.programs, "bench_echo"), str(reply_bytes)) as echo:
        for shape in shapes:
            table.add("libuv echo", shape, measure(options, echo, shape))
    for runtime in runtimes:
        with Server(pool_of(options, runtime)) as server:
            for shape in shapes:
                table.add("dora, " + runtime, shape, measure(options, server, shape))
            if runtime == "c":
                for shape in shapes:
                    table.add("dora, c, 4 us task", shape,
                              measure(options, server, shape, "/bench/spin"))
    workers = str(options.workers or 2 * os.cpu_count())
    for ahead in ("1", "64"):
        with Tool(os.path.join(options.programs, "bench_plain"), workers, ahead) as plain:
            for shape in shapes:
                table.add("seqpacket, %s ahead" % ahead, shape, measure(options, plain, shape))
    print("seqpacket: the plain hand-over (an index over a SOCK_SEQPACKET pair), decoding nothing")


if __name__ == "__main__":
    main()
