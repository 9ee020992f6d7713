"""As limited.py, on an event loop; those below /plain run in a thread beside it."""

import asyncio
import contextlib
import os
import time

import dora

app = dora.App()
LIMITS = {"/pool": None, "/short": 0.3, "/second": 1, "/long": 60.0, "/none": 0, "/unsaid": None}


async def sleep(param):
    await asyncio.sleep(param)
    return os.getpid()


def sleep_in_thread(param):
    time.sleep(param)
    return os.getpid()


@app.api("/block", time_limit=0.3)
async def block(param):
    """The loop does not turn: the master has it ended."""
    time.sleep(param)


@app.api("/tidy", time_limit=0.3)
async def tidy(param):
    """It is ended once: what it awaits as it cleans up is not."""
    try:
        time.sleep(param)
    finally:
        await asyncio.sleep(0.2)
        print("it has tidied up", flush=True)


@app.api("/deaf", time_limit=0.3)
async def deaf(param):
    """Nor does it end when it should."""
    until = time.monotonic() + param
    while time.monotonic() < until:
        with contextlib.suppress(BaseException):
            time.sleep(param)


for name, limit in LIMITS.items():
    app.api(name, time_limit=limit)(sleep)
    app.api("/plain" + name, time_limit=limit)(sleep_in_thread)
