"""Handlers that run past their time limit, each in a way of its own. `param` names a file that
`finally` makes; with `.begun` behind it one that says that the handler has come to where that will
run."""

import asyncio
import ctypes
import itertools
import os
import re
import socket
import threading
import time

import dora

app = dora.App()
inner = dora.App()
lock = threading.Lock()
libc = ctypes.PyDLL(None)


def made(path):
    with open(path, "w"):
        pass


def overruns(handler):
    def around(param):
        try:
            made(param + ".begun")
            return handler()
        finally:
            made(param)

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
        made(param + ".begun")
        time.sleep(60)
    finally:
        made(param)


async def linger():
    """Left behind, it holds up the loop of the next call past that one's limit."""
    await turned.wait()
    end = time.monotonic() + 0.6
    while time.monotonic() < end:
        pass


@inner.api("/leave")
async def leave(param):
    global turned, left
    turned = asyncio.Event()
    left = asyncio.create_task(linger())
    await asyncio.sleep(0)


@inner.api("/turn")
async def turn(param):
    made(param + ".begun")
    turned.set()
    await asyncio.sleep(60)


@app.api("/behind", time_limit=0.15)
def behind(param):
    inner.call("/leave")
    try:
        inner.call("/turn", param)
    finally:
        assert left.exception() is None
        made(param)


@app.api("/stay")
def stay(param):
    """Whatever it is told."""
    made(param + ".begun")
    while True:
        try:
            time.sleep(60)
        except BaseException:
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
