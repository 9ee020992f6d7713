"""What a proxy and a server could read differently is refused, and its connection with it."""

import pytest

from support.metrics import admin_of
from support.server import Server, python_pool
from support.web import Web, statuses

LISTEN = {"tcp": "127.0.0.1:0", "http": 0, "admin": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def server():
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture(params=["http", "admin"])
def door(request, server):
    return server.http if request.param == "http" else admin_of(server)


@pytest.mark.parametrize("target", [
    "call", "call/echo", "echo", "c", "*", "http://127.0.0.1/call/echo", "HTTP://x/livez",
    "127.0.0.1:80", "?x=/call/echo", "%2Fcall/echo", ".", "\\call\\echo"])
def test_a_target_is_a_path(door, target):
    """Not absolute-form, authority-form, `*`, or no form at all; the server lives on."""
    for method in ("POST", "GET", "OPTIONS", "CONNECT"):
        head = "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\n" % (method, target)
        asked = head + "Content-Length: 0\r\n\r\n" + head + "\r\n"
        assert statuses(door, asked.encode()) == [400]


def test_slashes_before_call_matter(server):
    """Those around the original's own paths do not."""
    params = {"guid": "g", "api": {"x": {"name": "/echo", "param": 7}}}
    with Web(server.http) as web:
        for path in ("//call/echo", "///call//echo", "/%2Fcall/echo"):
            assert web.ask("POST", path, "7")[0] == 404
        for path in ("/call/echo", "/call//echo", "/call/%2Fecho"):
            assert web.ask("POST", path, "7") == (200, 7)
        for path in ("/api/multisync", "//api/multisync/", "/api/multisync//"):
            reply = web.form(path, params)[1]
            assert (reply["code"], reply["data"]["x"]["data"]) == (0, 7)
