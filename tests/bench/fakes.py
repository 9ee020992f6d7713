"""Servers of a few lines that speak what the load generator speaks; replies come in two pieces."""

import socket
import struct
import threading

SETTINGS, PING, ACK, END_STREAM, END_HEADERS = 4, 6, 1, 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def http(data):
    """(bytes used, reply); (0, b"") while bytes are missing. So are the others."""
    head, found, body = data.partition(b"\r\n\r\n")
    if not found:
        return 0, b""
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
    return (len(head) + 4 + length, reply) if len(body) >= length else (0, b"")


def redis(data):
    words = data.split(b"\r\n", 5)
    if len(words) < 6:
        return 0, b""
    return len(data) - len(words[5]), words[3] + b"\r\n" + words[4] + b"\r\n"


def gearman(data):
    if len(data) < 12 or len(data) < 12 + struct.unpack(">I", data[8:12])[0]:
        return 0, b""
    used = 12 + struct.unpack(">I", data[8:12])[0]
    created = b"\0RES" + struct.pack(">II", 8, 3) + b"H:1"
    return used, created + b"\0RES" + struct.pack(">II", 13, 7) + b"H:1\0abc"


def grpc(data):
    def frame(kind, flags, stream, body=b""):
        return struct.pack(">I", len(body))[1:] + struct.pack(">BBI", kind, flags, stream) + body

    if data.startswith(PREFACE[:9]):
        greeting = frame(SETTINGS, 0, 0) + frame(PING, 0, 0, b"12345678")
        return (len(PREFACE), greeting) if len(data) >= len(PREFACE) else (0, b"")
    if len(data) < 9 or len(data) < 9 + int.from_bytes(data[:3], "big"):
        return 0, b""
    kind, flags, stream = struct.unpack(">BBI", data[3:9])
    used = 9 + int.from_bytes(data[:3], "big")
    if kind != 0 or not flags & END_STREAM:
        return used, b""
    return used, (frame(1, END_HEADERS, stream, b"\x88") + frame(0, 0, stream, b"\0\0\0\0\0")
                  + frame(1, END_HEADERS | END_STREAM, stream, b"\x88"))


FAKES = {"http": http, "redis": redis, "gearman": gearman, "grpc": grpc}


class Fake:
    """`with Fake(redis) as server`: one connection is served, by a thread."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve, daemon=True)

    def serve(self):
        peer, _ = self.listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = b""
        with peer:
            while piece := peer.recv(65536):
                data += piece
                used, reply = self.answer(data)
                while used:
                    data = data[used:]
                    if reply:
                        peer.sendall(reply[:5])
                        peer.sendall(reply[5:])
                    used, reply = self.answer(data)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join(10)
        self.listener.close()
