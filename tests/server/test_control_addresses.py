"""From which addresses control commands are taken: in a network of its own, where this machine has
any address that a test wants, and nothing leaves it."""

import http.client
import json
import os
import subprocess
import sys
import urllib.parse

import pytest

from support import v1
from support.server import Server, python_pool, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
BOTH = "control commands are taken from loopback and the Unix socket only (control.allow)"
OWN, STRANGER, LATER = "198.51.100.1", "203.0.113.7", "198.51.100.2"
OWN_6 = "2001:db8::1"
# What the last line routes to this machine is no address of it: so a stranger is here, too.
NETWORK = """ip link set lo up
ip addr add %s/32 dev lo
ip -6 addr add %s/128 dev lo nodad
ip route add local 203.0.113.0/24 dev lo""" % (OWN, OWN_6)


def command(server, source, name="getStat"):
    host = OWN_6 if ":" in source else OWN
    port = server.address.rsplit(":", 1)[1]
    with v1.Conn("%s:%s" % (host, port), source=source) as conn:
        reply = conn.command(name)
        assert conn.call("/big", 1)["data"]["data"] == "x"
        return reply["code"], reply["msg"]


def command_by_http(server, source):
    port = server.http.rsplit(":", 1)[1]
    conn = http.client.HTTPConnection(OWN, int(port), timeout=10, source_address=(source, 0))
    params = {"guid": "g", "api": {"cmd": {"name": "getStat", "param": []}}}
    conn.request("POST", "/server/cmd",
                 urllib.parse.urlencode({"params": json.dumps(params), "guid": "g"}),
                 {"Content-Type": "application/x-www-form-urlencoded"})
    reply = json.load(conn.getresponse())
    conn.close()
    return reply["code"], reply["msg"]


def pools():
    return {"py": python_pool("modes.py", workers=2)}


def serve(**more):
    listen = {"tcp": "[::]:0", "http": "0.0.0.0:0"}
    return Server(pools(), listen=listen, control={"http": True, **more})


def own():
    with serve() as server:
        for source in (OWN, OWN_6, "127.0.0.1", "127.1.2.3", "::1"):
            assert command(server, source) == (0, "OK"), source
        assert command_by_http(server, OWN) == command_by_http(server, "127.0.0.1") == (0, "OK")


def own_since_the_start():
    with serve() as server:
        subprocess.run(["ip", "addr", "add", LATER + "/32", "dev", "lo"], check=True)
        assert command(server, LATER) == (0, "OK")
        subprocess.run(["ip", "addr", "del", LATER + "/32", "dev", "lo"], check=True)
        subprocess.run(["ip", "route", "add", "local", LATER + "/32", "dev", "lo"], check=True)
        assert command(server, LATER) == (100205, BOTH)


def strangers():
    """In the original anybody may reload."""
    with serve() as server:
        assert wait_until(lambda: len(server.workers()) == 2)
        family = server.everyone()
        for name in ("getStat", "reloadTask", "no such command"):
            assert command(server, STRANGER, name) == (100205, BOTH)
        assert command_by_http(server, STRANGER) == (100205, BOTH)
        assert server.everyone() == family


def only_unix():
    with serve(allow=["unix"]) as server:
        assert command(server, OWN)[0] == command(server, "127.0.0.1")[0] == 100205


def anybody():
    with serve(allow=["any"]) as server:
        assert command(server, STRANGER) == command_by_http(server, STRANGER) == (0, "OK")


@pytest.mark.parametrize("scene", [own, own_since_the_start, strangers, only_unix, anybody])
def test_commands_from(scene):
    unshare = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "-r", "--net"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode != 0:
        pytest.skip("no network of one's own can be made here")
    code = "import test_control_addresses as here; here.%s()" % scene.__name__
    done = subprocess.run(
        [*unshare, "sh", "-ec", NETWORK + '\nexec "$@"', "sh", sys.executable, "-c", code],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([HERE, os.path.dirname(HERE)])})
    assert done.returncode == 0, done.stdout + done.stderr
