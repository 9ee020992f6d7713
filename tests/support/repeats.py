"""What tests of repeats share: marks that handlers leave, a server that remembers, connections."""

import pytest

from support import v1
from support.server import Server, python_pool, wait_until


class Marks:
    """A file to which handlers add lines, and the gates that /hold waits for."""

    def __init__(self, folder):
        self.folder = folder
        self.file = str(folder / "marks")
        self.gate = str(folder / "gate")

    def mark(self, text, **more):
        return ("/mark", {"file": self.file, "text": text, **more})

    def hold(self):
        return ("/hold", {"file": self.file, "until": self.gate})

    def die(self):
        return ("/die", {"file": self.file})

    def let_go(self):
        with open(self.gate, "w"):
            pass

    def lines(self):
        try:
            with open(self.file) as file:
                return file.read().split()
        except FileNotFoundError:
            return []

    def await_lines(self, count):
        assert wait_until(lambda: len(self.lines()) >= count), self.lines()
        return self.lines()


@pytest.fixture
def marks(tmp_path):
    one = Marks(tmp_path)
    yield one
    one.let_go()


def serve(workers=2, reactors=1, dedupe=True, **more):
    return Server({"py": python_pool("modes.py", workers=workers, dedupe=dedupe)},
                  reactors=reactors, **{"linger_ms": 50, **more})


def connect(server):
    return v1.Conn(server.address)


def repeats(server):
    with connect(server) as conn:
        return conn.command("getStat")["data"]["server"]["repeats"]


def spread(server, count=12):
    """Connections that the kernel deals out to the reactors: with two, both have some."""
    return [connect(server) for _ in range(count)]


def close(conns):
    for conn in conns:
        conn.close()


def joined(server, before, count):
    """Waits until so many repeats have joined running calls."""
    assert wait_until(lambda: repeats(server)["joins"] - before["joins"] >= count)


def send(conns, frame):
    for conn in conns:
        conn.send(frame)


def first_of(conns):
    """The next frame on each connection; they must all be the same."""
    got = [conn.receive() for conn in conns]
    assert all(each == got[0] for each in got), got
    return got[0]


def data_of(got, ident):
    guid, reply = got
    assert guid == reply["guid"] == ident
    assert reply["code"] == 0
    return reply["data"]


def stat(conn):
    return conn.command("getStat")["data"]["server"]


def tasks_are(conn, count):
    assert wait_until(lambda: stat(conn)["tasking_num"] == count), stat(conn)
