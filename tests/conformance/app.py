"""The handler in Python: says who answered and how it was asked, and leaves a mark in a file."""

import os

import dora

app = dora.App()


@app.api("/python/say")
def say(param, request):
    line = "python %s %d\n" % (request.type, param["n"])
    fd = os.open(param["marks"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(fd, line.encode())
    os.close(fd)
    return {"from": "python", "type": request.type, "double": param["n"] * 2,
            "text": param["text"]}
