"""A worker's event loop from its making to its end: who has one, and what is under way then."""

import asyncio
import threading

import pytest

import dora
from dora import _loop
from dora_helpers import DEADLINE_S, wait_until


@pytest.fixture
def start(serve):
    def begin(source, **pool):
        pool = {"runtime": "python", "app": "app.py", "workers": 1, "concurrency": 8, **pool}
        return serve(source, config={"pools": {"p": pool}})
    return begin


def aside(client, *call):
    """Makes a call in a thread; its outcome is nobody's."""
    def run():
        try:
            client.call(*call)
        except dora.Error:
            pass

    thread = threading.Thread(target=run)
    thread.start()
    return thread


PLAIN = """
    import asyncio, functools, dora

    app = dora.App()
    at_once = most = 0

    def logged(function):
        @functools.wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)
        return inner

    @app.api("/run")
    def run(param):
        async def main():
            await asyncio.sleep(0)
            return param
        return asyncio.run(main())
    %s
"""
WRAPPED = """
    @app.api("/meet")
    @logged
    @logged
    async def meet(param):
        global at_once, most
        at_once += 1
        most = max(most, at_once)
        while most < param:
            await asyncio.sleep(0.001)
        return most
"""


def test_no_loop_where_no_handler_waits_on_one(start):
    """`concurrency` alone makes none: what says so in the log is so."""
    one = start(PLAIN % "")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert client.call("/run", 5) == 5
    one.wait_log("no handler waits on an event loop")


def test_wrappers_of_async_handlers_alone_make_a_loop(start):
    one = start(PLAIN % WRAPPED)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert client.call("/run", 5) == 5
        found = client.call_many({i: ("/meet", 3) for i in range(3)})
        assert all(found[i] >= 3 for i in range(3)), found
    assert "no handler waits on an event loop" not in one.log()


STOPPED = """
    import asyncio, atexit, threading, dora

    app = dora.App()
    begun, go = threading.Event(), threading.Event()

    def let_it_end():
        go.set()
        for thread in threading.enumerate():
            if thread.name.startswith("dora plain"):
                thread.join(10)
                print("the thread has ended:", not thread.is_alive(), flush=True)

    @app.worker_start
    async def started():
        atexit.register(let_it_end)

    @app.api("/hold")
    def hold(param):
        begun.set()
        go.wait(10)

    @app.api("/stop")
    async def stop(param):
        while not begun.is_set():
            await asyncio.sleep(0.001)
        asyncio.get_running_loop().stop()

    @app.api("/echo")
    async def echo(param):
        return param
"""


def test_a_handler_that_stops_the_loop(start, monkeypatch):
    """A thread that ends after the loop finds nothing of it, and all callers are answered."""
    monkeypatch.setenv("PYTHONMALLOC", "debug")  # what is freed is overwritten
    one = start(STOPPED)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        held = aside(client, "/hold")
        aside(client, "/stop").join(DEADLINE_S)
        held.join(DEADLINE_S)
        assert not held.is_alive()
        one.wait_log("the thread has ended: True")
        assert client.call("/echo", 1) == 1


@pytest.mark.parametrize("turns", range(4))
def test_a_loop_that_is_stopped_while_it_is_turned_can_be_turned_again(turns):
    """Whichever turn of it that is: the one that ends what is waited for, too."""
    loop = asyncio.new_event_loop()

    async def work():
        for _ in range(turns):
            await asyncio.sleep(0)
        loop.stop()
        await asyncio.sleep(0)
        loop.stop()
        return turns

    try:
        assert _loop._turn(loop, work()) == turns
        loop.run_until_complete(asyncio.sleep(0.001))  # a turn later, no sooner
    finally:
        loop.close()


TASKS = """
    import asyncio, dora
    from pathlib import Path

    app = dora.App()
    kept = set()

    def begin(coroutine, name):
        task = asyncio.create_task(coroutine, name=name)
        kept.add(task)
        return task

    async def inner(seconds):
        await asyncio.sleep(seconds)
        Path("done").touch()

    async def outer(seconds):
        await asyncio.sleep(0.05)
        begin(inner(seconds), "inner")

    async def first(seconds):
        begin(outer(seconds), "outer")
"""
SERVED = """
    @app.api("/start")
    async def start(param):
        await first(param)
"""
ALONE = """
    @app.api("/start")
    def start(param):
        return first(param)
"""


@pytest.mark.parametrize("how", [SERVED, ALONE], ids=["a loop", "a function that returns one"])
def test_tasks_that_tasks_start_end_before_the_worker_leaves(start, tmp_path, how):
    one = start(TASKS + how, concurrency=1)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        client.call("/start", 0.1)
        client.call("/start", 600)
    one.stop()
    assert (tmp_path / "done").exists()
    assert one.log().count("a task is cancelled, the worker leaves: <Task") == 1
    assert "name='inner'" in one.log()


GOES_ON = """
    import asyncio, atexit, dora
    from dora import _loop

    app = dora.App()
    _loop.TASKS_S = 0.05

    async def go_on():
        while True:
            try:
                await asyncio.sleep(600)
            except asyncio.CancelledError:
                pass

    def turn(loop):
        later = [each for each in loop._scheduled if not each.cancelled()]
        for each in later:
            each._run()
        loop.run_until_complete(asyncio.sleep(0))
        print("turned:", len(later) > 1, flush=True)

    @app.worker_start
    async def started():
        atexit.register(turn, asyncio.get_running_loop())

    @app.api("/begin")
    async def begin(param):
        global task
        task = asyncio.create_task(go_on())
"""


def test_a_task_that_goes_on_ends_with_its_worker(start, monkeypatch):
    """What the loop would call later finds all that it had, where an atexit function turns it."""
    monkeypatch.setenv("PYTHONMALLOC", "debug")  # what is freed is overwritten
    one = start(GOES_ON)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        client.call("/begin")
    assert one.stop() == 0
    assert "a task goes on, and ends with its worker: <Task" in one.log()
    assert "turned: True" in one.log(), one.log()


def test_tasks_of_start_hooks_are_left_to_the_stop_hook(start):
    one = start("""
        import asyncio, dora

        app = dora.App()
        poller = None

        @app.worker_start
        async def started():
            global poller
            async def poll():
                await asyncio.sleep(600)
            poller = asyncio.create_task(poll(), name="poller")

        @app.worker_stop
        async def stopped():
            cancelling = getattr(poller, "cancelling", int)()  # Python 3.11
            print("still polls:", not poller.done() and cancelling == 0, flush=True)
            poller.cancel()

        @app.api("/echo")
        async def echo(param):
            return param
        """)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert client.call("/echo", 1) == 1
    one.stop()
    assert "still polls: True" in one.log()
    assert "a task is cancelled" not in one.log()


GIVEN_UP = """
    import os, sys, threading, time
    from pathlib import Path
    import dora

    app = dora.App()
    begun = threading.Event()

    @app.worker_stop
    def stopped():
        print("the stop hook has run", flush=True)

    @app.api("/hold")
    def hold(param):
        begun.set()
        until = time.monotonic() + 60
        while not Path("go").exists() and time.monotonic() < until:
            time.sleep(0.01)

    @app.api("/begun")
    async def has_begun(param):
        return begun.is_set()

    @app.api("/pid")
    async def pid(param):
        return os.getpid()

    @app.api("/exit")
    async def leave(param):
        sys.exit(1)
"""


def test_stop_hooks_do_not_wait_for_a_call_that_was_given_up(start, tmp_path):
    """Else the worker would not be gone before it, and whoever is sent to it waits as long."""
    one = start(GIVEN_UP)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        pid = client.call("/pid")
        held = aside(client, "/hold")
        wait_until(lambda: client.call("/begun"), "the call that holds the thread")
        with pytest.raises(dora.Error, match=r"SystemExit\(1\)"):
            client.call("/exit")

        def is_another():
            try:
                return client.call("/pid", timeout=1) != pid
            except dora.Error:
                return False

        try:
            wait_until(is_another, "the worker that takes its place")
        finally:
            (tmp_path / "go").touch()
            held.join(DEADLINE_S)
        one.wait_log("the stop hook has run")


CONTEXTS = """
    import contextvars, functools, gc, weakref, dora

    app = dora.App()
    user = contextvars.ContextVar("user", default=None)
    alive = weakref.WeakSet()

    class User:
        pass

    @app.worker_start
    async def started():
        gc.disable()

    def set_user():
        one = User()
        alive.add(one)
        user.set(one)

    @app.api("/plain")
    def plain(param):
        set_user()

    @app.api("/raises")
    def raises(param):
        set_user()
        raise dora.HandlerError("no", 7) from None

    @app.api("/wrapper")
    def wrapper(param):
        set_user()
        async def inner():
            return None
        return inner()

    @app.api("/alive")
    async def count(param):
        return len(alive)
"""


@pytest.mark.parametrize("name", ["/plain", "/raises", "/wrapper"])
def test_a_context_ends_with_its_call(start, name):
    """Without the garbage collector's help."""
    one = start(CONTEXTS)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        for _ in range(10):
            try:
                client.call(name)
            except dora.HandlerError as error:
                assert error.code == 7
        wait_until(lambda: client.call("/alive") <= 1, "the end of what the calls have set")


SWEPT = """
    import asyncio, threading, dora

    app = dora.App()
    ends, begun, swept = threading.Event(), threading.Event(), threading.Event()

    @app.worker_start
    async def started():
        loop = asyncio.get_running_loop()
        call_later = loop.call_later

        def slow(seconds, callback, *args, **kwargs):
            if seconds == 1.0 and not ends.is_set():  # the sweep has answered the first
                ends.set()
                begun.wait(10)
                loop.call_soon(swept.set)
            return call_later(seconds, callback, *args, **kwargs)

        loop.call_later = slow

    @app.api("/first")
    def first(param):
        ends.wait(20)

    @app.api("/second")
    def second(param):
        begun.set()
        swept.wait(10)
        return "ended"

    @app.api("/async")
    async def nothing(param):
        return None
"""


def test_a_call_that_begins_while_others_are_found_late_has_its_time(start):
    one = start(SWEPT, time_limit_ms=1500)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        found = client.call_many({"first": ("/first",), "second": ("/second",)})
        assert found["first"].code == 100201
        assert found["second"] == "ended"
