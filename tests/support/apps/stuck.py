"""Handlers that do not end, each in a way of its own."""

import os
import threading
import time

import dora

app = dora.App()
lock = threading.Lock()


@app.api("/echo")
def echo(param):
    return param


@app.api("/pid")
def pid(param):
    return os.getpid()


@app.api("/loop")
def loop(param):
    """`param` names a file that says it has begun."""
    _mark(param)
    while True:
        pass


@app.api("/deadlock")
def deadlock(param):
    _mark(param)
    with lock:
        with lock:
            return None


@app.api("/wait")
def wait(param):
    """Until the file `until` is there."""
    _mark(param["mark"])
    while not os.path.exists(param["until"]):
        time.sleep(0.005)
    return os.getpid()


class Endless:
    """Its end is an endless loop: after the reply, where the handler has left it to the worker."""

    def __del__(self):
        while True:
            pass


def _mark(path):
    if path:
        with open(path, "w"):
            pass
