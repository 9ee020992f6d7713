"""The v1 protocol in plain Python, written apart from the library so that it can judge it."""

import os
import select
import socket
import struct
import time


class Refused(Exception):
    """The bytes are no value, or no frame."""


def dump(value):
    """One value, encoded as PHP's serialize() writes it."""
    if value is None:
        return b"N;"
    if value is True or value is False:
        return b"b:%d;" % value
    if isinstance(value, int):
        return b"i:%d;" % value
    if isinstance(value, float):
        return b"d:" + repr(value).encode() + b";"
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b's:%d:"%s";' % (len(value), value)
    pairs = enumerate(value) if isinstance(value, (list, tuple)) else value.items()
    body = b"".join(dump(key) + dump(item) for key, item in pairs)
    return b"a:%d:{%s}" % (len(value), body)


def load(data):
    """The value in `data`: str where it is UTF-8, a list where the keys are 0..n-1."""
    value, at = _load(data, 0)
    if at != len(data):
        raise Refused("bytes after the value at %d" % at)
    return value


def _load(data, at):
    kind = data[at:at + 2]
    if kind == b"N;":
        return None, at + 2
    if kind in (b"b:", b"i:", b"d:"):
        end = data.index(b";", at)
        text = data[at + 2:end]
        if kind == b"d:":
            return float(text), end + 1
        return (text == b"1" if kind == b"b:" else int(text)), end + 1
    if kind == b"s:":
        colon = data.index(b":", at + 2)
        length = int(data[at + 2:colon])
        text = data[colon + 2:colon + 2 + length]
        if len(text) != length or data[colon + 2 + length:colon + 4 + length] != b'";':
            raise Refused("string at %d" % at)
        try:
            text = text.decode()
        except UnicodeDecodeError:
            pass
        return text, colon + 4 + length
    if kind == b"a:":
        return _load_array(data, at)
    raise Refused("no value at %d" % at)


def _load_array(data, at):
    colon = data.index(b":", at + 2)
    count = int(data[at + 2:colon])
    at = colon + 2
    items = {}
    for _ in range(count):
        key, at = _load(data, at)
        items[key], at = _load(data, at)
    if data[at:at + 1] != b"}":
        raise Refused("array at %d" % at)
    is_list = list(items) == list(range(len(items)))
    return (list(items.values()) if is_list else items), at + 1


def guid():
    """A fresh request id."""
    return os.urandom(16).hex()


def frame(ident, body):
    """The frame around an encoded body."""
    return struct.pack(">I", 32 + len(body)) + ident.encode() + body


def request(ident, name, param=None, **more):
    """The frame of a W_S call; `more` are further keys such as timeout."""
    body = {"api": {"one": {"name": name, "param": param}}, "guid": ident, "type": "W_S", **more}
    return frame(ident, dump(body))


def request_many(ident, apis, **more):
    """The frame of a W_M call of {key: (name, param)}."""
    apis = {key: {"name": name, "param": param} for key, (name, param) in apis.items()}
    return frame(ident, dump({"api": apis, "guid": ident, "type": "W_M", **more}))


def request_of(kind, ident, apis, **more):
    """The frame of a call of any type: {key: (name, param)}; single ones take the key `one`."""
    apis = {key: {"name": name, "param": param} for key, (name, param) in apis.items()}
    return frame(ident, dump({"api": apis, "guid": ident, "type": kind, **more}))


def control(ident, command):
    """The frame of a control command, keys in the original's order."""
    api = {"cmd": {"name": command, "param": None}}
    return frame(ident, dump({"api": api, "type": "SC", "guid": ident}))


class Splitter:
    """Bytes in, whole frames out, as (guid, body decoded by `decode`)."""

    def __init__(self, decode=load):
        self.bytes = bytearray()
        self.decode = decode

    def feed(self, data):
        self.bytes += data
        found = []
        while len(self.bytes) >= 4:
            length = struct.unpack_from(">I", self.bytes)[0]
            if length < 32:
                raise Refused("frame of %d bytes" % length)
            if len(self.bytes) < 4 + length:
                break
            whole = bytes(self.bytes[4:4 + length])
            del self.bytes[:4 + length]
            found.append((whole[:32].decode(), self.decode(whole[32:])))
        return found


class Conn:
    """One blocking connection, to HOST:PORT or to the path of a Unix socket, from an address of
    one's own where `source` names it. Every wait has a deadline."""

    def __init__(self, address, timeout=10.0, source=None):
        if address.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(address)
        else:
            host, port = address.rsplit(":", 1)
            self.sock = socket.create_connection((host, int(port)), timeout,
                                                 source and (source, 0))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.timeout = timeout
        self.splitter = Splitter()
        self.ready = []

    def send(self, data):
        self.sock.sendall(data)

    def fill(self, data):
        """Sends it again and again, as long as nobody has to read; how many bytes went."""
        sent = 0
        self.sock.settimeout(0)
        try:
            while True:
                sent += self.sock.send(data[sent % len(data):])
        except BlockingIOError:
            return sent
        finally:
            self.sock.settimeout(self.timeout)

    def receive(self, timeout=None):
        """The next frame as (guid, body); None at the end of the stream."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not self.ready:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                raise TimeoutError("no reply in time")
            try:
                data = self.sock.recv(262144)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.ready += self.splitter.feed(data)
        return self.ready.pop(0)

    def call(self, name, param=None, timeout=None, **more):
        """The whole reply to one W_S call."""
        ident = guid()
        self.send(request(ident, name, param, **more))
        got = self.receive(timeout)
        if got is None:
            raise ConnectionError("closed before the reply")
        if got[0] != ident or got[1]["guid"] != ident:
            raise Refused("reply to %s, asked %s" % (got[0], ident))
        return got[1]

    def ask(self, kind, apis, **more):
        """Sends a call of any type; its guid."""
        ident = guid()
        self.send(request_of(kind, ident, apis, **more))
        return ident

    def command(self, name, timeout=None):
        """The reply to a control command."""
        ident = guid()
        self.send(control(ident, name))
        got = self.receive(timeout)
        if got is None or got[0] != ident:
            raise Refused("reply to a command: %r" % (got,))
        return got[1]

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def code(reply):
    """The code that stands for a single call: the reply's, else its envelope's."""
    return reply["code"] or reply["data"]["code"]
