"""A request whose keys were chosen to collide is refused, and the worker goes on."""

import os

import pytest

from support import collide, v1
from support.server import HERE, Server, python_pool

APPS = {
    "python": python_pool("basic.py", workers=1),
    "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "basic.php"), "workers": 1},
}
KEYS = {
    "python": {"ints": collide.along_one_way()},
    "php": {"ints": collide.same_low_bits(65536), "strings": collide.same_sum(30000)},
}


@pytest.fixture(scope="module", params=sorted(APPS))
def runtime(request):
    with Server({"p": APPS[request.param]}) as server:
        yield request.param, server
        assert server.stop() == 0


def test_colliding_keys(runtime):
    name, server = runtime
    prefix = "/php" if name == "php" else ""
    with v1.Conn(server.address, 30) as conn:
        pid = conn.call(prefix + "/pid")["data"]["data"]
        for keys in KEYS[name].values():
            reply = conn.call(prefix + "/echo", dict.fromkeys(keys))["data"]
            assert reply["code"] == 100208
            assert "keys collide" in reply["msg"] and " at byte " in reply["msg"], reply["msg"]
        assert conn.call(prefix + "/pid")["data"]["data"] == pid
