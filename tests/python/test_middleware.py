"""What stands around handlers: middleware, and members of a map as named parameters."""

import asyncio
import json
import re
import threading
import urllib.error
import urllib.request

import pytest

import dora
from dora_helpers import wait_until

APP = '''
import asyncio, threading
import dora

app = dora.App()

@app.api("/before")
def before(param):
    return ["before", param]

@app.middleware
def outer(call_next, param, request):
    if param == "stop":
        return "stopped at " + request.name
    return ["outer", call_next(param)]

@app.middleware
async def inner(call_next, param, request):
    try:
        return ["inner", await call_next(["changed", param], request)]
    except ValueError as error:
        return ["caught", str(error)]

@app.api("/plain")
def plain(param, request):
    return [request.name, param, threading.current_thread() is threading.main_thread()]

@app.api("/later")
async def later(param):
    await asyncio.sleep(0)
    return param

@app.api("/fail")
def fail(param):
    raise ValueError("no")

@app.api("/add", summary="Adds a product")
def add(*, name: str, price: float = 1.5, request):
    return [name, price, request.name]

@app.fallback
def rest(param, request):
    return "rest"
'''


def test_middleware_stands_around_every_handler_of_a_server(serve):
    """An async def around a plain one has its thread, which is not the loop's."""
    source = APP.replace('return ["outer", call_next(param)]', "return call_next(param)")
    with dora.Client(serve(source).node) as client:
        assert client.call("/plain", 1) == ["inner", ["/plain", ["changed", 1], False]]
        assert client.call("/later", 2) == ["inner", ["changed", 2]]
        assert client.call("/before", 3) == ["inner", ["before", ["changed", 3]]]
        assert client.call("/fail") == ["caught", "no"]
        assert client.call("/later", "stop") == "stopped at /later"
        assert client.call("/none") == ["inner", "rest"]
        many = client.call_many({i: ("/plain", i) for i in range(30)})
        assert [many[i][1][1] for i in range(30)] == [["changed", i] for i in range(30)]


def test_the_first_registered_is_outermost():
    app = dora.App()
    order = []

    def around(name):
        def step(call_next, param, request):
            order.append(f"{name} in")
            answer = call_next()
            order.append(f"{name} out")
            return [name, answer]

        return step

    app.middleware(around("first"))
    app.api("/x")(lambda param: param)
    assert app.call("/x", 1) == ["first", 1]
    app.middleware(around("second"))
    del order[:]
    assert app.call("/x", 1) == ["first", ["second", 1]], "also where it is registered later"
    assert order == ["first in", "second in", "second out", "first out"]


def test_call_next_passes_on_what_it_is_not_told():
    app = dora.App()
    ways = {"nothing": lambda go, param, request: go(),
            "param": lambda go, param, request: go([param]),
            "both": lambda go, param, request: go([param], dora.Request("/other")),
            "named": lambda go, param, request: go(request=dora.Request("/other"))}

    @app.middleware
    def choose(call_next, param, request):
        return ways[param](call_next, param, request)

    app.api("/x")(lambda param, request: [param, request.name])
    assert {way: app.call("/x", way) for way in ways} == {
        "nothing": ["nothing", "/x"], "param": [["param"], "/x"], "both": [["both"], "/other"],
        "named": ["named", "/other"]}


def test_async_middleware_awaits_plain_and_async_handlers():
    app = dora.App()

    @app.middleware
    async def around(call_next, param, request):
        await asyncio.sleep(0)
        return [await call_next(param)]

    @app.api("/plain")
    def plain(param):
        is_beside = threading.current_thread() is not threading.main_thread()
        return asyncio.run(asyncio.wait_for(asyncio.sleep(0), 9)) is None and is_beside

    @app.api("/later")
    async def later(param):
        return param

    @app.api("/stop")
    def stop(param):
        raise StopIteration

    assert (app.call("/plain"), app.call("/later", 5)) == ([True], [5])
    assert asyncio.run(app.acall("/plain")) == [True]
    with pytest.raises(dora.HandlerError, match="StopIteration"):
        app.call("/stop")
    with pytest.raises(dora.HandlerError, match="StopIteration"):
        asyncio.run(app.acall("/stop"))


def test_a_context_that_middleware_sets_is_the_handlers_and_ends_with_the_call():
    from contextvars import ContextVar

    tenant = ContextVar("tenant", default="none")
    app = dora.App()

    @app.middleware
    async def around(call_next, param, request):
        tenant.set(param)
        return await call_next()

    app.api("/x")(lambda param: tenant.get())
    assert [app.call("/x", "a"), tenant.get()] == ["a", "none"]


def test_a_handler_that_hangs_under_middleware_costs_its_own_call(serve):
    """Its thread cannot be ended: the worker is replaced."""
    source = '''
        import os
        import threading
        import dora
        app = dora.App()

        @app.middleware
        async def around(call_next, param, request):
            return await call_next()

        @app.api("/hang")
        def hang(param):
            threading.Event().wait()

        @app.api("/pid")
        def pid(param):
            return os.getpid()

        @app.api("/fine")
        async def fine(param):
            return "fine"
    '''
    pool = {"runtime": "python", "app": "app.py", "workers": 1, "concurrency": 4,
            "time_limit_ms": 1500}
    server = serve(source, config={"listen": {"tcp": "127.0.0.1:0"}, "pools": {"app": pool}})
    with dora.Client(server.node, timeout=20) as client:
        pid = client.call("/pid")
        found = client.call_many({"hang": ("/hang", 0), "fine": ("/fine", 0)})
        assert found["hang"].code == 100201 and found["fine"] == "fine"
        server.wait_log("/hang hangs, though it should have ended")
        said = (r"/hang hangs, .* \(api=/hang guid=\w+ .*code=100201 .*\n"
                r"(.* in \w+\n)*.*app\.py:\d+ in hang\n")
        wait_until(lambda: re.search(said, server.log()), "where it hangs, and for whom")
        wait_until(lambda: client.call("/pid", retry=9) != pid, "another worker")


@pytest.mark.parametrize("function,text", [
    (42, "a middleware must be callable, not int: 42"),
    (None, "must be callable, not NoneType"),
    (lambda call_next: None, r"must take \(call_next, param, request\): too many positional"),
    (lambda a, b, c, d: None, "missing a required argument: 'd'"),
    (lambda a, b, c, *, d: None, "missing a required .*argument: 'd'"),
])
def test_a_middleware_that_cannot_be_called_is_refused(function, text):
    with pytest.raises(TypeError, match=text):
        dora.App().middleware(function)


def test_middleware_that_yields_is_refused():
    def gives(call_next, param, request):
        yield 1

    with pytest.raises(TypeError, match="middleware .*gives must .* return the answer, not yield"):
        dora.App().middleware(gives)


def test_a_server_names_the_line_of_a_middleware_that_is_none(tmp_path):
    import subprocess
    import sys

    (tmp_path / "app.py").write_text("import dora\napp = dora.App()\n\napp.middleware('gate')\n")
    done = subprocess.run([sys.executable, "-m", "dora", "serve", "app.py", "--port", "0"],
                          cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert 'app.py", line 4' in done.stderr
    assert "a middleware must be callable, not str: 'gate'" in done.stderr


def named(**more):
    app = dora.App()

    @app.api("/add")
    def add(*, name: str, price: float = 1.5):
        return [name, price]

    @app.api("/any")
    def every(*, name, request, **others):
        return [name, request.name, others]

    @app.api("/async")
    async def later(*, name):
        return name

    @app.api("/none")
    def none(*, price=2):
        return price

    return app


@pytest.mark.parametrize("name,param,found", [
    ("/add", {"name": "Ann", "price": 2}, ["Ann", 2]),
    ("/add", {"name": "Ann"}, ["Ann", 1.5]),
    ("/any", {"name": 1, "x y": 2}, [1, "/any", {"x y": 2}]),
    ("/async", {"name": 1}, 1),
    ("/none", None, 2),
    ("/none", [], 2),
    ("/none", {}, 2),
])
def test_keyword_only_parameters_are_members_of_the_map(name, param, found):
    assert named().call(name, param) == found


@pytest.mark.parametrize("name,param,text", [
    ("/add", {}, "$.name: missing"),
    ("/add", None, "$.name: missing"),
    ("/add", {"price": 1, "colour": 2}, "$.name: missing; $.colour: unknown"),
    ("/add", {"name": 1, "a b": 2, 7: 3}, '$["a b"]: unknown; $[7]: unknown'),
    ("/any", {"name": 1, "request": 2}, "$.request: unknown"),
    ("/any", {"name": 1, 7: 2}, "$[7]: unknown"),
    ("/add", [1], "$: a map is wanted, not a list"),
    ("/add", "Ann", "$: a map is wanted, not a text"),
    ("/add", 5, "$: a map is wanted, not a number"),
    ("/add", True, "$: a map is wanted, not a truth value"),
    ("/add", b"\xff", "$: a map is wanted, not bytes"),
])
def test_what_does_not_fit_is_100210_and_not_run(name, param, text):
    with pytest.raises(dora.NotRunError) as info:
        named().call(name, param)
    assert (info.value.code, info.value.msg) == (100210, text)


def test_positional_and_named_parameters_do_not_mix():
    with pytest.raises(TypeError, match="name is keyword-only"):
        dora.App().api("/x")(lambda param, *, name: None)


def test_a_server_answers_what_does_not_fit_with_the_faults(serve):
    server = serve(APP, "--http", "0")
    with dora.Client(server.node, timeout=20, retry=3) as client:
        assert client.call("/add", "stop") == "stopped at /add"
    http = server.ready.split("http=")[1].split()[0]
    source = APP.replace("@app.middleware\n", "")
    server = serve(source, "--http", "0", name="plain.py")
    http = server.ready.split("http=")[1].split()[0]
    with dora.Client(server.node, timeout=20, retry=3) as client:
        assert client.call("/add", {"name": "Cup"}) == ["Cup", 1.5, "/add"]
        with pytest.raises(dora.NotRunError) as info:
            client.call("/add", {"colour": 1})
        assert (info.value.code, info.value.not_run) == (100210, True)
        assert info.value.msg == "$.name: missing; $.colour: unknown"
    with pytest.raises(urllib.error.HTTPError) as info:
        urllib.request.urlopen(f"http://{http}/call/add", b'{"a: b": 1}', timeout=20)
    assert info.value.code == 422
    assert json.load(info.value) == {"error": {
        "code": 100210, "msg": '$.name: missing; $["a: b"]: unknown',
        "faults": [{"path": "$.name", "reason": "missing"},
                   {"path": '$["a: b"]', "reason": "unknown"}]}}
    assert "Misfit" not in server.log(), "it is the caller's fault"


def test_middleware_has_run_once_where_the_handler_did_not(serve):
    server = serve("""
        import dora
        app = dora.App()
        SEEN = []

        @app.middleware
        def note(call_next, param, request):
            SEEN.append(request.name)
            return call_next(param)

        @app.api("/add")
        def add(*, name): return name

        @app.api("/seen")
        def seen(param): return SEEN
    """, "--workers", "1")
    with dora.Client(server.node, timeout=20, retry=3) as client:
        with pytest.raises(dora.NotRunError) as info:
            client.call("/add", {"colour": 1})
        assert (info.value.code, info.value.not_run) == (100210, True)
        assert client.call("/seen").count("/add") == 1, "no client sends it again"


def test_a_summary_is_text():
    with pytest.raises(TypeError, match="summary must be str, not int"):
        dora.App().api("/x", summary=5)


@pytest.mark.parametrize("given, error, said", [
    (-1, ValueError, "not -1"),
    (-0.001, ValueError, r"not -0\.001"),
    (float("nan"), ValueError, "not nan"),
    (float("inf"), ValueError, "not inf"),
    (86400.1, ValueError, r"not 86400\.1"),
    (10 ** 400, ValueError, "not 1000"),
    (True, TypeError, "not bool"),
    ("2", TypeError, "not str"),
    ([2], TypeError, "not list"),
    (2j, TypeError, "not complex"),
])
def test_what_is_no_time_limit_is_refused(given, error, said):
    """By the api's name, and in the line that says it."""
    with pytest.raises(error, match="^api '/x': time_limit must be .*" + said):
        dora.App().api("/x", time_limit=given)


@pytest.mark.parametrize("given", [None, 0, 2, 0.5, 1e-9, 86400])
def test_a_time_limit_is_taken_and_ends_no_call_here(given):
    one = dora.App()
    one.api("/x", time_limit=given)(lambda param: param)
    assert one.call("/x", 5) == 5
