"""Handlers that end at about their time limit, by the hundred in one event loop: whatever what ends
them is raised in, the loop and all others go on."""

import re

import pytest

from support import v1
from support.server import Server, python_pool

COUNT, STEADY = 240, 40


@pytest.fixture(scope="module")
def server():
    pools = {"edges": python_pool("edges.py", workers=1, concurrency=200, time_limit_ms=0,
                                  kill_after_ms=600000),
             "other": python_pool("basic.py", workers=1, apis=["/echo"])}
    with Server(pools, linger_ms=0) as one:
        yield one
        assert one.stop() == 0


def test_nobody_else_is_hurt(server):
    with v1.Conn(server.address) as conn:
        pid = conn.call("/pid")["data"]["data"]
        waiting = {}
        for number in range(COUNT):
            param = {"node": server.address, "number": number}
            waiting[conn.ask("W_S", {"one": ("/edge", param)})] = None
            if number % (COUNT // STEADY) == 0:
                waiting[conn.ask("W_S", {"one": ("/steady", param)})] = number
        ended = []
        while waiting:
            ident, reply = conn.receive(120)
            number = waiting.pop(ident)
            ended.append(reply["data"]["code"])
            if number is None:
                assert ended[-1] in (0, 100201), reply
            else:
                assert (ended[-1], reply["data"]["data"]) == (0, number), reply
        assert ended.count(100201) > 0
        assert conn.call("/pid", timeout=60)["data"]["data"] == pid
    log = server.log()
    assert not re.search("in callback|never retrieved|Fatal error|was killed|hangs", log), log
