"""A real php-fpm with the extension, asked by FastCGI as a web server would."""

import glob
import os
import socket
import struct
import subprocess

from .server import wait_until

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


def record(kind, body):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


def pair(name, value):
    name, value = name.encode(), value.encode()
    return struct.pack(">BI", len(name), len(value) | 1 << 31) + name + value


class Fpm:
    """`with Fpm(folder) as fpm`: `fpm.page(file, HTTP_TRACEPARENT=...)` is what the page prints."""

    def __init__(self, folder):
        self.socket = os.path.join(folder, "fpm.sock")
        self.log_path = os.path.join(folder, "fpm.log")
        path = os.path.join(folder, "fpm.conf")
        with open(path, "w") as file:
            file.write("[global]\nerror_log = %s\n[www]\nlisten = %s\npm = static\n"
                       "pm.max_children = 1\nclear_env = no\n" % (self.log_path, self.socket))
            if os.getuid() == 0:
                file.write("user = root\ngroup = root\n")
        found = sorted(glob.glob("/usr/sbin/php-fpm*"))
        assert found, "php-fpm is not installed (tests/run.sh does it)"
        self.process = subprocess.Popen(
            [found[-1], "--nodaemonize", "--allow-to-run-as-root", "--fpm-config", path,
             "-d", "extension=" + os.environ["DORA_PHP_EXTENSION"]],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not wait_until(lambda: os.path.exists(self.socket) or self.process.poll() is not None) \
                or self.process.poll() is not None:
            self.close()
            raise RuntimeError("php-fpm does not start: " + self.log())

    def log(self):
        with open(self.log_path) as file:
            return file.read()

    def page(self, path, **variables):
        variables.update(SCRIPT_FILENAME=path, REQUEST_METHOD="GET", CONTENT_LENGTH="0")
        with socket.socket(socket.AF_UNIX) as conn:
            conn.settimeout(30)
            conn.connect(self.socket)
            names = b"".join(pair(*one) for one in variables.items())
            conn.sendall(record(BEGIN, struct.pack(">HB5x", 1, 0)) + record(PARAMS, names) +
                         record(PARAMS, b"") + record(STDIN, b""))
            return self._answer(conn.makefile("rb"))

    def _answer(self, stream):
        said = {STDOUT: b"", STDERR: b""}
        while True:
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", stream.read(8))
            body = stream.read(length + padding)[:length]
            if kind == END:
                break
            said[kind] += body
        assert not said[STDERR], said[STDERR].decode()
        return said[STDOUT].decode().partition("\r\n\r\n")[2]

    def close(self):
        self.process.terminate()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
