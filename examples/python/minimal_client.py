"""A client written from core/PROTOCOL.md alone, with nothing but Python's own library: where to
begin in a language that has none. Python itself has one: client.py.

    python3 minimal_client.py 127.0.0.1:9567 [sign]
"""

import json
import os
import socket
import struct
import sys
import zlib

SALT = b"=&$*#@(*&%(@"
FRAME_BYTES_MAX = 2097152


def dump(value):
    """A value as bytes: PROTOCOL.md, "Values"."""
    if value is None:
        return b"N;"
    if isinstance(value, (bool, int)):
        return b"%s:%d;" % (b"b" if isinstance(value, bool) else b"i", value)
    if isinstance(value, float):
        return b"d:%s;" % repr(value).upper().encode()
    if isinstance(value, str):
        return b's:%d:"%s";' % (len(value.encode()), value.encode())
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    return b"a:%d:{%s}" % (len(value), b"".join(dump(key) + dump(one) for key, one in pairs))


def load(data, at=0):
    """The value that begins at an offset, and where it ends."""
    kind = data[at:at + 1]
    if kind in b"Nbid":
        end = data.index(b";", at)
        read = {b"N": lambda _: None, b"b": b"1".__eq__, b"i": int, b"d": float}[kind]
        return read(data[at + 2:end]), end + 1
    colon = data.index(b":", at + 2)
    count, at = int(data[at + 2:colon]), colon + 2
    if kind == b"s":
        return data[at:at + count].decode(errors="surrogateescape"), at + count + 2
    pairs = {}
    for _ in range(count):
        key, at = load(data, at)
        pairs[key], at = load(data, at)
    return (list(pairs.values()) if list(pairs) == list(range(count)) else pairs), at + 1


class Dora:
    """One connection, one call at a time."""

    def __init__(self, address, sign=False, is_json=False, seconds=5.0):
        host, port = address.rsplit(":", 1)
        self.sock = socket.create_connection((host, int(port)), seconds)
        self.stream = self.sock.makefile("rb")
        self.sign, self.is_json = sign, is_json
        self.results = {}  # guid => a later result that came while another reply was due

    def send(self, kind, api):
        guid = os.urandom(16).hex()
        request = {"api": api, "guid": guid, "type": kind}
        body = json.dumps(request).encode() if self.is_json else dump(request)
        check = struct.pack(">I", zlib.crc32(body + SALT)) if self.sign else b""
        rest = check + guid.encode() + body
        self.sock.sendall(struct.pack(">I", len(rest)) + rest)
        return guid

    def read(self):
        """The next frame's message."""
        head = self.stream.read(4)
        if len(head) < 4:
            raise ConnectionError("the server has closed the connection")
        length = struct.unpack(">I", head)[0]
        at = 36 if self.sign else 32
        if not at <= length <= FRAME_BYTES_MAX - 4:
            raise ConnectionError("a frame of %d bytes" % length)
        rest = self.stream.read(length)
        body = rest[at:]
        if self.sign and rest[:4] != struct.pack(">I", zlib.crc32(body + SALT)):
            raise ConnectionError("a wrong checksum")
        return json.loads(body) if body[:1] == b"{" else load(body)[0]

    def reply(self, guid, is_result=False):
        """The reply to a request, or its later result. Strangers are dropped."""
        reply = self.results.pop(guid, {}) if is_result else {}
        while reply.get("guid") != guid or bool(reply.get("isresult")) != is_result:
            reply = self.read()
            if reply["guid"] == "0" * 32:
                raise ConnectionError("%(code)d %(msg)s" % reply)
            if reply.get("isresult") and reply["guid"] != guid:
                self.results[reply["guid"]] = reply
        return good(reply)

    def call(self, name, param=None):
        guid = self.send("W_S", {"one": {"name": name, "param": param}})
        return good(self.reply(guid)["data"])["data"]

    def call_many(self, calls):
        """Key => envelope, each with its own code."""
        apis = {key: {"name": name, "param": param} for key, (name, param) in calls.items()}
        return self.reply(self.send("W_M", apis))["data"]

    def submit(self, name, param=None):
        """A call whose result comes later; what `collect` takes."""
        guid = self.send("AM_S", {"one": {"name": name, "param": param}})
        self.reply(guid)
        return guid

    def collect(self, guid):
        return good(self.reply(guid, is_result=True)["data"])["data"]


def good(message):
    """A reply or an envelope that says success; an exception for any other."""
    if message["code"] not in (0, 100001):
        raise RuntimeError("%(code)d %(msg)s" % message)
    return message


if __name__ == "__main__":
    for is_json in (False, True):
        dora = Dora(sys.argv[1], sign=sys.argv[2:] == ["sign"], is_json=is_json)
        print("single:", dora.call("/echo", {"id": 7, "list": [None, True, 0.5, "é"]}))
        many = dora.call_many({"a": ("/echo", 1), "b": ("/none", None)})
        print("many:", {key: one["data"] or one["code"] for key, one in many.items()})
        guids = [dora.submit("/echo", text) for text in ("first", "second")]
        print("later:", [dora.collect(guid) for guid in reversed(guids)])
