"""When the machine stood still: what a bound allows is measured without."""

import os
import subprocess
import sys

# A process of its own: one whose client waits and keeps the interpreter's lock stands still, too,
# and that is no machine's fault.
LOOKER = """
import select, sys, time
last = time.monotonic()
print(flush=True)
while not select.select([sys.stdin], [], [], 0.01)[0]:
    now = time.monotonic()
    if now - last > 0.1:
        print(last, now, flush=True)
    last = now
print(last, time.monotonic(), flush=True)
"""


class Stalls:
    """`with Stalls() as stalls`: a process that wakes up again and again, and tells when it did
    not."""

    def __init__(self):
        self.process, self.told = None, b""

    def _listen(self):
        while not self.process.stdout.closed and (piece := self.process.stdout.read(65536)):
            self.told += piece

    def within(self, began, ended):
        """How long the machine stood still in that time."""
        self._listen()
        spans = [map(float, line.split()) for line in self.told.splitlines()]
        return sum(max(0.0, min(ended, until) - max(began, since)) for since, until in spans)

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", LOOKER], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)
        assert self.process.stdout.read(1) == b"\n"  # it looks
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self._listen()
        self.process.stdout.close()
