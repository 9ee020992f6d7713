"""One real redis-server for a test: its own port, a temporary folder, gone when the test is."""

import ctypes
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from urllib.parse import quote

from . import ports

_LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
REPLY_S = 5.0


class RedisError(Exception):
    """An error reply: its text begins with Redis' own word."""


def _encode(words):
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    pieces = [b"*%d\r\n" % len(words)]
    pieces += [b"$%d\r\n%s\r\n" % (len(word), word) for word in words]
    return b"".join(pieces)


class RedisConn:
    """A connection: `command(*words)` gives the decoded reply (texts as str, bytes that are no
    UTF-8 by surrogateescape; nil as None), `receive()` the next one, as after SUBSCRIBE."""

    def __init__(self, port, password=None, timeout=REPLY_S, context=None):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout)
        if context:
            self.sock = context.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")
        if password:
            self.command("AUTH", password)

    def send(self, *words):
        self.sock.sendall(_encode(words))

    def command(self, *words):
        self.send(*words)
        return self.receive()

    def receive(self, timeout=None):
        if timeout is not None:
            self.sock.settimeout(timeout)
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return self._bulk(int(rest))
        if kind == b"*":
            return None if rest == b"-1" else [self.receive() for _ in range(int(rest))]
        raise ValueError("no reply of Redis: %r" % line)

    def _bulk(self, size):
        if size < 0:
            return None
        data = self.file.read(size + 2)
        if len(data) != size + 2:
            raise ConnectionError("Redis closed the connection")
        return data[:-2].decode(errors="surrogateescape")

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class RedisTls:
    """TLS of a RedisServer: its `certificate`, of a Certificates; it asks for one of the same CA
    where `clients` is "yes", as Redis' default is."""

    def __init__(self, certificates, certificate="server", clients="yes"):
        self.certificates, self.certificate, self.clients = certificates, certificate, clients

    def words(self, port):
        has = self.certificates
        return ["--port", "0", "--tls-port", str(port), "--tls-auth-clients", self.clients,
                "--tls-cert-file", has.cert(self.certificate),
                "--tls-key-file", has.key(self.certificate), "--tls-ca-cert-file", has.ca]

    def context(self):
        """Of the test's own connections: they take whatever the server shows."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.load_cert_chain(self.certificates.cert("client"), self.certificates.key("client"))
        return context


class RedisServer:
    """`with RedisServer(password=None) as redis`: it is ready, and empty. `stop()`, `kill()` and
    `start()` end it and begin it again on the same port, empty again. `tls`: a RedisTls."""

    def __init__(self, password=None, port=None, tls=None):
        self.program = shutil.which("redis-server")
        if not self.program:
            raise FileNotFoundError("these tests need redis-server (Debian: redis-server) in PATH")
        self.password = password
        self.port = port or ports.take()
        self.tls = tls
        self.process = None
        self.folder = tempfile.mkdtemp(prefix="dora-redis-")
        self.log_path = os.path.join(self.folder, "log")
        try:
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    @property
    def url(self):
        secret = ":%s@" % quote(self.password, safe="") if self.password else ""
        return "redis%s://%s%s" % ("s" if self.tls else "", secret, self.address)

    @property
    def pid(self):
        return self.process.pid

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def start(self, seconds=10.0):
        """Starts it on its port. Errors: RuntimeError with its log when it cannot."""
        words = [self.program, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
                 self.folder]
        words += self.tls.words(self.port) if self.tls else ["--port", str(self.port)]
        if self.password:
            words += ["--requirepass", self.password]
        parent = os.getpid()

        def die_with_parent():
            _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)
        end = time.monotonic() + seconds
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("redis-server ended at the start; log:\n%s" % self.log())
            # Its own pid: a test may have had another one there.
            if self._answering_pid() == self.pid:
                return self
            if time.monotonic() > end:
                raise RuntimeError("redis-server is not ready; log:\n%s" % self.log())
            time.sleep(0.01)

    def _answering_pid(self):
        try:
            info = self.command("INFO", "server")
        except (OSError, RedisError):
            return None
        fields = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        return int(fields["process_id"])

    def connect(self, timeout=REPLY_S):
        context = self.tls.context() if self.tls else None
        return RedisConn(self.port, self.password, timeout, context)

    def command(self, *words, timeout=REPLY_S):
        """The decoded reply to one command, over a connection of its own."""
        with self.connect(timeout) as conn:
            return conn.command(*words)

    def pause(self):
        """It hangs: connections are accepted by the kernel, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        """kill -9, and waited for."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self, seconds=10.0):
        """A clean end: SIGTERM."""
        self.resume()
        self.process.terminate()
        self.process.wait(seconds)

    def close(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
