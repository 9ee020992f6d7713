"""A server that hands over to heirs: whoever serves at last is ended with the test."""

import contextlib
import os
import re
import select
import signal
import subprocess

from . import processes
from .server import Server, environment, program

SERVES = re.compile(r"process (\d+) serves")


class Family(Server):
    """A Server; `pid` is of the one that serves now."""

    def command(self, *more):
        """`dora upgrade`: its outcome as subprocess.run has it."""
        return subprocess.run([program(), "upgrade", self.address, *more], env=environment(),
                              capture_output=True, text=True, timeout=90, check=False)

    def upgrade(self, *more):
        """Has an heir take over; what was printed."""
        done = self.command(*more)
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        self.pid = int(SERVES.search(done.stdout).group(1))
        return done.stdout

    def refusal(self, *more):
        """What is printed where there can be no upgrade, and this server serves on."""
        done = self.command(*more)
        assert done.returncode == 1, done.stdout + done.stderr + self.log()
        assert processes.is_alive(self.pid)
        return done.stderr

    def close(self):
        for pid in map(int, SERVES.findall(self.log())):
            if processes.title(pid) == "dora: master":
                end(pid)
        super().close()


def end(pid, seconds=15):
    """Ends a master that is no child of ours, unless it has ended."""
    with contextlib.suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid)) as fd:
        for number in (signal.SIGTERM, signal.SIGKILL):
            signal.pidfd_send_signal(fd.fileno(), number)
            if select.select([fd], [], [], seconds)[0]:
                return
