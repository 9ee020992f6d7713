"""Runs the benchmark's programs and asks /proc what their processes cost."""

import json
import os
import re
import signal
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
TICKS = os.sysconf("SC_CLK_TCK")
LOAD_PATIENCE_S = 60


def family(pids):
    """These processes and all below them; the dead too until they are waited for."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(entry)
            if stat:
                children.setdefault(int(stat[1]), []).append(int(entry))
    found = list(pids)
    for pid in found:
        found += children.get(pid, [])
    return found


def _stat(pid):
    """Fields of /proc/PID/stat after the name, None when it is gone."""
    try:
        with open("/proc/%s/stat" % pid) as file:
            return file.read().rsplit(") ", 1)[1].split()
    except OSError:
        return None


def _ran_ns(pid):
    """What the threads of a process have run."""
    total = 0
    try:
        for thread in os.listdir("/proc/%d/task" % pid):
            with open("/proc/%d/task/%s/schedstat" % (pid, thread)) as file:
                total += int(file.read().split()[0])
    except OSError:
        pass
    return total


def _children_seconds(pid):
    """What the dead and waited-for children of a process have used."""
    stat = _stat(pid)
    return (int(stat[13]) + int(stat[14])) / TICKS if stat else 0


def cpu_seconds(pids):
    """CPU time of whole process trees: the living by the scheduler's nanoseconds, workers that were
    recycled by what their parent was told of them. Threads that ended are not counted."""
    everyone = family(pids)
    return sum(_ran_ns(pid) / 1e9 + _children_seconds(pid) for pid in everyone)


def _memory_field(pid, name):
    try:
        with open("/proc/%d/smaps_rollup" % pid) as file:
            return int(re.search(name + r":\s+(\d+) kB", file.read()).group(1)) / 1024
    except (OSError, AttributeError):
        return 0


def pss_mb(pid):
    """Proportional set size of a process and all below it, in MiB."""
    return sum(_memory_field(each, "Pss") for each in family([pid]))


class Tool:
    """One of the small servers to compare with; `with Tool(argv) as tool`."""

    def __init__(self, *argv):
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if not line.startswith("ready "):
            self.close()
            raise RuntimeError("%s did not start" % argv[0])
        self.address = line.split()[1]
        self.pid = self.process.pid

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def load_argv(programs, address, program="bench_load", **options):
    argv = [os.path.join(programs, program), address]
    for name, value in options.items():
        argv += ["--" + name.replace("_", "-"), str(value)]
    return argv


def drive(programs, address, pids, seconds, **options):
    """One run of the load generator with its options; its figures, and `cpu_us`: what the processes
    used for each request while it counted."""
    argv = load_argv(programs, address, seconds=seconds, **options)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as process:
        watchdog = threading.Timer(seconds + LOAD_PATIENCE_S, process.kill)
        watchdog.start()
        try:
            used = {}
            for word in ("begin", "end"):
                if process.stdout.readline().strip() != word:
                    break
                used[word] = cpu_seconds(pids)
            text, complaint = process.stdout.read(), process.stderr.read()
            process.wait()
        finally:
            watchdog.cancel()
    if process.returncode != 0 or not text:
        raise RuntimeError("%s failed: %s%s" % (" ".join(argv), text, complaint))
    found = json.loads(text)
    found["cpu_us"] = (used["end"] - used["begin"]) * 1e6 / max(found["requests"], 1)
    return found


def run_json(argv, seconds):
    """What a program prints as one line of JSON."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=seconds + LOAD_PATIENCE_S)
    if done.returncode != 0:
        raise RuntimeError("%s failed: %s%s" % (argv[0], done.stdout, done.stderr))
    return json.loads(done.stdout)


class BusyCores:
    """A loop of the lowest priority on each core while the block lasts: the cores never halt, which
    costs tens of microseconds a wake-up on virtual machines."""

    def __enter__(self):
        self.loops = []
        for core in os.sched_getaffinity(0):
            self.loops.append(subprocess.Popen(
                ["taskset", "-c", str(core), "chrt", "-i", "0", sys.executable, "-c",
                 "while True: pass"]))
        return self

    def __exit__(self, *_):
        for loop in self.loops:
            loop.kill()
            loop.wait()
