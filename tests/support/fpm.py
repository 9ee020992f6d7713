"""A real php-fpm with the extension, asked by FastCGI as a web server would."""

import glob
import os
import socket
import subprocess

from . import fastcgi
from .server import wait_until


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
        if not wait_until(lambda: self._listens() or self.process.poll() is not None) or \
                self.process.poll() is not None:
            self.close()
            raise RuntimeError("php-fpm does not start: " + self.log())

    def _listens(self):
        """Its socket is there a moment before it listens."""
        with socket.socket(socket.AF_UNIX) as conn:
            return conn.connect_ex(self.socket) == 0

    def log(self):
        if not os.path.exists(self.log_path):
            return "it wrote no log"
        with open(self.log_path) as file:
            return file.read()

    def page(self, path, **variables):
        with socket.socket(socket.AF_UNIX) as conn:
            conn.settimeout(30)
            conn.connect(self.socket)
            return fastcgi.page(conn, path, **variables)

    def close(self):
        self.process.terminate()
        self.process.wait(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
