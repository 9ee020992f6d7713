"""The event loop of a worker with async def handlers. Called by the extension."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import sys
from typing import AbstractSet, Any, Awaitable, Callable, Coroutine

from . import _child, _dora, _stack, _threads

_Tasks = AbstractSet["asyncio.Task[Any]"]

WAITS = 16  # tasks of which each waits for the next
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


def waits_beside(task: asyncio.Task[Any], started: asyncio.Task[Any]) -> Any:
    """What a task waits for while what ends it is raised in one that it has started, if that is
    something else; None: it is not."""
    return None if _waits_for(task, started) else getattr(task, "_fut_waiter", None)


def has_heard(task: asyncio.Task[Any], hit: dict[asyncio.Task[Any], Any]) -> bool:
    """Of a task that should end: what ends it was raised in tasks that it has started, since they
    held up the loop; `hit` has waits_beside() of each. Does it know by them? It does where it waits
    for one that cleans up, or where somebody was given the error of one that has ended, unless that
    was another one, for the task waits as ever; else it is to be told, and is so once."""
    return any(_waits_for(task, one) if not one.done()
               else _is_known(one)
               and (beside is None or beside.done()
                    or beside is not getattr(task, "_fut_waiter", None))
               for one, beside in hit.items())


def _is_known(one: Any) -> bool:
    """Whether somebody was given the error of a task that has ended."""
    return (getattr(one, "_exception", None) is not None
            and not getattr(one, "_log_traceback", True))


def _waits_for(one: Any, other: asyncio.Task[Any], steps: int = WAITS) -> bool:
    """As cancel() goes: through what a task awaits, and what gather() was given."""
    waited = getattr(one, "_fut_waiter", None)
    found = [waited, *getattr(waited, "_children", ())] if waited is not None else []
    return other in found or (steps > 0
                              and any(_waits_for(each, other, steps - 1) for each in found))


# Whose a task is which runs on a loop that others have left tasks on.
_mark: contextvars.ContextVar[object] = contextvars.ContextVar("dora.mark", default=None)


def mark(context: contextvars.Context, what: object) -> object:
    """Have what is started in a context known as of one call: `what` is its mark."""
    context.run(_mark.set, what)
    return what


def mark_as_here(context: contextvars.Context) -> None:
    """What is started in a context is of the call that this is of."""
    mark(context, _mark.get())


class _Alone:
    """A task for which a loop turns, while the handler that has it made waits for that."""

    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any],
                 of: object) -> None:
        self.loop = loop
        self.task = task
        self.of = of
        self.error: BaseException | None = None  # what ends it
        self.is_late = False  # it had ended already

    def end(self, error: BaseException) -> None:
        self.error = error
        self.is_late = not self.task.cancel(str(error))
        self.loop.call_soon_threadsafe(lambda: None)  # it may sleep


_alone: list[_Alone] = []


def defer(error: BaseException) -> str | None:
    """Asked within the handler of a signal, before `error` is raised in what the main thread runs.
    A loop that is in code of its own would lose what it is about to run, and a task that an earlier
    call has left behind is not to end for this one: there the task is cancelled for which the loop
    turns, and `error` is raised when that has ended. Returns where that was; None where nothing
    speaks against raising."""
    loop = asyncio._get_running_loop()
    one = next((each for each in reversed(_alone) if each.loop is loop), None)
    if loop is None or one is None:
        return None
    now = asyncio.current_task(loop)
    is_stepping = now is not None and getattr(now.get_coro(), "cr_running", True)
    if is_stepping and _mark.get() is one.of:
        return None
    where = _stack.stack(one.task)
    one.end(error)
    return where


def until_done(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], of: object) -> Any:
    """Turn a loop until a task of it has ended, for a handler; `of` marks what is its own."""
    one = _Alone(loop, task, of)
    _alone.append(one)
    try:
        result = loop.run_until_complete(task)
    except _dora.Interrupted:  # raised before the loop turned: the task would go on with the next
        if not task.done():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                loop.run_until_complete(task)
        raise
    except BaseException as found:
        if one.error is not None and (one.is_late or isinstance(found, asyncio.CancelledError)):
            raise one.error from None
        raise
    finally:
        _alone.remove(one)
    if one.error is not None and one.is_late:
        raise one.error
    return result


def complete(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any],
             context: contextvars.Context, of: object = None) -> Any:
    """Await something to its end, in `context` itself: what it sets there stays."""
    async def wait() -> Any:
        return await awaitable

    of = mark(context, of or object())
    return until_done(loop, task_in(loop, wait(), context), of)


def _turn(loop: asyncio.AbstractEventLoop, awaitable: Awaitable[Any]) -> Any:
    """Turn a loop until something of it is done, whoever stops it meanwhile: the extension does
    when a late call ends, and when the worker's time to leave is over."""
    ended: list[asyncio.Future[Any]] = []

    def end(future: asyncio.Future[Any]) -> None:
        ended.append(future)
        loop.stop()

    future = asyncio.ensure_future(awaitable, loop=loop)
    future.add_done_callback(end)
    try:
        while not ended:  # until it was called: left over, it would stop what turns the loop next
            loop.run_forever()
    finally:
        future.remove_done_callback(end)
    return future.result()


def finish(loop: asyncio.AbstractEventLoop, others: _Tasks = frozenset()) -> None:
    """Let tasks end that handlers have started, and what those start; the ones that do not are
    named, and cancelled. `others` are the stop hooks' business."""
    until = loop.time() + TASKS_S
    while (tasks := asyncio.all_tasks(loop) - others) and (left := until - loop.time()) > 0:
        _turn(loop, asyncio.wait(tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED))
    for task in tasks:
        logging.getLogger("dora").warning("a task is cancelled, the worker leaves: %r", task)
        task.cancel()


def close(runner: Runner, loop: asyncio.AbstractEventLoop) -> bool:
    """Close a loop. Where a task goes on whatever it is told, its process ends with it instead.
    Returns whether the loop is closed: else what it calls may come yet."""
    if loop.is_closed() or _child.is_one():
        runner.close()
        return True
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    done, left = (_turn(loop, asyncio.wait(tasks, timeout=TASKS_S)) if tasks else (set(), set()))
    for task in done:
        if not task.cancelled() and (error := task.exception()) is not None:
            loop.call_exception_handler({"message": "a task raised while the worker left",
                                         "exception": error, "task": task})
    for task in left:
        logging.getLogger("dora").warning("a task goes on, and ends with its worker: %r", task)
    if not left:
        runner.close()
    return not left


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
