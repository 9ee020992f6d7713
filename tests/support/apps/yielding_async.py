"""As yielding.py, with async generators; those under /plain are run in a thread beside the loop."""
import asyncio

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


@app.api("/progress")
async def progress(param, request):
    for each in yielding.progress(param, request):
        yield each


for function in (yielding.value, yielding.empties, yielding.nested, yielding.again, yielding.tidy,
                 yielding.progress):
    app.api("/plain/" + function.__name__)(function)
app.api("/nested")(yielding.nested)
