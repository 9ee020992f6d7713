"""Handlers that print, log and raise what their callers say; prefixes so that a name may go on."""

import logging
import sys
import time

import dora

app = dora.App()


@app.api("/echo")
def echo(param):
    return param


@app.api("/print")
def prints(param):
    data = param if isinstance(param, bytes) else param.encode()
    sys.stdout.flush()
    sys.stdout.buffer.write(data + b"\n")
    sys.stdout.buffer.flush()


@app.api("/oops")
def oops(param):
    raise ValueError(param)


@app.api("/log")
def logs(param):
    logging.error("%s", param)


@app.fallback
def fallback(param, request):
    name = request.name if isinstance(request.name, str) else request.name.decode("latin-1")
    if name.startswith("/sleep/"):
        time.sleep(param / 1000)
    elif name.startswith("/raise"):
        text = param if isinstance(param, str) else (param or b"").decode(errors="surrogateescape")
        raise dora.HandlerError(text, 7)
    return name
