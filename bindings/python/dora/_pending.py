"""What submit() returns: the guid of a submission, with which its result is asked for.

Who asks for one result claims it; what nobody has claimed, a collect() of everything does.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ._dora import Error, TimeoutError

if TYPE_CHECKING:
    import asyncio

    from ._async import AsyncClient
    from ._dora import Client

_NOTHING = object()
_AWAITED = "another thread awaits this result, which did not come in time"
GUID_LEN = 32
SOON_S = 0.001  # what is left of a time that is over: what has come is given all the same


def opened(outcome: Any) -> Any:
    """What became of a call: its data, or its error raised."""
    if isinstance(outcome, Error):
        raise outcome
    return outcome


def guids_read(guids: Sequence[str]) -> list[str]:
    """The plain guids that collect() is told."""
    if isinstance(guids, (str, bytes)) or not isinstance(guids, Iterable):
        raise TypeError(f"guids must be a list of str, not {type(guids).__name__}")
    plain = []
    for guid in guids:
        if not isinstance(guid, str):
            raise TypeError(f"guids must be a list of str, not of {type(guid).__name__}")
        if len(guid) != GUID_LEN:
            raise ValueError(f"a guid has {GUID_LEN} characters; {guid!r} has {len(guid)}")
        plain.append(str(guid))
    return plain


class _Guid(str):
    """A str in all but what it can be asked; a copy of it, or a pickled one, is the plain guid."""

    __slots__ = ()

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        return str, (str(self),)


class PendingResult(_Guid):
    """The guid that Client.submit() and submit_many() return, which knows where its result is."""

    __slots__ = ("_client", "_lock", "_outcome", "_pid")
    __module__ = "dora"
    _client: Client
    _lock: threading.Lock
    _outcome: Any
    _pid: int

    def __new__(cls, guid: str, client: Client) -> PendingResult:
        self = super().__new__(cls, guid)
        self._client = client
        self._lock = threading.Lock()
        self._outcome = _NOTHING
        self._pid = os.getpid()
        return self

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the result, at most `timeout` seconds (None: the client's), and return it.

        Raises what call() would. No collect() takes it meanwhile. TimeoutError leaves it
        outstanding: ask again. Asked twice it gives the same; once collect() has given it,
        ConnectionError (100012).
        """
        if self._outcome is _NOTHING and self._pid != os.getpid():
            # The lock may be held by a thread that only the parent has.
            self._outcome = self._client._result(str(self), timeout)
        elif self._outcome is _NOTHING:
            timeout = self._acquire(timeout)
            try:
                if self._outcome is _NOTHING:
                    self._outcome = self._client._result(str(self), timeout)
            finally:
                self._lock.release()
        return opened(self._outcome)

    def _acquire(self, timeout: float | None) -> float | None:
        """Wait for the thread that awaits this result. Returns what is left of the time."""
        if self._lock.acquire(blocking=False):
            return timeout
        seconds = self._client._seconds(timeout)
        until = time.monotonic() + seconds
        if not self._lock.acquire(timeout=seconds):
            raise TimeoutError(_AWAITED, 100009)
        return max(until - time.monotonic(), SOON_S)

    def done(self) -> bool:
        """Whether result() would return, or raise the call's own error, at once.

        It takes nothing: collect() gives it all the same.
        """
        return self._outcome is not _NOTHING or self._client._is_done(str(self))


class Submission:
    """One of an AsyncClient, until its result was given."""

    __slots__ = ("awaited", "collecting", "future", "is_given", "number")

    def __init__(self, number: int, future: asyncio.Future[Any]) -> None:
        self.number = number
        self.future = future
        self.awaited = 0  # how many await it by result()
        self.is_given = False  # to one of them: it goes on being theirs
        self.collecting: Collecting | None = None


class Collecting:
    """A collect() under way: what it has claimed, and when all of that is there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, is_named: bool) -> None:
        self.is_named = is_named
        self.taken: dict[str, Submission] = {}
        self.all_there: asyncio.Future[None] = loop.create_future()
        self._left = 0

    def take(self, guid: str, submission: Submission) -> None:
        """Claim a submission, also of a collect() of everything."""
        if submission.collecting is not None:
            submission.collecting.give_up(guid)
        submission.collecting = self
        self.taken[guid] = submission
        if not submission.future.done():
            self._left += 1
            submission.future.add_done_callback(self._one_less)

    def give_up(self, guid: str) -> None:
        """Leave a submission to somebody who names it."""
        submission = self.taken.pop(guid)
        submission.collecting = None
        if submission.future.remove_done_callback(self._one_less):
            self._one_less()

    @property
    def is_waiting(self) -> bool:
        return self._left > 0

    def end(self) -> None:
        """Claim nothing any more."""
        for submission in self.taken.values():
            submission.collecting = None
            submission.future.remove_done_callback(self._one_less)

    def _one_less(self, _: object = None) -> None:
        self._left -= 1
        if self._left == 0 and not self.all_there.done():
            self.all_there.set_result(None)


class AsyncPendingResult(_Guid):
    """The guid that AsyncClient.submit() and submit_many() return."""

    __slots__ = ("_client", "_submission")
    __module__ = "dora"
    _client: AsyncClient
    _submission: Submission

    def __new__(cls, guid: str, client: AsyncClient, submission: Submission) -> AsyncPendingResult:
        self = super().__new__(cls, guid)
        self._client = client
        self._submission = submission
        return self

    async def result(self, timeout: float | None = None) -> Any:
        """Wait for the result, as PendingResult.result() does; several may."""
        return opened(await self._client._outcome(str(self), self._submission, timeout))

    def done(self) -> bool:
        """Whether result() would return, or raise the call's own error, at once."""
        return self._submission.future.done()
