"""What ends a worker from within a handler: one record of the log says so, and the caller knows."""

import re

import pytest

import dora
from dora_helpers import DEADLINE_S, wait_until

APP = """
    import asyncio, os, sys
    import dora

    app = dora.App()
    kept = []

    @app.api("/exit")
    %(kind)s leaves(param):
        sys.exit(param)

    @app.api("/interrupt")
    %(kind)s interrupts(param):
        raise KeyboardInterrupt

    @app.api("/os_exit")
    %(kind)s dies(param):
        os._exit(param)

    @app.api("/other")
    %(kind)s other(param):
        raise {"generator": GeneratorExit, "cancelled": asyncio.CancelledError,
               "value": ValueError}[param]("the reason")

    @app.api("/hook")
    %(kind)s hooked(param):
        def hook(*what):
            raise SystemExit("the hook's own")
        sys.excepthook = hook
        raise ValueError("the reason")

    @app.api("/awaitable")
    def awaitable(param):
        class Leaves:
            def __await__(self):
                sys.exit(param)
                yield
        return Leaves()

    @app.api("/echo")
    %(kind)s echo(param):
        return param

    @app.api("/async")
    async def beside(param):
        return param

    @app.api("/task")
    async def task(param):
        async def later():
            sys.exit(param)
        kept.append(asyncio.create_task(later()))
        await asyncio.sleep(0.1)
        return "done all the same"
"""
PLAIN = APP[:APP.index('    @app.api("/async")')]  # without a loop


@pytest.fixture(params=["plain", "thread", "async"])
def one(serve, request):
    source = PLAIN if request.param == "plain" else APP
    kind = "async def" if request.param == "async" else "def"
    return serve(source % {"kind": kind}, "--workers", "1")


def told(one, name):
    """The records that name an api, each with the lines that belong to it."""
    records = re.split(r"^(?=\d{4}-)", one.log(), flags=re.M)
    return [record for record in records if name in record]


@pytest.mark.parametrize("name,param,said", [
    ("/exit", 3, "SystemExit(3)"), ("/exit", "bye", "SystemExit(bye)"),
    ("/exit", None, "SystemExit()"), ("/interrupt", None, "KeyboardInterrupt()"),
    ("/awaitable", 4, "SystemExit(4)")])
def test_exit_is_told_once_with_its_traceback(one, name, param, said):
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        with pytest.raises(dora.Error, match="the handler raised " + re.escape(said)) as info:
            client.call(name, param)
        assert info.value.code == 100200
        assert client.call("/echo", 1) == 1, "another worker serves"
    wait_until(lambda: told(one, name), "the record")
    one.stop()
    (record,) = told(one, name)
    assert re.search(rf" \(the worker ends\) \(api={name} guid=[0-9a-f]{{32}} .*\)\n", record)
    assert "Traceback (most recent call last):" in record and said.split("(")[0] in record


@pytest.mark.parametrize("status", [0, 7])
def test_os_exit_is_told_with_what_ran(one, status):
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        with pytest.raises(dora.Error, match="died") as info:
            client.call("/os_exit", status)
        assert info.value.code == 100200
        assert client.call("/echo", 1) == 1
    wait_until(lambda: told(one, "/os_exit"), "the record")
    one.stop()
    (record,) = told(one, "/os_exit")
    assert re.search(rf"exited with status {status} while it ran /os_exit \(api=/os_exit guid=",
                     record)


@pytest.mark.parametrize("param,kind", [
    ("generator", "GeneratorExit"), ("cancelled", "CancelledError"), ("value", "ValueError")])
def test_other_exceptions_end_their_call_alone(one, param, kind):
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        with pytest.raises(dora.HandlerError, match=kind) as info:
            client.call("/other", param)
        assert info.value.code == 100208
    wait_until(lambda: told(one, "/other"), "the record")
    one.stop()
    (record,) = told(one, "/other")
    # Before Python 3.11 a CancelledError loses its text on the way.
    assert re.search(rf"{kind}(: .*)? \(api=/other guid=[0-9a-f]{{32}} .* class={kind} ", record)
    assert "exited" not in one.log()


def test_an_excepthook_that_exits(one):
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        for _ in range(2):
            with pytest.raises(dora.HandlerError, match="ValueError: the reason"):
                client.call("/hook")
    wait_until(lambda: len(told(one, "/hook")) == 2, "the records")
    for record in told(one, "/hook"):
        assert "sys.excepthook failed at it" in record
        assert "Traceback" in record and "ValueError: the reason" in record


def test_a_task_that_a_handler_started(serve):
    one = serve(APP % {"kind": "async def"},
                config={"pools": {"p": {"runtime": "python", "app": "app.py", "workers": 1,
                                        "concurrency": 4}}})
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert client.call("/task", 5) == "done all the same"
        assert client.call("/echo", 1) == 1
    one.wait_log("a task that a handler started raised SystemExit; the worker ends")


def test_a_start_hook_that_exits(serve):
    with pytest.raises(AssertionError, match="SystemExit: 9"):
        serve("""
            import dora, sys
            app = dora.App()

            @app.worker_start
            def start():
                sys.exit(9)

            @app.api("/a")
            async def a(param):
                return 1
            """)
