"""App.call() and its kin: an application without a server, for its tests. Called by the extension.

A `_Worker` is what a worker has around its handlers: a context, hooks that have run, for call() an
event loop of its own. acall() has one for each event loop that it is awaited on.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import inspect
import os
import threading
from collections.abc import AsyncGenerator
from typing import Any, Awaitable, Coroutine

from . import _dora, _parts, _threads
from ._loop import mark, mark_as_here, task_in, until_done

_WORKER = 0  # the number that hooks are told


class _Exited(Exception):
    """A task's SystemExit, `error`: as itself it would end the loop."""

    def __init__(self, error: SystemExit) -> None:
        self.error = error


class _Held:
    """What a thread runs, for guarded() and interrupt()."""

    thread: int | None = None


class _WithinALoop(RuntimeError):
    """call() would have to wait where an event loop runs."""


class _Kept:
    """What an application keeps of its calls."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.own: _Worker | None = None
        self.on_loop: _Worker | None = None


class _Worker:
    def __init__(self, app: _dora.App, loop: asyncio.AbstractEventLoop | None) -> None:
        self.app = app
        self.loop = loop
        self.pid = os.getpid()
        self.context = contextvars.copy_context()
        self.ready: Any = None  # for acall(): its start hooks have run
        self.lock = threading.RLock()  # of the loop: threads may share the application
        self.beside = concurrent.futures.ThreadPoolExecutor(1)  # for acall(): as a worker's thread

    def hooks(self, which: int) -> list[Any]:
        return [(function, (_WORKER,) if takes_worker else (), is_async)
                for function, takes_worker, is_async in self.app._hooks[which]]

    def complete(self, awaitable: Awaitable[Any], context: contextvars.Context,
                 of: object) -> Any:
        """Await something to its end, in `context` itself; `of` marks whose it is."""
        _refuse_within_a_loop(awaitable)
        with self.lock:
            if self.loop is None:
                self.loop = asyncio.new_event_loop()
            mark(context, of)
            task = task_in(self.loop, _awaiting(awaitable), context)
            try:
                return until_done(self.loop, task, of)
            except KeyboardInterrupt:
                task.cancel()
                raise

    def run_hooks(self, which: int) -> None:
        for function, arguments, _ in self.hooks(which):
            done = self.context.run(function, *arguments)
            if inspect.isawaitable(done):
                self.complete(done, self.context, object())

    async def arun_hooks(self, which: int) -> None:
        for function, arguments, is_async in self.hooks(which):
            done = await self.arun(self.context, function, arguments, is_async)
            if inspect.isawaitable(done):
                await self.task(done, self.context)

    def task(self, awaitable: Awaitable[Any], context: contextvars.Context) -> Any:
        assert self.loop is not None
        return task_in(self.loop, _awaiting(awaitable), context)

    async def arun(self, context: contextvars.Context, function: Any, arguments: tuple[Any, ...],
                   is_async: bool) -> Any:
        """Call something; beside the loop, in a thread, where it is no async def."""
        if is_async:
            return context.run(function, *arguments)
        assert self.loop is not None
        held = _Held()
        try:
            return await self.loop.run_in_executor(
                self.beside, _dora.guarded, held, context.run,
                (_threads.called, function, *arguments))
        except asyncio.CancelledError as error:  # the thread is not to be kept by it
            _dora.interrupt(held, str(error))
            raise

    def end(self) -> None:
        if self.pid != os.getpid():  # a fork: its parent ends it
            return
        try:
            self.run_hooks(1)
        finally:
            if self.loop is not None:
                self.loop.run_until_complete(self.loop.shutdown_asyncgens())
                self.loop.close()


async def _awaiting(awaitable: Awaitable[Any]) -> Any:
    try:
        return await awaitable
    except SystemExit as error:
        raise _Exited(error) from error


def _refuse_within_a_loop(awaitable: Awaitable[Any]) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    if isinstance(awaitable, Coroutine):
        awaitable.close()
    raise _WithinALoop("app.call() cannot wait within a running event loop: await app.acall()")


def _kept(app: _dora.App) -> _Kept:
    if app._alone is None:
        app._alone = _Kept()
    kept: _Kept = app._alone
    return kept


def _worker(app: _dora.App) -> _Worker:
    kept = _kept(app)
    with kept.lock:
        if kept.own is None or kept.own.pid != os.getpid():
            worker = _Worker(app, None)
            worker.run_hooks(0)
            kept.own = worker
            atexit.register(worker.end)
        return kept.own


async def _worker_here(app: _dora.App) -> _Worker:
    kept = _kept(app)
    loop = asyncio.get_running_loop()
    if kept.on_loop is None or kept.on_loop.loop is not loop:
        kept.on_loop = _Worker(app, loop)
        kept.on_loop.ready = loop.create_task(kept.on_loop.arun_hooks(0))
    worker = kept.on_loop
    try:
        await asyncio.shield(worker.ready)
    except Exception:
        if kept.on_loop is worker:  # the next call tries again
            kept.on_loop = None
        raise
    return worker


def call(app: _dora.App, name: str, param: Any = None, **request: Any) -> Any:
    """What App.call() does."""
    one = _dora.Alone(app, name, param, **request)
    worker = _worker(app)
    context = worker.context.copy()
    try:
        result = context.run(one.start)
        if inspect.isawaitable(result):
            result = worker.complete(result, context, one)
        if one.gives_parts(result):
            result = _send(worker, one, result, context)
    except (KeyboardInterrupt, _dora.Interrupted, _WithinALoop):
        raise
    except _Exited as exited:
        return one.end(None, exited.error)
    except BaseException as error:
        return one.end(None, error)
    return one.end(result, None)


async def acall(app: _dora.App, name: str, param: Any = None, **request: Any) -> Any:
    """What App.acall() does."""
    one = _dora.Alone(app, name, param, **request)
    worker = await _worker_here(app)
    context = worker.context.copy()
    mark_as_here(context)
    try:
        result = await worker.arun(context, one.start, (), one.is_async)
        if inspect.isawaitable(result):
            result = await worker.task(result, context)
        if one.gives_parts(result):
            result = await _asend(worker, one, result, context)
    except (KeyboardInterrupt, _dora.Interrupted, asyncio.CancelledError):
        raise
    except _Exited as exited:
        return one.end(None, exited.error)
    except BaseException as error:
        return one.end(None, error)
    return one.end(result, None)


def _send(worker: _Worker, one: Any, generator: Any, context: contextvars.Context) -> Any:
    """Make what a generator yields the parts of a call; return what it returns."""
    if isinstance(generator, AsyncGenerator):
        return worker.complete(_parts.send(one, generator), context, one)
    return context.run(_parts.drive, generator, one.part)


async def _asend(worker: _Worker, one: Any, generator: Any, context: contextvars.Context) -> Any:
    if isinstance(generator, AsyncGenerator):
        return await worker.task(_parts.send(one, generator), context)
    return await worker.arun(context, _parts.drive, (generator, one.part), False)


def close(app: _dora.App) -> None:
    """What App.close() does."""
    kept = _kept(app)
    worker, kept.own = kept.own, None
    if worker is not None:
        atexit.unregister(worker.end)
        worker.end()


async def aclose(app: _dora.App) -> None:
    """What App.aclose() does."""
    kept = _kept(app)
    worker, kept.on_loop = kept.on_loop, None
    if worker is not None and worker.loop is asyncio.get_running_loop():
        await worker.arun_hooks(1)
        worker.beside.shutdown(wait=False)
