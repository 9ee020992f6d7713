"""Signals while a call waits: Ctrl-C ends it; a handler that does not raise lets it go on."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

import dora
from dora_helpers import DEADLINE_S, wait_until

APP = """
    import time
    from pathlib import Path
    import dora

    app = dora.App()

    @app.api("/wait")
    def wait(param):
        Path("begun").touch()
        while not Path("release").exists():
            time.sleep(0.01)
        return "released"

    app.fallback(lambda param: param)
"""


@pytest.fixture
def caller(serve, tmp_path):
    """caller(source) -> a process that runs `source` with a client, once its handler has begun."""
    one = serve(APP, "--workers", "2")
    processes = []

    def start(source):
        program = f"""import os, signal, time
import dora
client = dora.Client({one.node!r})
"""
        process = subprocess.Popen(
            [sys.executable, "-c", program + textwrap.dedent(source)],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        processes.append(process)
        wait_until((tmp_path / "begun").exists, "the handler")
        return process

    yield start
    (tmp_path / "release").touch()
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "call",
    [
        "client.call('/wait', timeout=20)",
        "client.call_many({'a': ('/wait',)}, timeout=20)",
        "client.submit('/wait'); client.collect(20)",
    ],
)
def test_ctrl_c_ends_a_call_at_once(caller, call):
    process = caller(call)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=DEADLINE_S)
    assert time.monotonic() - begin < 10, "it ended by its timeout"
    assert process.returncode == -signal.SIGINT, errors
    assert errors.rstrip().endswith("KeyboardInterrupt")


def test_the_client_is_usable_afterwards(caller):
    process = caller(
        """
        try:
            client.call("/wait", timeout=20)
        except KeyboardInterrupt:
            print([client.call("/echo", i) for i in range(3)], client.pending)
        """
    )
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert output == "[0, 1, 2] 0\n", errors


def test_an_interrupted_collect_loses_nothing(caller, tmp_path):
    process = caller(
        """
        guid = client.submit("/wait")
        try:
            open("collecting", "w").close()
            client.collect(20)
        except KeyboardInterrupt:
            open("release", "w").close()
            print(client.pending, client.collect(20) == {guid: "released"})
        """
    )
    wait_until((tmp_path / "collecting").exists, "the collector")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert output == "1 True\n", errors


def test_a_signal_handler_that_does_not_raise(caller, tmp_path):
    """It runs while the call waits, as often as a signal comes; the call goes on."""
    process = caller(
        """
        def seen(number, frame):
            open(f"seen-{len(os.listdir('.'))}", "w").close()

        signal.signal(signal.SIGUSR1, seen)
        print(client.call("/wait", timeout=20))
        """
    )
    for count in (1, 2):
        process.send_signal(signal.SIGUSR1)
        wait_until(lambda n=count: len(list(tmp_path.glob("seen-*"))) == n, "the signal handler")
    (tmp_path / "release").touch()
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert output == "released\n", errors


def test_a_signal_handler_may_use_the_same_client(caller):
    process = caller(
        """
        def seen(number, frame):
            raise LookupError(client.call("/echo", "nested"))

        signal.signal(signal.SIGUSR1, seen)
        try:
            client.call("/wait", timeout=20)
        except LookupError as error:
            print(repr(error), client.call("/echo", "again"))
        open("release", "w").close()
        """
    )
    process.send_signal(signal.SIGUSR1)
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert output == "LookupError('nested') again\n", errors


def test_signals_do_not_lengthen_a_call(caller):
    """The deadline stands, however often a call is woken."""
    process = caller(
        """
        signal.signal(signal.SIGALRM, lambda number, frame: None)
        signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
        begin = time.monotonic()
        try:
            client.call("/wait", timeout=0.3)
        except dora.TimeoutError as error:
            print(error.code, 0.25 < time.monotonic() - begin < 10)
        """
    )
    output, errors = process.communicate(timeout=DEADLINE_S)
    assert output == "100009 True\n", errors
