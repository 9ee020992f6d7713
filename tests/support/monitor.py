"""A `dora monitor` (or another program that does the same) for a test, and its log."""

import os
import subprocess
import time

from support.server import environment, program


def wait_for(question, what, seconds=20.0):
    """Asks until the answer is true, and gives it."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError("not within %.1f s: %s" % (seconds, what() if callable(what)
                                                            else what))
        time.sleep(0.005)


class Monitor:
    """`with Monitor(redis, files) as monitor`: `redis` are texts, `files` paths. It is ready."""

    def __init__(self, redis, files, *flags, command=None, folder=None):
        words = command or [program(), "monitor"]
        if command is None:
            words += [word for one in redis for word in ("--redis", one)]
            words += [word for one in files for word in ("--out", str(one))]
        self.log_path = os.path.join(str(folder or os.path.dirname(str(files[0]))), "monitor.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(words + list(flags), stdout=subprocess.PIPE,
                                            stderr=log, stdin=subprocess.DEVNULL,
                                            env=environment(), text=True)
        self.ready = None
        if command is None:
            self.ready = self.process.stdout.readline().rstrip("\n")

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def wait_log(self, text, seconds=20.0):
        return wait_for(lambda: text in self.log(),
                        lambda: "%r in the log:\n%s" % (text, self.log()), seconds)

    def stop(self, seconds=10.0):
        """SIGTERM. Returns: the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(seconds)
        self.process.stdout.close()
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()
