"""A process that a handler in C forks is an ordinary one. Of the other languages:
tests/python/test_forks.py, tests/php/fork.phpt."""

import os
import signal

import pytest
from support import processes, v1
from support.server import Server

APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "forking_app.so")
STATUS = {"return": 0, "fail": 0, "exit": 7, "_exit": 9, "wait": -signal.SIGTERM}


@pytest.fixture(scope="module")
def server():
    with Server({"f": {"runtime": "c", "app": APP, "workers": 1}}) as one:
        yield one


def value(conn, name, param=None):
    reply = conn.call(name, param)
    assert v1.code(reply) == 0, reply
    return reply["data"]["data"]


@pytest.mark.parametrize("how", STATUS)
def test_its_end(server, how):
    """Its own status and atexit functions; it reads what its parent was given, answers nothing."""
    said = how if how in ("_exit", "wait") else how + " atexit"
    with v1.Conn(server.address) as conn:
        assert value(conn, "/end", how) == [STATUS[how], said]


def test_two_hundred(server):
    """None is left, no descriptor is, and each has its own status."""
    with v1.Conn(server.address) as conn:
        worker = value(conn, "/pid")
        before = processes.fd_count(worker)
        for number in range(200):
            how = list(STATUS)[number % len(STATUS)]
            assert value(conn, "/end", how)[0] == STATUS[how]
        assert value(conn, "/pid") == worker
        assert processes.fd_count(worker) == before
        assert processes.descendants(worker) == []
