"""Handlers that go wrong, each in its own way: faulty.php does the same."""

import os
import signal
import sys
import time

import dora

app = dora.App()


class Unfit(Exception):
    code = 4711


@app.api("/py/raise")
def raises(param):
    raise ValueError(param)


@app.api("/py/code")
def raises_with_code(param):
    raise Unfit(param)


@app.api("/py/deliberate")
def deliberate(param):
    raise dora.HandlerError(param, 42)


@app.api("/py/refused")
def refused(param):
    return {"items": [1, object()]}


@app.api("/py/big")
def big(param):
    return "x" * param


@app.api("/py/exit")
def exits(param):
    sys.exit(param)


@app.api("/py/os_exit")
def ends(param):
    os._exit(param)


@app.api("/py/signal")
def killed(param):
    os.kill(os.getpid(), signal.SIGKILL)


@app.api("/py/hang")
def hangs(param):
    while True:
        time.sleep(1)


@app.api("/py/nap")
def naps(param):
    time.sleep(param)


@app.api("/py/no_json")
def no_json(param):
    return {"x": [1, float("nan") if param == "nan" else b"\xff" + b"y" * 40000]}


@app.api("/py/echo")
def echo(param):
    return param
