"""Handlers for the server's tests: each does one thing a server must survive."""

import os
import random
import signal
import sys
import time

import dora

app = dora.App()


@app.api("/echo")
def echo(param):
    return param


@app.api("/pid")
def pid(param):
    return os.getpid()


@app.api("/sleep")
def sleep(param):
    """Sleeps so many milliseconds."""
    time.sleep(param / 1000)
    return os.getpid()


@app.api("/wait")
def wait(param):
    """Makes the file `mark`, then waits until `until` is there."""
    with open(param["mark"], "w"):
        pass
    while not os.path.exists(param["until"]):
        time.sleep(0.005)
    return os.getpid()


@app.api("/meet")
def meet(param):
    """Waits until so many (`count`) workers are here."""
    with open(os.path.join(param["folder"], str(os.getpid())), "w"):
        pass
    while len(os.listdir(param["folder"])) < param["count"]:
        time.sleep(0.005)
    return os.getpid()


@app.api("/brief")
def brief(param):
    """Quick, but one time in four not quite, so that a kill finds it at work."""
    if random.random() < 0.25:
        time.sleep(0.002)
    return param


@app.api("/big")
def big(param):
    """A string of so many bytes."""
    return "x" * param


@app.api("/controls")
def controls(param):
    """A string of so many control characters."""
    return "\x01" * param


@app.api("/squares")
def squares(param, request):
    """So many parts, 0, 1, 4, ...; how many is the result."""
    for number in range(param):
        yield number * number
    request.progress(param, param, "squared")
    return param


@app.api("/print")
def print_much(param):
    """Prints so many bytes, in lines."""
    line = "flood " * 16 + "\n"
    for _ in range(param // len(line) + 1):
        sys.stdout.write(line)
    sys.stdout.flush()
    return param


@app.api("/die")
def die(param):
    """Ends the worker in the way asked for."""
    if param == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif param == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif param == "_exit":
        os._exit(0)
    elif param == "exit":
        sys.exit(3)
    return "still here"


@app.api("/raise")
def fail(param):
    """Raises: an exception of Python's, or dora.HandlerError with code and message."""
    if param is None:
        raise ValueError("no param")
    raise dora.HandlerError(param["msg"], param["code"])


@app.api("/maybe_die")
def maybe_die(param):
    """Ends the worker at random, one time in `param`."""
    roll = int.from_bytes(os.urandom(4), "big") % param
    if roll == 0:
        os._exit(0)
    if roll == 1:
        sys.exit(3)
    return "ok"


@app.api("/request")
def request(param, asked):
    """What a handler is told about its call."""
    return {"name": asked.name, "guid": asked.guid, "type": asked.type, "trace": asked.trace,
            "protocol": asked.protocol, "connection": asked.connection,
            "remaining_ms": asked.remaining_ms}


@app.api("/no_json")
def no_json(param):
    """What JSON cannot say."""
    return {"rows": [1, {"x": float("nan") if param == "nan" else b"\xff"}]}


@app.api("plain")
def plain(param):
    """A name without a slash."""
    return "plain"
