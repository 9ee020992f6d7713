"""Ports of 127.0.0.1 that stay a test's own, also while nobody listens on them.

The kernel gives a port of its own range to whoever binds to port 0 or connects: one that a test has
let go, or has not bound yet, may be another process' in the next moment. Those here lie below that
range, and no two processes of tests have the same."""

import itertools
import os
import socket
import threading

BLOCK = 50
BLOCKS = range(10000, 20000, BLOCK)
_guards = []
_lock = threading.Lock()


def _blocks():
    """This process' blocks, by their first ports: a name that is bound holds each."""
    first = os.getpid() % len(BLOCKS)
    for number in itertools.chain(range(first, len(BLOCKS)), range(first)):
        guard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            guard.bind("\0dora-tests-ports-%d" % BLOCKS[number])
        except OSError:
            guard.close()
            continue
        _guards.append(guard)
        yield BLOCKS[number]
    raise RuntimeError("all ports from %d to %d are other tests'" % (BLOCKS[0], BLOCKS[-1] + BLOCK))


_ports = (port for first in _blocks() for port in range(first, first + BLOCK))


def _is_free(port):
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def take():
    """A port that this process has not had, and on which nobody listens."""
    with _lock:
        return next(port for port in _ports if _is_free(port))


def address():
    """A taken one as "127.0.0.1:PORT"."""
    return "127.0.0.1:%d" % take()
