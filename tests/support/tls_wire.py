"""What can be seen of TLS from outside: a proxy that looks at the first bytes of each side."""

import contextlib

from .door import Door, copy, pass_on

HANDSHAKE, SERVER_HELLO, PRE_SHARED_KEY = 0x16, 2, 41
HEADS = 2 + 32  # of a ServerHello, before its session id: version and random


def is_resumed(record):
    """Whether a ServerHello of TLS 1.3 takes the session that was offered (RFC 8446, 4.1.3)."""
    assert record[0] == HANDSHAKE and record[5] == SERVER_HELLO, record[:16]
    hello = record[9:9 + int.from_bytes(record[6:9], "big")]
    at = HEADS + 1 + hello[HEADS] + 2 + 1  # behind session id, cipher, compression
    end = at + 2 + int.from_bytes(hello[at:at + 2], "big")
    at += 2
    while at < end:
        kind, size = (int.from_bytes(hello[at + i:at + i + 2], "big") for i in (0, 2))
        if kind == PRE_SHARED_KEY:
            return True
        at += 4 + size
    return False


class Recorder(Door):
    """`with Recorder(port) as recorder`: who connects to its `address` speaks with `port`.
    `resumed`: of each handshake whether it resumed a session. `cut()` ends all connections."""

    def __init__(self, port):
        self.resumed = []
        super().__init__(lambda near: pass_on(near, ("127.0.0.1", port), self._back))

    def _back(self, far, near):
        with contextlib.suppress(OSError):
            data = self._hello(far)
            self.resumed.append(is_resumed(data))
            near.sendall(data)
        copy(far, near)

    @staticmethod
    def _hello(source):
        """The server's first record, and what has come behind it."""
        data = b""
        while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
            more = source.recv(65536)
            if not more:
                raise OSError("ended before a ServerHello")
            data += more
        return data
