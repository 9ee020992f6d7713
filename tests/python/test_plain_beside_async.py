"""Handlers and hooks that are no async def, in a worker with an event loop: they have a thread."""

import contextlib
import os
import re
import threading
import time
from pathlib import Path

import pytest
from support import tries

import dora
from dora_helpers import DEADLINE_S, wait_until

APP = """
    import asyncio, contextlib, contextvars, os, sqlite3, sys, threading, time
    import dora

    app = dora.App()
    started = contextvars.ContextVar("started", default="no")
    user = contextvars.ContextVar("user", default="nobody")
    database = None
    at_once = most = 0
    marks = []
    released = threading.Event()

    def where():
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return threading.current_thread() is not threading.main_thread()
        return "on the loop"

    @app.worker_start
    def start(number):
        global database
        database = sqlite3.connect(":memory:")  # of the thread that opens it
        started.set(["by the hook", number, where()])

    @app.worker_stop
    def stop():
        database.execute("select 1")
        print("stopped", where(), flush=True)

    @app.api("/async")
    async def asynchronous(param):
        await asyncio.sleep(param or 0)
        return os.getpid()

    @app.api("/plain")
    def plain(param):
        before = user.get()
        user.set(param)
        database.execute("select 1")
        return [where(), before, started.get()]

    @app.api("/run")
    def run(param):
        async def main():
            await asyncio.sleep(0)
            return param
        return asyncio.run(main())

    @app.api("/count")
    def count(param):
        global at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.005)
        at_once -= 1
        return most

    @app.api("/mark")
    def mark(param):
        marks.append(param)

    @app.api("/marks")
    async def all_marks(param):
        return marks

    @app.api("/block")
    def block(param):
        marks.append("block")
        until = time.monotonic() + param
        while time.monotonic() < until:
            time.sleep(0.01)
        return os.getpid()

    @app.api("/deaf")
    def deaf(param):
        until = time.monotonic() + param
        while time.monotonic() < until:
            with contextlib.suppress(BaseException):
                time.sleep(0.01)

    @app.api("/stay")
    def stay(param):
        marks.append("stay")
        released.wait(10)

    @app.api("/release")
    async def release(param):
        released.set()

    @app.api("/wrapper")
    def wrapper(param):
        user.set("set by the wrapper")
        async def inner():
            await asyncio.sleep(0)
            asyncio.get_running_loop()
            return [param, user.get()]
        return inner()

    @app.api("/request")
    def request(param, request):
        return [request.name, request.param, request.remaining_ms > 0]

    @app.api("/raise")
    def raises(param):
        raise dora.HandlerError("no", 77)

    @app.api("/value")
    def value(param):
        return {"x": object()}

    @app.api("/exit")
    def exits(param):
        sys.exit(3)

    @app.api("/nested")
    def nested(param):
        began = time.monotonic()
        try:
            dora.Client(param, timeout=30).call("/a")
        except dora.TimeoutError:
            pass
        return time.monotonic() - began
"""


@pytest.fixture
def start(serve):
    def begin(server=(), **pool):
        pool = {"runtime": "python", "app": "app.py", "workers": 1, "concurrency": 32, **pool}
        return serve(APP, config={**dict(server), "pools": {"p": pool}})
    return begin


def in_threads(count, work):
    """Runs work(i) in so many threads; their outcomes in order."""
    found = [None] * count

    def run(i):
        try:
            found[i] = work(i)
        except Exception as error:  # for the test to look at
            found[i] = error

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_S)
    return found


@pytest.mark.parametrize("concurrency", [1, 32])
def test_no_loop_runs_where_they_run(start, concurrency):
    one = start(concurrency=concurrency)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        for name in ("ann", "bob"):
            assert client.call("/plain", name) == [True, "nobody", ["by the hook", 0, True]]
        assert client.call("/run", [1]) == [1]
        assert client.call("/wrapper", 5) == [5, "set by the wrapper"]
        assert client.call("/request", 5) == ["/request", 5, True]
        with pytest.raises(dora.HandlerError) as info:
            client.call("/raise")
        assert info.value.code == 77
        with pytest.raises(dora.HandlerError, match=r"\$\.x"):
            client.call("/value")
    one.stop()
    assert "stopped True" in one.log()


def test_one_that_blocks_holds_up_no_async_one(start):
    one = start()
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        blocked = threading.Thread(target=lambda: client.call("/stay"))
        blocked.start()
        wait_until(lambda: "stay" in client.call("/marks"), "the plain one")
        for _ in range(20):
            client.call("/async")
        assert blocked.is_alive()
        client.call("/release")
        blocked.join(DEADLINE_S)
        assert not blocked.is_alive()


def test_one_at_a_time(start):
    one = start()
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert in_threads(16, lambda i: client.call("/count")) == [1] * 16


def test_more_threads_where_the_pool_has_them(start):
    one = start(threads=4)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert 1 < max(in_threads(32, lambda i: client.call("/count"))) <= 4


def test_the_limit_counts_from_when_it_runs(start):
    """Twenty of 100 ms, one after the other, with a limit that is shorter than all of them."""
    def pids():
        one = start(time_limit_ms=1500)
        with dora.Client(one.node, timeout=DEADLINE_S) as client:
            return in_threads(20, lambda i: client.call("/block", 0.1)) + [client.call("/async")]

    # Where this machine stands still for so long, one that runs is past its limit.
    tries.until(lambda found: isinstance(found[0], int) and len(set(found)) == 1, pids, 3)


def test_one_whose_caller_has_gone_is_not_run(start):
    one = start()
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        blocked = threading.Thread(target=lambda: client.call("/block", 2.0))
        blocked.start()
        wait_until(lambda: client.call("/marks") == ["block"], "the first")
        with pytest.raises(dora.Error) as info:
            client.call("/mark", "late", timeout=0.2)
        assert info.value.code in (100009, 100202)
        blocked.join()
        client.call("/mark", "last")
        assert client.call("/marks") == ["block", "last"]


def test_one_that_hangs(start):
    """Its caller is answered; the worker takes nothing more, its others end, and it is gone."""
    one = start(time_limit_ms=1000)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        pid = client.call("/async")
        hung = in_threads(1, lambda i: client.call("/deaf", 60, trace="of-the-deaf"))
        assert hung[0].code == 100201
        # Taken before it is known to hang: they end all the same.
        assert in_threads(3, lambda i: client.call("/plain" if i else "/async", 0.2))[0] == pid
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the worker's end")
        assert client.call("/async") != pid
        assert client.call("/plain", 1)[0] is True
    one.wait_log("/deaf hangs, though it should have ended, in a thread that cannot be ended")
    assert one.log().count("hangs, though it should have ended") == 1
    said = (r"/deaf hangs, .* \(api=/deaf guid=\w+ trace=of-the-deaf type=W_S .*code=100201 .*\n"
            r"(.* in \w+\n)*.*app\.py:\d+ in deaf\n")
    wait_until(lambda: re.search(said, one.log()), "where it hangs, and for whom")


def test_what_waits_for_the_thread_of_one_that_hangs_is_done(start):
    one = start(time_limit_ms=1500)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        found = in_threads(6, lambda i: client.call("/block" if i else "/deaf", 0.01 if i else 60))
        assert found[0].code == 100201
        assert all(isinstance(pid, int) for pid in found[1:]), found


@pytest.mark.parametrize("concurrency", [1, 32])
def test_one_that_exits(start, concurrency):
    one = start(concurrency=concurrency)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        with pytest.raises(dora.Error, match=r"SystemExit\(3\)") as info:
            client.call("/exit")
        assert info.value.code == 100200
        assert client.call("/plain", 1)[0] is True


def test_a_nested_call_ends_with_the_caller(start, peer):
    silent = peer(lambda message, guid: b"")
    one = start()
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        with contextlib.suppress(dora.TimeoutError):  # both end then: either may be the first
            client.call("/nested", silent.node, timeout=0.3)
        began = time.monotonic()
        client.call("/plain", 1)  # behind it
        assert time.monotonic() - began < 15


def test_stop_while_one_hangs(start):
    one = start({"stop_timeout_ms": 300})
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        thread = threading.Thread(target=lambda: in_threads(1, lambda i: client.call("/block", 60)))
        thread.start()
        wait_until(lambda: client.call("/marks") == ["block"], "the call")
        one.stop()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def test_memory_stays_as_it_is(start):
    """10,000 tasks of plain functions: parameters, contexts and results are given back."""
    one = start(max_requests=0)
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        pid = client.call("/async")

        def resident():
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            return pages * os.sysconf("SC_PAGESIZE")

        def burst(rounds):
            for _ in range(rounds):
                client.call_many({i: ("/request", "x" * 200) for i in range(8)})
                client.call_many({0: ("/raise",), 1: ("/wrapper", "y" * 200)})

        burst(200)
        before = resident()
        burst(1000)
        assert resident() - before < 3 << 20
        assert client.call("/async") == pid
