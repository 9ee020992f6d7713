"""Counts the instructions of codec, dispatch and worker loop under callgrind, and compares them
with the record: figures that do not drift, unlike times.

    python tests/bench/instructions.py --build DIR [--update]

Fails when a figure is more than a tenth above the record of the same compiler; of another compiler
the figures are only shown. --update writes the record: do it with the change that explains it.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
RECORD = os.path.join(HERE, "instructions.json")
TIMES = 1000
ROOM = 1.10
FIGURES = {
    "frame": "a frame found in its bytes",
    "decode_single": "frame and request of W_S",
    "decode_many": "frame and request of W_M with 10 apis",
    "encode_reply": "reply with its envelope, in a frame",
    "json_reply": "that reply as a text of JSON",
    "float": "a float's shortest text",
    "dispatch_submit": "a task handed to a worker that is awake",
    "dispatch_collect": "its outcome collected, its memory freed",
    "worker": "the worker's loop around a handler that writes a small array",
}


def compiler(program):
    """What the record is kept by: compiler, its version, the machine's kind."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return "%s %s" % (done.stdout.strip(), platform.machine())


def inclusive(profile):
    """{function: instructions with all it called} of what matters here."""
    done = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100",
                           "--auto=no", profile], capture_output=True, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        match = re.match(r"\s*([\d,]+) .*:(counted_\w+|reactor_turn|dr_worker_run)\b", line)
        if match:
            found.setdefault(match.group(2), int(match.group(1).replace(",", "")))
    return found


def count(program, times=TIMES):
    """{figure: instructions each time}."""
    with tempfile.TemporaryDirectory() as folder:
        profile, stripped = os.path.join(folder, "profile"), os.path.join(folder, "program")
        # valgrind gives up on debugging information that is newer than itself; names are enough.
        subprocess.run(["objcopy", "--strip-debug", program, stripped], check=True)
        done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=" + profile,
                               stripped, str(times)], capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            raise RuntimeError("callgrind: %s" % done.stderr[-2000:])
        found = inclusive(profile)
    found["counted_worker"] = found["dr_worker_run"] - found["reactor_turn"]
    return {name: round(found["counted_" + name] / times) for name in FIGURES}


def read_record():
    if not os.path.exists(RECORD):
        return {}
    with open(RECORD) as file:
        return json.load(file)


def write_record(record):
    with open(RECORD, "w") as file:
        json.dump(record, file, indent=1, sort_keys=True)
        file.write("\n")


def compare(found, recorded):
    """The figures that rose by more than there is room for: [(name, now, before)]."""
    return [(name, found[name], recorded[name]) for name in found
            if name in recorded and found[name] > recorded[name] * ROOM]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="a build of the core with DORA_TESTS")
    parser.add_argument("--update", action="store_true", help="write the record")
    options = parser.parse_args()
    program = os.path.join(options.build, "tests", "bench", "bench_instructions")
    name, found, record = compiler(program), count(program), read_record()
    known = record.get(name)
    other = sorted(record)[0] if record else None
    print("instructions, %s; record of %s" % (name, name if known else other))
    recorded = known or record.get(other, {})
    for figure, text in FIGURES.items():
        print("%-18s %7d %9s  %s" % (figure, found[figure], recorded.get(figure, ""), text))
    if options.update:
        record[name] = found
        write_record(record)
        return 0
    risen = compare(found, recorded)
    for figure, now, before in risen:
        print("%s: %s: %d instructions, the record has %d"
              % ("too many" if known else "warning, another compiler", figure, now, before))
    if known is None:
        print("no record of %s: --update adds one" % name)
    return 1 if risen and known else 0


if __name__ == "__main__":
    sys.exit(main())
