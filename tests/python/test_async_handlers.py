"""async def handlers and hooks: what they return and raise, what each has to itself, and the loop
that they share."""

import asyncio
import contextlib
import os
import threading
import time
from pathlib import Path

import pytest

import dora
from dora import _shape
from dora_helpers import ROOT, envelope, reply_frame, wait_until

WAITING = (ROOT / "tests/support/apps/waiting.py").read_text(encoding="utf-8")


def start(serve, source=WAITING, **pool):
    pool = {"runtime": "python", "app": "app.py", "workers": 1, "concurrency": 16, **pool}
    return serve(source, config={"pools": {"p": pool}})


@pytest.fixture(params=[1, 16])
def one(serve, request):
    """A server of one worker, with one slot and with many: handlers see no difference."""
    return start(serve, concurrency=request.param)


@pytest.fixture
def client(one):
    with dora.Client(one.node, timeout=15) as client:
        yield client


def test_results_of_every_kind(client):
    for value in (None, True, 7, "text", [1, {"a": 2.5}], {"k": []}):
        assert client.call("/echo", value) == value
        assert client.call("/inline", value) == value
    assert client.call("/future", 21) == 42
    loop = asyncio.new_event_loop()
    loop.close()
    assert client.call("/policy") == type(loop).__name__


def test_the_request_is_readable_while_its_task_runs(client):
    got = client.call("/request", {"a": 1}, timeout=9)
    (name, guid, kind, left, param), after = got["before"], got["after"]
    assert (name, kind, param) == ("/request", "W_S", {"a": 1})
    assert len(guid) == 32 and 0 < left <= 9000
    assert after[:3] == [name, guid, kind] and after[4] == param
    assert after[3] <= left


def test_exceptions_are_failures(one, client):
    with pytest.raises(dora.HandlerError) as raised:
        client.call("/raise")
    assert (raised.value.code, raised.value.msg) == (100208, "ValueError: no such thing")
    with pytest.raises(dora.HandlerError) as raised:
        client.call("/raise/handler")
    assert (raised.value.code, raised.value.msg) == (404, "no such user")
    with pytest.raises(dora.HandlerError, match=r"\$\.rows\[1\]"):
        client.call("/unencodable")
    with pytest.raises(dora.HandlerError) as raised:
        client.call("/cancel_self")
    assert (raised.value.code, raised.value.msg) == (100208, "CancelledError")
    one.wait_log("ValueError: no such thing")
    assert client.call("/echo", 1) == 1
    assert "never retrieved" not in one.log() and "was destroyed" not in one.log()


def test_exit_and_death(client):
    for name in ("/exit", "/inline_exit"):
        with pytest.raises(dora.Error, match=r"SystemExit\(3\)") as raised:
            client.call(name, 3)
        assert raised.value.code == 100200
    with pytest.raises(dora.Error) as raised:
        client.call("/os_exit")
    assert raised.value.code == 100200
    assert client.call("/echo", 1) == 1


def test_hooks_run_on_the_loop_of_the_handlers(one, client):
    assert client.call("/loop") is True
    one.stop()
    assert "stopped 0" in one.log()


def test_logging_names_its_task(one, client):
    client.call("/log", "hello")
    one.wait_log("said hello")


def test_each_task_has_its_context(serve):
    one = start(serve)
    with dora.Client(one.node) as client:
        got = client.call_many({i: ("/context", i) for i in range(10)})
        assert got == {i: [None, i] for i in range(10)}


def call_times(count, call):
    """Runs `call` in as many threads; the seconds that all took."""
    threads = [threading.Thread(target=call) for _ in range(count)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.monotonic() - began


def test_clients_in_threads_share_a_worker(serve):
    one = start(serve)
    with dora.Client(one.node) as client:
        assert call_times(16, lambda: client.call("/sleep", 0.8)) < 12.0


def test_nested_calls_end_with_their_caller(serve, peer):
    """A call made in a handler waits no longer than the handler's caller, in a thread neither."""
    silent = peer(lambda message, guid: b"")
    one = start(serve)
    with dora.Client(one.node, timeout=30) as client:
        for name, thread in (("/nested", False), ("/nested", True), ("/nested_async", False)):
            with contextlib.suppress(dora.TimeoutError):  # both end at the same time
                client.call(name, {"node": silent.node, "thread": thread}, timeout=1.2)
        wait_until(lambda: len(client.call("/took")) == 3, "the calls' ends")
        took = client.call("/took")
        assert max(took) < 8, took


def test_what_a_handler_leaves_running_has_all_the_time(serve, peer):
    answered = peer(lambda message, guid: reply_frame(guid, {
        "guid": guid.decode(), "code": 0, "msg": "OK", "data": envelope(guid, "from behind")}))
    one = start(serve)
    with dora.Client(one.node) as client:
        assert client.call("/spawn", {"node": answered.node}, timeout=1.0) is True
        wait_until(lambda: client.call("/spawned") == ["from behind"], "the background task")


def test_a_background_task_lives_between_calls(serve):
    one = start(serve, """
        import asyncio
        import dora
        app = dora.App()
        ticks = 0

        async def tick():
            global ticks
            while True:
                await asyncio.sleep(0.01)
                ticks += 1

        @app.worker_start
        async def start():
            global task
            task = asyncio.create_task(tick())

        @app.api("/ticks")
        def get(param):
            return ticks
        """, concurrency=1)
    with dora.Client(one.node) as client:
        wait_until(lambda: client.call("/ticks") > 20, "a background task's steps")
    one.stop()
    assert "destroyed" not in one.log()


def test_hooks_alone_may_be_async(serve):
    one = start(serve, """
        import asyncio
        import dora
        app = dora.App()
        state = []

        @app.worker_start
        def plain():
            state.append("plain")

        @app.worker_start
        async def start(worker):
            await asyncio.sleep(0)
            state.append(worker)

        @app.api("/state")
        def get(param):
            return state
        """, concurrency=1)
    with dora.Client(one.node) as client:
        assert client.call("/state") == ["plain", 0]


def test_a_start_hook_that_raises(serve):
    with pytest.raises(AssertionError, match="no database"):
        start(serve, """
            import dora
            app = dora.App()

            @app.worker_start
            async def start():
                raise RuntimeError("no database")

            @app.api("/a")
            async def a(param):
                return 1
            """)


def test_the_loop_is_of_the_applications_policy(serve):
    one = start(serve, """
        import asyncio
        import dora

        class Loop(asyncio.SelectorEventLoop):
            pass

        class Policy(asyncio.DefaultEventLoopPolicy):
            _loop_factory = Loop

        asyncio.set_event_loop_policy(Policy())
        app = dora.App()

        @app.api("/loop")
        async def loop(param):
            await asyncio.sleep(0)
            return type(asyncio.get_running_loop()).__name__
        """)
    with dora.Client(one.node) as client:
        assert client.call("/loop") == "Loop"


def test_a_subprocess_of_the_loop(serve):
    one = start(serve, """
        import asyncio
        import dora
        app = dora.App()

        @app.api("/echo")
        async def echo(param):
            child = await asyncio.create_subprocess_exec(
                "echo", param, stdout=asyncio.subprocess.PIPE)
            out, _ = await child.communicate()
            return [out.decode(), child.returncode]
        """)
    with dora.Client(one.node) as client:
        assert client.call("/echo", "hi") == ["hi\n", 0]


async def coroutine(param):
    return None


class Callable:
    async def __call__(self, param):
        return None


@pytest.mark.parametrize("function,expected", [
    (coroutine, True), (Callable(), True), (Callable().__call__, True),
    (lambda param: None, False), (len, False)])
def test_what_is_async(function, expected):
    assert _shape.is_async(function) is expected


def test_memory_stays_flat(serve):
    """Tasks, contexts and requests are given back."""
    one = start(serve, max_requests=0)
    with dora.Client(one.node) as client:
        pid = client.call("/sleep", 0)

        def resident():
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGESIZE")

        def burst():
            for _ in range(100):
                client.call_many({i: ("/request", "x" * 200) for i in range(10)})
                client.call("/inline", "y" * 200)
        burst()
        before = resident()
        for _ in range(3):
            burst()
        assert resident() - before < 3 << 20
        assert client.call("/sleep", 0) == pid
