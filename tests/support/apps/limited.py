"""Handlers with time limits of their own: each takes how many seconds it sleeps."""

import os
import time

import dora

app = dora.App()


def sleep(param):
    time.sleep(param)
    return os.getpid()


app.api("/pool")(sleep)
app.api("/short", time_limit=0.3)(sleep)
app.api("/second", time_limit=1)(sleep)
app.api("/long", time_limit=60.0)(sleep)
app.api("/none", time_limit=0)(sleep)
app.api("/unsaid", time_limit=None)(sleep)


@app.api("/inner")
def inner(param):
    time.sleep(param)


@app.api("/outer", time_limit=0.3)
def outer(param):
    """What ends it while another handler of its own runs goes through both."""
    try:
        app.call(param, 20)
    except Exception as error:
        print("kept", type(error).__name__, flush=True)
    except dora.TimeLimit:
        print("ended within", param, flush=True)
        raise
