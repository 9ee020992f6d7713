"""What AsyncClient.stream() returns: the parts of one call, as they come.

The mux holds the inbox alone: a stream that nobody holds any more is left, and its handler ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from ._dora import HandlerError
from ._progress import Progress

if TYPE_CHECKING:
    from ._async import AsyncClient

_CANCELLED = "the stream was cancelled before its result came"  # these as the core has them
_EARLY = "the stream has not ended: its result comes behind its last part"


class Inbox:
    """What has come of a stream and was not taken yet: parts, at most the window, and progress."""

    __slots__ = ("failure", "is_over", "items", "progress", "result", "waiting")

    def __init__(self) -> None:
        self.items: deque[tuple[bool, Any]] = deque()  # (whether it is a part, what it is)
        self.is_over = False
        self.result: Any = None
        self.failure: BaseException | None = None
        self.progress: Progress | None = None
        self.waiting: asyncio.Future[None] | None = None

    def part(self, value: Any) -> None:
        self.items.append((True, value))
        self.wake()

    def said(self, progress: Progress) -> None:
        self.progress = progress
        if self.items and not self.items[-1][0]:
            self.items.pop()  # only the newest counts
        self.items.append((False, progress))
        self.wake()

    def end(self, value: Any, is_raised: bool) -> None:
        self.is_over = True
        if is_raised:
            self.failure = value
        else:
            self.result = value
        self.wake()

    def wake(self) -> None:
        if self.waiting is not None and not self.waiting.done():
            self.waiting.set_result(None)


class AsyncStream:
    """The parts of one call, as AsyncClient.stream() returns it.

        async with client.stream("/say", "hello") as words:
            async for word in words:
                print(word)
        print(words.result)

    Who leaves it before its end has the handler ended: by cancel(), `async with`, by dropping it,
    or where the task that awaits a part is cancelled.
    """

    __slots__ = ("__weakref__", "_client", "_has_part", "_inbox", "_loop", "_mux", "_number",
                 "_on_progress", "_pid", "_was_raised")
    __module__ = "dora"

    def __init__(
        self,
        client: AsyncClient,
        inbox: Inbox,
        number: int,
        on_progress: Callable[[Progress], object] | None,
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._number = number
        self._on_progress = on_progress
        self._loop = client._loop
        self._mux = client._mux
        self._pid = os.getpid()
        self._has_part = False
        self._was_raised = False

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Any:
        inbox = self._inbox
        if asyncio._get_running_loop() is not self._loop:
            raise RuntimeError("this stream belongs to another event loop")
        self._take()
        while True:
            if inbox.items:
                self._has_part, value = inbox.items.popleft()
                if self._has_part:
                    return value
                self._tell(value)
            elif inbox.is_over:
                if inbox.failure is not None and not self._was_raised:
                    self._was_raised = True
                    raise inbox.failure
                raise StopAsyncIteration
            else:
                await self._more()

    def _tell(self, progress: Progress) -> None:
        if self._on_progress is None:
            return
        try:
            self._on_progress(progress)
        except BaseException:
            self.cancel()
            raise

    def _take(self) -> None:
        """The part given last is done with: there is room for one more."""
        if self._has_part and not self._inbox.is_over:
            self._mux.take(self._number, 1)
            self._client._wake()
        self._has_part = False

    async def _more(self) -> None:
        """Wait until something has come."""
        inbox = self._inbox
        if inbox.waiting is not None:
            raise RuntimeError("another task awaits this stream's next part")
        inbox.waiting = self._loop.create_future()
        try:
            await inbox.waiting
        except BaseException:  # mostly that the task was cancelled
            self.cancel()
            raise
        finally:
            inbox.waiting = None

    @property
    def result(self) -> Any:
        """What the handler returned, once the last part was taken.

        Before that RuntimeError; where the stream has failed, its error again.
        """
        inbox = self._inbox
        if not inbox.is_over or any(is_part for is_part, _ in inbox.items):
            raise RuntimeError(_EARLY)
        if inbox.failure is not None:
            raise inbox.failure
        return inbox.result

    @property
    def progress(self) -> Progress | None:
        """The newest Progress; None before there was one."""
        return self._inbox.progress

    def cancel(self) -> None:
        """Have the handler ended, and wait for no more of it: iteration stops. Fine from another
        thread, and then done by the loop's."""
        inbox = self._inbox
        if self._is_elsewhere():
            with contextlib.suppress(RuntimeError):  # it is closed meanwhile, and all with it
                self._loop.call_soon_threadsafe(self.cancel)
            return
        inbox.items.clear()
        if inbox.is_over:
            return
        inbox.end(HandlerError(_CANCELLED, 100211), True)
        self._was_raised = True
        if self._mux.cancel(self._number):
            self._client._wake()

    def _is_elsewhere(self) -> bool:
        """Whether this is another thread than that of the loop which runs."""
        return (self._loop.is_running() and asyncio._get_running_loop() is not self._loop
                and self._pid == os.getpid())

    async def aclose(self) -> None:
        """As cancel()."""
        self.cancel()

    async def __aenter__(self) -> AsyncStream:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    def __del__(self) -> None:
        """The collector may run in any thread."""
        inbox = getattr(self, "_inbox", None)
        if inbox is None or inbox.is_over or self._pid != os.getpid():
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and all with it
            self._loop.call_soon_threadsafe(_leave, self._client, self._mux, self._number)


def _leave(client: AsyncClient, mux: Any, number: int) -> None:
    if mux.cancel(number):
        client._wake()
