"""One caller of each kind: each door, each language, calls and streams."""

import os

from support import tls, v1
from support.callers import php_command
from support.json_conn import JsonConn

from .callers import (TIMEOUT_S, Framed, Http, JsonFramed, Program, PythonAsync, PythonClient)
from .streamers import AsyncStreamer, FramedStreamer, HttpStreamer, PythonStreamer

HERE = os.path.dirname(os.path.abspath(__file__))


def patient(conn):
    conn.sock.settimeout(TIMEOUT_S)
    return conn


def everyone(world, seed):
    """A caller of each kind."""
    trust = tls.context(world.certificates)
    server = world.server
    return [
        Framed(world, "tcp", seed, lambda: v1.Conn(server.address, TIMEOUT_S)),
        Framed(world, "unix", seed, lambda: v1.Conn(world.unix, TIMEOUT_S)),
        Framed(world, "tls", seed, lambda: tls.Conn(world.tls, trust, TIMEOUT_S)),
        JsonFramed(world, "json", seed, lambda: patient(JsonConn(server.address))),
        Http(world, "http", seed),
        PythonClient(world, "python", seed),
        PythonAsync(world, "async", seed),
        FramedStreamer(world, "tcp-stream", seed, lambda: v1.Conn(server.address, TIMEOUT_S)),
        FramedStreamer(world, "tls-stream", seed, lambda: tls.Conn(world.tls, trust, TIMEOUT_S)),
        HttpStreamer(world, "http-stream", seed),
        PythonStreamer(world, "python-stream", seed),
        AsyncStreamer(world, "async-stream", seed),
        Program(world, "c", seed, [world.at("client"), server.address]),
        Program(world, "php", seed, php_client(world)),
    ]


def php_client(world):
    """Its command line but for the mark."""
    return [*php_command("")[:-2], os.path.join(HERE, "client.php"), world.server.address]
