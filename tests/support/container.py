"""A server as process 1 of a container: it has processes and mounts of its own, and may have a root
that nobody can write to, and a user that is not root. Wants root, or a kernel that lends it."""

import contextlib
import functools
import os
import signal
import subprocess

import pytest

from . import processes
from .server import ROOT, Server, program, wait_until

NOBODY = 65534

# The mounts are of this namespace alone. What is a disk, or memory for files, is only read now.
READ_ONLY = r"""
mount --make-rprivate /
awk '$3 !~ /^(proc|sysfs|cgroup2?|devpts|mqueue|devtmpfs|bpf|securityfs|debugfs|tracefs)$/ {
    print $2 }' /proc/self/mounts | sort -ur | while read -r folder; do
    mount -o remount,bind,ro "$folder" 2>/dev/null
done
exec "$@"
"""


@functools.cache
def _unshare():
    """The command that makes a container of this kind here."""
    for more in ([], ["--user", "--map-root-user"]):
        words = ["unshare", *more, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        if subprocess.run([*words, "true"], stderr=subprocess.DEVNULL).returncode == 0:
            return words
    return None


def _as_nobody():
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    words = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups",
             "--no-new-privs", "--inh-caps=-all"]
    can_read = [*words, "test", "-r", os.path.join(ROOT, "README.md"), "-a", "-x", program()]
    if subprocess.run(can_read, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("a normal user cannot read the sources")
    return words


def inside(command, as_nobody=False):
    """The command that runs `command` as process 1."""
    if _unshare() is None:
        pytest.skip("no namespaces of processes can be made here")
    if not as_nobody:
        return [*_unshare(), *command]
    return [*_unshare(), "sh", "-c", READ_ONLY, "sh", *_as_nobody(), *command]


class Container(Server):
    """`command` as process 1, awaited by its ready line. `first` is its id out here."""

    def __init__(self, command, as_nobody=False):
        super().__init__(command=inside(command, as_nobody))
        self.first = children(self.pid)[0]

    def signal(self, number):
        os.kill(self.first, number)

    def run(self, *command, seconds=30):
        """One more command in there, as `docker exec` runs it."""
        return subprocess.run(["nsenter", "--mount", "--pid", "--target", str(self.first),
                               *command], capture_output=True, text=True, timeout=seconds)

    def close(self):
        """Who changes its user outlives unshare: process 1 is ended by itself."""
        for first in children(self.pid) if self.process.poll() is None else []:
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(first, signal.SIGKILL)
        super().close()

    def zombies(self):
        """The ids of processes that have ended and that process 1 has not waited for."""
        return [pid for pid in children(self.first) if processes.state(pid) == "Z"]


def children(pid):
    """Its own children, those that have ended among them."""
    return [int(entry) for entry in os.listdir("/proc")
            if entry.isdigit() and processes.parent(entry) == pid]


def wait_for_first(process):
    """The id out here of a container's process 1, once there is one. `process`: of unshare."""
    return wait_until(lambda: children(process.pid))[0]
