"""Starting: what must stop it, with which words; `dora check`; the command line's statuses."""

import json
import signal
import socket
import subprocess
import time

import pytest

from support import processes, v1
from support.server import Server, asking, environment, program, python_pool, wait_until


def dora(*argv, **more):
    return subprocess.run(asking(*argv), capture_output=True, text=True, timeout=30,
                          env=environment(), **more)


def refused(folder, pools, **config):
    """Starts a server that must not start; its standard error."""
    path = folder / "dora.json"
    config.setdefault("listen", {"tcp": "127.0.0.1:0"})
    path.write_text(json.dumps({**config, "pools": pools}))
    done = dora("serve", "--config", str(path))
    assert done.returncode == 1, done
    assert "ready" not in done.stdout
    return done.stderr


def app(folder, name, text):
    path = folder / name
    path.write_text(text)
    return str(path)


def test_broken_python_application(tmp_path):
    broken = app(tmp_path, "broken.py", "import dora\nraise RuntimeError('cannot begin')\n")
    error = refused(tmp_path, {"p": {"runtime": "python", "app": broken}})
    assert "Traceback" in error and "RuntimeError: cannot begin" in error
    assert "broken.py" in error and "line 2" in error


def test_broken_php_application(tmp_path):
    broken = app(tmp_path, "broken.php", "<?php\nthrow new Exception('cannot begin');\n")
    error = refused(tmp_path, {"p": {"runtime": "php", "app": broken}})
    assert "cannot begin" in error and "broken.php" in error


def test_a_worker_that_does_not_start_says_why_however_late_it_is_heard(tmp_path):
    """The master is stopped from before the fork until the worker has ended, so that it hears of
    the beginning, the reason and the end at once, by different sockets."""
    late = app(tmp_path, "late.py", "import os, signal\nimport dora\napp = dora.App()\n"
               "master = os.getppid()\n"
               "os.register_at_fork(before=lambda: os.kill(master, signal.SIGSTOP))\n\n\n"
               "@app.api('/x')\ndef x(param):\n    return param\n\n\n"
               "@app.worker_start\ndef start(worker):\n    raise RuntimeError('bad start')\n")
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"}, "pools": {
        "p": {"runtime": "python", "app": late, "workers": 1}}}))
    with subprocess.Popen([program(), "serve", "--config", str(path)], env=environment(),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as master:
        try:
            assert wait_until(lambda: processes.is_stopped(master.pid))
            # The worker is there, and gone: the zygote is the only one left.
            assert wait_until(lambda: len(processes.descendants(master.pid)) == 1)
            master.send_signal(signal.SIGCONT)
            error = master.communicate(timeout=30)[1]
        finally:
            master.kill()
    assert master.returncode == 1
    assert "RuntimeError: bad start" in error.split("dora serve: ")[-1], error


def test_broken_beside_a_good_one(tmp_path):
    broken = app(tmp_path, "broken.py", "syntax error here\n")
    error = refused(tmp_path, {"good": python_pool("basic.py"),
                               "bad": {"runtime": "python", "app": broken}})
    assert "SyntaxError" in error


def test_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = refused(tmp_path, {"p": python_pool("basic.py")},
                        listen={"tcp": "127.0.0.1:%d" % port})
        assert str(port) in error


def test_one_name_in_two_pools(tmp_path):
    error = refused(tmp_path, {"one": python_pool("basic.py"), "two": python_pool("basic.py")})
    assert "/echo" in error and "one" in error and "two" in error


def test_patterns_choose_the_pool(tmp_path):
    """`apis` wins over what the application reports; the longest pattern wins."""
    a = app(tmp_path, "a.py", "import dora\napp = dora.App()\n"
            "app.fallback(lambda param, request: 'a ' + request.name)\n")
    b = app(tmp_path, "b.py", "import dora\napp = dora.App()\n"
            "app.fallback(lambda param, request: 'b ' + request.name)\n")
    pools = {"a": {"runtime": "python", "app": a, "workers": 1, "apis": ["/x/*", "/one"]},
             "b": {"runtime": "python", "app": b, "workers": 1, "apis": ["/x/y/*"]}}
    with Server(pools) as server, v1.Conn(server.address) as conn:
        for name, data in (("/x/1", "a /x/1"), ("/one", "a /one"), ("/x/y/2", "b /x/y/2")):
            assert conn.call(name)["data"]["data"] == data
        assert v1.code(conn.call("/one/more")) == 100204
        assert v1.code(conn.call("/xy")) == 100204


@pytest.mark.parametrize("change, words", [
    ({"listen": {"tpc": "x"}}, ["tpc", "tcp"]),
    ({"backlog": "many"}, ["backlog"]),
    ({"pools": {"p": {"runtime": "perl", "app": "x.pl"}}}, ["runtime", "python"]),
    ({"pools": {"p": {"runtime": "python", "app": "x.py", "wrokers": 3}}}, ["wrokers", "workers"]),
    ({"frame_bytes_max": -1}, ["frame_bytes_max"]),
])
def test_check_names_the_bad_key(tmp_path, change, words):
    config = {"pools": {"p": python_pool("basic.py")}, **change}
    path = tmp_path / "dora.json"
    path.write_text(json.dumps(config, indent=1))
    done = dora("check", str(path))
    assert done.returncode == 1
    assert "dora.json:" in done.stderr + done.stdout
    for word in words:
        assert word in done.stderr + done.stdout


def test_check_likes_a_good_one(tmp_path):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"pools": {"p": python_pool("basic.py")}}))
    assert dora("check", str(path)).returncode == 0


def test_statuses_of_call():
    with Server({"p": python_pool("basic.py", workers=2)}) as server:
        def status(*argv):
            return dora("call", *argv).returncode

        done = dora("call", server.address, "/echo", '{"a": [1, 2.0, "x"]}')
        assert done.returncode == 0
        assert json.loads(done.stdout) == {"a": [1, 2.0, "x"]}
        assert "2.0" in done.stdout
        done = dora("call", server.address, "--many", "one=/echo", "1", "two=/echo", '"x"')
        assert done.returncode == 0
        assert json.loads(done.stdout) == {"one": 1, "two": "x"}
        assert status(server.address, "/raise") == 1
        assert status(server.address) == 2
        assert status(server.address, "/echo", "{not json") == 2
        assert status(server.address, "/no/such") == 3
        assert status(server.address, "/sleep", "3000", "--timeout", "0.2") == 4
        address = server.address
    assert dora("call", address, "/echo").returncode == 4


def test_ready_line():
    with Server({"p": python_pool("basic.py", workers=1)}) as server:
        assert server.ready_line == "dora: ready tcp=%s http=-" % server.address


def test_stopped_while_starting(tmp_path):
    """SIGTERM at any moment of the start ends the server, and everything with it."""
    path = tmp_path / "dora.json"
    good = python_pool("basic.py", workers=1)
    # Two pools that load at the same time; only one may report "/echo".
    path.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"},
                                "pools": {"a": {**good, "apis": ["/echo"]},
                                          "b": {**good, "apis": ["/pid"]}}}))
    for turn in range(40):
        process = subprocess.Popen([program(), "serve", "--config", str(path)], env=environment(),
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.02 + turn * 0.005)  # another moment each time
        family = processes.descendants(process.pid)
        # Before it handles signals, the default action ends it.
        process.terminate()
        try:
            assert process.wait(10) in (0, -signal.SIGTERM), turn
        finally:
            process.kill()
        assert wait_until(lambda: not any(processes.is_alive(pid) for pid in family)), turn
