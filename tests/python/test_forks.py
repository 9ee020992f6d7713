"""What a handler forks is an ordinary process, and leaves its worker alone."""

import asyncio
import os
import re
import signal
from pathlib import Path

import pytest

import dora
from dora_helpers import APP, is_alive, parent_of, wait_until


def test_an_async_client_in_a_forked_child(serve):
    """It begins anew there, and goes on in the parent; one that was closed stays closed."""
    back = serve(APP)

    async def main():
        client = dora.AsyncClient(back.node, timeout=10)
        closed = dora.AsyncClient(back.node)
        await closed.close()
        assert await client.call("/echo", 1) == 1
        pid = os.fork()
        if pid == 0:
            os._exit(child(client, closed))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert await client.call("/echo", 2) == 2
        await client.close()

    def child(client, closed):
        asyncio.events._set_running_loop(None)
        try:
            asyncio.run(closed.call("/echo", 3))
        except RuntimeError:
            return 0 if asyncio.run(client.call("/echo", 3)) == 3 else 1
        return 2

    asyncio.run(main())


FORKING = """
    import atexit, logging, multiprocessing, os, signal, sys, time, warnings
    import dora

    warnings.simplefilter("error")
    app = dora.App()
    mp = multiprocessing.get_context("fork")

    def double(x):
        return 2 * x

    @app.api("/pid")
    def pid(param):
        return os.getpid()

    @app.api("/terminate")
    def terminate(param):
        one = mp.Process(target=time.sleep, args=(600,))
        one.start()
        one.terminate()
        one.join()
        return one.exitcode

    @app.api("/pool")
    def pool(param):
        with mp.Pool(2) as pool:
            return pool.map(double, range(param))

    @app.api("/end")
    def end(param):
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(out)
            atexit.register(os.write, into, b"atexit")
            if param == "exit":
                sys.exit(7)
            if param == "text":
                sys.exit("no good")
            if param == "raise":
                raise ValueError("of the child")
            if param == "os._exit":
                os._exit(9)
            if param == "log":
                logging.warning("said by a child")
            return ["child"]
        os.close(into)
        said = os.read(out, 100).decode()
        os.close(out)
        return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said]

    @app.api("/look")
    def look(param):
        out, into = os.pipe()
        child = os.fork()
        if child == 0:
            fds = {}
            for fd in os.listdir("/proc/self/fd"):
                try:
                    fds[int(fd)] = os.readlink("/proc/self/fd/" + fd)
                except OSError:
                    pass
            shared = [line for line in open("/proc/self/maps") if "dora-region" in line]
            handlers = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)]
            status = open("/proc/self/status").read()
            masks = {line.split()[0]: line.split()[1] for line in status.splitlines()
                     if line.startswith("Sig")}
            os.write(into, repr({
                "fds": [fd for fd in fds if fd > 2 and fd not in (out, into)
                        and not fds[fd].startswith("/proc")],
                "shared": shared, "caught": masks["SigCgt:"], "ignored": masks["SigIgn:"],
                "title": open("/proc/self/cmdline").read().rstrip(chr(0)),
                "name": open("/proc/self/comm").read()}).encode())
            os._exit(0)
        os.close(into)
        said = b""
        while piece := os.read(out, 65536):
            said += piece
        os.close(out)
        os.waitpid(child, 0)
        return eval(said)

    @app.api("/parts")
    def parts(param):
        child = os.fork()
        yield 1
        if child:
            yield os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @app.api("/leave_one")
    def leave_one(param):
        child = os.fork()
        if child == 0:
            if param == "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if param == "session":
                os.setsid()
            open("ready", "w").close()
            time.sleep(600)
            os._exit(0)
        while not os.path.exists("ready"):
            time.sleep(0.01)
        os.unlink("ready")
        return child
"""
BESIDE = """
    @app.api("/async")
    async def on_the_loop(param):
        pass
"""
NUMBERS = {"SIGHUP": 1, "SIGINT": 2, "SIGUSR1": 10, "SIGUSR2": 12, "SIGPIPE": 13, "SIGTERM": 15}


def bits(text):
    return {name for name, number in NUMBERS.items() if int(text, 16) >> (number - 1) & 1}


def children(pid):
    """What is below a process by now."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@pytest.fixture
def forking(serve):
    return serve(FORKING, "--workers", "1")


@pytest.fixture
def beside_a_loop(serve):
    return serve(FORKING + BESIDE, "--workers", "1")


def test_a_process_that_a_handler_starts_can_be_terminated(forking):
    with dora.Client(forking.node, timeout=20) as client:
        assert client.call("/terminate") == -signal.SIGTERM


def test_a_pool_in_a_handler(forking):
    """Twenty-five, one after the other: each is terminated at its end, and joined."""
    with dora.Client(forking.node, timeout=60) as client:
        for _ in range(25):
            assert client.call("/pool", 4) == [0, 2, 4, 6]
        worker = client.call("/pid")
        assert children(worker) == []


@pytest.mark.parametrize("how,status", [("exit", 7), ("text", 1), ("raise", 1), ("os._exit", 9),
                                        ("return", 0)])
def test_a_forked_childs_end(forking, how, status):
    """Its own status, its functions of atexit, its traceback; its parent answers, and serves on."""
    with dora.Client(forking.node, timeout=20) as client:
        worker = client.call("/pid")
        assert client.call("/end", how) == [status, "" if how == "os._exit" else "atexit"]
        assert client.call("/pid") == worker
    forking.stop()
    assert ("ValueError: of the child" in forking.log()) == (how == "raise")
    assert ("no good" in forking.log()) == (how == "text")


def test_a_child_of_a_generator_ends_at_its_next_part(beside_a_loop):
    """It has no loop that could send it."""
    with dora.Client(beside_a_loop.node, timeout=20) as client:
        assert list(client.stream("/parts")) == [1, 0]


def test_a_forked_child_logs_to_stderr(forking):
    with dora.Client(forking.node, timeout=20) as client:
        assert client.call("/end", "log") == [0, "atexit"]
    forking.wait_log("said by a child")


def test_a_forked_child_has_nothing_of_the_worker(forking):
    with dora.Client(forking.node, timeout=20) as client:
        found = client.call("/look")
    assert found["fds"] == [] and found["shared"] == []
    assert bits(found["caught"]) == {"SIGINT"}  # Python's own
    assert bits(found["ignored"]) == {"SIGPIPE"}  # Python's, too
    assert found["title"] == "dora: child app 0"
    assert found["name"] == "dora:child:app:\n"


def test_two_hundred_forks(forking):
    """None is left, nor a descriptor, and each has its own status."""
    with dora.Client(forking.node, timeout=20) as client:
        worker = client.call("/pid")
        before = len(os.listdir(f"/proc/{worker}/fd"))
        for number in range(200):
            how, status = (("exit", 7), ("raise", 1), ("os._exit", 9), ("return", 0))[number % 4]
            assert client.call("/end", how)[0] == status
        assert client.call("/pid") == worker
        assert len(os.listdir(f"/proc/{worker}/fd")) == before
        assert children(worker) == []


@pytest.mark.parametrize("kind", ["plain", "stubborn"])
def test_a_stopped_server_takes_the_children_of_its_workers_along(forking, kind):
    with dora.Client(forking.node, timeout=20) as client:
        child = client.call("/leave_one", kind)
    assert is_alive(child)
    forking.stop()
    wait_until(lambda: not is_alive(child), "the child's end")


def test_a_killed_server_takes_the_children_of_its_workers_along(forking):
    with dora.Client(forking.node, timeout=20) as client:
        child = client.call("/leave_one")
    forking.stop(sent=signal.SIGKILL, expect=-signal.SIGKILL)
    wait_until(lambda: not is_alive(child), "the child's end")


def test_a_child_with_a_session_of_its_own_stays(forking):
    with dora.Client(forking.node, timeout=20) as client:
        child = client.call("/leave_one", "session")
    try:
        forking.stop()
        assert is_alive(child)
    finally:
        os.kill(child, signal.SIGKILL)


def test_children_of_a_worker_that_was_killed_end_with_the_server(forking):
    with dora.Client(forking.node, timeout=20) as client:
        child = client.call("/leave_one")
        os.kill(client.call("/pid"), signal.SIGKILL)
        assert client.call("/pid", retry=3) > 0
    assert is_alive(child)
    forking.stop()
    wait_until(lambda: not is_alive(child), "the child's end")


def test_names_have_no_spaces_where_programs_read_word_by_word(forking):
    """Python 3.13 takes the 20th word of /proc/self/stat for the number of threads, and warns."""
    with dora.Client(forking.node) as client:
        worker = client.call("/pid")
    for pid in (forking.pid, worker, parent_of(worker)):
        words = Path(f"/proc/{pid}/stat").read_text().split(" ")
        threads = re.search(r"^Threads:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
        assert words[19] == threads.group(1), words


ASYNC = """
    import asyncio, atexit, multiprocessing, os, sys, time
    import dora

    app = dora.App()

    @app.worker_start
    async def start():
        global forever
        forever = asyncio.get_running_loop().create_future()

    @app.api("/pid")
    async def pid(param):
        return os.getpid()

    @app.api("/end")
    async def end(param):
        child = os.fork()
        if child == 0:
            if param == "exit":
                sys.exit(7)
            if param == "raise":
                raise ValueError("of the child")
            if param == "await":
                await forever
            return "child"
        pid, status = await asyncio.to_thread(os.waitpid, child, 0)
        return os.waitstatus_to_exitcode(status)

    @app.api("/plain")
    def plain(param):
        child = os.fork()
        if child == 0:
            atexit.register(os.write, 2, b"atexit of a child\\n")
            if param == "exit":
                sys.exit(7)
            if param == "raise":
                raise ValueError("of the child")
            return "child"
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @app.api("/pool")
    def pool(param):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(abs, param)

    @app.api("/beside")
    async def beside(param):
        await asyncio.sleep(param)
        with open("beside", "a") as file:
            file.write(f"{os.getpid()}\\n")
        return os.getpid()
"""


@pytest.mark.parametrize("how,status", [("exit", 7), ("raise", 1), ("return", 0), ("await", 1)])
def test_a_child_of_an_async_handler(serve, tmp_path, how, status):
    """It is the handler alone: what else ran on the loop goes on in its parent only."""
    one = serve(ASYNC, config={
        "listen": {"tcp": "127.0.0.1:0"},
        "pools": {"app": {"runtime": "python", "app": str(tmp_path / "app.py"), "workers": 1,
                          "concurrency": 64}}})
    with dora.Client(one.node, timeout=20) as client:
        worker = client.call("/pid")
        calls = {i: ("/beside", i / 100) for i in range(20)}
        calls |= {100 + i: ("/end", how) for i in range(5)}
        found = client.call_many(calls)
        assert [found[100 + i] for i in range(5)] == [status] * 5
        assert [found[i] for i in range(20)] == [worker] * 20
        assert client.call("/pid") == worker
        assert children(worker) == []
    assert set((tmp_path / "beside").read_text().split()) == {str(worker)}
    assert one.stop() == 0


@pytest.mark.parametrize("how,status", [("exit", 7), ("raise", 1), ("return", 0)])
def test_a_child_of_a_plain_handler_beside_a_loop(serve, how, status):
    """It is forked from a thread, and ends as any does."""
    one = serve(ASYNC, "--workers", "1")
    with dora.Client(one.node, timeout=20) as client:
        worker = client.call("/pid")
        for _ in range(20):
            assert client.call("/plain", how) == status
        assert client.call("/pool", [-1, 2]) == [1, 2]
        assert client.call("/pid") == worker
        assert children(worker) == []
    assert one.stop() == 0
    assert one.log().count("atexit of a child") == 20


HOOK = """
    import os, sys
    import dora

    app = dora.App()

    @app.worker_start
    def start():
        global status
        child = os.fork()
        if child == 0:
            %s
            return
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    @app.api("/status")
    %s get(param):
        return status
"""


@pytest.mark.parametrize("handler", ["def", "async def"])
@pytest.mark.parametrize("end,status", [("pass", 0), ("sys.exit(7)", 7), ("1 / 0", 1)])
def test_a_child_of_a_start_hook(serve, handler, end, status):
    one = serve(HOOK % (end, handler), "--workers", "1")
    with dora.Client(one.node, timeout=20) as client:
        assert client.call("/status") == status
    assert one.stop() == 0
    assert one.log().count("ZeroDivisionError") == (end == "1 / 0")
