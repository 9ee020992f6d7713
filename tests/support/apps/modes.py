"""Handlers whose work can be seen from outside, whoever is told of it."""

import os
import signal
import sys
import time

import dora

app = dora.App()


@app.api("/mark")
def mark(param):
    """Sleeps `ms`, then adds `text` to a file as a line of its own."""
    time.sleep(param.get("ms", 0) / 1000)
    with open(param["file"], "a") as file:
        file.write(param["text"] + "\n")
    return param["text"]


@app.api("/hold")
def hold(param):
    """Adds "held" to the file, then waits until a second file is there."""
    mark({"file": param["file"], "text": "held"})
    while not os.path.exists(param["until"]):
        time.sleep(0.002)
    return "let go"


@app.api("/die")
def die(param):
    """Adds its process id to the file, then ends by SIGKILL."""
    mark({"file": param["file"], "text": str(os.getpid())})
    os.kill(os.getpid(), signal.SIGKILL)


@app.api("/exit")
def leave(param):
    """The worker ends, in order."""
    sys.exit(param)


@app.api("/raise")
def fail(param):
    raise dora.HandlerError(param["msg"], param["code"])


@app.api("/big")
def big(param):
    return "x" * param


@app.api("/about")
def about(param, request):
    """What a handler can ask of its request."""
    return {"type": request.type, "remaining_ms": request.remaining_ms}


@app.api("/squares")
def squares(param):
    """So many parts, 0, 1, 4, ...; how many is the result."""
    for number in range(param):
        yield number * number
    return param
