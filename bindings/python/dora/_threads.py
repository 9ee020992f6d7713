"""The threads beside a worker's event loop, in which plain functions run. Called by the extension.

There is one unless the pool's configuration has `threads`: what is no async def mostly was written
without others beside it in mind.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from typing import Any, Callable, Protocol

from . import _child

JOIN_S = 0.5  # they have nothing to do any more when they are waited for


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


class Threads:
    """One queue, and who takes from it."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self.put = self._jobs.put
        self.start()

    def start(self) -> None:
        """Have one more. Daemons: one that hangs does not keep the worker from leaving."""
        name = f"dora plain {len(self._threads)}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def start_others(self, count: int) -> None:
        """Have `count` in all."""
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
        for _ in self._threads:
            self.put(None)
        for thread in self._threads:
            thread.join(JOIN_S)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.run():
                return
            del job  # what it holds ends with it, not with the next one
