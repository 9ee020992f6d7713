"""Tokens over plain TCP from another machine: in a network of our own, for there is no other."""

import ctypes
import fcntl
import os
import socket
import struct
import sys

import pytest

from support.access import TOKENS, Frames, Http, access
from support.server import Server, python_pool, wait_until

CLONE_NEWNET = 0x40000000
SIOCSIFADDR, SIOCSIFFLAGS = 0x8916, 0x8914
IFF_UP = 1
NOT_PERMITTED = 100205
FAR = "10.9.8.7"
RULES = [{"who": "shop", "apis": "*"}, {"who": {"address": "10.9.0.0/16"}, "apis": ["/public/*"]}]


def set_interface(name, request, rest):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, request, struct.pack("16s24s", name, rest))


def in_a_network_of_its_own(function):
    """Runs it in a child whose network has loopback and one address more; its exit status."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            if ctypes.CDLL(None).unshare(CLONE_NEWNET) != 0:
                os._exit(77)
            set_interface(b"lo", SIOCSIFFLAGS, struct.pack("h22x", IFF_UP))
            far = struct.pack("HH4s8x8x", socket.AF_INET, 0, socket.inet_aton(FAR))
            set_interface(b"lo:1", SIOCSIFADDR, far)
            function()
            status = 0
        except BaseException:  # pylint: disable=broad-except
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def ask_from_afar():
    with Server({"py": python_pool("access.py", workers=1)}, access=access(RULES), linger_ms=50,
                listen={"tcp": "0.0.0.0:0", "http": "0.0.0.0:0"}) as server:
        tcp = FAR + ":" + server.address.rsplit(":", 1)[1]
        http = FAR + ":" + server.http.rsplit(":", 1)[1]
        with Frames(tcp, TOKENS["shop"]) as caller:
            assert caller.greeting["code"] == NOT_PERMITTED
            assert "plain connection" in caller.greeting["msg"]
            assert caller.conn.receive() is None
        with Http(http, TOKENS["shop"]) as caller:
            assert caller.call("/shop/list")[0] == NOT_PERMITTED
            assert caller.status == 403
        with Frames(tcp) as nobody:
            assert nobody.call("/public/ping")[0] == 0
            assert nobody.call("/shop/list")[0] == NOT_PERMITTED
        near = server.address.replace("0.0.0.0", "127.0.0.1")
        with Frames(near, TOKENS["shop"]) as shop:
            assert shop.call("/shop/list")[0] == 0
        said = "a token came from %s over a plain connection" % FAR
        assert wait_until(lambda: server.log().count(said) == 2), server.log()
        assert TOKENS["shop"] not in server.log()


def test_a_token_is_not_taken_in_the_clear_from_another_machine():
    status = in_a_network_of_its_own(ask_from_afar)
    if status == 77:
        pytest.skip("no network of its own can be made here")
    assert status == 0
