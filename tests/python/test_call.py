"""App.call() and acall() run a handler in this process as a worker does; dora.Request is made."""

import asyncio
import concurrent.futures
import contextvars
import decimal
import subprocess
import sys
import threading

import pytest

import dora

GUID = "0123456789abcdef0123456789abcdef"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
MARK = contextvars.ContextVar("mark", default="none")


class NoSuchUser(Exception):
    code = 404


ON_MAIN_THREAD = []


def make_app():
    app = dora.App()

    @app.api("/echo")
    def echo(param):
        return param

    @app.api("/about")
    def about(param, request):
        return {"name": request.name, "guid": request.guid, "type": request.type,
                "protocol": request.protocol, "connection": request.connection,
                "trace": request.trace, "left_ms": request.remaining_ms, "param": request.param}

    @app.api("/fail")
    def fail(param):
        raise {"user": NoSuchUser("no user 7"), "value": ValueError("not that"),
               "own": dora.HandlerError("no", code=409), "exit": SystemExit(3),
               "assert": AssertionError("1 is not 2")}[param]

    @app.api("/object")
    def an_object(param):
        return {"a": [object()]}

    @app.api("/later")
    async def later(param):
        await asyncio.sleep(0)
        ON_MAIN_THREAD.append(threading.current_thread() is threading.main_thread())
        return [param, MARK.get()]

    @app.api("/mark")
    def mark(param):
        before = MARK.get()
        MARK.set(param)
        return before

    return app


class Hooked(list):
    """An application's hooks note here what they were told."""

    def __init__(self, app):
        app.worker_start(lambda worker: self.append(("start", worker)))
        app.worker_stop(lambda: self.append("stop"))

        @app.worker_start
        async def begin():
            self.append(("async start", asyncio.get_running_loop()))
            MARK.set("from the hook")


class Vanilla:
    pass


def test_a_result_has_gone_over_the_wire():
    app = make_app()
    given = {"tuple": (1, 2), "bytes": b"\xff", "nested": {"x": [1.5, None, True]}}
    found = app.call("/echo", given)
    assert found == {"tuple": [1, 2], "bytes": b"\xff", "nested": {"x": [1.5, None, True]}}
    assert found is not given and app.call("/echo") is None


def test_a_request_says_what_the_call_was_told():
    found = make_app().call("/about", [7], guid=GUID, type="AN_S", protocol="http", connection=9,
                            trace=TRACE, remaining_ms=60000)
    assert 0 < found.pop("left_ms") <= 60000
    assert found == {"name": "/about", "guid": GUID, "type": "AN_S", "protocol": "http",
                     "connection": 9, "trace": TRACE, "param": [7]}
    plain = make_app().call("/about")
    assert len(plain["guid"]) == 32 and plain["left_ms"] is None and plain["type"] == "W_S"


@pytest.mark.parametrize("param,code,text,cause", [
    ("user", 404, "NoSuchUser: no user 7", NoSuchUser),
    ("value", 100208, "ValueError: not that", ValueError),
    ("own", 409, "no", dora.HandlerError),
    ("exit", 100200, "the handler raised SystemExit(3)", SystemExit),
    ("assert", 100208, "AssertionError: 1 is not 2", AssertionError),
])
def test_an_error_is_the_one_a_client_gets(param, code, text, cause):
    with pytest.raises(dora.HandlerError) as info:
        make_app().call("/fail", param)
    assert (info.value.code, info.value.msg) == (code, text)
    assert isinstance(info.value.__cause__, cause), "what the handler raised is at hand"


def test_what_has_no_place_on_the_wire_is_refused_at_its_side():
    app = make_app()
    with pytest.raises(TypeError, match=r"^\$: no value on the wire for type Vanilla"):
        app.call("/echo", Vanilla())
    path = r"\$\.a\[0\]: no value on the wire for type object"
    with pytest.raises(dora.HandlerError, match=path) as info:
        app.call("/object")
    assert info.value.code == 100208


def test_results_and_parameters_have_the_limit_of_a_server():
    app = make_app()
    app.api("/large")(lambda param: b"x" * 3000000)
    with pytest.raises(dora.HandlerError, match="the result is larger") as info:
        app.call("/large")
    assert info.value.code == 100206
    with pytest.raises(dora.Error, match="param: larger") as info:
        app.call("/echo", b"x" * 3000000)
    assert info.value.code == 100206


def test_an_unknown_name_is_not_run_unless_there_is_a_fallback():
    app = make_app()
    with pytest.raises(dora.NotRunError, match="no such api: /none") as info:
        app.call("/none")
    assert info.value.code == 100204
    app.fallback(lambda param, request: "fallback of " + request.name)
    assert app.call("/none") == "fallback of /none"


def test_each_call_has_a_context_of_its_own():
    app = make_app()
    assert [app.call("/mark", "a"), app.call("/mark", "b"), MARK.get()] == ["none"] * 3


def test_hooks_run_once_before_the_first_call_and_in_close():
    app = make_app()
    hooked = Hooked(app)
    assert app.call("/later", 1) == [1, "from the hook"]
    app.call("/echo")
    assert [hooked[0], hooked[1][0], len(hooked)] == [("start", 0), "async start", 2]
    app.close()
    app.close()
    assert hooked[2:] == ["stop"]
    app.call("/echo")
    assert hooked[3] == ("start", 0), "it begins anew"
    app.close()


def test_hooks_that_fail_are_told_and_tried_again():
    app = make_app()
    left = [ValueError("no database"), ValueError("no database")]

    @app.worker_start
    def begin():
        if left:
            raise left.pop()

    with pytest.raises(ValueError, match="no database"):
        app.call("/echo")
    with pytest.raises(ValueError, match="no database"):
        asyncio.run(app.acall("/echo"))
    assert app.call("/echo", 5) == 5


def test_the_end_of_the_process_runs_the_stop_hooks():
    code = """
import dora
app = dora.App()
app.api("/echo")(lambda param: param)
@app.worker_stop
async def bye():
    print("stopped")
print(app.call("/echo", 7))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("7\nstopped\n", "")


def test_async_handlers_run_from_plain_code():
    app = make_app()
    del ON_MAIN_THREAD[:]
    assert [app.call("/later", i)[0] for i in range(3)] == [0, 1, 2]
    assert ON_MAIN_THREAD == [True] * 3


def test_within_a_loop_a_call_that_would_wait_says_what_to_do():
    app = make_app()

    async def main():
        assert app.call("/echo", 3) == 3
        with pytest.raises(RuntimeError, match=r"await app\.acall\(\)"):
            app.call("/later", 1)
        return await app.acall("/later", 2)

    assert asyncio.run(main()) == [2, "none"]


def test_awaited_calls_run_on_the_running_loop():
    app = make_app()
    hooked = Hooked(app)

    @app.api("/loop")
    async def loop(param):
        return id(asyncio.get_running_loop())

    @app.api("/plain")
    def plain(param):
        return asyncio.run(asyncio.sleep(0, param))  # as in a worker: no loop runs in its thread

    async def main():
        found = await asyncio.gather(*(app.acall("/later", i) for i in range(20)))
        assert found == [[i, "from the hook"] for i in range(20)]
        assert len(hooked) == 2, "all wait for the hooks, which run once"
        assert await app.acall("/loop") == id(asyncio.get_running_loop())
        assert hooked[1][1] is asyncio.get_running_loop()
        assert await app.acall("/plain", 5) == 5
        with pytest.raises(dora.HandlerError, match="no user 7"):
            await app.acall("/fail", "user")
        await app.aclose()
        await app.aclose()
        assert hooked[2:] == ["stop"]

    asyncio.run(main())
    del hooked[:]
    asyncio.run(app.acall("/echo"))
    assert len(hooked) == 2, "another loop is another worker"


def test_a_cancelled_call_cancels_its_handler():
    app = dora.App()
    seen = []

    @app.api("/wait")
    async def wait(param):
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    async def main():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(app.acall("/wait"), 0.01)

    asyncio.run(main())
    assert seen == ["ended"]


def test_a_nested_call_has_the_time_of_its_caller():
    app = dora.App()

    @app.api("/nested")
    def nested(param):
        with dora.Client("127.0.0.1:9", timeout=30) as client:
            client.call("/x")

    with pytest.raises(dora.HandlerError) as info:
        app.call("/nested", remaining_ms=0)
    assert isinstance(info.value.__cause__, dora.TimeoutError), "nothing is sent any more"


def test_a_call_within_a_handler_leaves_it_its_time():
    app = make_app()

    @app.api("/outer")
    def outer(param):
        assert app.call("/echo", 7) == 7
        with dora.Client("127.0.0.1:9", timeout=30) as client:
            client.call("/x")

    with pytest.raises(dora.HandlerError) as info:
        app.call("/outer", remaining_ms=0)
    assert isinstance(info.value.__cause__, dora.TimeoutError), "nothing is sent any more"


ASKED = """
    import dora
    app = dora.App()

    @app.api("/asked")
    def asked(param, request):
        return [request.trace, request.remaining_ms]
"""


@pytest.mark.parametrize("kind", ["AsyncClient", "Client", "Client in a thread"])
@pytest.mark.parametrize("way", ["call", "acall"])
def test_what_an_async_handler_calls_has_its_time_and_its_trace_after_it_waited(serve, way, kind):
    address = serve(ASKED).node
    app = dora.App()

    def ask():
        with dora.Client(address, timeout=300) as client:
            return client.call("/asked")

    @app.api("/outer")
    async def outer(param):
        await asyncio.sleep(0)
        if kind == "Client":
            return ask()
        if kind == "Client in a thread":
            return await asyncio.to_thread(ask)
        async with dora.AsyncClient(address, timeout=300) as client:
            return await client.call("/asked")

    options = {"trace": TRACE, "remaining_ms": 60000}
    for _ in range(2):
        trace, left_ms = (app.call("/outer", **options) if way == "call"
                          else asyncio.run(app.acall("/outer", **options)))
        assert trace[:36] == TRACE[:36] and trace[36:52] != TRACE[36:52], "a span of its own"
        assert 0 < left_ms <= 60000
    with pytest.raises(dora.HandlerError) as info:
        app.call("/outer", remaining_ms=0)
    assert isinstance(info.value.__cause__, dora.TimeoutError), "nothing is sent any more"


def test_what_a_call_leaves_behind_has_its_time_and_trace_no_more(serve):
    address = serve(ASKED).node
    app = dora.App()
    tasks = []

    @app.api("/outer")
    async def outer(param):
        async def later():
            await ended.wait()
            async with dora.AsyncClient(address) as client:
                return await client.call("/asked")

        ended = asyncio.Event()
        tasks.append((ended, asyncio.get_running_loop().create_task(later())))

    async def main():
        await app.acall("/outer", trace=TRACE, remaining_ms=0)
        ended, task = tasks[0]
        ended.set()
        return await task

    assert asyncio.run(main())[0] == ""


def test_a_request_can_be_made():
    request = dora.Request("/user/get", {"id": decimal.Decimal(1)}, guid=GUID, trace=TRACE,
                           type="AM_M", protocol="http", connection=4, remaining_ms=5000)
    assert (request.name, request.guid, request.trace) == ("/user/get", GUID, TRACE)
    assert (request.type, request.protocol, request.connection) == ("AM_M", "http", 4)
    assert request.param == {"id": decimal.Decimal(1)}, "as it was given"
    assert 0 < request.remaining_ms <= 5000
    plain = dora.Request("/x")
    assert (plain.param, plain.type, plain.protocol) == (None, "W_S", "tcp")
    assert (plain.trace, plain.remaining_ms) == ("", None)
    assert len(plain.guid) == 32 and plain.guid != dora.Request("/x").guid
    assert dora.Request("/x", remaining_ms=0).remaining_ms == 0


@pytest.mark.parametrize("arguments,error,text", [
    ({"guid": "short"}, ValueError, "a guid must have 32 bytes"),
    ({"guid": 7}, TypeError, "guid must be str or None, not int"),
    ({"type": "SC"}, ValueError, "must be W_S, W_M, AN_S, AN_M, AM_S or AM_M"),
    ({"protocol": "udp"}, ValueError, "must be tcp or http"),
    ({"remaining_ms": -1}, ValueError, "remaining_ms must be None or a number from 0 on"),
    ({"remaining_ms": "soon"}, TypeError, "str"),
    ({"name": ""}, ValueError, "1 to 255 bytes"),
    ({"colour": 1}, TypeError, "colour"),
])
def test_a_request_that_no_server_would_make_is_refused(arguments, error, text):
    with pytest.raises(error, match=text):
        dora.Request(**{"name": "/x", **arguments})
    if "name" not in arguments:
        with pytest.raises(error, match=text):
            make_app().call("/echo", **arguments)


def test_acall_runs_plain_handlers_one_at_a_time_in_one_thread():
    app = dora.App()
    seen = []

    @app.worker_start
    def start():
        seen.append(threading.get_ident())

    @app.api("/plain")
    def plain(param):
        seen.append(threading.get_ident())

    async def ask():
        await asyncio.gather(*(app.acall("/plain") for _ in range(4)))
        await app.aclose()

    asyncio.run(ask())
    assert len(seen) == 5 and len(set(seen)) == 1


def test_threads_may_share_an_application_and_its_loop():
    app = dora.App()

    @app.api("/later")
    async def later(param):
        await asyncio.sleep(0.01)  # so that others come meanwhile
        return param

    with concurrent.futures.ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda n: app.call("/later", n), range(12))) == list(range(12))
    app.close()


def test_an_exit_in_acall_is_the_calls_own():
    app = dora.App()

    @app.api("/exit")
    async def leave(param):
        await asyncio.sleep(0)
        sys.exit(3)

    async def ask():
        with pytest.raises(dora.Error) as raised:
            await app.acall("/exit")
        return raised.value.code

    assert asyncio.run(ask()) == 100200


def test_a_hook_that_registers_a_middleware_counts_for_the_call():
    app = dora.App()

    @app.worker_start
    def start():
        app.middleware(lambda call_next, param, request: [call_next()])

    @app.api("/echo")
    def echo(param):
        return param

    assert app.call("/echo", 1) in (1, [1])
    assert app.call("/echo", 2) == [2]


def test_the_applications_encode_is_for_results_alone():
    app = dora.App(encode=str)

    @app.api("/echo")
    def echo(param):
        return 1j

    assert app.call("/echo") == "1j"
    with pytest.raises(TypeError, match="no value on the wire for type complex"):
        app.call("/echo", 1j)
