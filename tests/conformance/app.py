"""The handlers in Python: they say who answered and how it was asked, at once or behind parts, and
leave a mark in a file."""

import os

import dora

app = dora.App()


@app.api("/python/say")
def say(param, request):
    leave_mark(param, request)
    return answer(param, request)


@app.api("/python/parts")
def parts(param, request):
    leave_mark(param, request)
    for part in range({10: 3, 11: 2, 12: 1000000}[param["n"]]):
        yield {"part": part, "text": param["text"]}
    if param["n"] == 11:
        raise dora.HandlerError("on purpose", code=71)
    return answer(param, request)


def leave_mark(param, request):
    line = "python %s %d\n" % (request.type, param["n"])
    fd = os.open(param["marks"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode())
    os.close(fd)


def answer(param, request):
    return {"from": "python", "type": request.type, "double": param["n"] * 2,
            "text": param["text"]}
