"""As parts.py, with async generators; those under /plain are run in a thread beside the loop."""
import asyncio
import os

import dora
import parts

app = dora.App()
note = parts.note


@app.api("/count")
async def count(param):
    for i in range(param):
        yield i


@app.api("/turns")
async def turns(param):
    """How often its loop has turned, with each part."""
    turned = 0

    async def turn():
        nonlocal turned
        while True:
            turned += 1
            await asyncio.sleep(0)

    task = asyncio.ensure_future(turn())
    try:
        for _ in range(param):
            yield turned
    finally:
        task.cancel()


@app.api("/progress")
async def progress(param, request):
    request.progress(0, param)
    yield "a"
    request.progress(param, param, "done")


@app.api("/fail")
async def fail(param):
    try:
        yield 1
        raise dora.HandlerError("enough", code=7)
    finally:
        note(param, "ended")


@app.api("/odd")
async def odd(param):
    try:
        yield 1
        yield {"rows": [{"price": object()}]}
    finally:
        note(param, "ended")


@app.api("/large")
async def large(param):
    try:
        yield "x" * param["size"]
    finally:
        note(param["path"], "ended")


@app.api("/endless")
async def endless(param):
    try:
        for i in range(1 << 30):
            note(param, str(i))
            yield i
    except BaseException as error:
        note(param, type(error).__name__)
        raise
    finally:
        note(param, "ended")


@app.api("/wait")
async def wait(param):
    try:
        yield os.getpid()
        while not os.path.exists(param + ".gate"):
            await asyncio.sleep(0.01)
        yield "last"
    finally:
        note(param, "ended")


@app.api("/made")
async def made(param):
    return (i * i for i in range(param))


@app.api("/echo")
async def echo(param):
    return param


for function in (parts.count, parts.progress, parts.fail, parts.odd, parts.large, parts.endless,
                 parts.wait, parts.made, parts.total):
    app.api("/plain/" + function.__name__)(function)
app.api("/sum")(parts.total)
