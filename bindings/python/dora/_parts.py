"""Handlers that send parts: what a generator yields. Called by the extension.

`one` is the call: a worker's with an event loop, or App.call()'s. Its part() sends a value and says
True; False where the generator has to end; or it gives a future to wait for before again(), since
there is no room yet. It is asked on the loop's thread.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import logging
import queue
from collections.abc import AsyncGenerator, Generator
from typing import Any, Callable, Protocol

from . import _dora, _loop, _threads


class Call(Protocol):
    name: str

    def gives_parts(self, result: Any, /) -> bool: ...

    def part(self, value: Any, /) -> bool | asyncio.Future[None]: ...

    def again(self) -> bool | asyncio.Future[None]: ...


_Sent = Callable[[Any], bool]  # sends a part, and waits for room; False: the generator has to end

_TURN_PARTS = 64  # of a generator that waits for nothing; then others on its loop have their turn


async def send(one: Call, generator: AsyncGenerator[Any, Any], _: object = None) -> None:
    """Send what an async generator yields."""
    left = _TURN_PARTS
    try:
        async for part in generator:
            sent = one.part(part)
            while not isinstance(sent, bool):
                left = _TURN_PARTS
                await sent
                sent = one.again()
            if not sent:
                break
            left -= 1
            if left == 0:
                left = _TURN_PARTS
                await asyncio.sleep(0)
    except BaseException:
        try:
            await generator.aclose()
        except Exception:
            _log_close()
        raise
    await generator.aclose()


def drive(generator: Generator[Any, Any, Any], send: _Sent) -> Any:
    """Send what a generator yields; return what it returns."""
    try:
        while True:
            try:
                part = next(generator)
            except StopIteration as end:
                return end.value
            if not send(part):
                break
    except BaseException:
        try:
            generator.close()
        except Exception:
            _log_close()
        raise
    generator.close()
    return None


def _log_close() -> None:
    """What closing a generator raises does not replace what has ended it."""
    logging.getLogger("dora").error("a generator that has to end raised", exc_info=True)


def pump(one: Call, generator: Generator[Any, Any, Any], loop: asyncio.AbstractEventLoop) -> Any:
    """In a thread: send what a generator yields, by the loop."""
    return drive(generator, _ByLoop(one, loop).send)


async def send_beside(one: Call, generator: Generator[Any, Any, Any],
                      loop: asyncio.AbstractEventLoop) -> Any:
    """Send what a generator yields that runs in a thread beside the loop."""
    return await _threads.beside(lambda call: pump(call, generator, loop), one)


async def through(result: Any) -> Any:
    """Send what a generator yields in the task that has made it, whose call it is; give its result.
    Others are their own result."""
    one: Call | None = _dora.call_now()
    if one is None or not one.gives_parts(result):
        return result
    if isinstance(result, AsyncGenerator):
        return await send(one, result)
    return await send_beside(one, result, asyncio.get_running_loop())


def stepwise(loop: asyncio.AbstractEventLoop, generator: AsyncGenerator[Any, Any],
             context: contextvars.Context) -> Generator[Any, None, None]:
    """A generator of what an async one yields, where no loop runs. The context is not entered."""
    complete = functools.partial(_loop.complete, loop, context=context, of=object())
    try:
        while True:
            try:
                part = complete(generator.__anext__())
            except StopAsyncIteration:
                return
            yield part
    finally:
        complete(generator.aclose())


class _ByLoop:
    """A thread's way to send: it waits for the loop, and where there is no room others have its
    place meanwhile."""

    def __init__(self, one: Call, loop: asyncio.AbstractEventLoop) -> None:
        self.one = one
        self.loop = loop
        self.answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def send(self, part: Any) -> bool:
        if _dora.is_forked():  # a child of the generator's: it has no loop
            return False
        sent = self._ask(self.one.part, part)
        while not isinstance(sent, bool):
            _threads.lend(self.answers.get)
            sent = self._ask(self.one.again)
        return sent

    def _ask(self, ask: Callable[..., Any], *arguments: Any) -> Any:
        """What part() says; for a future, which is waited for by `answers`, None. The loop's thread
        runs no handler by that, and is not to be interrupted for one."""
        self.loop.call_soon_threadsafe(self._answer, ask, *arguments,
                                       context=contextvars.Context())
        answer = self.answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def _answer(self, ask: Callable[..., Any], *arguments: Any) -> None:
        try:
            sent = ask(*arguments)
        except BaseException as error:  # raised where it was sent
            self.answers.put(error)
            return
        if isinstance(sent, bool):
            self.answers.put(sent)
        else:
            self.answers.put(None)
            sent.add_done_callback(lambda _: self.answers.put(True))
