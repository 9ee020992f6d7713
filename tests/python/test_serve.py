"""A real server, its workers and dora.Client, end to end."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import dora
from dora_helpers import APP, DEADLINE_S, ROOT, SANITIZED, Server, is_alive, wait_until


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """One server for the tests that leave it as it was."""
    folder = tmp_path_factory.mktemp("serve")
    (folder / "app.py").write_text(textwrap.dedent(APP))
    command = [sys.executable, "-m", "dora", "serve", "app.py", "--port", "0", "--workers", "2"]
    one = Server(command, folder, folder / "log.txt")
    yield one
    one.stop()


@pytest.fixture
def client(server):
    with dora.Client(server.node, timeout=DEADLINE_S) as one:
        yield one


VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 0.1, -0.0, 1e300, float("inf"), "", "é", "\0",
    b"\xff\xfe", [], [1, [2, []]], {"a": {"b": [None]}}, {1: "x", 5: "y"}, {"": 0}, "x" * 100000,
    list(range(5000)),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:30])
def test_values_are_echoed(client, value):
    assert client.call("/echo", value) == value


def test_echo_many(client):
    calls = {f"key{i}": ("/echo", value) for i, value in enumerate(VALUES)}
    results = client.call_many(calls)
    assert list(results) == list(calls)
    assert list(results.values()) == VALUES


def test_call_many_mixes_outcomes(client):
    results = client.call_many(
        {"z": ("/echo", 1), "bad": ("/raise", None), 3: ("/echo",), "any": ("/nowhere", 2)}
    )
    assert list(results) == ["z", "bad", 3, "any"]
    assert (results["z"], results[3], results["any"]) == (1, None, "fallback /nowhere")
    assert isinstance(results["bad"], dora.HandlerError) and results["bad"].code == 100208


def test_request_object(client):
    seen = client.call("/request", {"p": 1}, timeout=9)
    assert seen["name"] == "/request" and seen["type"] == "W_S" and seen["trace"] == ""
    assert len(seen["guid"]) == 32 and seen["same"] is True
    assert 0 < seen["left"] <= 9000
    assert "/request" in seen["repr"] and seen["guid"] in seen["repr"]
    assert client.call_many({"a": ("/request", 1)})["a"]["type"] == "W_M"
    assert seen["protocol"] == "tcp" and seen["connection"] > 0


def test_connections_have_numbers(server):
    with dora.Client(server.node) as one, dora.Client(server.node) as other:
        first = one.call("/request")["connection"]
        assert one.call("/request")["connection"] == first
        assert other.call("/request")["connection"] != first


def test_request_object_outlives_its_call(serve):
    one = serve(APP, "--workers", "1")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        seen = client.call("/request", ["kept"], timeout=9)
        client.call("/echo", "x" * 3000)
        name, guid, kind, left, param, protocol, connection = client.call("/kept")
    assert (name, guid, kind, param) == ("/request", seen["guid"], "W_S", ["kept"])
    assert (protocol, connection) == ("tcp", seen["connection"])
    assert 0 <= left <= seen["left"]


def failure(client, name, param=None):
    with pytest.raises(dora.HandlerError) as info:
        client.call(name, param)
    return info.value.code, info.value.msg


def test_exceptions_are_failures(client, server):
    assert failure(client, "/raise") == (100208, "ValueError: no such thing")
    server.wait_log("ValueError: no such thing")
    server.wait_log("Traceback (most recent call last)")
    assert failure(client, "/raise/handler") == (404, "no such user")
    assert failure(client, "/raise/plain") == (100208, "just so")
    assert "HandlerError" not in server.log(), "a deliberate error needs no traceback"
    assert failure(client, "/memory") == (100208, "MemoryError")


@pytest.mark.parametrize("code", [1, -5, 1231, 100000, 100015, 100199, 100300, 2**63 - 1])
def test_exception_codes(client, code):
    assert failure(client, "/raise/code", {"text": "é", "code": code}) == (code, "WithCode: é")


@pytest.mark.parametrize("code", [0, 100001, 100010, 100099, 100100, 100200, 100204, 100299])
def test_reserved_codes_become_100208(client, code):
    got, msg = failure(client, "/raise/code", {"text": "why", "code": code})
    assert got == 100208 and "why" in msg and str(code) in msg


@pytest.mark.parametrize("code", ["404", 4.5, None, True])
def test_codes_that_are_no_int(client, code):
    assert failure(client, "/raise/code", {"text": "why", "code": code}) == (
        100208,
        "WithCode: why",
    )


def test_results_that_have_no_place_on_the_wire(client):
    code, msg = failure(client, "/unencodable")
    assert code == 100208 and "$.rows[1]: no value on the wire for type complex" in msg
    code, msg = failure(client, "/loop")
    assert code == 100208 and "nested deeper than 509 levels" in msg


def nested(levels):
    value = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_depth_has_a_limit(client):
    assert client.call("/echo", nested(509)) == nested(509)
    assert client.call_many({"a": ("/echo", nested(509))}) == {"a": nested(509)}
    with pytest.raises(ValueError, match="deeper than 509 levels"):
        client.call("/echo", nested(510))


def test_result_sizes(client):
    for size in (0, 500, 1100, 5000, 70000, 2_000_000):
        assert client.call("/big", size) == "x" * size
    assert failure(client, "/big", 3_000_000)[0] == 100206
    assert client.call("/big", 10) == "x" * 10


def test_prints_go_to_the_log(client, server):
    client.call("/print", "a line for the log")
    wait_until(lambda: server.log().count("a line for the log") == 2, "both lines")


def test_unknown_api(serve):
    one = serve("import dora\napp = dora.App()\napp.api('/a')(lambda param: 1)\n")
    with dora.Client(one.node) as client:
        assert client.call("/a") == 1
        with pytest.raises(dora.NotRunError) as info:
            client.call("/b")
    assert info.value.code == 100204


def test_the_apis_of_one_call_run_at_the_same_time(client):
    client.call_many({i: ("/pid",) for i in range(4)})
    pids = client.call_many({"a": ("/sleep", 1.2), "b": ("/sleep", 1.2)})
    assert pids["a"] != pids["b"]


@pytest.mark.parametrize("name", ["/exit", "/os_exit", "/kill"])
def test_a_worker_that_dies_is_replaced(serve, name):
    one = serve(APP, "--workers", "2")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        for status in range(3, 8):  # the same call would soon be refused
            begin = time.monotonic()
            code, msg = failure(client, name, status)
            assert code == 100200 and time.monotonic() - begin < 10
            if name == "/exit":
                assert "SystemExit(%d)" % status in msg
            assert client.call("/echo", "alive") == "alive"


def test_a_timeout_ends_the_call(client):
    with pytest.raises(dora.TimeoutError):
        client.call("/sleep", 1, timeout=0.1)
    assert client.call("/echo", 1) == 1


def test_nested_calls(serve):
    """A handler may call, even its own server."""
    one = serve(
        """
        import dora
        app = dora.App()

        @app.api("/outer")
        def outer(param):
            with dora.Client(param) as client:
                return {"inner": client.call("/inner", 5)}

        @app.api("/inner")
        def inner(param):
            return param * 2
        """,
        "--workers",
        "2",
    )
    with dora.Client(one.node) as client:
        assert client.call("/outer", one.node) == {"inner": 10}


C_APP = """
#include <dora/dora.h>

static dora_err echo(const dora_request *request, dora_reply *reply, void *user)
{
    (void)user;
    return dora_write_raw(dora_reply_writer(reply), dora_request_param(request));
}

DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    (void)error;
    return dora_app_api(app, "/c/echo", echo, NULL);
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_an_application_in_c_beside_one_in_python(serve, tmp_path):
    """It finds the library's functions in the extension, without linking libdora."""
    (tmp_path / "capp.c").write_text(C_APP)
    command = ["cc", "-shared", "-fPIC", f"-I{ROOT / 'core/include'}", "-o", "capp.so", "capp.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    one = serve(APP, "capp.so", "--workers", "1")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        results = client.call_many({"c": ("/c/echo", [1, "x"]), "py": ("/echo", {"a": 2})})
    assert results == {"c": [1, "x"], "py": {"a": 2}}


def children_of(pid):
    """The pids of a process' descendants."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue
            if parent == pid:
                found += [int(entry.name), *children_of(int(entry.name))]
    return found


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_stop_leaves_nothing(serve, sent):
    one = serve(APP, "--workers", "3")
    with dora.Client(one.node) as client:
        client.call("/echo")
    wait_until(lambda: len(children_of(one.pid)) == 4, "a zygote and three workers")
    children = children_of(one.pid)
    one.stop(sent)
    wait_until(lambda: not any(is_alive(pid) for pid in children), "the end of all children")


def test_stop_waits_for_what_runs(serve, tmp_path):
    one = serve(
        """
        import time
        from pathlib import Path
        import dora
        app = dora.App()

        @app.api("/slow")
        def work(param):
            Path("begun").touch()
            time.sleep(0.5)
            return "done"
        """,
        "--workers",
        "1",
    )
    results = []
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        caller = threading.Thread(target=lambda: results.append(client.call("/slow")))
        caller.start()
        wait_until((tmp_path / "begun").exists, "the handler")
        one.stop()
        caller.join(DEADLINE_S)
    assert results == ["done"]


def test_process_names(serve):
    one = serve(APP, "--workers", "1")
    children = children_of(one.pid)

    def command(pid):
        return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()

    assert command(one.pid) == "dora: master"
    assert sorted(command(pid).rsplit(" ", 1)[0] for pid in children) == [
        "dora: worker app",
        "dora: zygote",
    ]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")
def test_memory_stays_flat(serve):
    one = serve(APP, "--workers", "1")
    with dora.Client(one.node, timeout=DEADLINE_S) as client:
        worker = client.call("/pid")

        def rss():
            lines = Path(f"/proc/{worker}/status").read_text().splitlines()
            return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))

        def work():
            for i in range(300):
                client.call("/echo", {"i": i, "pad": "x" * (i * 20)})
                client.call("/request", {"i": i})
                failure(client, "/raise")

        work()
        before = rss()
        for _ in range(3):
            work()
        assert rss() - before < 1024
        assert client.call("/pid") == worker


def test_the_command(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "dora", *arguments],
            cwd=tmp_path, capture_output=True, text=True, timeout=DEADLINE_S,
        )

    assert run().returncode == 2
    assert run("serve").returncode == 2
    assert run("serve", "missing.py").returncode != 0
    done = run("zygote")
    assert done.returncode == 2 and "only a running server" in done.stderr


def test_dora_call(server):
    done = subprocess.run(
        [sys.executable, "-m", "dora", "call", server.node, "/echo", '{"a": [1, 2.5]}'],
        capture_output=True, text=True, timeout=DEADLINE_S,
    )
    assert done.returncode == 0, done.stderr
    assert '"a"' in done.stdout and "2.5" in done.stdout


def test_ctrl_c_ends_a_command_that_waits():
    """At once: Python's own handler would wait for the program to come back from C."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        command = ["call", "127.0.0.1:%d" % silent.getsockname()[1], "/any", "--timeout", "600"]
        with subprocess.Popen([sys.executable, "-m", "dora", *command], stderr=subprocess.PIPE,
                              text=True) as process:
            silent.settimeout(DEADLINE_S)
            conn, _ = silent.accept()
            with conn:
                process.send_signal(signal.SIGINT)
                _, said = process.communicate(timeout=DEADLINE_S)
        assert (process.returncode, said) == (130, "")


def test_examples_are_served(tmp_path):
    folder = ROOT / "examples/python"
    command = [sys.executable, "-m", "dora", "serve", str(folder / "users.py"), "--port", "0"]
    one = Server(command, tmp_path, tmp_path / "log.txt")
    try:
        done, many = (
            subprocess.run(
                [sys.executable, str(folder / name), one.node],
                capture_output=True, text=True, timeout=DEADLINE_S, env=dict(os.environ),
            )
            for name in ("client.py", "async_client.py")
        )
    finally:
        one.stop()
    assert done.returncode == 0, done.stderr
    assert "user 7 is Cleo <cleo@example.org>" in done.stdout
    assert "names: {1: 'Ann', 2: 'Bob'}" in done.stdout
    assert "missing: error 404: no user 99" in done.stdout
    assert "not run: 100204" in done.stdout
    assert "noted: None\n" in done.stdout and "later: Bob, Ann\n" in done.stdout
    assert many.returncode == 0, many.stderr
    assert many.stdout.splitlines() == [
        "user 2 is Bob", "1000 answers, 2 users", "later: Bob, Ann", "error 404: no user 99"]
    one.wait_log("user 7 was seen by client.py")
