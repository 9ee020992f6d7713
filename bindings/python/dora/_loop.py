"""The event loop of a worker with async def handlers. Called by the extension."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import sys
import types
from typing import AbstractSet, Any, Awaitable, Callable, Coroutine

from . import _child, _dora, _threads

_Tasks = AbstractSet["asyncio.Task[Any]"]

STACK_LINES = 64
TASKS_S = 1.0  # what handlers have started and not awaited may take so long when the worker leaves


if sys.version_info >= (3, 11):
    Runner = asyncio.Runner

    def task_in(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any],
                context: contextvars.Context) -> asyncio.Task[Any]:
        """A task in `context` itself: what it sets there stays."""
        return loop.create_task(coroutine, context=context)
else:
    class Runner:
        """What is used of asyncio.Runner."""

        def get_loop(self) -> asyncio.AbstractEventLoop:
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            return self._loop

        def close(self) -> None:
            loop = self._loop
            try:
                tasks = asyncio.all_tasks(loop)
                for task in tasks:
                    task.cancel()
                if tasks:
                    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
            finally:
                asyncio.set_event_loop(None)
                loop.close()

    def task_in(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[Any, Any, Any],
                context: contextvars.Context) -> asyncio.Task[Any]:
        """A task whose context is a copy, as each has one here: what it has set is given back."""
        async def lent() -> Any:
            try:
                return await coroutine
            finally:
                for variable, value in contextvars.copy_context().items():
                    context.run(variable.set, value)

        return context.run(loop.create_task, lent())


def _line(frame: types.FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def stack(task: asyncio.Task[Any]) -> str:
    """Where a task waits, the innermost call first, as the core wants it."""
    lines: list[str] = []
    at: Any = task.get_coro() if hasattr(task, "get_coro") else None
    while at is not None and len(lines) < STACK_LINES:
        frame = getattr(at, "cr_frame", None) or getattr(at, "gi_frame", None)
        if frame is not None:
            lines.append(_line(frame))
        at = getattr(at, "cr_await", None) or getattr(at, "gi_yieldfrom", None)
    return "\n".join(reversed(lines))


def stack_in(thread: int) -> str:
    """Where a thread is, likewise."""
    lines: list[str] = []
    at = sys._current_frames().get(thread)
    while at is not None and len(lines) < STACK_LINES:
        lines.append(_line(at))
        at = at.f_back
    return "\n".join(lines)


def complete(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any],
             context: contextvars.Context) -> Any:
    """Await something to its end, in `context` itself: what it sets there stays."""
    async def wait() -> Any:
        return await awaitable

    task = task_in(loop, wait(), context)
    try:
        return loop.run_until_complete(task)
    except _dora.Interrupted:  # raised in the loop itself: the task would go on with the next one
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        raise


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
