"""Connections that hold a place: slow ones make room for others, ended ones are let go."""

import contextlib
import os
import signal
import socket

import pytest

from support import tries
from support.metrics import Metrics, admin_of, ask
from support.server import Server, python_pool, wait_until
from support.web import Web

LISTEN = {"tcp": "127.0.0.1:0", "http": 0, "admin": "127.0.0.1:0"}
PLACES = 256  # of the operators' listener
HALF = b"POST /call/plain HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhalf"
WHOLE = b"POST /call/plain HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def server():
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN) as one:
        yield one
        assert one.stop() == 0


@contextlib.contextmanager
def many(address, count, data, source="127.0.0.1"):
    """Connections that have sent something."""
    host, port = address.rsplit(":", 1)
    socks = []
    try:
        for _ in range(count):
            socks.append(socket.create_connection((host, int(port)), 10, (source, 0)))
            socks[-1].sendall(data)
        yield socks
    finally:
        for sock in socks:
            sock.close()


def is_ended(sock):
    sock.setblocking(False)
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def is_answered(admin, path):
    """Sooner than slow requests end by themselves."""
    try:
        return ask(admin, path, timeout=2)[0] == 200
    except OSError:
        return False


def in_time(scene, expected):
    """What is shown takes less than the three seconds in which slow requests end by themselves:
    where this machine stands still for so long, once more."""
    tries.until(lambda found: found == expected, scene)


@pytest.mark.parametrize("data", [b"", b"GET /li", b"GET /livez HTTP/1.1\r\nHost: x\r\n",
                                  b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n"])
def test_health_checks_get_through(server, data):
    """Whoever holds all places loses the oldest, here to others of the same address, too."""
    admin = admin_of(server)

    def gets_through():
        with many(admin, 3 * PLACES, data):
            return [is_answered(admin, path) for path in ("/livez", "/readyz", "/metrics")]

    in_time(gets_through, [True] * 3)


def test_connections_between_requests_make_room(server):
    admin = admin_of(server)

    def gets_through():
        with many(admin, 2 * PLACES, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"):
            return is_answered(admin, "/livez")

    in_time(gets_through, True)


def test_the_oldest_of_who_holds_most_gives_way(server):
    admin = admin_of(server)
    few, most = 20, PLACES - 20

    def ended():
        with many(admin, few, b"GET /li", "127.0.0.2") as first, \
                many(admin, most, b"GET /li", "127.0.0.3") as second:
            before = sum(is_ended(sock) for sock in first + second)
            answered = is_answered(admin, "/livez")
            return before, answered, [index for index, sock in enumerate(second + first)
                                      if is_ended(sock)]

    in_time(ended, (0, True, [0]))


def test_slow_requests_to_operators_end_soon(server):
    """Three seconds, not thirty."""
    with many(admin_of(server), 3, b"GET /livez HTTP/1.1\r\nHost: x\r\n") as socks:
        for sock in socks:
            sock.settimeout(20)
            assert sock.recv(100) == b""


@contextlib.contextmanager
def stopped(server):
    """While it stands still, an end comes in the same turn as what is before it."""
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


def send_and_end(socks, data):
    for sock in socks:
        sock.sendall(data)
        sock.close()


@pytest.mark.parametrize("data", [
    b"", b"POST", HALF[:40], HALF, WHOLE, WHOLE + HALF, WHOLE * 3,
    HALF.replace(b"Content-Length: 100", b"Transfer-Encoding: chunked") + b"\r\n"])
@pytest.mark.parametrize("before", [b"", HALF[:20], WHOLE], ids=["new", "begun", "used"])
def test_clients_that_end_with_their_last_bytes_are_let_go(server, before, data):
    admin = admin_of(server)

    def count():
        return Metrics(admin).one("dora_connections")

    with many(server.http, 50, before) as socks:
        assert wait_until(lambda: count() == 50)
        for sock in socks if before == WHOLE else []:
            assert b"200 OK" in sock.recv(4096)
        with stopped(server):
            send_and_end(socks, data if before != HALF[:20] else HALF[20:])
        assert wait_until(lambda: count() == 0), count()
    with Web(server.http) as web:
        assert web.call("echo", 7) == (200, 7)


def test_operators_that_end_with_their_last_bytes_are_let_go(server):
    """Sooner than they are too slow; and none has to give way for the places that they hold."""
    admin, held = admin_of(server), "/proc/%d/fd" % server.pid

    def are_let_go():
        with many(admin, PLACES - 1, b"GET /li") as socks:
            assert ask(admin, "/livez")[0] == 200  # all of them were accepted before
            with stopped(server):
                send_and_end(socks, b"vez HTTP/1.1\r\nHost: x\r\n")
        return wait_until(lambda: len(os.listdir(held)) < PLACES, 2)

    in_time(are_let_go, True)
