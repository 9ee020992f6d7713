"""Who asks for streams while the soak lasts, through each door and with each language's client.
Every third one leaves in the middle."""

import http.client
import json
import time

import dora
from support import streams, v1

from .callers import BROKEN, TIMEOUT_S, Async, Caller, Framed

NAMES = ("/python/parts", "/php/parts", "/c/parts")
PARTS = 20  # of each handler
LEAVES_AFTER = 5
WHOLE, LEFT = "ST_S", "CN"  # the kinds: read to its end, and cancelled in the middle
CANCELLED = 100211


class Streamer(Caller):
    """Streams one after the other; `parts_of` gives its parts and then its result, as a client
    does: (number, value) each, (None, result) in the end. Leaves where the generator is closed."""

    def plan(self, ident):
        """(name, parameter, whether it is left in the middle)."""
        size = self.random.choice((0, 10, 300, 5000, 70000))
        return (self.random.choice(NAMES), {"n": ident, "fill": "x" * size},
                self.random.randrange(3) == 0)

    def one(self, ident):
        name, param, leaves = self.plan(ident)
        began, code, seen = time.monotonic(), 0, []
        try:
            for each in self.parts_of(name, param):
                seen.append(each)
                if leaves and len(seen) == LEAVES_AFTER:
                    code = self.leave()
                    break
        except dora.Error as error:
            code = error.code
        except (ConnectionError, OSError, http.client.HTTPException):
            self.close()
            code = BROKEN
        self.book_stream(ident, name, param, leaves, code, began, seen)

    def book_stream(self, ident, name, param, leaves, code, began, seen):
        wanted = [[number, param] for number in range(PARTS)] + [param]
        is_right = seen == wanted[:len(seen)] and (code != 0 or leaves or len(seen) == PARTS + 1)
        self.book(ident, LEFT if leaves else WHOLE, {name: code}, began, is_right)


class FramedStreamer(Streamer):
    """By frames, on one connection."""

    def __init__(self, world, mark, seed, connect):
        super().__init__(world, mark, seed)
        self.connect, self.conn, self.guid = connect, None, None

    def parts_of(self, name, param):
        if self.conn is None:
            self.conn = self.connect()
        self.guid = streams.begin(self.conn, name, param)
        while True:
            reply = self.receive()
            if reply["code"] != streams.PART:
                break
            yield reply["data"]
            streams.take(self.conn, self.guid, 1)
        code = self.code_of(reply)
        if code != 0:
            raise dora.Error("the stream", code)
        yield reply["data"]["data"]

    def receive(self):
        got = self.conn.receive(TIMEOUT_S)
        if got is None:
            raise ConnectionError("closed before the reply")
        if got[0] != self.guid:
            raise v1.Refused("answer to %s, asked %s" % (got[0], self.guid))
        return got[1]

    @staticmethod
    def code_of(reply):
        return reply["code"] if reply["code"] != 0 else reply["data"]["code"]

    def leave(self):
        streams.cancel(self.conn, self.guid)
        reply = self.receive()
        while reply["code"] == streams.PART:
            reply = self.receive()
        return self.code_of(reply)

    close = Framed.close


class HttpStreamer(Streamer):
    """POST /stream/NAME, a line for each part."""

    web = None

    def parts_of(self, name, param):
        if self.web is None:
            self.web = http.client.HTTPConnection(self.world.server.http, timeout=TIMEOUT_S)
        self.web.request("POST", "/stream" + name, json.dumps(param),
                         {"Accept": "application/x-ndjson"})
        answer = self.web.getresponse()
        for line in answer:
            kind, value = next(iter(json.loads(line).items()))
            if kind == "error":
                answer.read()
                raise dora.Error(value["msg"], value["code"])
            yield value

    def leave(self):
        self.close()
        return CANCELLED

    def close(self):
        if self.web is not None:
            self.web.close()
            self.web = None


class PythonStreamer(Streamer):
    """dora.Client."""

    stream = None

    def call_all(self):
        with dora.Client(self.world.redis.url, group="g", timeout=TIMEOUT_S,
                         wait=TIMEOUT_S) as self.client:
            super().call_all()

    def parts_of(self, name, param):
        self.stream = self.client.stream(name, param, timeout=TIMEOUT_S)
        yield from self.stream
        yield self.stream.result

    def leave(self):
        self.stream.cancel()
        return CANCELLED


class AsyncStreamer(Async, Streamer):
    """dora.AsyncClient."""

    async def call(self, client, ident):
        name, param, leaves = self.plan(ident)
        began, code, seen = time.monotonic(), 0, []
        try:
            async with client.stream(name, param, timeout=TIMEOUT_S) as stream:
                async for part in stream:
                    seen.append(part)
                    if leaves and len(seen) == LEAVES_AFTER:
                        code = CANCELLED
                        break
                else:
                    seen.append(stream.result)
        except dora.Error as error:
            code = error.code
        self.book_stream(ident, name, param, leaves, code, began, seen)
