"""When this process stood still, or the whole machine: what a bound allows is measured without."""

import threading
import time

LOOK_S = 0.01
NOTICED_S = 0.1


class Stalls(threading.Thread):
    """`with Stalls() as stalls`: a thread that wakes up again and again, and books when it did
    not."""

    def __init__(self):
        super().__init__(daemon=True)
        self.found = []
        self.ended = threading.Event()

    def run(self):
        last = time.monotonic()
        while not self.ended.wait(LOOK_S):
            now = time.monotonic()
            if now - last > NOTICED_S:
                self.found.append((last, now))
            last = now
        self.found.append((last, time.monotonic()))

    def within(self, began, ended):
        """How long it stood still in that time."""
        return sum(max(0.0, min(ended, until) - max(began, since)) for since, until in self.found)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()
