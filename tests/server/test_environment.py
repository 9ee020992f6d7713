"""The environment reaches the application, whatever program the library was opened by."""

import json
import os
import sys

import pytest

from support import v1
from support.server import Server, environment, program

APP = """
import os
import dora

app = dora.App()


@app.api("/environment")
def read(param):
    return dict(os.environ)
"""

HOSTS = ["dora", "deep_host"]


def host(name):
    return program() if name == "dora" else os.path.join(os.path.dirname(program()), "tests", name)


def serve(folder, name, *words):
    """A server by one of HOSTS. The pool's name is long, so that the processes' titles lie over
    what was their environment."""
    app = folder / "environment.py"
    app.write_text(APP)
    config = folder / "config.json"
    pool = {"runtime": "python", "app": str(app), "interpreter": sys.executable}
    config.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"}, "pools": {"p" * 60: pool}}))
    return Server(command=[host(name), *words, "serve", "--config", str(config)])


def seen(conn):
    """The environment of a worker."""
    return conn.call("/environment")["data"]["data"]


def lost(wanted, conn):
    """The names of what a worker should have and has not, or otherwise."""
    got = seen(conn)
    return [name for name, value in wanted.items() if got.get(name) != value]


@pytest.mark.parametrize("name", HOSTS)
def test_it_is_the_masters_also_after_a_reload(tmp_path, monkeypatch, name):
    monkeypatch.setenv("DORA_TEST_MARK", "a long value, " * 20)
    wanted = environment()
    with serve(tmp_path, name) as server, v1.Conn(server.address) as conn:
        assert lost(wanted, conn) == []
        assert conn.command("reloadWait", 60)["code"] == 0
        assert lost(wanted, conn) == []


def test_it_may_be_cleared(tmp_path):
    with serve(tmp_path, "deep_host", "--cleared") as server, v1.Conn(server.address) as conn:
        assert "PATH" not in seen(conn)
