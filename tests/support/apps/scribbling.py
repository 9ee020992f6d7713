"""Handlers on an event loop, and one that writes over the pool's shared memory. While the file that
DORA_TEST_GATE names is there, workers wait before they are ready."""

import asyncio
import ctypes
import os
import time

import dora

app = dora.App()
spoil = ctypes.CDLL(os.environ["DORA_SCRIBBLE_APP"]).scribble
spoil.argtypes = [ctypes.c_char_p, ctypes.c_uint64]


@app.worker_start
def start(_worker):
    while os.path.exists(os.environ.get("DORA_TEST_GATE", "")):
        time.sleep(0.01)


@app.api("/s/echo")
async def echo(param):
    await asyncio.sleep(0)
    return param


@app.api("/s/pause")
async def pause(ms):
    await asyncio.sleep(ms / 1000)
    return ms


@app.api("/s/scribble")
async def scribble(param):
    seed, area = param.split(" ", 1)
    return spoil(area.encode(), int(seed)) == 0
