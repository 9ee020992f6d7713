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
        made(param + ".begun")
        await asyncio.sleep(60)
    except asyncio.CancelledError as error:
        assert "ran past its time limit" in str(error)
        made(param)
        raise


@app.api("/loop", time_limit=0.15)
async def loop(param):
    """The loop does not turn."""
    try:
        made(param + ".begun")
        while True:
            pass
    finally:
        made(param)


async def steps():
    yield 1
    await asyncio.sleep(60)


@app.api("/steps", time_limit=0.15)
async def walk(param):
    """It awaits within an async generator of its own."""
    try:
        made(param + ".begun")
        async for _ in steps():
            pass
    finally:
        made(param)


@app.api("/parts", time_limit=0.15)
async def parts(param):
    try:
        made(param + ".begun")
        async for each in steps():
            yield each
    finally:
        made(param)


@app.api("/parts/loop", time_limit=0.15)
async def parts_loop(param):
    """The loop does not turn."""
    try:
        made(param + ".begun")
        yield 1
        while True:
            pass
    finally:
        made(param)


@app.api("/task", time_limit=0.15)
async def task(param):
    """A task of its own holds up the loop."""
    try:
        made(param + ".begun")
        await asyncio.create_task(hold_up())
    finally:
        made(param)


async def hold_up():
    while True:
        pass


@app.api("/task/finally", time_limit=0.15)
async def task_finally(param):
    """It learns of it by a task of its own that held up the loop, and awaits as it cleans up."""
    try:
        made(param + ".begun")
        await asyncio.create_task(hold_up())
    finally:
        await asyncio.sleep(0.2)
        made(param)


@app.api("/task/gathered", time_limit=0.15)
async def task_gathered(param):
    try:
        made(param + ".begun")
        await asyncio.gather(asyncio.sleep(60), asyncio.wait_for(hold_up(), 60))
    finally:
        await asyncio.sleep(0.2)
        made(param)


@app.api("/task/apart", time_limit=0.15)
async def task_apart(param):
    """It does not wait for the one that held up the loop."""
    try:
        made(param + ".begun")
        apart = asyncio.create_task(hold_up())
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.2)
        assert isinstance(apart.exception(), dora.TimeLimit)
        made(param)


@app.api("/task/watched", time_limit=0.15)
async def task_watched(param):
    """As apart, and somebody else has the error of the one that held up the loop."""
    try:
        made(param + ".begun")
        watched = asyncio.create_task(hold_up())
        watched.add_done_callback(lambda one: one.exception())
        await asyncio.sleep(60)
    finally:
        made(param)


@app.api("/task/below", time_limit=0.15)
async def task_below(param):
    """A task that it waits for learns of it, and is not told again as it cleans up."""
    async def between():
        try:
            await asyncio.create_task(hold_up())
        finally:
            await asyncio.sleep(0.2)
            made(param)

    made(param + ".begun")
    await asyncio.create_task(between())


@app.api("/plain/loop", time_limit=0.15)
def plain(param):
    try:
        made(param + ".begun")
        while True:
            time.sleep(0.001)
    except dora.TimeLimit:
        made(param)
        raise


@app.api("/plain/finally", time_limit=0.15)
def plain_finally(param):
    try:
        while True:
            time.sleep(0.001)
    finally:
        time.sleep(0.2)
        made(param)


@app.api("/deaf", time_limit=0.15)
async def deaf(param):
    """The loop turns."""
    await go_on()


@app.api("/stay")
async def stay(param):
    """Whatever it is told."""
    made(param + ".begun")
    await go_on()


@app.api("/late", time_limit=0.15)
async def late(param):
    """It ends when it may, whatever it is told."""
    while not os.path.exists(param):
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            pass


async def go_on():
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass


@app.api("/until")
async def until(param):
    made(param + ".begun")
    while not os.path.exists(param):
        await asyncio.sleep(0.01)
    return os.getpid()


@app.api("/wait")
async def wait(param):
    try:
        made(param + ".begun")
        await asyncio.sleep(60)
    finally:
        made(param)
