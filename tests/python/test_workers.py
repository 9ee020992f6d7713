"""The ways to start an application, and the life of its workers."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import dora
from dora_helpers import APP, DEADLINE_S, Server, is_alive, wait_until


def test_hooks_and_worker_numbers(serve, tmp_path):
    one = serve(
        """
        import os
        from pathlib import Path
        import dora

        app = dora.App()
        started = []

        @app.worker_start
        def start():
            started.append("plain")

        @app.worker_start
        def start_numbered(worker):
            started.append(worker)

        @app.worker_stop
        def stop(worker):
            Path(f"stopped-{worker}").touch()

        @app.api("/started")
        def get(param):
            return started
        """,
        "--workers",
        "2",
    )
    with dora.Client(one.node) as client:
        plain, number = client.call("/started")
    assert plain == "plain" and isinstance(number, int)
    one.stop()
    assert len(list(tmp_path.glob("stopped-*"))) == 2


def test_worker_start_that_fails(serve):
    with pytest.raises(AssertionError, match="no database"):
        serve(
            """
            import dora
            app = dora.App()
            app.api("/a")(lambda param: 1)

            @app.worker_start
            def start():
                raise RuntimeError("no database")
            """
        )


def test_the_file_as_the_program(serve):
    one = serve(APP + "\n    app.run(port=0, workers=2)\n", direct=True)
    with dora.Client(one.node) as client:
        assert client.call("/echo", "direct") == "direct"
        assert client.call("/pid") != one.pid
    one.stop()


def test_the_same_file_both_ways(serve):
    source = APP + "\n    if __name__ == '__main__':\n        app.run(port=0, workers=1)\n"
    for direct in (True, False):
        one = serve(source, direct=direct)
        with dora.Client(one.node) as client:
            assert client.call("/echo", direct) is direct


def test_unguarded_run_under_serve(serve):
    one = serve(APP + "\n    app.run(port=1)\n    raise RuntimeError('not reached')\n")
    with dora.Client(one.node) as client:
        assert client.call("/echo", 5) == 5


def test_what_follows_run(serve, tmp_path):
    """It runs in the master when the server has stopped, and nowhere else."""
    source = APP + "\n    app.run(port=0)\n    open(f'after-{os.getpid()}', 'w').close()\n"
    one = serve(source, direct=True)
    one.stop()
    assert [path.name for path in tmp_path.glob("after-*")] == [f"after-{one.pid}"]


def test_an_application_that_does_not_load(serve):
    with pytest.raises(AssertionError) as info:
        serve("import dora\napp = dora.App()\ndef f():\n    raise KeyError('broken')\nf()\n")
    assert "Traceback" in str(info.value) and "KeyError: 'broken'" in str(info.value)
    assert "app.py" in str(info.value)


def test_module_and_attribute(tmp_path):
    (tmp_path / "users_for_test.py").write_text(
        "import dora\nservice = dora.App()\nservice.api('/a')(lambda param: 'module')\n"
    )
    command = [sys.executable, "-m", "dora", "serve", "users_for_test:service", "--port", "0"]
    one = Server(command, tmp_path, tmp_path / "log.txt")
    try:
        with dora.Client(one.node) as client:
            assert client.call("/a") == "module"
    finally:
        one.stop()


def test_background_threads_live_while_a_worker_waits(serve):
    one = serve(
        """
        import threading, time
        import dora

        app = dora.App()
        ticks = 0

        @app.worker_start
        def start():
            def run():
                global ticks
                while True:
                    ticks += 1
                    time.sleep(0.005)
            threading.Thread(target=run, daemon=True).start()

        @app.api("/ticks")
        def get(param):
            return ticks
        """,
        "--workers",
        "1",
    )
    with dora.Client(one.node) as client:
        first = client.call("/ticks")
        wait_until(lambda: client.call("/ticks") >= first + 20, "20 more ticks")


def test_threads_at_load_time(serve):
    """The application is loaded after the fork then, so its thread exists in each worker."""
    one = serve(
        """
        import threading, time
        import dora

        app = dora.App()
        threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()

        @app.api("/threads")
        def threads(param):
            return threading.active_count()
        """,
        "--workers",
        "1",
    )
    with dora.Client(one.node) as client:
        assert client.call("/threads") == 2


@pytest.mark.parametrize("daemon", [True, False])
def test_recycled_workers_leave(serve, daemon):
    """Also when a thread of the application never ends."""
    one = serve(
        f"""
        import os, threading, time
        import dora

        app = dora.App()

        @app.worker_start
        def start():
            threading.Thread(target=time.sleep, args=(10**6,), daemon={daemon}).start()

        @app.api("/pid")
        def pid(param):
            return os.getpid()
        """,
        config={
            "listen": {"tcp": "127.0.0.1:0"},
            "pools": {
                "p": {"runtime": "python", "app": "app.py", "workers": 1, "max_requests": 50}
            },
        },
    )
    seen = set()
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        while len(seen) < 4:
            seen.add(client.call("/pid"))
        serving = client.call("/pid")
    wait_until(lambda: not any(is_alive(pid) for pid in seen - {serving}), "recycled workers")


def test_workers_draw_different_numbers(serve, tmp_path):
    (tmp_path / "met").mkdir()
    one = serve(
        """
        import os, random, time
        import dora
        app = dora.App()
        random.seed(5)

        @app.api("/draw")
        def draw(param):
            open("met/%d" % os.getpid(), "w").close()
            while len(os.listdir("met")) < 2:
                time.sleep(0.005)
            return [os.getpid(), random.random()]
        """,
        "--workers",
        "2",
    )
    with dora.Client(one.node) as client:
        drawn = client.call_many({"a": ("/draw",), "b": ("/draw",)})
    (pid_a, a), (pid_b, b) = drawn.values()
    assert pid_a != pid_b and a != b


def test_a_child_process_of_a_handler_is_its_own(serve):
    """No zygote by accident, and it can be ended by SIGTERM."""
    one = serve(
        """
        import os, subprocess, sys
        import dora
        app = dora.App()

        @app.api("/child")
        def child(param):
            code = "import os; print('DORA_ZYGOTE' in os.environ)"
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                                  env=dict(os.environ))
            sleeper = subprocess.Popen(["sleep", "100"])
            sleeper.terminate()
            try:
                return [done.stdout.strip(), sleeper.wait(5)]
            except subprocess.TimeoutExpired:
                sleeper.kill()
                sleeper.wait()
                return [done.stdout.strip(), "SIGTERM was ignored"]
        """,
        "--workers",
        "1",
    )
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        assert client.call("/child") == ["False", -signal.SIGTERM]


def test_what_a_leaving_worker_still_does(serve, tmp_path):
    """Stop hooks, threads, atexit, buffered files of before and after the fork: all once."""
    one = serve(
        f"""
        import atexit, threading, time
        import dora

        app = dora.App()
        early = open({str(tmp_path / "early")!r}, "a")
        early.write("loaded\\n")

        @app.worker_start
        def start():
            global late
            late = open({str(tmp_path / "late")!r}, "a")
            atexit.register(late.write, "atexit\\n")
            threading.Thread(target=lambda: (stopping.wait(), late.write("thread\\n"))).start()

        stopping = threading.Event()

        @app.worker_stop
        def stop():
            late.write("stop\\n")
            stopping.set()

        @app.api("/write")
        def write(param):
            early.write("called\\n")
        """,
        "--workers",
        "1",
    )
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        client.call("/write")
    assert one.stop() == 0
    assert (tmp_path / "early").read_text() == "loaded\ncalled\n"
    assert (tmp_path / "late").read_text() == "stop\nthread\natexit\n"
