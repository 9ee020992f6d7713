"""examples/node/client.mjs: calls, a stream and a cancel, in JSON, from servers of three kinds."""

import os
import shutil
import subprocess

import pytest

from support.access import TOKENS, access
from support.server import Server, python_pool

EXAMPLES = os.path.join(os.path.dirname(__file__), "..", "..", "examples")
NODE = shutil.which("node")
SAID = """\
single: {"id":7,"name":"Cleo","mail":"cleo@example.org","tags":["beta","admin"]}
many: {"a":{"1":"Ann","2":"Bob"},"b":"no such api: /none"}
later: {"id":2,"name":"Bob","mail":"bob@example.org","tags":[]}
stream: ["Ann","Bob","Cleo"] 3
cancelled behind its first part: 100211
"""

pytestmark = pytest.mark.skipif(NODE is None, reason="there is no node here")


def serve(**settings):
    users = os.path.join(EXAMPLES, "python", "users.py")
    return Server({"users": python_pool(users, workers=2)}, **settings)


def run(server, **environment):
    env = {name: text for name, text in os.environ.items() if not name.startswith("DORA_")}
    return subprocess.run([NODE, os.path.join(EXAMPLES, "node", "client.mjs"), server.address],
                          capture_output=True, text=True, timeout=60, env={**env, **environment})


@pytest.mark.parametrize(("settings", "right", "wrong", "text"), [
    ({}, {}, {"DORA_GZIP": "1"}, "is gzip the same at both ends?"),
    ({"gzip": True}, {"DORA_GZIP": "1"}, {}, "is gzip the same at both ends?"),
    ({"access": access([{"who": "shop", "apis": "*"}])}, {"DORA_TOKEN": TOKENS["shop"]},
     {"DORA_TOKEN": "none"}, "100205"),
], ids=["plain", "gzip", "token"])
def test_it_says_what_its_document_says(settings, right, wrong, text):
    with serve(**settings) as server:
        done = run(server, **right)
        assert (done.returncode, done.stdout, done.stderr) == (0, SAID, "")
        done = run(server, **wrong)
        assert done.returncode == 1 and done.stdout == "" and text in done.stderr
