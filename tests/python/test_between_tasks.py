"""What one task leaves behind for the next, and what handlers are that are not plain functions."""

import collections

import pytest

import dora
from dora_helpers import wait_until
from dora.wire import pack, unpack

CONTEXT = """
    import contextvars, dora

    app = dora.App()
    user = contextvars.ContextVar("user", default="nobody")
    started = contextvars.ContextVar("started", default="no")
    begun = contextvars.ContextVar("begun", default="no")

    @app.worker_start
    %(hook)s start():
        started.set("by the hook")

    @app.worker_start
    def start_too():
        begun.set("by the other")

    @app.api("/set")
    %(handler)s set_user(param):
        before = user.get()
        user.set(param)
        return [before, started.get(), begun.get()]
"""


@pytest.mark.parametrize("hook", ["def", "async def"])
@pytest.mark.parametrize("handler", ["def", "async def"])
def test_a_context_of_its_own_for_each_task(serve, hook, handler):
    """A copy of the start hooks' one: what a task sets is not seen by the next caller's."""
    one = serve(CONTEXT % {"hook": hook, "handler": handler}, "--workers", "1")
    with dora.Client(one.node) as client:
        for name in ("ann", "bob"):
            assert client.call("/set", name) == ["nobody", "by the hook", "by the other"]


WRAPPED = """
    import asyncio, functools, dora

    app = dora.App()

    def with_db(function):
        @functools.wraps(function)
        def inner(param):
            return function(param, "db")
        return inner

    def with_db_by_name(function):
        @functools.wraps(function)
        def inner(param):
            return function(param, db="db")
        return inner

    def logged(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)
        return inner

    @app.api("/inject")
    @with_db
    def inject(param, db):
        return [param, db]

    @app.api("/inject_by_name")
    @with_db_by_name
    def inject_by_name(param, *, db):
        return [param, db]

    @app.api("/passed_on")
    @logged
    def passed_on(param, request):
        return [param, request.name]

    @app.api("/awaited")
    @logged
    async def awaited(param):
        await asyncio.sleep(0)
        return [param, "awaited"]

    @app.api("/raises")
    @logged
    async def raises(param):
        raise dora.HandlerError("no", 77)
    %s
"""
ASYNC_BESIDE = """
    @app.api("/beside")
    async def beside(param):
        return param
"""


@pytest.mark.parametrize("beside", ["", ASYNC_BESIDE], ids=["plain pool", "loop"])
def test_wrappers_keep_their_signature(serve, beside):
    """A wrapper's own signature counts, and what it returns to be awaited is awaited."""
    one = serve(WRAPPED % beside, "--workers", "1")
    with dora.Client(one.node) as client:
        assert client.call("/inject", 1) == [1, "db"]
        assert client.call("/inject_by_name", 1) == [1, "db"]
        assert client.call("/passed_on", 1) == [1, "/passed_on"]
        assert client.call("/awaited", 1) == [1, "awaited"]
        with pytest.raises(dora.HandlerError) as info:
            client.call("/raises")
        assert info.value.code == 77


def test_tasks_that_handlers_start_end_before_the_worker_leaves(serve, tmp_path):
    one = serve(
        """
        import asyncio, dora
        from pathlib import Path

        app = dora.App()
        kept = set()

        @app.api("/start")
        async def start(param):
            async def later():
                await asyncio.sleep(param)
                Path("done").touch()
            task = asyncio.create_task(later(), name="later")
            kept.add(task)
        """,
        "--workers", "1")
    with dora.Client(one.node) as client:
        client.call("/start", 0.05)
        client.call("/start", 600)
    one.stop()
    assert (tmp_path / "done").exists()
    assert "a task is cancelled, the worker leaves: <Task" in one.log()
    assert "name='later'" in one.log()


def test_what_an_error_says_is_whole(serve):
    one = serve(
        """
        import dora, sys

        app = dora.App()

        @app.api("/nul")
        def nul(param):
            raise ValueError("before\\0after")

        @app.api("/long")
        def long(param):
            raise dora.HandlerError("x" + "é" * 5000, 5)

        @app.api("/hook")
        def hook(param):
            sys.excepthook = lambda *what: sys.exit(1)
            raise ValueError("the real reason")
        """,
        "--workers", "1")
    with dora.Client(one.node) as client:
        with pytest.raises(dora.HandlerError, match="before\0after"):
            client.call("/nul")
        with pytest.raises(dora.HandlerError) as info:
            client.call("/long")
        assert str(info.value).count("é") == 4095 and "\ufffd" not in str(info.value)
        for _ in range(2):
            with pytest.raises(dora.HandlerError, match="the real reason") as info:
                client.call("/hook")
            assert info.value.code == 100208
    wait_until(lambda: "the real reason" in one.log(), "the traceback in the log")


class Reversed(list):
    def __iter__(self):
        return reversed(list(super().__iter__()))


class Doubling(dict):
    def items(self):
        return [(key, value * 2) for key, value in super().items()]


class Growing(dict):
    """Changes what holds it, while that is written."""

    def __init__(self, holder):
        super().__init__(a=1)
        self.holder = holder

    def items(self):
        self.holder.clear()
        return super().items()


def test_subclasses_are_read_by_their_own_protocol():
    ordered = collections.OrderedDict(a=1, b=2)
    ordered.move_to_end("a")
    assert list(unpack(pack(ordered)).items()) == [("b", 2), ("a", 1)]
    assert unpack(pack(Reversed([1, 2, 3]))) == [3, 2, 1]
    assert unpack(pack(Doubling(a=1))) == {"a": 2}


@pytest.mark.parametrize("holder", [list, dict])
def test_a_value_that_changes_while_it_is_written(holder):
    value = holder()
    growing = Growing(value)
    if holder is list:
        value.extend([growing, 1, 2])
    else:
        value.update({"x": growing, "y": 1})
    with pytest.raises(RuntimeError, match="changed while it was written"):
        pack(value)
