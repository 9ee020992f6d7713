"""Offers a server more than it can do, and tells what callers get of it; then one flood beside
polite callers. Prints tables.

    python tests/bench/overload.py --build DIR [--before COMMIT | --no-before] [--rounds N]
                                   [--json FILE] [--quick]

Calls come at a rate that does not depend on the answers: half of what the server can do for a
moment, then 0.5, 1, 2 or 4 times of it, then half again. Handlers sleep, so that workers and not
processors are what there is too little of. Callers wait for 1 s and tell so, or for 3 s and do not.
"First in, first out" is Dora of the commit before tasks took turns; git finds it.

Both sides are checked against each other: each call has one answer, and the handlers' own book says
what ran for whom. A row is spoiled where the calls were not offered when they were due, or where
somebody else used the processors: then the load was another one than the row says.
"""

import argparse
import contextlib
import datetime
import json
import os
import statistics
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import fates  # noqa: E402
import flood  # noqa: E402
import machine  # noqa: E402
import older  # noqa: E402
import overload_report  # noqa: E402
import tools  # noqa: E402
from support.server import Server, wait_until  # noqa: E402

NOW, FIFO = "Dora", "first in, first out"
WORKERS = {1: 8, 10: 16, 100: 32}  # by how long a handler sleeps, in ms
TIMES = (0.5, 1, 2, 4)
BEFORE_QUEUES = "core/src/task/queue.c"
TOLD_S, UNTOLD_S = 1.0, 3.0  # the latter is what clients wait by default
CONNECTIONS = 64
DRAIN_S = 120  # for answers to what was left in the queue, for whoever waits without end
BOOK_RUNS = 1 << 22
OTHERS_MOST = 0.1  # of the processors' time, used by somebody else
LATE_SHARE = 0.02  # of the callers' time, for the load generator's p99


class Lengths:
    """Of the phases, in seconds. What counts are the answers in the second half of the load: what
    lasts; so that is long beside the callers' patience."""

    def __init__(self, quick, patience_s):
        self.sustained, self.begin, self.load, self.after = (
            (0.1, 0.1, 0.3, 0.2) if quick else (1, 0.5, 4 * patience_s, 2))


@contextlib.contextmanager
def served(build, program, sleep_ms, folder):
    """A server that books its runs: (server, path of the book)."""
    book = os.path.join(folder, "book")
    fates.make_book(book, BOOK_RUNS)
    changed = {"DORA_BIN": program, "DORA_BENCH_BOOK": book}
    kept = {name: os.environ.get(name) for name in changed}
    os.environ.update(changed)
    pool = {"runtime": "c", "workers": WORKERS[sleep_ms],
            "app": os.path.join(build, "tests", "bench", "bench_sleep.so")}
    try:
        with Server({"p": pool}) as server:
            if not wait_until(lambda: len(server.workers()) >= WORKERS[sleep_ms]):
                raise RuntimeError("not all workers started: " + server.log())
            yield server, book
    finally:
        for name, value in kept.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def sustained(build, server, sleep_ms, seconds):
    """Calls a second with every worker at work and one call waiting for each."""
    return tools.drive(os.path.join(build, "tests", "bench"), server.address, [], seconds,
                       warm_up=0.1, connections=2 * WORKERS[sleep_ms], name="/bench/sleep",
                       param="i:%d;" % (1000 * sleep_ms))["per_second"]


class Others:
    """The share of the processors' time that neither the server nor the load generator used."""

    def __init__(self, server):
        self.server = server
        self.ticks, self.used = machine.cpu_ticks(), self._used()

    def _used(self):
        return tools.cpu_seconds([self.server.pid]) + sum(os.times()[:4])

    def share(self):
        spent = [after - before for before, after in zip(self.ticks, machine.cpu_ticks())]
        busy = (sum(spent) - spent[3] - spent[4]) / tools.TICKS - (self._used() - self.used)
        return max(busy, 0.0) / max(sum(spent) / tools.TICKS, 1e-9)


def offer(build, server, sleep_ms, phases, told_s, folder):
    """What became of the calls, and what the load generator says of itself."""
    path = os.path.join(folder, "fates")
    argv = [os.path.join(build, "tests", "bench", "bench_overload"), server.address, path,
            "--phases", ",".join("%.3f:%.3f" % each for each in phases),
            "--connections", str(CONNECTIONS), "--param", "i:%d;" % (1000 * sleep_ms),
            "--timeout", str(int(told_s * 1000)), "--patience", str(DRAIN_S)]
    others = Others(server)
    said = tools.run_json(argv, sum(seconds for _, seconds in phases) + DRAIN_S)
    said["others"] = others.share()
    return fates.read_fates(path), said


def why_spoiled(said, patience_s):
    if said["late_p99_ms"] > patience_s * 1000 * LATE_SHARE:
        return "late %.0f ms" % said["late_p99_ms"]
    if said["others"] > OTHERS_MOST:
        return "others %.0f %%" % (100 * said["others"])
    return ""


def measure(options, program, sleep_ms, times, is_told):
    """One run at `times` the rate that the server can keep up: a dict of figures."""
    build, patience_s = options.build, TOLD_S if is_told else UNTOLD_S
    lengths = Lengths(options.quick, patience_s)
    patience_ns = int(patience_s * 1e9)
    with tempfile.TemporaryDirectory() as folder, \
            served(build, program, sleep_ms, folder) as (server, book):
        rate = sustained(build, server, sleep_ms, lengths.sustained)
        earlier = len(fates.read_book(book))
        phases = [(rate / 2, lengths.begin), (rate * times, lengths.load),
                  (rate / 2, lengths.after)]
        found, said = offer(build, server, sleep_ms, phases, TOLD_S if is_told else 0, folder)
        runs = fates.read_book(book)[earlier:]
    codes = fates.balance(found, runs)
    begin = found[0].due + int(lengths.begin * 1e9)
    end = begin + int(lengths.load * 1e9)
    half_s = lengths.load / 2
    lasting = fates.answered_between(found, end - int(half_s * 1e9), end)
    counted = fates.count(lasting, patience_ns)
    recovery = fates.recovery_s(found, end, patience_ns)
    return {"rate": rate, "sent": len(found), "codes": codes, **counted,
            "in_time_per_s": counted["in_time"] / half_s,
            "in_time_share": counted["in_time"] / half_s / rate,
            "for_nobody": fates.for_nobody(found, runs, patience_ns),
            "recovery_s": lengths.after if recovery is None else recovery,
            "is_recovered": recovery is not None, "late_p99_ms": said["late_p99_ms"],
            "others": said["others"], "spoiled": why_spoiled(said, patience_s)}


def median_of(rounds):
    """One row of several: medians of the figures, of the rounds that are not spoiled where there
    are any; calls by code are those of the last of them."""
    good = [each for each in rounds if not each["spoiled"]] or rounds
    row = dict(good[-1])
    for name in ("rate", "in_time_per_s", "in_time_share", "late", "for_nobody", "recovery_s",
                 "late_p99_ms", "others"):
        row[name] = statistics.median(each[name] for each in good)
    row["rounds"] = len(good)
    return row


def overload(options, programs, say):
    """Rows of every handler, with and without a time that is told, at each rate."""
    sleeps, all_times = ((10,), (4,)) if options.quick else (WORKERS, TIMES)
    cells = [(sleep_ms, is_told, times, who) for sleep_ms in sleeps for is_told in (True, False)
             for times in all_times for who in programs]
    rounds = {cell: [] for cell in cells}
    for number in range(options.rounds):
        for cell in cells:
            sleep_ms, is_told, times, who = cell
            say("overload: round %d of %d, %d ms, %g x, %s" % (number + 1, options.rounds,
                                                               sleep_ms, times, who))
            rounds[cell].append(measure(options, programs[who], sleep_ms, times, is_told))
    return [{"sleep_ms": sleep_ms, "is_told": is_told, "times": times, "who": who,
             **median_of(rounds[sleep_ms, is_told, times, who])}
            for sleep_ms, is_told, times, who in cells]


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="a build of the core with DORA_TESTS")
    parser.add_argument("--before", metavar="COMMIT", help="an older Dora to measure beside it")
    parser.add_argument("--no-before", action="store_true", help="this one alone")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", metavar="FILE", help="where to write the results")
    parser.add_argument("--quick", action="store_true",
                        help="one short round without an older Dora: do the counts agree?")
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    if options.quick:
        options.rounds, options.no_before = 1, True
    return options


def say(text):
    if sys.stderr.isatty():
        print("\r" + text, end="\033[K", file=sys.stderr, flush=True)
    else:
        print(text, file=sys.stderr, flush=True)


def main():
    options = read_options()
    programs = {NOW: os.path.join(options.build, "dora")}
    os.environ.setdefault("DORA_BIN", programs[NOW])
    if not options.no_before:
        commit = options.before or older.before(BEFORE_QUEUES)
        programs = {FIFO: older.build(commit, os.path.join(older.ROOT, "out", "bench", "older")),
                    **programs}
    found = {"kind": "overload", "date": datetime.date.today().isoformat(),
             "rounds": options.rounds, "machine": machine.facts(),
             "floods": flood.floods(options, say),
             "overload": overload(options, programs, say)}
    print(overload_report.as_text(found))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
