"""As yielding.py, with async generators; those under /plain are run in a thread beside the loop."""
import asyncio
import os
import signal
import time

import dora
import yielding
from parts import note

app = dora.App()


@app.api("/value")
async def value(param):
    try:
        yield "before"
        yield yielding.VALUES[param["what"]]()
        yield "behind"
    finally:
        note(param["path"], "ended")


@app.api("/empties")
async def empties(param):
    for _ in range(param):
        yield ""


@app.api("/again")
async def again(param):
    try:
        for i in range(1 << 30):
            yield i
    finally:
        note(param, "closing")
        yield "once more"
        note(param, "ended")


@app.api("/tidy")
async def tidy(param):
    try:
        for i in range(1 << 30):
            yield i
    finally:
        await asyncio.sleep(0.3)
        note(param, "ended")


@app.api("/told")
async def told(param):
    """It learns by a part that it has to end, before the loop can tell it: that is held up, and
    deaf to the signal."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGURG])
    try:
        yield "before"
        note(param, "waits")
        while not os.path.exists(param + ".gate"):
            time.sleep(0.005)
        yield "behind"
    finally:
        await asyncio.sleep(0.05)
        note(param, "ended")
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGURG])


@app.api("/progress")
async def progress(param, request):
    for each in yielding.progress(param, request):
        yield each


for function in (yielding.value, yielding.empties, yielding.nested, yielding.again, yielding.tidy,
                 yielding.progress):
    app.api("/plain/" + function.__name__)(function)
app.api("/nested")(yielding.nested)
