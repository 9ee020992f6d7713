"""A peer of raw sockets, written from PROTOCOL.md alone: it sends bytes and judges bytes. It knows
the values of the protocol only well enough to say where a body goes wrong."""

import re
import select
import socket
import struct
import time
import zlib

SALT = b"=&$*#@(*&%(@"
NONE = b"0" * 32
DEPTH_MAX = 512


class Bad(Exception):
    """Bytes that are no value; `at` is the first of them that cannot stand there."""

    def __init__(self, at):
        super().__init__("bad byte at %d" % at)
        self.at = at


def head(guid, body, sign=False):
    """A frame around a body."""
    check = struct.pack(">I", zlib.crc32(body + SALT)) if sign else b""
    return struct.pack(">I", len(check) + len(guid) + len(body)) + check + guid + body


class Peer:
    """A connection to HOST:PORT or to a Unix socket's path."""

    def __init__(self, address, sign=False, gzip=False, seconds=10.0):
        self.sign, self.gzip, self.seconds = sign, gzip, seconds
        if address.startswith("/"):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(address)
        else:
            host, port = address.rsplit(":", 1)
            self.sock = socket.create_connection((host, int(port)), seconds)
        self.bytes = b""

    def send(self, data):
        self.sock.sendall(data)

    def _more(self, end):
        left = end - time.monotonic()
        if left <= 0 or not select.select([self.sock], [], [], left)[0]:
            raise TimeoutError("nothing came; so far %r" % self.bytes[:200])
        data = self.sock.recv(65536)
        self.bytes += data
        return len(data) > 0

    def frame(self):
        """The next frame as (guid, plain body); None at the end of the stream."""
        end = time.monotonic() + self.seconds
        while len(self.bytes) < 4 or len(self.bytes) < 4 + struct.unpack(">I", self.bytes[:4])[0]:
            if not self._more(end):
                assert not self.bytes, "half a frame: %r" % self.bytes[:200]
                return None
        length = struct.unpack(">I", self.bytes[:4])[0]
        whole, self.bytes = self.bytes[4:4 + length], self.bytes[4 + length:]
        if self.sign:
            check, whole = struct.unpack(">I", whole[:4])[0], whole[4:]
            assert check == zlib.crc32(whole[32:] + SALT)
        guid, body = whole[:32], whole[32:]
        if self.gzip:
            inflater = zlib.decompressobj(31)
            body = inflater.decompress(body)
            assert inflater.eof and not inflater.unused_data
        return guid, body

    def ask(self, guid, body):
        """Sends a body in a frame, packed as this peer does; the body of the answer."""
        packer = zlib.compressobj(4, zlib.DEFLATED, 31) if self.gzip else None
        body = packer.compress(body) + packer.flush() if packer else body
        self.send(head(guid, body, self.sign))
        answer = self.frame()
        assert answer is not None and answer[0] == guid, answer
        return answer[1]

    def is_usable(self):
        """Whether the other side still answers here."""
        body = self.ask(b"f" * 32, request(b"f" * 32, b"W_S", {b"one": (b"/echo", b"i:1;")}))
        return code(body) == 0

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def text(data):
    """A string."""
    return b's:%d:"%s";' % (len(data), data)


def array(*pairs):
    """An array of (encoded key, encoded value)."""
    return b"a:%d:{%s}" % (len(pairs), b"".join(key + value for key, value in pairs))


def apis(calls):
    """{key: (name, encoded param)}; a key that is an int is one on the wire."""
    return array(*((b"i:%d;" % key if isinstance(key, int) else text(key),
                    array((text(b"name"), text(name)), (text(b"param"), param)))
                   for key, (name, param) in calls.items()))


def request(guid, kind, calls, **more):
    """A request's body; `more` are encoded values."""
    pairs = [(text(b"api"), apis(calls)), (text(b"guid"), text(guid)), (text(b"type"), text(kind))]
    pairs += [(text(key.encode()), value) for key, value in more.items()]
    return array(*pairs)


def code(body):
    """The reply's own code, else that of the one envelope behind it."""
    codes = [int(each) for each in re.findall(rb's:4:"code";i:(-?\d+);', body)]
    if body.startswith(b"{"):
        codes = [int(each) for each in re.findall(rb'"code":(-?\d+)', body)]
    return next((each for each in codes if each != 0), 0)


def offset(body):
    """Where the reply says that the request's body went wrong."""
    found = re.search(rb"at byte (\d+)", body)
    return int(found.group(1)) if found else None


def below(place, key):
    """Where a member stands: `key` in its encoding."""
    if place in ("param", "apis"):
        return {"param": "param", "apis": "api"}[place]
    return {("message", b's:3:"api";'): "apis", ("api", b's:5:"param";'): "param"}.get(
        (place, key), "elsewhere")


class Reader:
    """Reads one value strictly, a byte after the other, and says where it cannot go on."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def fail(self, at=None):
        raise Bad(self.at if at is None else at)

    def next(self):
        return self.data[self.at:self.at + 1]

    def take(self, expected):
        for byte in expected:
            if self.at >= len(self.data) or self.data[self.at] != byte:
                self.fail()
            self.at += 1

    def count(self, most=2 ** 62, is_negative=False):
        begin = self.at
        while self.next().isdigit():
            digits = self.data[begin:self.at + 1]
            if is_negative and digits == b"0":
                self.fail(begin - 1)  # there is no -0: the sign is wrong
            if (len(digits) > 1 and digits[:1] == b"0") or \
                    int(digits) > most:
                self.fail()
            self.at += 1
        if self.at == begin:
            self.fail()
        return int(self.data[begin:self.at])

    def integer(self):
        self.take(b":")
        is_negative = self.next() == b"-"
        self.at += is_negative
        self.count(2 ** 63 - 1 + is_negative, is_negative)
        self.take(b";")

    def mark(self, place):
        """One zero before a number, in a parameter alone."""
        self.at += place == "param" and self.next() == b"0" and \
            self.data[self.at + 1:self.at + 2].isdigit()

    def string(self, place="key"):
        self.take(b":")
        begin = self.at
        self.mark(place)
        length = self.count()
        self.take(b':"')
        if length > len(self.data) - self.at:
            self.fail(begin)
        self.at += length
        self.take(b'";')

    def digits(self):
        if not self.next().isdigit():
            self.fail()
        while self.next().isdigit():
            self.at += 1

    def number(self):
        self.take(b":")
        is_negative = self.next() == b"-"
        self.at += is_negative
        if self.next() == b"I":
            self.take(b"INF")
        elif self.next() == b"N" and not is_negative:
            self.take(b"NAN")
        else:
            self.digits()
            if self.next() == b".":
                self.at += 1
                self.digits()
            if self.next() in (b"e", b"E"):
                self.at += 1
                self.at += self.next() in (b"+", b"-")
                self.digits()
        self.take(b";")

    def key(self):
        kind = self.next()
        if kind not in (b"i", b"s"):
            self.fail()
        self.at += 1
        (self.integer if kind == b"i" else self.string)()

    def value(self, depth=0, place="message"):
        kind, begin = self.next(), self.at
        readers = {b"i": self.integer, b"s": lambda: self.string(place), b"d": self.number}
        self.at += 1 if kind in (b"i", b"s", b"d", b"b", b"N", b"a") else self.fail()
        if kind in readers:
            readers[kind]()
        elif kind == b"b":
            self.take(b":")
            if self.next() not in (b"0", b"1"):
                self.fail()
            self.at += 1
            self.take(b";")
        elif kind == b"N":
            self.take(b";")
        else:
            self.take(b":")
            count_at = self.at
            self.mark(place)
            count = self.count()
            self.take(b":{")
            if count > (len(self.data) - self.at) // 6:
                self.fail(count_at)
            if depth >= DEPTH_MAX:
                self.fail(begin)
            for _ in range(count):
                key_at = self.at
                self.key()
                self.value(depth + 1, below(place, self.data[key_at:self.at]))
            self.take(b"}")


def first_bad(body):
    """Where a body goes wrong; None where it is one array."""
    reader = Reader(body)
    try:
        if body[:1] != b"a":
            reader.fail()
        reader.value()
        if reader.at != len(body):
            reader.fail()
    except Bad as bad:
        return bad.at
    return None
