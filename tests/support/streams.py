"""Streams by hand: frames of ST_S, TK and CN; the application is apps/streaming.c."""

import os

from . import v1
from .server import program

PART, PROGRESS = 100013, 100014


def app():
    return os.path.join(os.path.dirname(program()), "tests", "streaming_app.so")


def pools(workers=2, **more):
    return {"stream": {"app": app(), "runtime": "c", "workers": workers, **more}}


def stat(server):
    """What a server says of itself."""
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]


def envelope(reply):
    """The code of a reply's one api."""
    assert reply["code"] == 0, reply
    return reply["data"]["code"]


def has_begun(server):
    """Whether a handler is at work: `running` counts what waits in a worker's inbox, too."""
    return stat(server)["pools"]["stream"]["running_tasks"] != []


def open_gate(folder):
    with open(os.path.join(folder, "gate"), "w"):
        pass


def counted(path):
    """How many parts /endless has made by now."""
    with open(path, "rb") as file:
        return int.from_bytes(file.read(8), "little")


def begin(conn, name, param=None, **more):
    ident = v1.guid()
    conn.send(v1.frame(ident, v1.dump({
        "api": {"one": {"name": name, "param": param}}, "guid": ident, "type": "ST_S", **more})))
    return ident


def take(conn, ident, count):
    conn.send(v1.frame(ident, v1.dump({"type": "TK", "guid": ident, "take": count})))


def cancel(conn, ident):
    conn.send(v1.frame(ident, v1.dump({"type": "CN", "guid": ident})))


def rest(conn, ident, takes=True):
    """What is left of a stream, the only one on its connection: parts, progress, reply."""
    parts, told = [], []
    while True:
        got, reply = conn.receive()
        assert got == ident == reply["guid"], (got, reply)
        if reply["code"] == PART:
            assert reply["msg"] == "part" and list(reply) == [
                "guid", "code", "msg", "data", "part"]
            parts.append((reply["part"], reply["data"]))
            if takes:
                take(conn, ident, 1)
        elif reply["code"] == PROGRESS:
            told.append((*reply["data"], reply["msg"]))
        else:
            return parts, told, reply


def whole(conn, name, param=None, **more):
    return rest(conn, begin(conn, name, param, **more))
