"""A real server (Server) and a scripted peer (Peer), for the fixtures and the tests."""

import asyncio
import ctypes
import json
import os
import selectors
import signal
import subprocess
import time
from pathlib import Path

from dora import wire
from support.door import Door, end

DEADLINE_S = 60.0  # for a busy machine; what hangs is told then
SANITIZED = "asan" in os.environ.get("LD_PRELOAD", "")
ROOT = Path(__file__).resolve().parents[2]


def load_vectors():
    """The vectors of the protocol, as a dict."""
    path = os.environ.get("DORA_VECTORS") or ROOT / "tests/vectors/v1.json"
    return json.loads(Path(path).read_text(encoding="utf-8"))


def die_with_parent():
    """In the child, before exec: end when the test run ends (PR_SET_PDEATHSIG)."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Server:
    """A `dora serve` process on a port of its own."""

    def __init__(self, command, folder, log):
        self.log_path = log
        with open(log, "wb") as stderr:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                preexec_fn=die_with_parent,
            )
        self.pid = self.process.pid
        self.ready = self._ready_line()
        self.port = int(self.ready.split("tcp=")[1].split()[0].rpartition(":")[2])
        self.node = f"127.0.0.1:{self.port}"

    def _ready_line(self):
        """Wait for `dora: ready ...`; the log explains why it did not come."""
        deadline = time.monotonic() + DEADLINE_S
        seen = b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while time.monotonic() < deadline:
                if not selector.select(deadline - time.monotonic()):
                    break
                chunk = os.read(self.process.stdout.fileno(), 4096)
                seen += chunk
                for line in seen.split(b"\n")[:-1]:
                    if line.startswith(b"dora: ready "):
                        return line.decode()
                if not chunk:
                    break
        self.stop(expect=None)
        raise AssertionError(f"no ready line; stdout {seen!r}; log:\n{self.log()}")

    def log(self):
        """What server and workers wrote so far."""
        return Path(self.log_path).read_text(encoding="utf-8", errors="replace")

    def wait_log(self, text):
        """Wait until `text` stands in the log."""
        wait_until(lambda: text in self.log(), f"{text!r} in the log")

    def stop(self, sent=signal.SIGTERM, expect=0):
        """End the server and check its status (None: any)."""
        if self.process.poll() is None:
            self.process.send_signal(sent)
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(DEADLINE_S)
            raise AssertionError(f"the server did not stop; log:\n{self.log()}") from None
        finally:
            self.process.stdout.close()
        assert expect is None or status == expect, f"status {status}; log:\n{self.log()}"
        return status


def wait_until(condition, what):
    """Ask again and again, within the deadline."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)  # between two looks


async def wait_async(condition, what):
    """wait_until on a loop that goes on meanwhile."""
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        await asyncio.sleep(0.001)  # between two looks


class Peer:
    """A scripted server: `answer(message, guid)` gives the bytes to send, or None to hang up.

    What a client says of a call under way (TK, CN) is answered by nobody, and heard by few.
    """

    hears_all = False

    def __init__(self, answer, **options):
        self.answer = answer
        self.options = options
        self.calls = 0
        self.ended = 0
        self.door = Door(self._serve)
        self.port = self.door.port
        self.node = self.door.address

    @property
    def sockets(self):
        return self.door.sockets

    @property
    def connections(self):
        return len(self.sockets)

    def _serve(self, connection):
        data = b""
        try:
            while True:
                frame = wire.frame_check(data, request=True, **self.options)
                if frame is None:
                    chunk = connection.recv(65536)
                    if not chunk:
                        return
                    data += chunk
                    continue
                used, body, code, msg = frame
                assert code == 0, msg
                offset = 8 if self.options.get("sign") else 4
                guid = data[offset : offset + 32]
                data = data[used:]
                message = wire.unpack(body)
                is_call = message["type"] not in ("TK", "CN")
                if not is_call and not self.hears_all:
                    continue
                self.calls += is_call
                reply = self.answer(message, guid)
                if reply is None:
                    return
                connection.sendall(reply)
        finally:
            end(connection)
            self.ended += 1

    def close(self):
        """Stop listening and drop every connection."""
        self.door.close()


def envelope(guid, data=None, code=0, msg="OK"):
    """What stands around a handler's data."""
    return {"guid": guid.decode(), "code": code, "msg": msg, "data": data}


def reply_frame(guid, message, **options):
    """The frame of a reply."""
    return wire.frame_pack(guid, wire.pack(message), **options)


# What most tests serve: a handler for each thing a handler can do.
APP = """
    import os, signal, sys, time
    import dora

    app = dora.App()

    class WithCode(Exception):
        def __init__(self, text, code):
            super().__init__(text)
            self.code = code

    @app.api("/echo")
    def echo(param):
        return param

    @app.api("/request")
    def request(param, request):
        global kept
        kept = request
        return {"name": request.name, "guid": request.guid, "type": request.type,
                "trace": request.trace, "left": request.remaining_ms,
                "protocol": request.protocol, "connection": request.connection,
                "same": request.param is param, "repr": repr(request)}

    @app.api("/kept")
    def kept_later(param):
        return [kept.name, kept.guid, kept.type, kept.remaining_ms, kept.param, kept.protocol,
                kept.connection]

    @app.api("/raise")
    def raises(param):
        raise ValueError("no such thing")

    @app.api("/raise/code")
    def raises_code(param):
        raise WithCode(param["text"], param["code"])

    @app.api("/raise/handler")
    def raises_handler(param):
        raise dora.HandlerError("no such user", code=404)

    @app.api("/raise/plain")
    def raises_plain(param):
        raise dora.HandlerError("just so")

    @app.api("/memory")
    def memory(param):
        raise MemoryError

    @app.api("/unencodable")
    def unencodable(param):
        return {"rows": [1, 2j]}

    @app.api("/loop")
    def loop(param):
        loop = []
        loop.append(loop)
        return loop

    @app.api("/big")
    def big(param):
        return "x" * param

    @app.api("/pid")
    def pid(param):
        return os.getpid()

    @app.api("/sleep")
    def sleep(param):
        time.sleep(param)
        return os.getpid()

    @app.api("/exit")
    def exits(param):
        sys.exit(param)

    @app.api("/os_exit")
    def os_exit(param):
        os._exit(3)

    @app.api("/kill")
    def kill(param):
        os.kill(os.getpid(), signal.SIGKILL)

    @app.api("/print")
    def prints(param):
        print(param)
        print(param, file=sys.stderr)

    @app.fallback
    def rest(param, request):
        return "fallback " + request.name
"""


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def parent_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
