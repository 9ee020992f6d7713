"""Handlers that end at about their time limit, beside some that have none. All share a client, a
lock and a queue, as those of one worker do."""

import asyncio
import os
import random
import time

import dora

app = dora.App()
shared = {}


@app.worker_start
async def begin():
    shared["lock"] = asyncio.Lock()
    shared["queue"] = asyncio.Queue()


def client_of(node):
    """Made by the first that needs it, in its context."""
    if "client" not in shared:
        shared["client"] = dora.AsyncClient(node, timeout=60.0)
    return shared["client"]


@app.worker_stop
async def end():
    if "client" in shared:
        await shared["client"].close()


async def step(node, number):
    assert await client_of(node).call("/echo", number) == number
    async with shared["lock"]:
        shared["queue"].put_nowait(number)
        await asyncio.sleep(0)
    await shared["queue"].get()


@app.api("/edge", time_limit=0.05)
async def edge(param):
    until = time.monotonic() + random.uniform(0.03, 0.06)
    while time.monotonic() < until:
        await step(param["node"], param["number"])
        for _ in range(2000):
            pass
    if param["number"] % 30 == 0:  # the loop does not turn
        while time.monotonic() < until + 0.05:
            pass


@app.api("/steady")
async def steady(param):
    for number in range(20):
        await step(param["node"], number)
    return param["number"]


@app.api("/pid")
async def pid(param):
    return os.getpid()
