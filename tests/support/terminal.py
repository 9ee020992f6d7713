"""A `dora serve --dev` at a terminal of its own, and what is to be read there."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
import threading

import pyte

from .server import environment, program, wait_until

COLUMNS, LINES = 200, 100


class Terminal:
    """`with Terminal(["app.py"], folder) as terminal`. `text` is all that came, as bytes made text;
    `screen` what a person sees."""

    def __init__(self, arguments, folder, is_ready=True, **variables):
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self._data = b""
        self._fd, other = pty.openpty()
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, struct.pack("4H", LINES, COLUMNS, 0, 0))
        env = {**environment(), "TERM": "linux", **variables}
        env.pop("NO_COLOR", None)
        env.update({name: value for name, value in variables.items()})

        def take_terminal():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.before = termios.tcgetattr(other)
        self.process = subprocess.Popen([program(), "serve", "--dev", "--port", "0"] + arguments,
                                        stdin=other, stdout=other, stderr=other, cwd=folder,
                                        env=env, preexec_fn=take_terminal)
        self._other = other  # kept open: its settings are asked for when the server has gone
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            if is_ready:
                self.await_ready()
        except BaseException:
            self.close()
            raise

    def await_ready(self):
        self.address = self.find(r"dora: ready tcp=(\S+)").group(1)

    def _read(self):
        while True:
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                return
            if not data:
                return
            self._data += data
            self._stream.feed(data)

    @property
    def text(self):
        return self._data.decode(errors="replace")

    def find(self, pattern, seconds=20.0):
        """Waits until the pattern has come; its match."""
        found = wait_until(lambda: re.search(pattern, self.text), seconds)
        assert found, "%r did not come, but:\n%s" % (pattern, self.text)
        return found

    def type(self, text):
        os.write(self._fd, text.encode())

    def settings(self):
        return termios.tcgetattr(self._other)

    def wait(self, seconds=20.0):
        return self.process.wait(seconds)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        os.close(self._other)
        self._reader.join(10)  # the last end of the terminal has gone
        os.close(self._fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
