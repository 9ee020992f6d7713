"""The event loop of a worker with async def handlers. Called by the extension."""

from __future__ import annotations

import asyncio
from typing import Callable


def run(loop: asyncio.AbstractEventLoop, fd: int, wake: Callable[[], None],
        turn: Callable[[], None], leave: Callable[[], None]) -> None:
    """Serve until the extension stops the loop; `fd` is readable when the server has something."""
    loop.add_reader(fd, wake)
    loop.call_soon(turn)
    try:
        while True:
            try:
                loop.run_forever()
                return
            except (SystemExit, KeyboardInterrupt):  # a task's, that asyncio lets through
                leave()
    finally:
        loop.remove_reader(fd)
