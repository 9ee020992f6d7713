"""Generators whose parts are odd: `param` says which, and a file in which each notes its end."""
import socket
import time

import dora
from parts import note

app = dora.App()


def recursive():
    found = []
    found.append({"again": found})
    return found


def deep():
    found = 0
    for _ in range(600):
        found = [found]
    return found


VALUES = {
    "socket": socket.socket,
    "lambda": lambda: lambda: 1,
    "recursive": recursive,
    "deep": deep,
    "nan": lambda: float("nan"),
    "bytes": lambda: b"\xff\x00",
    "surrogate": lambda: "\ud800",
    "huge int": lambda: 1 << 64,
    "none": lambda: None,
    "megabyte": lambda: "m" * (1 << 20),
}


@app.api("/value")
def value(param):
    try:
        yield "before"
        yield VALUES[param["what"]]()
        yield "behind"
    finally:
        note(param["path"], "ended")


@app.api("/empties")
def empties(param):
    yield from [""] * param


@app.api("/nested")
def nested(param):
    def inner(depth):
        yield depth
        got = (yield from inner(depth - 1)) if depth > 0 else 0
        return got + depth
    return (yield from inner(param))


@app.api("/again")
def again(param):
    """It goes on when it should end."""
    try:
        for i in range(1 << 30):
            yield i
    finally:
        note(param, "closing")
        yield "once more"
        note(param, "ended")


@app.api("/tidy")
def tidy(param):
    """Its end takes a while."""
    try:
        for i in range(1 << 30):
            yield i
    finally:
        time.sleep(0.3)
        note(param, "ended")


@app.api("/progress")
def progress(param, request):
    """What is no progress is this handler's own error, and it goes on."""
    found = []
    for wrong in ((), ("1",), (1, "2"), (1, 2, 3), (float("nan"),), (1, None, "\ud800")):
        try:
            request.progress(*wrong)
            found.append("taken")
        except Exception as error:
            found.append(type(error).__name__)
        yield found[-1]
    request.progress(2 ** 70, -1.5, "n\n\u00fc\x00" * 200)
    return found
