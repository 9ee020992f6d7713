"""The threads beside a worker's event loop, in which plain functions run. Called by the extension.

There is one unless the pool's configuration has `threads`: what is no async def mostly was written
without others beside it in mind.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import contextvars
import queue
import threading
from typing import Any, Callable, Protocol

from . import _child, _dora

JOIN_S = 0.5  # they have nothing to do any more when they are waited for


_of_worker: list[Threads] = []  # a worker's; elsewhere none


class Job(Protocol):
    def run(self) -> bool:
        """Do it. Returns whether another thread has taken this one's place meanwhile."""


class _Hook:
    """A start or stop hook; the worker's main thread waits for it."""

    def __init__(self, context: contextvars.Context, function: Callable[..., Any],
                 arguments: tuple[Any, ...]) -> None:
        self.context = context
        self.function = function
        self.arguments = arguments
        self.result: Any = None
        self.error: BaseException | None = None
        self.has_ended = threading.Event()

    def run(self) -> bool:
        try:
            self.result = self.context.run(self.function, *self.arguments)
        except BaseException as error:  # raised where it is waited for
            self.error = error
        if _child.is_one():  # it has no loop, and nothing more comes to this thread
            _child.leave(self.error)
        self.has_ended.set()
        return False


class _Beside(_Hook):
    """A plain handler that middleware on the loop awaits."""

    def __init__(self, threads: Threads, function: Callable[..., Any],
                 arguments: tuple[Any, ...]) -> None:
        super().__init__(contextvars.copy_context(), _dora.guarded,
                         (self, called, (function, *arguments)))
        self.threads = threads
        self.loop = asyncio.get_running_loop()
        self.ended = self.loop.create_future()
        self.has_begun = False
        self.is_stuck = False
        self.thread: int | None = None  # while the handler runs: see _dora.guarded

    def run(self) -> bool:
        if self.ended.cancelled():  # nobody waits for it: it need not begin
            return False
        self.has_begun = True
        super().run()
        with contextlib.suppress(RuntimeError):  # the loop is closed: the worker has left
            self.loop.call_soon_threadsafe(self._end)
        return self.is_stuck

    def _end(self) -> None:
        if self.ended.done():
            return
        if self.error is None:
            self.ended.set_result(self.result)
        else:
            self.ended.set_exception(self.error)

    async def wait(self) -> Any:
        self.threads.put(self)
        try:
            return await self.ended
        except asyncio.CancelledError as error:
            if not self._is_stalled():  # it is in its yield, and learns of it there
                _dora.interrupt(self, str(error))
            self.loop.call_later(self.threads.grace_s, self._look)
            raise

    def _is_stalled(self) -> bool:
        """Of a generator: it waits for room to send, and others have its place."""
        return getattr(self.arguments[-1][-1], "is_stalled", False)

    def _look(self) -> None:
        """It was given up: does it end?"""
        if not self.has_begun or self.has_ended.is_set():
            return
        if self.thread in self.threads.lent:
            self.loop.call_later(self.threads.grace_s, self._look)
            return
        _dora.say_stuck(self.arguments[-1][-1].name, self.thread or 0)
        self.is_stuck = True
        self.threads.start()
        self.threads.leave()


class _Offer:
    """Has a thread that has nothing to do see who waits for a place."""

    def __init__(self, threads: Threads) -> None:
        self.threads = threads

    def run(self) -> bool:
        return self.threads.has_given_place()


class Threads:
    """One queue, and who takes from it."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._turns: collections.deque[threading.Event] = collections.deque()
        self._has_closed = False
        self.lent: set[int] = set()  # threads that have lent their place
        self.put = self._jobs.put
        self.leave: Callable[[], None] = lambda: None  # makes the worker take no more, and end
        self.grace_s = 0.0  # that one has to end which was told so
        self.start()
        _of_worker.append(self)

    def start(self) -> None:
        """Have one more. Daemons: one that hangs does not keep the worker from leaving."""
        self._threads = [each for each in self._threads if each.is_alive()]
        name = f"dora plain {len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def start_others(self, count: int, grace_s: float) -> None:
        """Have `count` in all."""
        self.grace_s = grace_s
        while len(self._threads) < count:
            self.start()

    def call(self, context: contextvars.Context, function: Callable[..., Any],
             *arguments: Any) -> Any:
        """Run a function in a thread, in `context` itself, and wait for it."""
        hook = _Hook(context, function, arguments)
        self.put(hook)
        hook.has_ended.wait()
        if hook.error is not None:
            raise hook.error
        return hook.result

    def close(self) -> None:
        """End them, but for those that hang."""
        _of_worker.remove(self)
        self._has_closed = True
        while self.has_given_place():
            pass
        for _ in self._threads:
            self.put(None)
        for thread in self._threads:
            thread.join(JOIN_S)

    def lend(self, wait: Callable[[], object]) -> None:
        """Wait for something, while another thread has the place of this one. Whoever has begun
        takes a place again before who has not."""
        self.start()
        self.lent.add(threading.get_ident())
        try:
            wait()
        finally:
            turn = threading.Event()
            self._turns.append(turn)
            self.put(_Offer(self))
            if not self._has_closed:
                turn.wait()
            self.lent.discard(threading.get_ident())

    def has_given_place(self) -> bool:
        """Give the place of this thread, which is at no job, to one that waits for its turn."""
        try:
            self._turns.popleft().set()
        except IndexError:
            return False
        return True

    def _serve(self) -> None:
        while not (self._turns and self.has_given_place()) and (
                job := self._jobs.get()) is not None:
            if job.run():
                return
            del job  # what it holds ends with it, not with the next one


def serve(leave: Callable[[], None]) -> None:
    """The worker takes calls from now on; `leave` makes it take no more, and end."""
    for threads in _of_worker:
        threads.leave = leave


def called(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call it for a future, which takes no StopIteration and would never end."""
    try:
        return function(*arguments)
    except StopIteration as error:
        raise RuntimeError(f"{type(error).__name__} was raised") from error


def lend(wait: Callable[[], object]) -> None:
    """In a worker's thread: wait for something, while another thread has the place of this one."""
    _of_worker[0].lend(wait)


async def beside(function: Callable[..., Any], *arguments: Any) -> Any:
    """Run a plain handler in a thread beside the running loop: the worker's, where this is one. The
    last argument is its dora.Request."""
    if not _of_worker:
        return await asyncio.to_thread(called, function, *arguments)
    return await _Beside(_of_worker[0], function, arguments).wait()
