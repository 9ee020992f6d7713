"""A worker with an event loop, and a thread beside it."""
import os

import dora

app = dora.App()


@app.api("/loop/pid")
async def pid(param):
    return os.getpid()


@app.api("/loop/plain")
def plain(param):
    return os.getpid()
