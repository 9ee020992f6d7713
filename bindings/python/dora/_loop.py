"""The event loop of a worker with async def handlers. Called by the extension."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any, Awaitable, Callable

from . import _child

TASKS_S = 1.0  # what handlers have started and not awaited may take so long when the worker leaves


def complete(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any],
             context: contextvars.Context) -> Any:
    """Await something to its end, in `context` itself: what it sets there stays."""
    async def wait() -> Any:
        return await awaitable

    return loop.run_until_complete(loop.create_task(wait(), context=context))


def _finish(loop: asyncio.AbstractEventLoop) -> None:
    """Let tasks end that handlers have started; those that do not are cancelled, and named."""
    tasks = asyncio.all_tasks(loop)
    if not tasks:
        return
    _, late = loop.run_until_complete(asyncio.wait(tasks, timeout=TASKS_S))
    for task in late:
        logging.getLogger("dora").warning("a task is cancelled, the worker leaves: %r", task)


def _tell(error: BaseException) -> None:
    """Log what ended the worker, unless it was a call, which is told with its api."""
    if not hasattr(error, "_dora_is_told"):
        logging.getLogger("dora").error(
            "a task that a handler started raised %s; the worker ends", type(error).__name__,
            exc_info=error)


def run(loop: asyncio.AbstractEventLoop, fd: int, wake: Callable[[], None],
        turn: Callable[[], None], leave: Callable[[], None]) -> None:
    """Serve until the extension stops the loop; `fd` is readable when the server has something."""
    forks = _child.Watch(loop)
    loop.add_reader(fd, wake)
    loop.call_soon(turn)
    try:
        while True:
            try:
                loop.run_forever()
                break
            except (SystemExit, KeyboardInterrupt) as error:  # a task's, that asyncio lets through
                if _child.is_one():
                    raise
                leave()
                loop.call_soon(_tell, error)  # after the end of the call whose task it was
    finally:
        if not _child.is_one():
            loop.remove_reader(fd)
            _finish(loop)
    if _child.is_one():
        forks.end()
