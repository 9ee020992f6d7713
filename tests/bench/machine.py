"""What a run was made on: processors, kernel, versions, and how much was stolen meanwhile."""

import os
import platform
import re
import subprocess
import sys


def first_line(*argv):
    """The first line a program prints, empty when it is not there."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return (done.stdout.splitlines() or [""])[0].strip()


def processor():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*:\s*(.*)$", file.read(), re.M)
    return found.group(1) if found else platform.machine()


def memory_mb():
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20


def cpu_ticks():
    """The first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal."""
    with open("/proc/stat") as file:
        return [int(each) for each in file.readline().split()[1:9]]


class Watch:
    """What the processors did since it was made."""

    def __init__(self):
        self.before = cpu_ticks()

    def shares(self):
        """Percent of all processors' time: stolen by other guests, and idle."""
        spent = [after - before for before, after in zip(self.before, cpu_ticks())]
        whole = max(sum(spent), 1)
        return {"steal_percent": round(100 * spent[7] / whole, 2),
                "idle_percent": round(100 * (spent[3] + spent[4]) / whole, 1)}


def facts(python=sys.executable, php="php"):
    """{name: text}, in the order to print."""
    return {
        "cores": str(os.cpu_count()),
        "processor": processor(),
        "memory": "%d MiB" % memory_mb(),
        "kernel": platform.release(),
        "load before": "%.2f" % os.getloadavg()[0],
        "compiler": first_line("gcc", "--version"),
        "libuv": first_line("pkg-config", "--modversion", "libuv"),
        "Python": first_line(python, "-c", "import platform; print(platform.python_version())"),
        "PHP": first_line(php, "-n", "-r", "echo PHP_VERSION, PHP_EOL;"),
    }
