"""AsyncClient: many calls at a time over few connections, on an asyncio event loop.

The C part (``_dora.Mux``) knows calls, nodes, retries and bytes; here are sockets and time.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import os
import re
import socket
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from ._dora import ConnectionError, Mux, TimeoutError
from ._link import Link, connect_local
from ._pending import AsyncPendingResult, Collecting, Submission, guids_read
from ._progress import Progress
from ._stream import AsyncStream, Inbox

_CALL, _CALL_MANY, _SEND, _SEND_MANY, _SUBMIT, _SUBMIT_MANY = range(6)
_CONNECT, _WRITE, _CLOSE = range(3)
_LATE = "the result did not come in time; it may have run"  # these as the core has them
_PATIENT = "the result did not come in time; it is still outstanding"
_GONE = "no such result is outstanding: it was given already, or this client did not submit it"
_TAKEN = "another thread awaits this result, and gets it"


def as_dict(calls: Any) -> Any:
    """What has keys, as the extension takes it; what has none it refuses."""
    return dict(calls) if isinstance(calls, Mapping) and not isinstance(calls, dict) else calls


class AsyncClient:
    """A client for asyncio: the calls of Client, awaited, any number of them at a time.

    The arguments are those of Client; `connections` is how many each node has at most, which all
    calls share. It connects when first called, and belongs to that event loop; use it by
    ``async with``, or ``await client.close()``. In a forked process, and on another loop once the
    first one is closed, it begins anew, with other connections.

    With "redis://..." it listens there from the first call on: a server that comes or goes is known
    at once. Calls that begin before any is known wait for the first, at most their own time; they
    end with a ConnectionError when no Redis can be reached.

    A call that is cancelled is forgotten, and so is one whose time is over: the connection stays,
    and a late reply is skipped. The server is told to end what was cancelled; an older one lets the
    handler run.

        async with dora.AsyncClient("127.0.0.1:9567") as client:
            users = await asyncio.gather(*(client.call("/user/get", {"id": i}) for i in range(99)))
    """

    __module__ = "dora"

    def __init__(
        self,
        nodes: Any,
        *,
        group: str | None = None,
        timeout: float | None = 3.0,
        retry: int = 0,
        wait: float = 0.0,
        sign: bool = False,
        salt: str | bytes | None = None,
        gzip: bool = False,
        frame_bytes_max: int = 2097152,
        encode: Callable[[Any], Any] | None = None,
        tls: bool = False,
        tls_ca: str | os.PathLike[str] | None = None,
        tls_crl: str | os.PathLike[str] | None = None,
        tls_cert: str | os.PathLike[str] | None = None,
        tls_key: str | os.PathLike[str] | None = None,
        tls_name: str | None = None,
        token: str | None = None,
        priority: str | None = None,
        connections: int = 4,
    ) -> None:
        self._make_mux = functools.partial(
            Mux,
            nodes,
            group=group,
            timeout=timeout,
            retry=retry,
            wait=wait,
            sign=sign,
            salt=salt,
            gzip=gzip,
            frame_bytes_max=frame_bytes_max,
            encode=encode,
            tls=tls,
            tls_ca=tls_ca,
            tls_crl=tls_crl,
            tls_cert=tls_cert,
            tls_key=tls_key,
            tls_name=tls_name,
            token=token,
            priority=priority,
            connections=connections,
        )
        self._is_closed = False
        self._begin()

    def _begin(self) -> None:
        """Sets out, in the process that has made it and again in one that was forked."""
        self._mux = self._make_mux()
        self._pid = os.getpid()
        self._loop: Any = None
        self._links: dict[int, Link] = {}
        self._opening: dict[int, asyncio.Task[None]] = {}
        self._woken = False
        self._timer: Any = None
        self._timer_ns = 0
        self._submitted: dict[str, Submission] = {}
        self._gone: asyncio.Future[None] | None = None  # close() waits for the last connection

    # ---- calls ----

    async def call(
        self,
        name: str,
        param: Any = None,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> Any:
        """Call one api and return the handler's data; raises as Client.call() does."""
        future = self._future()
        number = self._mux.start(
            _CALL, future, None, name, param, timeout, retry, wait, group, trace, priority
        )
        return await self._ended(number, future)

    async def call_many(
        self,
        calls: Mapping[Any, Any],
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> dict[Any, Any]:
        """Call several apis at once, {key: (name, param)}; return {key: data or Error}."""
        future = self._future()
        if isinstance(calls, Mapping) and not calls:
            return {}
        calls = as_dict(calls)
        number = self._mux.start_many(
            _CALL_MANY, future, None, calls, timeout, retry, wait, group, trace, priority
        )
        found: dict[Any, Any] = await self._ended(number, future)
        return found

    async def send(
        self,
        name: str,
        param: Any = None,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> None:
        """Have one api run and wait for no result; return once it is queued."""
        future = self._future()
        number = self._mux.start(
            _SEND, future, None, name, param, timeout, retry, wait, group, trace, priority
        )
        await self._ended(number, future)

    async def send_many(
        self,
        calls: Mapping[Any, Any],
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> None:
        """Have several apis run and wait for no result; return once all are queued."""
        future = self._future()
        if isinstance(calls, Mapping) and not calls:
            return
        calls = as_dict(calls)
        number = self._mux.start_many(
            _SEND_MANY, future, None, calls, timeout, retry, wait, group, trace, priority
        )
        await self._ended(number, future)

    async def submit(
        self,
        name: str,
        param: Any = None,
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> AsyncPendingResult:
        """Have one api run; what is returned is its guid (a str), with `await result()`."""
        future, result = self._future(), self._loop.create_future()
        number = self._mux.start(
            _SUBMIT, future, result, name, param, timeout, retry, wait, group, trace, priority
        )
        return self._noted(await self._ended(number, future), number, result)

    async def submit_many(
        self,
        calls: Mapping[Any, Any],
        *,
        timeout: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
    ) -> AsyncPendingResult:
        """Have several apis run; what is returned is their guid, with `await result()`."""
        future, result = self._future(), self._loop.create_future()
        if isinstance(calls, Mapping) and not calls:
            raise ValueError("submit_many(): no calls; {key: (name, param)} is meant")
        calls = as_dict(calls)
        number = self._mux.start_many(
            _SUBMIT_MANY, future, result, calls, timeout, retry, wait, group, trace, priority
        )
        return self._noted(await self._ended(number, future), number, result)

    def stream(
        self,
        name: str,
        param: Any = None,
        *,
        window: int | None = None,
        timeout: float | None = None,
        idle: float | None = None,
        retry: int | None = None,
        wait: float | None = None,
        group: str | None = None,
        trace: str | None = None,
        priority: str | None = None,
        on_progress: Callable[[Progress], object] | None = None,
    ) -> AsyncStream:
        """Call an api that answers in parts; they come by `async for`, as of Client.stream().

        Any number of streams share the connections: one whose parts are not taken stands still, and
        holds up no other.
        """
        self._enter()
        if on_progress is not None and not callable(on_progress):
            raise TypeError(f"on_progress must be callable, not {type(on_progress).__name__}")
        inbox = Inbox()
        number = self._mux.start_stream(
            inbox, name, param, window, idle, timeout, retry, wait, group, trace, priority
        )
        self._wake()
        return AsyncStream(self, inbox, number, on_progress)

    async def collect(
        self, timeout: float | None = None, *, guids: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Wait for what was submitted, at most `timeout` seconds: {guid: data or Error}.

        `guids` is which; None: all that nobody else collects or awaits by result(). It never
        raises for one of them, as Client.collect(). Cancelled, all stays pending.
        """
        self._enter()
        seconds = self._mux.seconds(timeout)
        collecting = Collecting(self._loop, guids is not None)
        found = self._claim(collecting, guids)
        try:
            if collecting.is_waiting:
                await asyncio.wait([collecting.all_there], timeout=seconds)
        finally:
            collecting.end()
        for guid, submission in collecting.taken.items():
            if not submission.future.done():
                self._mux.cancel(submission.number)
                submission.future.set_result(TimeoutError(_LATE, 100009))
            del self._submitted[guid]
            found[guid] = submission.future.result()
        self._wake()
        return found

    def _claim(self, collecting: Collecting, guids: Sequence[str] | None) -> dict[str, Any]:
        """Claim for a collect(). Returns the guids named, in their order, with what is to be said
        of those that it cannot have."""
        if guids is None:
            for guid, submission in self._submitted.items():
                if submission.collecting is None and not submission.awaited:
                    collecting.take(guid, submission)
            return {}
        found: dict[str, Any] = {}
        for guid in guids_read(guids):
            why = self._refusal(guid)
            found[guid] = why
            if why is None:
                collecting.take(guid, self._submitted[guid])
        return found

    def _refusal(self, guid: str) -> ConnectionError | None:
        """Why a submission's result cannot be claimed by its guid."""
        submission = self._submitted.get(guid)
        if submission is None:
            return ConnectionError(_GONE, 100012)
        collecting = submission.collecting
        if submission.awaited or (collecting is not None and collecting.is_named):
            return ConnectionError(_TAKEN, 100012)
        return None

    async def _outcome(self, guid: str, submission: Submission, timeout: float | None) -> Any:
        """What became of a submission, for its AsyncPendingResult."""
        if submission.is_given:
            return submission.future.result()
        self._enter()
        seconds = self._mux.seconds(timeout)
        if self._submitted.get(guid) is not submission:  # of a parent process, too
            return ConnectionError(_GONE, 100012)
        collecting = submission.collecting
        if collecting is not None:
            if collecting.is_named:
                return ConnectionError(_TAKEN, 100012)
            collecting.give_up(guid)
        submission.awaited += 1
        try:
            if not submission.future.done():
                await asyncio.wait([submission.future], timeout=seconds)
        finally:
            submission.awaited -= 1
        if not submission.future.done():
            raise TimeoutError(_PATIENT, 100009)
        submission.is_given = True
        self._submitted.pop(guid, None)
        return submission.future.result()

    @property
    def pending(self) -> int:
        """How many submissions were not collected yet."""
        return len(self._submitted)

    @property
    def outstanding(self) -> int:
        """How many calls and submissions are under way."""
        return self._mux.outstanding

    async def close(self) -> None:
        """End what is under way with a ConnectionError, and close the connections.

        A stream ends so behind the parts that have come. It waits for no server. Later calls raise
        RuntimeError; closing twice is fine. It may be called on another loop than the calls: where
        theirs is closed, what awaits there is lost.
        """
        if not self._mux.is_usable:  # closed already, or a forked child's: not its sockets
            self._is_closed = True
        elif self._loop in (None, asyncio.get_running_loop()):
            await self._close()
        elif self._loop.is_running():  # in another thread
            ending = asyncio.run_coroutine_threadsafe(self._close(), self._loop)
            await asyncio.wrap_future(ending)
        else:
            self._is_closed = True
            self._mux.end()
            if not self._loop.is_closed():  # it may run again: what awaits there is told then
                self._pump()
                self._disarm()
            self._cut()

    async def _close(self) -> None:
        self._is_closed = True
        self._mux.end()
        if self._loop is None:
            return
        self._gone = self._loop.create_future()
        self._pump()
        self._disarm()
        self._check_gone()
        await self._gone

    def _cut(self) -> None:
        """Close the connections of a loop that does not run."""
        for link in self._links.values():
            with contextlib.suppress(Exception):  # it is closed, and has no use for its transports
                link.transport.abort()
            with contextlib.suppress(Exception):  # a loop of another make has none to close
                link.transport._sock.close()
                if self._loop.is_closed():  # else it closes what it finds there once more
                    link.transport._sock = None
        self._links.clear()

    def __del__(self) -> None:
        """One that was not closed is named: its connections ended when the collector came."""
        if getattr(self, "_links", None) and self._pid == os.getpid() and self._mux.is_usable:
            warnings.warn(f"unclosed {self!r}: use `async with`, or await close()", ResourceWarning,
                          source=self, stacklevel=2)
            self._cut()

    def __repr__(self) -> str:
        state = "closed " if self._is_closed else ""
        nodes = re.sub(r"//[^/@']*@", "//***@", repr(self._make_mux.args[0]))  # no passwords
        return f"<{state}dora.AsyncClient of {nodes}>"

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    # ---- under way ----

    def _enter(self) -> None:
        """Binds the client to the running loop."""
        loop = asyncio.get_running_loop()
        if not self._is_closed and self._is_left_over():
            self._begin_anew()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop and self._mux.is_usable:
            raise RuntimeError("this AsyncClient belongs to another event loop")

    def _is_left_over(self) -> bool:
        """Whether its connections are those of a process or a loop that is no more."""
        if not self._mux.is_usable:
            return self._pid != os.getpid()
        return self._loop is not None and self._loop.is_closed()

    def _begin_anew(self) -> None:
        """After a fork, or the end of its loop. A parent's connections are left alone: not even its
        loop is told, whose epoll is the parent's own. What waits on them is not collected."""
        self._left = (self._loop, self._links, self._opening, self._submitted, self._timer)
        for link in self._links.values():
            with contextlib.suppress(Exception):  # a loop of another make has none to close
                link.transport._sock.close()
        self._begin()

    def _future(self) -> Any:
        self._enter()
        return self._loop.create_future()

    async def _ended(self, number: int, future: asyncio.Future[Any]) -> Any:
        if not self._woken:
            self._wake()
        try:
            return await future
        except BaseException:  # mostly that it was cancelled; else the call is over anyway
            if self._mux.cancel(number):
                self._wake()
            raise

    def _noted(self, guid: str, number: int, result: asyncio.Future[Any]) -> AsyncPendingResult:
        submission = self._submitted[guid] = Submission(number, result)
        return AsyncPendingResult(guid, self, submission)

    # ---- sockets and time ----

    def _wake(self) -> None:
        """Has the events looked at once in this turn of the loop: so writes are few and large."""
        if not self._woken and not self._loop.is_closed():
            # In no caller's context: connections are everybody's. What ends a handler may be raised
            # here: then the next one wakes it.
            self._loop.call_soon(self._pump, context=contextvars.Context())
            self._woken = True

    def _pump(self) -> None:
        self._woken = False
        events = self._mux.events()
        while events:
            for what, conn, host, port in events:
                link = self._links.get(conn)
                if what == _CONNECT:
                    opening = self._loop.create_task(self._open(conn, host, port))
                    self._opening[conn] = opening
                    opening.add_done_callback(functools.partial(self._opened, conn))
                elif what == _WRITE and link is not None:
                    link.write()
                elif what == _CLOSE:
                    self._drop(conn, link, host)
            events = self._mux.events()
        self._arm()

    def _drop(self, conn: int, link: Link | None, last: bytes | None) -> None:
        if link is not None:
            if last and not link.paused:  # goodbye, over TLS
                link.transport.write(last)
            link.transport.abort()
        elif conn in self._opening:
            self._opening[conn].cancel()

    async def _open(self, conn: int, host: Any, port: int) -> None:
        try:
            if port:
                await self._loop.create_connection(lambda: Link(self, conn), host, port)
            else:
                made = await connect_local(host)
                await self._loop.create_unix_connection(lambda: Link(self, conn), sock=made)
        except socket.gaierror as error:
            self._mux.failed(conn, -1, error.strerror or str(error))
        except OSError as error:
            number = error.errno or 0
            self._mux.failed(conn, number, os.strerror(number) if number else str(error))
        except Exception as error:  # a name that has no form in DNS
            self._mux.failed(conn, 0, str(error))
        self._wake()

    def _opened(self, conn: int, opening: asyncio.Task[None]) -> None:
        """An opening is over. One that was cancelled may never have begun, or a loop has closed its
        transport without a word to its link."""
        self._opening.pop(conn, None)
        link = self._links.pop(conn, None) if opening.cancelled() else None
        if link is not None:
            link.transport.abort()
        self._check_gone()

    def _made(self, link: Link) -> None:
        if link.conn not in self._opening:  # its opening was cancelled meanwhile
            link.transport.abort()
            return
        self._links[link.conn] = link
        if self._mux.is_usable:
            self._mux.connected(link.conn)
            self._pump()
        else:
            link.transport.abort()

    def _lost(self, link: Link, error: Exception | None) -> None:
        self._links.pop(link.conn, None)  # it may have been cut
        number = error.errno or 0 if isinstance(error, OSError) else 0
        self._mux.closed(link.conn, number)
        self._pump()
        self._check_gone()

    def _check_gone(self) -> None:
        gone = self._gone
        if gone is not None and not gone.done() and not self._links and not self._opening:
            gone.set_result(None)

    def _arm(self) -> None:
        """One timer for all: it only ever moves forward, and does nothing when it comes early."""
        deadline_ns = self._mux.deadline_ns
        if not deadline_ns or (self._timer is not None and self._timer_ns <= deadline_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_ns = deadline_ns
        left = (deadline_ns - time.monotonic_ns()) / 1e9
        self._timer = self._loop.call_later(max(left, 0.0), self._late)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self._mux.tick()
        self._pump()
