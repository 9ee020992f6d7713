"""Calls that wait: a worker that is busy until a test opens a gate, and handlers that count."""

import os

import pytest

from support import v1
from support.server import Server, python_pool, wait_until

APP = """
import os
import time

import dora

app = dora.App()
done = 0

@app.api("/gate")
def gate(path):
    open(path + ".shut", "w").close()
    while not os.path.exists(path):
        time.sleep(0.005)  # the test opens it

@app.api("/count")
def count(param):
    global done
    done += 1
    return done

@app.api("/slow")
def slow(param):
    time.sleep(0.2)  # what the handler takes is what is tested
"""


@pytest.fixture
def app(tmp_path):
    (tmp_path / "app.py").write_text(APP)
    return str(tmp_path / "app.py")


def served(app, pool=None, **settings):
    """A server of one pool `p` of one worker, with HTTP."""
    settings.setdefault("listen", {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"})
    return Server({"p": python_pool(app, workers=1, **(pool or {}))}, linger_ms=0, **settings)


def queued(conn):
    return conn.command("getStat")["data"]["server"]["pools"]["p"]["queued"]


def number_of(reply):
    """Which of the calls of /count this was."""
    assert v1.code(reply) == 0, reply
    return reply["data"]["data"]


class Gate:
    """Keeps the one worker busy until it is opened."""

    def __init__(self, server, path):
        self.path = path
        self.conn = v1.Conn(server.address)
        self.conn.ask("W_S", {"one": ("/gate", str(path))})
        assert wait_until(lambda: os.path.exists(str(path) + ".shut"))

    def open(self):
        self.path.write_text("")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.open()
        self.conn.close()
