"""Handlers that wait on the event loop, and some that do not, for the tests of concurrency."""

import asyncio
import contextvars
import logging
import os
import sys
import time

import dora

app = dora.App()
mark = contextvars.ContextVar("mark", default=None)
running = 0
most = 0
started = []
background = []
took = []


@app.worker_start
async def start(worker):
    await asyncio.sleep(0)
    started.append([worker, id(asyncio.get_running_loop())])


@app.worker_stop
async def stop(worker):
    await asyncio.sleep(0)
    print("stopped", worker, flush=True)


@app.api("/sleep")
async def sleep(param):
    global running, most
    running += 1
    most = max(most, running)
    try:
        await asyncio.sleep(param)
    finally:
        running -= 1
    return os.getpid()


@app.api("/hold")
async def hold(param):
    """Books its beginning, and does not end."""
    with open(param, "a", encoding="ascii") as book:
        book.write(".")
    await asyncio.sleep(600)


@app.api("/gate")
async def gate(param):
    """Books its beginning, and waits until a second file is there."""
    with open(param["book"], "a", encoding="ascii") as book:
        book.write(".")
    while not os.path.exists(param["until"]):
        await asyncio.sleep(0.005)
    return os.getpid()


@app.api("/most")
async def most_at_once(param):
    return most


@app.api("/echo")
async def echo(param):
    return param


@app.api("/brief")
async def brief(param):
    await asyncio.sleep(0.002)
    return param


@app.api("/inline")
def inline(param):
    return param


@app.api("/block")
def block(param):
    time.sleep(param)
    return os.getpid()


@app.api("/block_loop")
async def block_loop(param):
    time.sleep(param)
    return os.getpid()


@app.api("/request")
async def request_shown(param, request):
    before = [request.name, request.guid, request.type, request.remaining_ms, request.param]
    await asyncio.sleep(0.01)
    return {"before": before, "after": [request.name, request.guid, request.type,
                                        request.remaining_ms, request.param]}


@app.api("/context")
async def context(param):
    seen = mark.get()
    mark.set(param)
    await asyncio.sleep(0.02)
    return [seen, mark.get()]


@app.api("/loop")
async def loop_of_start(param):
    return started == [[started[0][0], id(asyncio.get_running_loop())]]


@app.api("/raise")
async def raises(param):
    await asyncio.sleep(0)
    raise ValueError("no such thing")


@app.api("/raise/handler")
async def raises_handler(param):
    await asyncio.sleep(0)
    raise dora.HandlerError("no such user", code=404)


@app.api("/unencodable")
async def unencodable(param):
    await asyncio.sleep(0)
    return {"rows": [1, object()]}


@app.api("/cancel_self")
async def cancel_self(param):
    asyncio.current_task().cancel()
    await asyncio.sleep(10)


@app.api("/exit")
async def exits(param):
    await asyncio.sleep(0)
    leave(param)


@app.api("/inline_exit")
def inline_exits(param):
    leave(param)


def leave(param):
    """With this status; `opens`: a file that others wait for."""
    if isinstance(param, dict):
        open(param["opens"], "w", encoding="ascii").close()
        param = param["status"]
    sys.exit(param)


@app.api("/os_exit")
async def os_exit(param):
    os._exit(3)


@app.api("/maybe_die")
async def maybe_die(param):
    await asyncio.sleep(0.002)
    if os.urandom(2) < (65536 // param).to_bytes(2, "big"):
        os._exit(3)
    return param


@app.api("/big")
async def big(param):
    await asyncio.sleep(0.02)
    return str(param % 10) * param


@app.api("/long_error")
async def long_error(param):
    await asyncio.sleep(0.01)
    raise dora.HandlerError("e" * param, code=7)


class Doubled:
    """To be awaited, and no coroutine."""

    def __init__(self, number):
        self.number = number

    def __await__(self):
        return asyncio.get_running_loop().run_in_executor(None, lambda: self.number * 2).__await__()


@app.api("/future")
def future(param):
    return Doubled(param)


@app.api("/stubborn")
async def stubborn(param):
    end = time.monotonic() + param
    while time.monotonic() < end:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            pass
    return "late"


@app.api("/nested")
async def nested(param):
    """Calls another server by a blocking client: here, in a thread, and after the answer."""
    client = dora.Client(param["node"], timeout=30)
    began = time.monotonic()
    try:
        if param["thread"]:
            await asyncio.to_thread(client.call, "/sleep", 3)
        else:
            client.call("/sleep", 3)
    except dora.TimeoutError:
        took.append(time.monotonic() - began)


@app.api("/took")
async def nested_took(param):
    return took


@app.api("/nested_async")
async def nested_async(param):
    """The same by an asynchronous client."""
    began = time.monotonic()
    async with dora.AsyncClient(param["node"], timeout=30) as client:
        try:
            await client.call("/sleep", 3)
        except dora.TimeoutError:
            took.append(time.monotonic() - began)


@app.api("/spawn")
async def spawn(param):
    async def later():
        await asyncio.sleep(0.3)
        client = dora.Client(param["node"], timeout=5)
        background.append(await asyncio.to_thread(client.call, "/echo", "from behind"))

    background.append(asyncio.create_task(later()))
    return True


@app.api("/spawned")
async def spawned(param):
    return background[1:]


@app.api("/log")
async def logs(param):
    await asyncio.sleep(0)
    logging.getLogger("app").warning("said %s", param)


@app.api("/policy")
async def policy(param):
    return type(asyncio.get_running_loop()).__name__
