"""Fixtures: `serve` starts a real server, `peer` a scripted one for what a server never does."""

import json
import sys
import textwrap

import pytest

from dora_helpers import Peer, Server


@pytest.fixture
def serve(tmp_path):
    """serve(source, *flags, name="app.py", direct=False, config=None) -> Server.

    Writes the application and starts `python -m dora serve FILE`; with `direct` the file itself
    is the program and must call run(port=0) at its end.
    """
    servers = []

    def start(source, *flags, name="app.py", direct=False, config=None):
        file = tmp_path / name
        file.write_text(textwrap.dedent(source), encoding="utf-8")
        if config is not None:
            (tmp_path / "dora.json").write_text(json.dumps(config), encoding="utf-8")
            flags = ("--config", str(tmp_path / "dora.json"), *flags)
        command = [sys.executable, str(file)]
        if not direct:
            files = [] if config is not None else [str(file)]
            command = [sys.executable, "-m", "dora", "serve", *files, "--port", "0", *flags]
        server = Server(command, tmp_path, tmp_path / f"log{len(servers)}.txt")
        servers.append(server)
        return server

    yield start
    for server in servers:
        if server.process.returncode is None:
            server.stop()


@pytest.fixture
def peer():
    """peer(answer, **frame options) -> Peer."""
    peers = []

    def start(answer, **options):
        one = Peer(answer, **options)
        peers.append(one)
        return one

    yield start
    for one in peers:
        one.close()
