"""dora.testing: a server for a test, and pytest's fixture, in a pytest of its own."""

import os
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request

import pytest

import dora
from dora.testing import Server

EXTENSION = os.environ.get("DORA_PHP_EXTENSION")

APP = """
    import dora
    app = dora.App()

    @app.api("/echo")
    def echo(param):
        return param

    @app.api("/fail")
    def fail(param):
        raise ValueError("said the handler")

    @app.api("/pid")
    def pid(param):
        import os
        return os.getppid()
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "shop.py").write_text(textwrap.dedent(APP))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_in(folder, source, *arguments):
    """What a pytest prints that runs this test file."""
    (folder / "test_shop.py").write_text(textwrap.dedent(source))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_server_serves_a_file_until_it_is_stopped(folder):
    with Server("shop.py", workers=1, http=True, time_limit_ms=5000) as server:
        assert server.call("/echo", {"a": 1}) == {"a": 1}
        assert server.client.call("/echo", 5) == 5
        with dora.Client(server.address) as client:
            assert client.call("/echo", 6) == 6
        assert server.address == f"127.0.0.1:{server.port}"
        with urllib.request.urlopen(server.http + "/call/echo", b"[7]", timeout=20) as answer:
            assert answer.read() == b"[7]"
        with pytest.raises(dora.HandlerError):
            server.call("/fail")
        pid = server.process.pid
    assert not is_running(pid)
    assert "said the handler" in server.log(), "what a worker said last is written by then"
    server.stop()


def test_a_server_that_does_not_start_says_why(folder):
    with pytest.raises(ValueError, match="log.workerz: unknown key"):
        Server("shop.py", log={"workerz": 1})
    (folder / "broken.py").write_text("import no_such_module\n")
    with pytest.raises(RuntimeError, match="(?s)did not start.*no_such_module"):
        Server("broken.py")
    with pytest.raises(FileNotFoundError, match="no application: none.py"):
        Server("none.py")


@pytest.mark.skipif(EXTENSION is None, reason="DORA_PHP_EXTENSION: the PHP module is not built")
def test_a_server_serves_php_too(folder):
    (folder / "shop.php").write_text(
        "<?php return (new Dora\\App())->api('/echo', fn ($param) => $param);")
    with Server("shop.php", workers=1) as server:
        assert server.call("/echo", {"a": 1}) == {"a": 1}


def test_an_application_that_no_other_process_can_import_is_refused():
    with pytest.raises(LookupError, match="no global of an imported module"):
        Server(dora.App())


def test_pytest_finds_the_fixture_and_ends_its_servers(folder):
    status, said = pytest_in(folder, """
        import shop

        def test_by_file(dora_server):
            server = dora_server("shop.py", workers=1)
            assert server.call("/echo", 7) == 7
            print("pid", server.process.pid)

        def test_by_app(dora_server):
            first, second = dora_server(shop.app), dora_server(shop.app)
            assert first.port != second.port and second.call("/echo", 7) == 7
            print("pid", first.process.pid)
            print("pid", second.process.pid)
    """, "-s")
    assert status == 0, said
    pids = [int(line.split("pid ")[1]) for line in said.splitlines() if "pid " in line]
    assert len(pids) == 3 and not any(is_running(pid) for pid in pids)


def test_a_test_that_fails_shows_the_log_and_ends_the_server(folder):
    status, said = pytest_in(folder, """
        def test_that_fails(dora_server):
            server = dora_server("shop.py")
            print("pid", server.process.pid)
            server.call("/fail")
    """)
    assert status == 1
    assert "dora server 127.0.0.1:" in said, said
    assert 'raise ValueError("said the handler")' in said, "the handler's traceback"
    pid = next(int(line.split()[1]) for line in said.splitlines() if line.startswith("pid "))
    assert not is_running(pid)


def test_a_server_outlives_the_thread_that_has_started_it(folder):
    started = []
    thread = threading.Thread(target=lambda: started.append(Server("shop.py", workers=1)))
    thread.start()
    thread.join()
    with started[0] as server:
        worker = server.call("/pid")
        assert [server.call("/echo", n) for n in range(3)] == [0, 1, 2]
        assert "signal" not in server.log(), server.log()
        assert is_running(worker)


def test_a_server_ends_with_the_process_that_has_started_it(folder):
    code = ("import os, signal, dora.testing\n"
            "server = dora.testing.Server('shop.py', workers=1)\n"
            "print(server.process.pid, server.call('/pid'), flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)\n")
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
                          timeout=60)
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2
    end = time.monotonic() + 20
    while any(map(is_running, pids)) and time.monotonic() < end:
        time.sleep(0.01)  # between two looks
    assert not any(map(is_running, pids))


def test_servers_end_in_the_order_of_pytests_fixtures(folder):
    status, said = pytest_in(folder, """
        import pytest

        @pytest.fixture
        def shop(dora_server):
            server = dora_server("shop.py", workers=1)
            yield server
            print("teardown:", server.call("/echo", "still served"))

        @pytest.fixture
        def stopped(shop):
            yield
            shop.call("/fail")

        def test_that_fails(shop):
            assert False, "on purpose"

        def test_whose_fixture_fails(stopped):
            pass
    """)
    assert status == 1
    assert said.count("teardown: still served") == 2, said
    assert said.count("dora server 127.0.0.1:") == 2, said
    assert said.count('raise ValueError("said the handler")') == 1, said
    assert said.count("signal 15: finishing what is accepted") == 2, "the logs are whole"


def test_pytest_goes_on_where_the_extension_cannot_be_loaded(folder):
    (folder / "dora").mkdir()
    (folder / "dora" / "__init__.py").write_text("raise ImportError('no libuv here')\n")
    status, said = pytest_in(folder, """
        def test_of_others():
            assert True

        def test_of_a_server(dora_server):
            raise SystemExit("it did run")
    """)
    assert status == 1 and "1 passed, 1 error" in said, said
    assert "ImportError: no libuv here" in said and "it did run" not in said, said


def test_pytest_starts_without_anything_of_ours():
    code = "import sys, dora_pytest; assert 'dora' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
