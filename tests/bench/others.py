"""Sets Dora side by side with what else one could take, on the same work.

    python tests/bench/others.py --build DIR [--rounds N] [--seconds S] [--json FILE] [NAME...]

The same load generator sends requests of about 230 bytes to each; handlers do next to nothing and
answer 170 bytes of data. Missing Debian packages are installed, without starting their services
(--no-install: not); what cannot be had is skipped, and named. Each server is a process tree of its
own on a free port, in a temporary folder.
"""

import argparse
import contextlib
import datetime
import json
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import machine  # noqa: E402
import measure  # noqa: E402
import table  # noqa: E402
from bench import NAMES, RUNTIMES, Bench  # noqa: E402
from others_servers import OTHERS, OVER_TLS  # noqa: E402
from support import tls  # noqa: E402
from support.certificates import Certificates  # noqa: E402

POLICY = "/usr/sbin/policy-rc.d"
SHAPES = ((64, 1), (64, 8), (1, 1))
METRICS = {"figures": ["per_second", "p50_us", "p99_us", "cpu_us", "load_cpu_us",
                       "request_bytes", "reply_bytes"],
           "ratios": ["per_second", "cpu_us"], "floor": "echo"}


def is_installed(package):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
                          capture_output=True, text=True)
    return done.stdout == "installed"


@contextlib.contextmanager
def no_services():
    """While packages are installed, nothing of theirs is started."""
    mine = not os.path.exists(POLICY)
    if mine:
        with open(POLICY, "w") as file:
            file.write("#!/bin/sh\nexit 101\n")
        os.chmod(POLICY, 0o755)
    try:
        yield
    finally:
        if mine:
            os.unlink(POLICY)


def apt_get(*words):
    subprocess.run(["apt-get", "-q", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def missing(packages, may_install):
    """The packages that are not there, after trying to install them."""
    wanted = [each for each in packages if not is_installed(each)]
    if wanted and may_install and os.geteuid() == 0:
        print("installing: " + " ".join(wanted), file=sys.stderr, flush=True)
        with no_services():
            apt_get("install", "-y", "--no-install-recommends", *wanted)
            if not all(is_installed(each) for each in wanted):
                apt_get("update")
                apt_get("install", "-y", "--no-install-recommends", *wanted)
    return [each for each in wanted if not is_installed(each)]


def start_others(stack, names, may_install, workers, certificates=None):
    """[server] of those that run; the others are named and left out."""
    started = []
    for name in names:
        lacking = missing(OTHERS[name].packages, may_install)
        if lacking:
            print("SKIPPED %s: without %s" % (OTHERS[name].name, ", ".join(lacking)), flush=True)
            continue
        try:
            started.append(stack.enter_context(OTHERS[name](workers, certificates)))
        except (OSError, RuntimeError, subprocess.TimeoutExpired) as problem:
            print("SKIPPED %s: %s" % (OTHERS[name].name, problem), flush=True)
    return started


def rows_of(bench, servers, echo, others, shape):
    """One row for each that can be asked like this; the echo is the floor."""
    connections, depth = shape
    text = "%dx%d" % shape
    load = {"connections": connections, "depth": depth}
    floor = measure.Row("libuv echo", text, bench.run(echo, **load))
    rows = [floor] + [measure.Row(NAMES[name], text, bench.run(server, **load), floor)
                      for name, server in servers.items()]
    for other in others:
        def run(seconds, other=other):
            return bench.drive(other.address, other.pids, seconds, **load, **other.load)
        if depth in other.depths:
            rows.append(measure.Row(other.name, text, run, floor))
    return rows


def rows_over_tls(stack, bench, options, workers):
    """For Dora and each other that can: plain, over TLS, and with certificates of both."""
    made = Certificates(stack.enter_context(tempfile.TemporaryDirectory()))
    server = stack.enter_context(bench.tls_server("c", made))
    trust = {"tls_ca": made.ca}
    shown = {"tls_cert": made.cert("client"), "tls_key": made.key("client"), **trust}

    def row(who, floor, address, pids, **load):
        def run(seconds):
            return bench.drive(address, pids, seconds, connections=64, **load)
        return measure.Row(who, "64x1", run, floor)

    plain = row("Dora, C", None, server.address, [server.pid])
    address = tls.address_of(server)
    rows = [plain, row("Dora, C, TLS", plain, address, [server.pid], **trust),
            row("Dora, C, mutual TLS", plain, address, [server.pid], **shown)]
    for name in [each for each in options.names or OTHERS if each in OVER_TLS]:
        pair = [other for certificates in (None, made) for other in
                start_others(stack, [name], not options.no_install, workers, certificates)]
        if len(pair) == 2:
            floor = row(pair[0].name, None, pair[0].address, pair[0].pids, **pair[0].load)
            rows += [floor, row(pair[1].name + ", TLS", floor, pair[1].address, pair[1].pids,
                                **pair[1].load, **trust)]
    return rows


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="all by default: " + ", ".join(OTHERS))
    parser.add_argument("--build", required=True, help="a build of the core with DORA_TESTS")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row of each round")
    parser.add_argument("--runtimes", default=",".join(RUNTIMES))
    parser.add_argument("--no-install", action="store_true")
    parser.add_argument("--json", metavar="FILE", help="where to write the results")
    options = parser.parse_args()
    for each in options.names:
        if each not in OTHERS:
            parser.error("there is no %s" % each)
    return options


def main():
    options = read_options()
    build = os.path.abspath(options.build)
    os.environ.setdefault("DORA_BIN", os.path.join(build, "dora"))
    bench = Bench(build, options.runtimes.split(","))
    workers = 2 * os.cpu_count()
    results = {"date": datetime.date.today().isoformat(), "rounds": options.rounds,
               "seconds": options.seconds, "machine": machine.facts(bench.python, bench.php),
               "scenarios": []}
    for name, value in results["machine"].items():
        print("%-12s %s" % (name, value))
    print("%d workers each where a server has workers" % workers, flush=True)
    with contextlib.ExitStack() as stack:
        others = start_others(stack, options.names or OTHERS, not options.no_install, workers)
        servers = stack.enter_context(bench.servers())
        size = bench.reply_bytes(next(iter(servers.values())).address)
        echo = stack.enter_context(bench.echo(size))
        watch = machine.Watch()
        for shape in SHAPES:
            rows = rows_of(bench, servers, echo, others, shape)
            found = measure.measure(rows, options.rounds, options.seconds, METRICS["ratios"])
            results["scenarios"].append(
                {"name": "others-%dx%d" % shape, "metrics": METRICS, "rows": found,
                 "title": "side by side, %d connections x %d in flight" % shape})
            print(table.as_text(results["scenarios"][-1]), flush=True)
    with contextlib.ExitStack() as stack:
        metrics = {**METRICS, "floor": "plain"}
        rows = rows_over_tls(stack, bench, options, workers)
        found = measure.measure(rows, options.rounds, options.seconds, metrics["ratios"])
        results["scenarios"].append({"name": "others-tls", "metrics": metrics, "rows": found,
                                     "title": "over TLS, 64 connections x 1 in flight"})
        print(table.as_text(results["scenarios"][-1]), flush=True)
    results["machine"].update({name.replace("_", " "): str(value)
                               for name, value in watch.shares().items()})
    print("\nsteal %(steal percent)s %%, idle %(idle percent)s %%" % results["machine"])
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
