"""As overrun.py, on an event loop; those below /plain run in a thread beside it."""

import asyncio
import os
import time

import dora

app = dora.App()


def made(param):
    with open(param, "w"):
        pass


@app.api("/pid")
async def pid(param):
    return os.getpid()


@app.api("/sleep", time_limit=0.15)
async def sleep(param):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError as error:
        assert "ran past its time limit" in str(error)
        made(param)
        raise


@app.api("/loop", time_limit=0.15)
async def loop(param):
    """The loop does not turn."""
    try:
        while True:
            pass
    finally:
        made(param)


@app.api("/plain/loop", time_limit=0.15)
def plain(param):
    try:
        while True:
            time.sleep(0.001)
    except dora.TimeLimit:
        made(param)
        raise


@app.api("/wait")
async def wait(param):
    try:
        await asyncio.sleep(60)
    finally:
        made(param)
