"""A server under a service manager: what it says to NOTIFY_SOCKET, played by a socket here."""

import ctypes
import os
import re
import select
import signal
import subprocess
import time

import pytest

from support import processes, v1
from support.manager import Manager
from support.server import Server, environment, program, python_pool, wait_until

PTRACE_ATTACH, PTRACE_DETACH = 16, 17
WAIT_THREADS = 0x40000000  # __WALL

APP = """
import os
import dora
app = dora.App()

@app.api("/env")
def env(param):
    return sorted(name for name in os.environ if "NOTIFY" in name or "WATCHDOG" in name)
"""


def test_a_life(tmp_path):
    app = tmp_path / "app.py"
    app.write_text(APP)
    with Manager(str(tmp_path)) as manager, Server({"py": python_pool(str(app))}) as server:
        ready = manager.hear_until("READY")[-1]
        assert ready == {"READY": "1",
                         "STATUS": "serving on %s, generation 1" % server.address}
        with v1.Conn(server.address) as conn:
            assert conn.call("/env")["data"]["data"] == []
        server.signal(signal.SIGHUP)
        reloading = manager.hear()
        assert reloading["RELOADING"] == "1"
        assert 0 <= time.monotonic() - int(reloading["MONOTONIC_USEC"]) / 1e6 < 60
        assert manager.hear()["STATUS"].endswith(", generation 2")
        app.write_text("no python")
        server.signal(signal.SIGHUP)
        assert "RELOADING" in manager.hear()
        again = manager.hear()
        assert again["READY"] == "1" and again["STATUS"].endswith(", generation 2")
        assert server.stop() == 0
        assert manager.hear() == {"STOPPING": "1", "STATUS": "draining"}


def test_without_a_watchdog_it_is_silent(tmp_path):
    with Manager(str(tmp_path)) as manager:
        with Server({"py": python_pool("basic.py", workers=1)}) as server:
            manager.hear_until("READY")
            with pytest.raises(TimeoutError):
                manager.hear(1.5)
            assert server.stop() == 0


def test_a_manager_that_is_gone(tmp_path):
    with Manager(str(tmp_path)) as manager:
        os.unlink(manager.path)
        with Server({"py": python_pool("basic.py", workers=1)}) as server:
            assert server.stop() == 0


def threads(pid):
    """The threads of a process that are not its first."""
    return [int(name) for name in os.listdir("/proc/%d/task" % pid) if int(name) != pid]


class Held:
    """One thread of a process, which does not run while this is entered."""

    def __init__(self, thread):
        self.thread = thread
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]

    def _ask(self, what):
        if self.libc.ptrace(what, self.thread, None, None) != 0:
            raise OSError(ctypes.get_errno(), "ptrace")

    def __enter__(self):
        self._ask(PTRACE_ATTACH)
        os.waitpid(self.thread, WAIT_THREADS)
        return self

    def __exit__(self, *_):
        self._ask(PTRACE_DETACH)


def lanes(pid):
    """The threads that serve connections: those that wait in epoll, now or at another look, since
    each runs at times."""
    def is_lane(thread):
        with open("/proc/%d/task/%d/wchan" % (pid, thread)) as file:
            return "ep_poll" in file.read()
    found = set()
    for _ in range(20):
        found.update(filter(is_lane, threads(pid)))
        time.sleep(0.02)  # between two looks
    return sorted(found)


def test_the_watchdog_wants_every_lane(tmp_path):
    with Manager(str(tmp_path), watchdog_ms=200) as manager:
        pools = {"py": python_pool("basic.py", workers=1)}
        with Server(pools, reactors=3) as server:
            manager.hear_until("READY")
            for _ in range(10):
                manager.hear_until("WATCHDOG")
            found = lanes(server.pid) or threads(server.pid)
            assert len(found) >= 3
            silent = 0
            for thread in found:
                with Held(thread):
                    wait_until(lambda: not select.select([manager.sock], [], [], 0.3)[0] or
                               manager.forget(), 2)
                    silent += not select.select([manager.sock], [], [], 0.7)[0]
                manager.hear_until("WATCHDOG")  # they go on, and so does it
            assert silent == 3  # one for each lane: other threads do not count
            assert server.stop() == 0
            heard = manager.hear_until("STOPPING")
            assert heard[-1]["STATUS"] == "draining"


def test_a_stopped_master_says_nothing(tmp_path):
    with Manager(str(tmp_path), watchdog_ms=200) as manager:
        with Server({"py": python_pool("basic.py", workers=1)}) as server:
            manager.hear_until("WATCHDOG")
            server.signal(signal.SIGSTOP)
            try:
                assert wait_until(lambda: processes.state(server.pid) == "T")
                manager.forget()
                assert not select.select([manager.sock], [], [], 0.7)[0]
            finally:
                server.signal(signal.SIGCONT)
            manager.hear_until("WATCHDOG")


def test_a_daemon_says_who_it_is(tmp_path):
    log = tmp_path / "log"
    command = [program(), "serve", "--config", str(tmp_path / "dora.json")]
    (tmp_path / "dora.json").write_text(
        '{"daemonize": true, "pid_file": "pid", "log": {"file": "log"},'
        ' "listen": {"tcp": "127.0.0.1:0"},'
        ' "pools": {"py": {"runtime": "python", "app": "%s", "workers": 1}}}'
        % python_pool("basic.py")["app"])
    with Manager(str(tmp_path)) as manager:
        done = subprocess.run(command, env=environment(), timeout=30, capture_output=True)
        assert done.returncode == 0, done.stderr
        ready = manager.hear_until("READY")[-1]
        pid = int((tmp_path / "pid").read_text())
        try:
            assert int(ready["MAINPID"]) == pid
            assert re.match(r"serving on 127.0.0.1:\d+, generation 1$", ready["STATUS"])
        finally:
            os.kill(pid, signal.SIGTERM)
        manager.hear_until("STOPPING")
        assert wait_until(lambda: not processes.is_alive(pid)), log.read_text()
