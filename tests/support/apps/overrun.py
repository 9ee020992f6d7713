"""Handlers that run past their time limit, each in a way of its own. `param` names a file that
`finally` makes."""

import ctypes
import itertools
import os
import re
import socket
import threading
import time

import dora

app = dora.App()
lock = threading.Lock()
libc = ctypes.PyDLL(None)


def overruns(handler):
    def around(param):
        try:
            return handler()
        finally:
            with open(param, "w"):
                pass

    app.api("/" + handler.__name__, time_limit=0.15)(around)
    return handler


@app.api("/pid")
def pid(param):
    return os.getpid()


@app.api("/edge", time_limit=0.03)
def edge(param):
    time.sleep(0.03)


@app.api("/wait")
def wait(param):
    """As long as it may."""
    try:
        with open(param + ".begun", "w"):
            pass
        time.sleep(60)
    finally:
        with open(param, "w"):
            pass


@overruns
def sleep():
    time.sleep(60)


@overruns
def loop():
    while True:
        pass


@overruns
def receive():
    one, _other = socket.socketpair()
    one.recv(1)


@overruns
def acquire():
    with lock:
        lock.acquire()


@overruns
def match():
    """It keeps the GIL, and looks for signals now and then."""
    re.match(r"(a+)+$", "a" * 60 + "b")


@overruns
def foreign():
    """It waits in foreign code that keeps the GIL."""
    libc.sleep(60)


@overruns
def guarded():
    try:
        time.sleep(60)
    except Exception:  # that is no exception of the handler's
        time.sleep(60)


@overruns
def translated():
    try:
        time.sleep(60)
    except dora.TimeLimit as error:
        raise RuntimeError("it took too long") from error


@overruns
def ignored():
    """It ends as if nothing were."""
    try:
        time.sleep(60)
    except dora.Interrupted:
        return "a result"


@overruns
def deaf():
    while True:
        try:
            time.sleep(60)
        except BaseException:
            pass


@overruns
def total():
    """Foreign code that keeps the GIL and never looks."""
    sum(itertools.repeat(1))
