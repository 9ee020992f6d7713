"""A service manager, played by the socket that NOTIFY_SOCKET names."""

import os
import select
import socket
import time


class Manager:
    """The socket of a service manager, and its variables while this is entered."""

    def __init__(self, folder, watchdog_ms=0):
        self.path = os.path.join(folder, "notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.names = {"NOTIFY_SOCKET": self.path}
        if watchdog_ms:
            self.names["WATCHDOG_USEC"] = str(watchdog_ms * 1000)

    def hear(self, seconds=30):
        """The next message as a dict."""
        if not select.select([self.sock], [], [], seconds)[0]:
            raise TimeoutError("nothing was said")
        return dict(line.split("=", 1) for line in self.sock.recv(4096).decode().split("\n"))

    def hear_until(self, name, seconds=30):
        """The messages up to one with `name`, which is the last."""
        heard, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            heard.append(self.hear(seconds))
            if name in heard[-1]:
                return heard
        raise TimeoutError("only %r" % heard)

    def forget(self):
        while select.select([self.sock], [], [], 0)[0]:
            self.sock.recv(4096)

    def __enter__(self):
        os.environ.update(self.names)
        return self

    def __exit__(self, *_):
        for name in self.names:
            os.environ.pop(name, None)
        self.sock.close()
