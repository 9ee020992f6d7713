"""Daemons and pid files: who waits for what, what the terminal sees, what stays behind."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys

import pytest

from support import processes, v1
from support.server import Server, environment, program, python_pool, wait_until

READY = re.compile(r"dora: ready tcp=(127\.0\.0\.1:\d+) http=-\n")


def php():
    return [os.environ.get("DORA_PHP", "php"), "-d",
            "extension=" + os.environ["DORA_PHP_EXTENSION"]]


def configure(folder, pools=None, **more):
    """A daemon's configuration in a file; pid file and log stand beside it."""
    path = folder / "dora.json"
    path.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"}, "daemonize": True,
                                "pid_file": "dora.pid", "log": {"file": "dora.log"},
                                "pools": pools or {}, **more}))
    return str(path)


def run(command, folder, **more):
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True,
                          timeout=60, stdin=subprocess.PIPE, **more)


def pid_in(path):
    return int(path.read_text()) if path.exists() and path.read_text().endswith("\n") else 0


@contextlib.contextmanager
def ended(folder):
    """Ends the daemon of that folder, whatever became of the test."""
    try:
        yield
    finally:
        pid = pid_in(folder / "dora.pid")
        if pid and processes.title(pid) == "dora: master":
            family = [pid] + processes.descendants(pid)
            os.kill(pid, signal.SIGTERM)
            if not wait_until(lambda: not any(map(processes.is_alive, family)), 10):
                os.kill(pid, signal.SIGKILL)
                raise AssertionError("the daemon did not stop")


def fd(pid, number):
    return os.readlink("/proc/%d/fd/%d" % (pid, number))


def check_detached(pid, folder):
    assert processes.title(pid) == "dora: master"
    assert os.getsid(pid) == pid and os.getsid(pid) != os.getsid(0)
    assert fd(pid, 0) == "/dev/null"
    assert fd(pid, 1) == fd(pid, 2) == str(folder / "dora.log")
    assert os.readlink("/proc/%d/cwd" % pid) == str(folder)


def stop(pid, folder):
    """kill $(cat dora.pid)"""
    family = [pid] + processes.descendants(pid)
    assert len(family) > 2
    os.kill(pid, signal.SIGTERM)
    assert wait_until(lambda: not any(map(processes.is_alive, family)))
    assert not (folder / "dora.pid").exists()


def check_daemon(done, folder, name):
    """The parent has ended well, and the daemon serves; then it is stopped."""
    assert done.returncode == 0, done
    ready = READY.search(done.stdout)
    assert ready, done
    pid = pid_in(folder / "dora.pid")
    check_detached(pid, folder)
    with v1.Conn(ready.group(1)) as conn:
        assert conn.call(name, "hi")["data"]["data"] == "hi"
    stop(pid, folder)


def test_from_the_command_line(tmp_path):
    config = configure(tmp_path, {"p": python_pool("basic.py", workers=1)})
    with ended(tmp_path):
        done = run([program(), "serve", "--config", config], tmp_path)
        assert READY.fullmatch(done.stdout) and done.stderr == ""
        check_daemon(done, tmp_path, "/echo")
    assert "signal 15" in (tmp_path / "dora.log").read_text()


PYTHON_APP = """
import atexit, os, dora
app = dora.App()
app.api("/echo")(lambda param: param)
if not dora._dora.is_zygote():
    print("printed before run()")
    atexit.register(lambda: open("ends", "a").write("%d\\n" % os.getpid()))
app.run(config="dora.json")
"""


def test_from_python(tmp_path):
    configure(tmp_path)
    (tmp_path / "app.py").write_text(PYTHON_APP)
    with ended(tmp_path):
        done = run([sys.executable, "app.py"], tmp_path)
        assert done.stdout.count("printed before run()") == 1
        assert not (tmp_path / "ends").exists()  # the parent runs no clean-up
        pid = pid_in(tmp_path / "dora.pid")
        check_daemon(done, tmp_path, "/echo")
        assert (tmp_path / "ends").read_text() == "%d\n" % pid  # the daemon runs it, once
    assert "printed before" not in (tmp_path / "dora.log").read_text()


PHP_APP = """<?php
$app = new Dora\\App();
$app->api('/echo', fn ($param) => $param);
if (getenv('DORA_ZYGOTE') === false) {
    echo "printed before run()\\n";
    ob_start();
    echo "kept in a buffer\\n";
    register_shutdown_function(fn () => file_put_contents('ends', getmypid() . "\\n", FILE_APPEND));
}
$app->run(['config' => 'dora.json']);
"""


def test_from_php(tmp_path):
    configure(tmp_path)
    (tmp_path / "app.php").write_text(PHP_APP)
    with ended(tmp_path):
        done = run([*php(), "app.php"], tmp_path)
        assert done.stdout.count("printed before run()") == 1
        assert not (tmp_path / "ends").exists()
        pid = pid_in(tmp_path / "dora.pid")
        check_daemon(done, tmp_path, "/echo")
        assert (tmp_path / "ends").read_text() == "%d\n" % pid
    log = (tmp_path / "dora.log").read_text()
    assert (done.stdout + log).count("kept in a buffer") == 1


@pytest.mark.parametrize("kind", ["serve", "python", "php"])
def test_broken_application(tmp_path, kind):
    """The parent ends with status 1, the traceback on the terminal, nothing left behind."""
    broken = tmp_path / "broken.py"
    broken.write_text("import dora\nraise RuntimeError('cannot begin')\n")
    config = configure(tmp_path, {"p": {"runtime": "python", "app": str(broken)}})
    (tmp_path / "app.py").write_text(PYTHON_APP)
    (tmp_path / "app.php").write_text(PHP_APP)
    command = {"serve": [program(), "serve", "--config", config],
               "python": [sys.executable, "app.py"], "php": [*php(), "app.php"]}[kind]
    done = run(command, tmp_path)
    assert done.returncode == 1, done
    assert "RuntimeError: cannot begin" in done.stderr and "Traceback" in done.stderr
    assert "ready" not in done.stdout
    assert not (tmp_path / "dora.pid").exists()
    assert wait_until(lambda: of_folder(tmp_path) == []), of_folder(tmp_path)


def of_folder(folder):
    """Processes of a test: those that work in its folder."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and os.readlink("/proc/%s/cwd" % entry) == str(folder):
                found.append(int(entry))
    return found


def test_needs_a_log_file(tmp_path):
    config = configure(tmp_path, {"p": python_pool("basic.py")}, log={"file": None})
    done = run([program(), "serve", "--config", config], tmp_path)
    assert done.returncode == 1
    assert "daemonize" in done.stderr and "log.file" in done.stderr


def test_threads_would_be_lost(tmp_path):
    configure(tmp_path)
    (tmp_path / "app.py").write_text(
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n" + PYTHON_APP)
    done = run([sys.executable, "app.py"], tmp_path)
    assert done.returncode == 1
    assert "daemonize" in done.stderr and "2 threads" in done.stderr
    assert wait_until(lambda: of_folder(tmp_path) == []), of_folder(tmp_path)


def heed_interrupts():
    """A test in the background of a shell would hand on that they are ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def starting(folder):
    """A daemon whose application is still loading: the parent, and the child's id."""
    slow = folder / "slow.py"
    slow.write_text("import dora, time\nopen('loading', 'w').close()\ntime.sleep(60)\n")
    config = configure(folder, {"p": {"runtime": "python", "app": str(slow)}})
    parent = subprocess.Popen([program(), "serve", "--config", config], cwd=folder,
                              env=environment(), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              preexec_fn=heed_interrupts)
    try:
        assert wait_until((folder / "loading").exists, 20)
        master = [pid for pid in processes.descendants(parent.pid)
                  if processes.title(pid) == "dora: master"]
        yield parent, master[0]
        assert wait_until(lambda: of_folder(folder) == []), of_folder(folder)
    finally:
        if parent.poll() is None:
            parent.kill()
        parent.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_waiting_parent_is_ended(tmp_path, number):
    """Ctrl-C before it is ready ends all of it."""
    with starting(tmp_path) as (parent, _):
        parent.send_signal(number)
        assert parent.wait(30) == -number


@pytest.mark.parametrize("number, words", [(signal.SIGKILL, "killed by signal 9"),
                                           (signal.SIGTERM, "stopped before it was ready")])
def test_the_daemon_ends_before_it_is_ready(tmp_path, number, words):
    with starting(tmp_path) as (parent, master):
        os.kill(master, number)
        out, error = parent.communicate(timeout=30)
        assert parent.returncode == 1 and out == ""
        assert words in error


def test_output_follows_the_log(tmp_path):
    config = configure(tmp_path, {"p": python_pool("basic.py", workers=1)})
    log = tmp_path / "dora.log"
    with ended(tmp_path):
        assert run([program(), "serve", "--config", config], tmp_path).returncode == 0
        pid = pid_in(tmp_path / "dora.pid")
        os.rename(log, tmp_path / "dora.log.1")
        os.kill(pid, signal.SIGUSR2)
        assert wait_until(lambda: log.exists() and fd(pid, 1) == fd(pid, 2) == str(log))
        check_detached(pid, tmp_path)


def serve_with(path):
    return Server({"p": python_pool("basic.py", workers=1)}, pid_file=str(path))


def test_stale_pid_file_of_a_process_that_lives(tmp_path):
    """A number that another program bears today does not keep a server from starting."""
    path = tmp_path / "dora.pid"
    path.write_text("%d\nand more of an older file\n" % os.getpid())
    with serve_with(path) as server:
        assert path.read_text() == "%d\n" % server.pid
        assert server.stop() == 0
    assert not path.exists()


def test_pid_file_of_a_server_that_runs(tmp_path):
    path = tmp_path / "dora.pid"
    with serve_with(path) as server:
        with pytest.raises(RuntimeError) as caught:
            serve_with(path)
        assert str(path) in str(caught.value) and str(server.pid) in str(caught.value)
        assert path.read_text() == "%d\n" % server.pid
        assert server.stop() == 0


def test_pid_file_after_a_crash(tmp_path):
    path = tmp_path / "dora.pid"
    with serve_with(path) as server:
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        assert path.exists()
    with serve_with(path) as server:
        assert path.read_text() == "%d\n" % server.pid


@pytest.mark.parametrize("spoil", [lambda path: path.write_text("1\n"),
                                   lambda path: (path.unlink(), path.write_text("1\n"))])
def test_pid_file_that_is_not_ours_any_more(tmp_path, spoil):
    path = tmp_path / "dora.pid"
    with serve_with(path) as server:
        spoil(path)
        assert server.stop() == 0
    assert path.read_text() == "1\n"


def test_pid_file_that_cannot_be(tmp_path):
    for path in (tmp_path / "nowhere" / "dora.pid", tmp_path, "/dev/null"):
        with pytest.raises(RuntimeError) as caught:
            serve_with(path)
        assert "pid_file" in str(caught.value) and str(path) in str(caught.value)
