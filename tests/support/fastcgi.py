"""FastCGI: as much of it as asks a PHP-FPM for a page."""

import struct

BEGIN, END, PARAMS, STDIN, STDOUT, STDERR = 1, 3, 4, 5, 6, 7


def _record(kind, body):
    return struct.pack(">BBHHBB", 1, kind, 1, len(body), 0, 0) + body


def _pair(name, value):
    name, value = name.encode(), value.encode()
    return struct.pack(">BI", len(name), len(value) | 1 << 31) + name + value


def page(conn, path, **variables):
    """What the page prints, over a socket that is connected to FPM."""
    variables.update(SCRIPT_FILENAME=path, REQUEST_METHOD="GET", CONTENT_LENGTH="0")
    names = b"".join(_pair(*one) for one in variables.items())
    conn.sendall(_record(BEGIN, struct.pack(">HB5x", 1, 0)) + _record(PARAMS, names) +
                 _record(PARAMS, b"") + _record(STDIN, b""))
    said = {STDOUT: b"", STDERR: b""}
    with conn.makefile("rb") as stream:
        while True:
            _, kind, _, length, padding, _ = struct.unpack(">BBHHBB", stream.read(8))
            body = stream.read(length + padding)[:length]
            if kind == END:
                break
            said[kind] += body
    assert not said[STDERR], said[STDERR].decode()
    return said[STDOUT].decode().partition("\r\n\r\n")[2]
