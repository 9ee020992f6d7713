"""A process that a handler on an event loop has forked: it is that handler alone.

The loop that it finds itself in is its parent's copy, and waits by the parent's own epoll: nothing
else of it may run a second time here, or take away what has come for the parent.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import Any

from . import _dora, _leave


class Watch:
    """Looks after the forks of a worker with a loop; made on the loop's thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop: Any = loop
        self._thread = threading.get_ident()
        self._forking: asyncio.Task[Any] | None = None
        self._task: asyncio.Task[Any] | None = None
        os.register_at_fork(before=self._before, after_in_child=self._in_child)

    def _before(self) -> None:
        if threading.get_ident() == self._thread:
            self._forking = asyncio.current_task(self._loop)

    def _in_child(self) -> None:
        if threading.get_ident() != self._thread or self._task is not None:
            return
        self._task = self._forking
        if not isinstance(self._loop, asyncio.BaseEventLoop):
            self._loop.stop()  # it turns once more; there is no other way
            return
        for handle in list(self._loop._ready):
            handle.cancel()
        self._loop._stopping = True

    def end(self) -> None:
        """The loop has stopped. Raises what the handler raised, or that it cannot wait here."""
        if self._task is not None and not self._task.done():
            raise RuntimeError("a process that a handler has forked cannot await: the event loop "
                               "is its parent's")
        if self._task is not None:
            self._task.result()


def is_one() -> bool:
    """Whether this process is one."""
    return _dora.is_forked()


def leave(error: BaseException | None) -> None:
    """End this process as Python does for what nobody catches; None: nothing was raised."""
    status = 0 if error is None else 1
    if isinstance(error, SystemExit):
        status = error.code if isinstance(error.code, int) else 0 if error.code is None else 1
        if status == 1 and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    elif error is not None:
        sys.excepthook(type(error), error, error.__traceback__)
    _leave.leave(status)
