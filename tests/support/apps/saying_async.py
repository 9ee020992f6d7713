"""As saying.py, on an event loop, where several calls run at a time."""

import asyncio
import logging

import dora

app = dora.App()
log = logging.getLogger("saying")
log.setLevel(logging.INFO)
waiting = []


@app.api("/loop/say")
async def say(param):
    """Logs once two calls are here."""
    waiting.append(asyncio.get_running_loop().create_future())
    if len(waiting) == 2:
        for one in waiting:
            one.set_result(None)
    await waiting[-1] if len(waiting) == 1 else None
    log.info(param)


@app.api("/loop/task")
async def say_in_task(param):
    async def later():
        log.info(param)
    await asyncio.gather(asyncio.create_task(later()), asyncio.sleep(0))


@app.api("/loop/plain")
def say_plainly(param):
    log.info(param)
