"""Some of basic.py's handlers under another name, for a second pool."""

import time

import dora

app = dora.App()


@app.api("/big/echo")
def echo(param):
    return param


@app.api("/big/big")
def big(param):
    """A string of so many bytes."""
    return "x" * param


@app.api("/big/sleep")
def sleep(param):
    """Sleeps so many milliseconds."""
    time.sleep(param / 1000)
    return param
