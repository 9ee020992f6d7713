"""Many connections calling at once, each reply booked: what was lost, what came twice."""

import collections
import selectors
import threading
import time

from . import v1


class Load(threading.Thread):
    """Calls `name` on `connections` connections, `depth` at a time, until stop() is called.

    Replies are waited for `patience` seconds then; `lost` and `twice` count what must not be,
    `codes` the outcomes.
    """

    def __init__(self, address, name, param=None, connections=32, depth=1, patience=30.0):
        super().__init__(daemon=True)
        self.address = address
        self.name_called, self.param = name, param
        self.connections, self.depth, self.patience = connections, depth, patience
        self.codes = collections.Counter()
        self.times = []
        self.sent = self.twice = self.broken = 0
        self.waiting = {}
        self.ended = threading.Event()
        self.error = None
        self.on_code = None

    @property
    def lost(self):
        return len(self.waiting)

    @property
    def answered(self):
        return sum(self.codes.values())

    def stop(self):
        """Ends the load; returns itself when every reply is booked or patience is over."""
        self.ended.set()
        self.join(self.patience + 20)
        if self.error:
            raise self.error
        return self

    def run(self):
        try:
            self._run()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def _ask(self, sock):
        ident = v1.guid()
        self.waiting[ident] = time.monotonic()
        self.sent += 1
        try:
            sock.sendall(v1.request(ident, self.name_called, self.param))
        except OSError:
            self.broken += 1

    def _book(self, ident, reply):
        began = self.waiting.pop(ident, None)
        if began is None:
            self.twice += 1
            return
        code = v1.code(reply)
        self.codes[code] += 1
        if self.on_code:
            self.on_code(code, reply)
        self.times.append(time.monotonic() - began)

    def _run(self):
        selector = selectors.DefaultSelector()
        for _ in range(self.connections):
            sock = v1.Conn(self.address).sock
            selector.register(sock, selectors.EVENT_READ, v1.Splitter())
            for _ in range(self.depth):
                self._ask(sock)
        end = None
        while selector.get_map():
            for key, _ in selector.select(0.05):
                self._turn(selector, key)
            now = time.monotonic()
            if self.ended.is_set() and end is None:
                end = now + self.patience
            # A moment more after the last reply, to see one that comes twice.
            if end and not self.waiting and end > now + 0.5:
                end = now + 0.5
            if end and now > end:
                break
        for key in list(selector.get_map().values()):
            key.fileobj.close()
        selector.close()

    def _turn(self, selector, key):
        try:
            data = key.fileobj.recv(262144)
        except OSError:
            data = b""
        if not data:
            selector.unregister(key.fileobj)
            key.fileobj.close()
            self.broken += 1
            return
        for ident, reply in key.data.feed(data):
            self._book(ident, reply)
            if not self.ended.is_set():
                self._ask(key.fileobj)


def quantile(times, share):
    """The time below which `share` of all lie."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]
