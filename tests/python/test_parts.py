"""Handlers that are generators, called without a server; what the wire sees of them is in
tests/server/test_streams_handlers.py."""

import asyncio
import collections.abc
import contextvars

import pytest

import dora

MARK = contextvars.ContextVar("mark", default="none")
ENDED = []


def make_app():
    app = dora.App()
    ENDED.clear()

    @app.api("/plain")
    def plain(param):
        try:
            yield from param
        finally:
            ENDED.append("plain")

    @app.api("/total")
    def total(param):
        for each in param:
            yield each
        return sum(param)

    @app.api("/made")
    def made(param):
        return (each for each in param)

    @app.api("/members")
    def members(*, names: list):
        yield from names

    @app.api("/later")
    async def later(param, request):
        try:
            for each in param:
                request.progress(1)
                await asyncio.sleep(0)
                yield each
        finally:
            ENDED.append("later")

    @app.api("/coroutine")
    async def coroutine(param):
        return plain(param)

    @app.api("/mark")
    def mark(param):
        MARK.set(param)
        yield MARK.get()
        yield MARK.get()

    return app


NAMES = ["/plain", "/made", "/later", "/coroutine"]


@pytest.mark.parametrize("name", NAMES)
def test_a_call_gets_the_list_of_parts(name):
    app = make_app()
    assert app.call(name, [1, "b", None]) == [1, "b", None]
    assert app.call(name, []) == []
    assert asyncio.run(app.acall(name, [1, {"a": 2}])) == [1, {"a": 2}]


def test_what_it_returns_is_the_result_in_place_of_the_list():
    app = make_app()
    assert app.call("/total", [1, 2]) == 3
    assert asyncio.run(app.acall("/total", [1, 2])) == 3


def test_parameters_are_read_as_ever():
    app = make_app()
    assert app.call("/members", {"names": ["a"]}) == ["a"]
    with pytest.raises(dora.NotRunError):
        app.call("/members", {})


def test_steps_of_one_generator_have_one_context():
    app = make_app()
    assert app.call("/mark", "own") == ["own", "own"]
    assert MARK.get() == "none"


@pytest.mark.parametrize("name", ["/plain", "/later"])
def test_part_that_cannot_be_written_is_named_and_closes_the_generator(name):
    app = make_app()
    with pytest.raises(dora.HandlerError, match=r"\$\.a\[0\]: no value on the wire") as raised:
        run(app, name)
    assert isinstance(raised.value.__cause__, TypeError)
    assert ENDED == [name[1:]]


@pytest.mark.parametrize("name", ["/plain_odd", "/later_odd"])
def test_what_closing_raises_does_not_replace_what_ended_it(name):
    app = dora.App()

    @app.api("/plain_odd")
    def plain_odd(param):
        try:
            yield object()
        finally:
            raise ValueError("as it was closed")

    @app.api("/later_odd")
    async def later_odd(param):
        try:
            yield object()
        finally:
            raise ValueError("as it was closed")

    for call in (app.call, lambda name: asyncio.run(app.acall(name))):
        with pytest.raises(dora.HandlerError, match="no value on the wire"):
            call(name)


def run(app, name):
    app.middleware(lambda call_next, param, request: call_next([1, {"a": [object()]}]))
    return app.call(name, [])


def test_part_over_the_limit_closes_the_generator():
    app = make_app()
    app.middleware(lambda call_next, param, request: call_next(["x" * (3 << 20)]))
    with pytest.raises(dora.Error) as raised:
        app.call("/plain", [])
    assert raised.value.code == 100206 and ENDED == ["plain"]


def test_encode_is_given_what_a_part_holds():
    app = dora.App(encode=lambda value: type(value).__name__)
    app.api("/hooked")(hooked)
    assert app.call("/hooked") == [1, "object"]


def hooked(param):
    yield 1
    yield object()


def test_progress_takes_numbers_and_tells_nobody_here():
    request = dora.Request("/a")
    assert request.progress(1) is None
    assert request.progress(1, 2.5, "note") is None
    assert request.progress(done=1, total=None, note=None) is None
    for wrong in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="finite"):
            request.progress(wrong)
        with pytest.raises(ValueError, match="finite"):
            request.progress(1, wrong)
    with pytest.raises(TypeError):
        request.progress("1")


def plain_around(call_next, param, request):
    made = call_next()
    assert hasattr(made, "send") or hasattr(made, "asend") or asyncio.iscoroutine(made)
    return made


async def async_around(call_next, param, request):
    MARK.set("around")
    made = await call_next()
    assert isinstance(made, (collections.abc.Generator, collections.abc.AsyncGenerator))
    return made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("around", [
    [plain_around], [async_around], [plain_around, async_around], [async_around, plain_around],
    [async_around, async_around]])
def test_middleware_passes_the_generator_on(name, around):
    app = make_app()
    for each in around:
        app.middleware(each)
    assert app.call(name, [1, 2]) == [1, 2]
    assert asyncio.run(app.acall(name, [1, 2])) == [1, 2]


def test_what_middleware_sets_is_seen_in_the_generator():
    app = dora.App()
    app.middleware(async_around)

    @app.api("/later")
    async def later(param):
        yield MARK.get()

    assert app.call("/later") == ["around"]


def test_middleware_that_is_a_generator_is_refused():
    app = make_app()
    with pytest.raises(TypeError, match="not yield"):
        app.middleware(lambda call_next, param, request: (yield))
