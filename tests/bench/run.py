"""Measures Dora beside a plain libuv echo: speed, server CPU, memory, scaling; prints one table.

    python tests/bench/run.py --build DIR [--rounds N] [--seconds S] [--json FILE] [SCENARIO...]

DIR is a build of the core with -DDORA_TESTS=ON. PHP's module is found by DORA_PHP_EXTENSION, the
Python with the extension in it is the one that runs this file, or DORA_PYTHON. Each round measures
every row of a scenario once; figures are medians, ratios are medians of the rounds' own ratios.
All figures come from one machine at one time: compare the ratios with another day's, not more.
"""

import argparse
import datetime
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import machine  # noqa: E402
import measure  # noqa: E402
import table  # noqa: E402
from bench import RUNTIMES, Bench  # noqa: E402
from scenarios import SCENARIOS  # noqa: E402


def read_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO",
                        help="all by default: " + ", ".join(SCENARIOS))
    parser.add_argument("--build", required=True, help="a build of the core with DORA_TESTS")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="for each row of each round")
    parser.add_argument("--runtimes", default=",".join(RUNTIMES))
    parser.add_argument("--json", metavar="FILE", help="where to write the results")
    parser.add_argument("--quick", action="store_true",
                        help="one short round of small sizes: does it run at all?")
    options = parser.parse_args()
    unknown = [each for each in options.scenarios if each not in SCENARIOS]
    unknown += [each for each in options.runtimes.split(",") if each not in RUNTIMES]
    if unknown:
        parser.error("there is no %s" % unknown[0])
    if options.quick:
        options.rounds, options.seconds = 1, 0.1
    return options


def run_scenario(bench, name, options):
    chosen = SCENARIOS[name]

    def report(number, row):
        print("\r%s: round %d of %d, %s" % (name, number + 1, options.rounds, row.who),
              end="\033[K", file=sys.stderr, flush=True)

    with chosen["open"](bench) as rows:
        found = measure.measure(rows, options.rounds, options.seconds,
                                chosen["metrics"]["ratios"],
                                report if sys.stderr.isatty() else None)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return {"name": name, "title": chosen["title"], "metrics": chosen["metrics"], "rows": found}


def main():
    options = read_options()
    build = os.path.abspath(options.build)
    os.environ.setdefault("DORA_BIN", os.path.join(build, "dora"))
    bench = Bench(build, options.runtimes.split(","), options.quick)
    results = {"date": datetime.date.today().isoformat(), "rounds": options.rounds,
               "seconds": options.seconds, "machine": machine.facts(bench.python, bench.php),
               "scenarios": []}
    for name, value in results["machine"].items():
        print("%-12s %s" % (name, value))
    print("%d rounds of %g s; server CPU is user and system time of all its processes"
          % (options.rounds, options.seconds), flush=True)
    watch = machine.Watch()
    for name in options.scenarios or SCENARIOS:
        results["scenarios"].append(run_scenario(bench, name, options))
        print(table.as_text(results["scenarios"][-1]), flush=True)
    results["machine"].update({name.replace("_", " "): str(value)
                               for name, value in watch.shares().items()})
    print("\nsteal %(steal percent)s %%, idle %(idle percent)s %%" % results["machine"])
    missed = [(each["name"], row["who"], row["load"], row["missed"])
              for each in results["scenarios"] for row in each["rows"] if row["missed"]]
    for name, who, load, what in missed:
        print("missed: %s, %s %s: %s" % (name, who, load, ", ".join(what)))
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
