"""Handlers that end their workers, in all the ways there are, and until they are spared."""

import os
import signal
import sys
import time

import dora

app = dora.App()


def mark(path):
    with open(path, "a") as file:
        file.write("%d\n" % os.getpid())


def wait_for(path, count):
    """Until so many have run."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with open(path) as file:
            if len(file.readlines()) >= count:
                return
        time.sleep(0.005)


@app.api("/end")
def end(param):
    """Adds a line to the file `runs`, then ends the worker by `how`, unless `spare` is there, once
    `beside` have run."""
    return run(param)


@app.api("/late", time_limit=0.5)
def late(param):
    """That, with a time limit."""
    return run(param)


def run(param):
    mark(param["runs"])
    wait_for(param["runs"], param.get("beside", 0))
    if os.path.exists(param["spare"]):
        return "spared"
    how = param["how"]
    if how == "exit":
        os._exit(3)
    if how == "leave":
        sys.exit(3)
    if how == "term":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if how == "loop":
        while True:
            time.sleep(1)
    os.kill(os.getpid(), {"segv": signal.SIGSEGV, "kill": signal.SIGKILL,
                          "term": signal.SIGTERM}[how])
    signal.pause()


@app.api("/echo")
def echo(param):
    return param


@app.worker_start
def start(worker):
    """Ends where DORA_TEST_BROKEN names a file that is there."""
    if os.path.exists(os.environ.get("DORA_TEST_BROKEN", "")):
        os._exit(5)
