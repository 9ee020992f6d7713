"""Counts system calls per request, by strace: of the server's master and workers, and of blocking
clients.

    python tests/bench/syscalls.py --build DIR [--seconds S] [--json FILE]

Everything is several times slower while it is traced, so that more is done at once and processes
sleep more often or less often than they would: read the counts beside the speeds, not as speeds.
"""

import argparse
import collections
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import tools  # noqa: E402
from bench import NAMES, RUNTIMES, Bench  # noqa: E402
from support.server import Server, wait_until  # noqa: E402

SHAPES = ((1, 1), (64, 1), (64, 8))
WORTH_SHOWING = 0.005
SHORT_S = 0.3


def read_counts(path):
    """{system call: times} of a summary that strace wrote."""
    counts = collections.Counter()
    with open(path) as file:
        for line in file:
            found = re.match(r"\s*(\d+)\s+(\w+)\s*$", line)
            if found and found.group(2) != "total":
                counts[found.group(2)] += int(found.group(1))
    return counts


def strace(path, *more):
    return ["strace", "-f", "-c", "-U", "calls,name", "-o", path, *more]


class Tracer:
    """Counts what these processes do while the block lasts: `counts`."""

    def __init__(self, pids, folder):
        self.pids = pids
        self.path = os.path.join(folder, "strace.%d" % pids[0])
        self.counts = collections.Counter()

    def __enter__(self):
        self.process = subprocess.Popen(
            strace(self.path, *(word for pid in self.pids for word in ("-p", str(pid)))),
            stderr=subprocess.DEVNULL)
        if not wait_until(lambda: all(self.is_traced(pid) for pid in self.pids)):
            self.__exit__()
            raise RuntimeError("strace cannot attach")
        return self

    @staticmethod
    def is_traced(pid):
        with open("/proc/%d/status" % pid) as file:
            return not re.search(r"^TracerPid:\t0$", file.read(), re.M)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        if os.path.exists(self.path):
            self.counts = read_counts(self.path)


def per_request(counts, requests):
    """{system call: per request}, the most frequent first, those that hardly occur left out."""
    shares = [(name, count / max(requests, 1)) for name, count in counts.most_common()]
    return {name: round(share, 3) for name, share in shares if share >= WORTH_SHOWING}


def trace_server(bench, runtime, seconds, folder):
    """Rows of one server: master and workers, for each shape of load."""
    rows = []
    count = 2 * os.cpu_count()
    pool = {"runtime": runtime, "app": bench.app(runtime), "max_requests": 100000000,
            "workers": count}
    with Server({runtime: pool}) as server:
        wait_until(lambda: len(server.workers()) == count)
        workers = list(server.workers().values())
        for connections, depth in SHAPES:
            with Tracer([server.pid], folder) as master, Tracer(workers, folder) as crew:
                found = bench.drive(server.address, [], seconds, warm_up=0,
                                    connections=connections, depth=depth)
            for who, tracer in (("master", master), ("workers", crew)):
                rows.append({"who": "%s, %s" % (NAMES[runtime], who),
                             "load": "%dx%d" % (connections, depth),
                             "per_request": per_request(tracer.counts, found["requests"])})
    return rows


def trace_echo(bench, seconds, folder):
    rows = []
    with bench.echo(269) as echo:
        for connections, depth in SHAPES:
            with Tracer([echo.pid], folder) as tracer:
                found = bench.drive(echo.address, [], seconds, warm_up=0,
                                    connections=connections, depth=depth)
            rows.append({"who": "libuv echo", "load": "%dx%d" % (connections, depth),
                         "per_request": per_request(tracer.counts, found["requests"])})
    return rows


def trace_client(argv, seconds, folder):
    """What a client does for one call: the difference of a long run and a short one, so that its
    start does not count."""
    runs = []
    for length in (SHORT_S, SHORT_S + seconds):
        path = os.path.join(folder, "client")
        found = tools.run_json([*strace(path), *argv, str(length)], length)
        runs.append((read_counts(path), found["requests"]))
    (few, before), (many, after) = runs
    many.subtract(few)
    return per_request(many, after - before)


def trace_clients(bench, seconds, folder):
    rows = []
    program = bench.program("bench_call")
    module = ["-d", "extension=" + bench.php_module] if bench.php_module else []
    with bench.server("c") as server:
        argvs = {"bare send and recv": [program, server.address, "bare"],
                 "client, C": [program, server.address, "client"]}
        if "php" in bench.runtimes:
            argvs["client, PHP"] = [bench.php, "-n", *module, tools.HERE + "/call.php",
                                    server.address]
        if "python" in bench.runtimes:
            argvs["client, Python"] = [bench.python, tools.HERE + "/call.py", server.address]
        for who, argv in argvs.items():
            rows.append({"who": who, "load": "1x1",
                         "per_request": trace_client(argv, seconds, folder)})
    return rows


def text_of(row):
    calls = ", ".join("%s %.2f" % each for each in row["per_request"].items())
    return "%-22s %-5s %6.2f   %s" % (row["who"], row["load"], sum(row["per_request"].values()),
                                      calls)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="a build of the core with DORA_TESTS")
    parser.add_argument("--seconds", type=float, default=1.0, help="for each row")
    parser.add_argument("--runtimes", default=",".join(RUNTIMES))
    parser.add_argument("--json", metavar="FILE", help="where to write the results")
    options = parser.parse_args()
    build = os.path.abspath(options.build)
    os.environ.setdefault("DORA_BIN", os.path.join(build, "dora"))
    bench = Bench(build, options.runtimes.split(","))
    print("system calls per request, while traced")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        rows += trace_echo(bench, options.seconds, folder)
        for runtime in bench.runtimes:
            rows += trace_server(bench, runtime, options.seconds, folder)
        rows += trace_clients(bench, options.seconds, folder)
    for row in rows:
        print(text_of(row))
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"date": time.strftime("%Y-%m-%d"), "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
