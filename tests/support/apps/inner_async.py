"""As inner.py, by App.acall() on the event loop."""

import os

import dora
from inner import inner, made

app = dora.App()


@app.api("/pid")
async def pid(param):
    return os.getpid()


@app.api("/stream")
async def stream(param):
    try:
        for number in range(1 << 30):
            yield await inner.acall("/echo", number)
    finally:
        made(param)


def outer(name):
    async def run(param):
        assert await inner.acall("/echo", 7) == 7
        return await inner.acall(name, param)

    app.api(name, time_limit=0.15)(run)
    app.api("/unlimited" + name, time_limit=0)(run)


for each in inner.apis:
    outer(each)
