"""One `dora serve` for a test: on its own port, awaited by its ready line, gone with the test."""

import contextlib
import ctypes
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import ports, processes, v1

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
ASKING = ("call", "stat", "apis", "forgive", "reload")
KEPT_CALL_BYTES = 40  # beside the reply
KEPT_BYTES_MAX = 64 << 20  # of all replies


def program():
    """The `dora` program under test: DORA_BIN, as tests/run.sh sets it."""
    found = os.environ.get("DORA_BIN") or os.path.join(ROOT, "out", "core", "dora")
    if not os.path.exists(found):
        raise FileNotFoundError("no dora program: set DORA_BIN (tests/run.sh does)")
    return found


def asking(command, *arguments):
    """The words of a `dora` command that asks a server. Three seconds, its own time for that, are
    little where this machine stands still; one that says how long it waits has its way."""
    is_told = any(str(one).startswith(("--timeout", "--wait", "--idle", "--stream", "--help"))
                  for one in arguments)
    more = ["--timeout=60"] if command in ASKING and not is_told else []
    return [program(), command, *more, *arguments]


def environment():
    env = dict(os.environ)
    env.setdefault("DORA_PYTHON", sys.executable)
    return env


def wait_until(question, seconds=20.0, pause=0.01):
    """Asks until the answer is true; the last answer."""
    end = time.monotonic() + seconds
    while True:
        answer = question()
        if answer or time.monotonic() > end:
            return answer
        time.sleep(pause)


def wait_tasking(conn, count):
    """Until the server that `conn` is connected to has so many tasks."""
    assert wait_until(lambda: conn.command("getStat")["data"]["server"]["tasking_num"] >= count)


class Held:
    """Calls of an application's /wait, which go on until `let_go`."""

    def __init__(self, folder):
        self.mark, self.gate = str(folder / "held"), str(folder / "let_go")
        self.param = {"mark": self.mark, "until": self.gate}
        self.api = ("/wait", self.param)

    def wait_begun(self):
        assert wait_until(lambda: os.path.exists(self.mark)), "the handler has not begun"

    def let_go(self):
        with open(self.gate, "w"):
            pass


class Server:
    """`with Server(pools) as server`: pools as in dora.json, other keys as keywords. `command`: a
    program that serves by itself, in place of pools and configuration."""

    def __init__(self, pools=None, ready_s=20.0, command=None, **config):
        self.folder = tempfile.mkdtemp(prefix="dora-test-")
        config.setdefault("listen", {"tcp": ports.address()})
        config.setdefault("linger_ms", 100)  # most connections of tests end after their server
        config["pools"] = pools
        path = os.path.join(self.folder, "dora.json")
        with open(path, "w") as file:
            json.dump(config, file)
        self.log_path = os.path.join(self.folder, "stderr")
        parent = os.getpid()

        def die_with_parent():
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                command or [program(), "serve", "--config", path], stdout=subprocess.PIPE,
                stderr=log, stdin=subprocess.DEVNULL, env=environment(), preexec_fn=die_with_parent)
        self.pid = self.process.pid
        self.family = []
        try:
            line = self._read_line(ready_s)
            match = re.search(r"dora: ready tcp=(\S+) http=(\S+)", line)
            if not match:
                raise RuntimeError("no ready line but %r; log:\n%s" % (line, self.log()))
        except BaseException:
            self.close()
            raise
        self.address = match.group(1)
        self.http = match.group(2)
        self.ready_line = line.rstrip("\n")

    def _read_line(self, seconds):
        end = time.monotonic() + seconds
        data = b""
        fd = self.process.stdout.fileno()
        while not data.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                raise TimeoutError("not ready after %.0f s; log:\n%s" % (seconds, self.log()))
            piece = os.read(fd, 4096)
            if not piece:
                break
            data += piece
        return data.decode()

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def lines(self):
        """The log's lines that are whole: the last may be half written."""
        return self.log().split("\n")[:-1]

    def workers(self, pool=None):
        return processes.workers(self.pid, pool)

    def everyone(self):
        """All processes of this server, the master first."""
        return [self.pid] + processes.descendants(self.pid)

    def kept_bytes(self):
        """What the master remembers of calls, for those that are sent again."""
        with v1.Conn(self.address) as conn:
            repeats = conn.command("getStat")["data"]["server"]["repeats"]
        replies = repeats["bytes"]
        if repeats["evicted"] > 0:  # the ring of replies has their bytes still
            replies += replies // max(repeats["kept"], 1) * repeats["evicted"]
        return (min(replies, KEPT_BYTES_MAX) +
                KEPT_CALL_BYTES * (repeats["kept"] + repeats["tombstones"]))

    def own_memory(self, most=None, seconds=30.0):
        """Bytes of the master's own memory, without replies that it keeps. `most`: that it should
        come down to; what was freed it gives back a few seconds after the last request, and asking
        is one, so it is asked once and then waited for."""
        kept = self.kept_bytes()
        wait_until(lambda: most is None or processes.anonymous_bytes(self.pid) - kept <= most,
                   seconds)
        return processes.anonymous_bytes(self.pid) - kept

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, seconds=15.0):
        """The exit status, once the master has ended by itself."""
        return self.process.wait(seconds)

    def stop(self, seconds=15.0):
        """SIGTERM, then the exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(seconds)

    def close(self):
        """Ends whatever is left of the server. Only processes this object started are touched."""
        if self.process.poll() is None:
            family = processes.descendants(self.pid)
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                for pid in family:
                    if processes.title(pid).startswith("dora: "):
                        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                            os.kill(pid, signal.SIGKILL)
        if self.process.stdout:
            self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def python_pool(app, **more):
    """A Python pool's configuration for a file of tests/support/apps."""
    return {"runtime": "python", "app": os.path.join(HERE, "apps", app), **more}
