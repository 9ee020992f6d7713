"""The event loop of a worker with async def handlers. Called by the extension."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import AbstractSet, Any, Awaitable, Callable

from . import _child, _threads

_Tasks = AbstractSet["asyncio.Task[Any]"]

TASKS_S = 1.0  # what handlers have started and not awaited may take so long when the worker leaves


def complete(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any],
             context: contextvars.Context) -> Any:
    """Await something to its end, in `context` itself: what it sets there stays."""
    async def wait() -> Any:
        return await awaitable

    return loop.run_until_complete(loop.create_task(wait(), context=context))


def finish(loop: asyncio.AbstractEventLoop, others: _Tasks = frozenset()) -> None:
    """Let tasks end that handlers have started, and what those start; the ones that do not are
    named, and cancelled. `others` are the stop hooks' business."""
    until = loop.time() + TASKS_S
    while (tasks := asyncio.all_tasks(loop) - others) and (left := until - loop.time()) > 0:
        loop.run_until_complete(
            asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED))
    for task in tasks:
        logging.getLogger("dora").warning("a task is cancelled, the worker leaves: %r", task)
        task.cancel()


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
    _threads.serve(leave)
    of_hooks = asyncio.all_tasks(loop)
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
            finish(loop, of_hooks)
    if _child.is_one():
        forks.end()
