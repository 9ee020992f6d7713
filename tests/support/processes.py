"""What /proc says of processes: the tree below one, names, memory, CPU time, descriptors."""

import os
import re

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGESIZE")


def _stat(pid):
    """Fields of /proc/PID/stat after the name (state is the first), None when it is gone."""
    try:
        with open("/proc/%s/stat" % pid) as file:
            return file.read().rsplit(") ", 1)[1].split()
    except (OSError, IndexError):
        return None


def state(pid):
    """The letter of /proc: R, S, T (stopped), ...; empty when it is gone."""
    stat = _stat(pid)
    return stat[0] if stat else ""


def parent(pid):
    """The process id of its parent; 0 when it is gone."""
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def is_alive(pid):
    return state(pid) not in ("", "Z", "X")


def is_stopped(pid):
    """Whether all its threads stand still, by SIGSTOP."""
    try:
        return all(state("%d/task/%s" % (pid, thread)) == "T"
                   for thread in os.listdir("/proc/%d/task" % pid))
    except OSError:
        return False


def descendants(pid):
    """The process ids below `pid`, zombies left out."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            stat = _stat(int(entry))
            if stat and stat[0] not in "ZX":
                children.setdefault(int(stat[1]), []).append(int(entry))
    found, queue = [], [pid]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def title(pid):
    """The command line as `ps` shows it, empty when the process is gone."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as file:
            return file.read().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def comm(pid):
    """The short name."""
    try:
        with open("/proc/%d/comm" % pid) as file:
            return file.read().rstrip("\n")
    except OSError:
        return ""


def workers(master, pool=None):
    """The task workers below a master: {worker's title: pid}."""
    start = "dora: worker " + (pool + " " if pool else "")
    named = ((title(pid), pid) for pid in descendants(master))
    return {name: pid for name, pid in named if name.startswith(start)}


def cpu_seconds(pid):
    """CPU time of `pid` and all below it, with what its dead and waited-for children used."""
    total = 0
    for each in [pid] + descendants(pid):
        stat = _stat(each)
        if stat:
            total += sum(int(field) for field in stat[11:15])
    return total / TICKS


def rss_bytes(pid):
    with open("/proc/%d/statm" % pid) as file:
        return int(file.read().split()[1]) * PAGE


def anonymous_bytes(pid):
    """Resident memory that is the process's own: no shared region, no mapped files."""
    with open("/proc/%d/status" % pid) as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def reads(pid):
    """How many system calls that read it has made."""
    with open("/proc/%d/io" % pid) as file:
        return int(re.search(r"^syscr: (\d+)$", file.read(), re.M).group(1))


def fd_count(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def shm_names():
    """What stands in /dev/shm, to see that nothing is left there."""
    return set(os.listdir("/dev/shm"))
