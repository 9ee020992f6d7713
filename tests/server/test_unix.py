"""The Unix socket: private, on all reactors, replaced when stale, removed at the end."""

import os
import signal
import socket
import stat
import subprocess

import pytest

from support import v1
from support.server import HERE, Server, environment, program, python_pool, wait_until

POOLS = {"py": python_pool("modes.py", workers=2)}
APP = os.path.join(HERE, "apps", "modes.py")


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "dora.sock")


def both(path, **more):
    return Server(POOLS, listen={"tcp": "127.0.0.1:0", "unix": path}, **more)


def refused(path, *more):
    """The error of a server that is to listen there and cannot."""
    done = subprocess.run([program(), "serve", APP, "--port", "0", "--workers", "1", "--unix",
                           path, *more], env=environment(), capture_output=True, timeout=30)
    assert done.returncode == 1, done
    assert done.stdout == b""
    return done.stderr.decode()


@pytest.mark.parametrize("reactors", [1, 3])
def test_calls_over_it(path, reactors):
    with both(path, reactors=reactors) as server:
        assert server.ready_line.endswith(" unix=" + path)
        conns = [v1.Conn(path if number % 3 else server.address) for number in range(12)]
        for conn in conns:
            assert conn.call("/big", 500000)["data"]["data"] == "x" * 500000
            conn.send(b"".join(v1.request(v1.guid(), "/big", 10) for _ in range(50)))
        for conn in conns:
            assert {v1.code(conn.receive()[1]) for _ in range(50)} == {0}
            conn.close()
        assert server.stop() == 0


def test_it_is_for_its_owner_alone_and_goes_with_the_server(path):
    before = os.umask(0)
    try:
        with both(path) as server:
            mode = os.lstat(path).st_mode
            assert stat.S_ISSOCK(mode)
            assert stat.S_IMODE(mode) == 0o600
            assert server.stop() == 0
            assert not os.path.exists(path)
    finally:
        os.umask(before)


def test_without_tcp(path):
    with Server(POOLS, listen={"tcp": None, "unix": path}) as server:
        assert server.ready_line == "dora: ready tcp=- http=- unix=" + path
        with v1.Conn(path) as conn:
            assert conn.call("/big", 1)["data"]["data"] == "x"
        assert server.stop() == 0


def test_a_stale_file_is_replaced(path):
    with both(path) as server:
        server.process.kill()
        server.process.wait()
    assert stat.S_ISSOCK(os.lstat(path).st_mode)
    with both(path) as server, v1.Conn(path) as conn:
        assert conn.call("/big", 1)["data"]["data"] == "x"
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600


def test_a_live_one_is_left_alone(path):
    with both(path) as server, v1.Conn(path) as conn:
        error = refused(path)
        assert ("cannot listen on %s: another server listens there; stop it, or name another path"
                % path) in error
        assert conn.call("/big", 1)["data"]["data"] == "x"
        with v1.Conn(path) as second:
            assert second.call("/big", 1)["data"]["data"] == "x"
        assert server.stop() == 0


def test_a_file_is_left_alone(path):
    with open(path, "w") as file:
        file.write("precious")
    assert "it exists and is no socket" in refused(path)
    with open(path) as file:
        assert file.read() == "precious"


def test_a_path_that_is_too_long():
    assert "has 1 to 107 bytes, not 200" in refused("/tmp/" + "x" * 195)


def test_it_is_gone_when_a_drain_begins(path, tmp_path):
    """Nobody new comes; who is there is served to the end; another server may take its place."""
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with both(path) as server, v1.Conn(path) as conn:
        ident = conn.ask("AM_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert conn.receive()[1]["code"] == 100001
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: not os.path.exists(path))
        with both(path) as second, v1.Conn(path) as fresh:
            assert fresh.call("/big", 1)["data"]["data"] == "x"
            with open(gate, "w"):
                pass
            guid, reply = conn.receive()
            assert (guid, reply["isresult"], reply["data"]["data"]) == (ident, 1, "let go")
            conn.close()
            assert server.wait() == 0
            # The first one's end does not take the second one's file.
            with v1.Conn(path) as again:
                assert again.call("/big", 1)["data"]["data"] == "x"
            fresh.close()
            assert second.stop() == 0


def test_a_server_that_fails_to_start_leaves_none(path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        error = refused(path, "--port", str(taken.getsockname()[1]))
    assert "cannot listen on 127.0.0.1" in error
    assert not os.path.exists(path)
