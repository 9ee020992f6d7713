"""A scripted server that answers in parts: what tests of streams need that no real one does."""

import threading

from dora import wire

from dora_helpers import Peer, envelope, reply_frame, wait_until


WIDE = 256 * 1024


def part_frame(guid, number, data):
    message = {"guid": guid.decode(), "code": 100013, "msg": "part", "data": data, "part": number}
    return wire.frame_pack(guid, wire.pack(message))


def progress_frame(guid, done, total, note):
    return reply_frame(guid, envelope(guid, [done, total], 100014, note))


def result_frame(guid, data=None, code=0, msg="OK"):
    return reply_frame(guid, envelope(guid, envelope(guid, data, code, msg)))


def many(count):
    """So many lists, each a little one."""
    return [[i, "x"] for i in range(count)]


class StreamPeer(Peer):
    """Answers by the api's name; `param` is how many parts there are.

    /parts: as far as there is room, then the result; /endless: without an end; /wide: parts of
    WIDE characters; /many: one part of so many lists; /progress, /fail, /late (its time is over,
    by the server's clock), /lost, /break, /old, /quiet (one part, then nothing), /hint, /silent,
    /call: what they say.
    """

    hears_all = True

    def __init__(self):
        self.lock = threading.Lock()
        self.streams = {}  # guid: [parts sent, parts in all, room, name]
        self.seen = []  # messages
        self.taken = 0
        self.cancelled = []  # guids
        super().__init__(self.say)

    def say(self, message, guid):
        with self.lock:
            self.seen.append(message)
            if message["type"] == "TK":
                self.taken += message["take"]
                return self.more(guid, message["take"])
            if message["type"] == "CN":
                self.cancelled.append(message["guid"])
                known = self.streams.pop(guid, None)
                return result_frame(guid, None, 100211, "cancelled") if known else b""
            return self.begin(message, guid)

    def begin(self, message, guid):
        api = message["api"]["one"]
        name, param = api["name"], api.get("param")
        if name in ("/parts", "/endless", "/wide"):
            self.streams[guid] = [0, 1 << 60 if name == "/endless" else param, 0, name]
            return self.more(guid, message["window"])
        said = {
            "/progress": lambda: progress_frame(guid, 1, 2, "half") + part_frame(guid, 0, "a")
            + progress_frame(guid, 2, 2, "all") + result_frame(guid, {"n": 1}),
            "/fail": lambda: part_frame(guid, 0, "a") + result_frame(guid, None, 404, "no such"),
            "/late": lambda: part_frame(guid, 0, "a")
            + result_frame(guid, None, 100009, "the time is over"),
            "/lost": lambda: part_frame(guid, 0, "a") + result_frame(guid, None, 100012, "lost"),
            "/break": lambda: part_frame(guid, 0, "a") + b"\xff\xff\xff\xff",
            "/old": lambda: reply_frame(guid, envelope(guid, None, 100002, "unknown type")),
            "/quiet": lambda: part_frame(guid, 0, "a"),
            "/many": lambda: part_frame(guid, 0, many(param)) + result_frame(guid),
            "/tuple": lambda: part_frame(guid, 0, [1, 2]) + result_frame(guid, [3, 4]),
            "/hint": lambda: progress_frame(guid, 1, 2, "half"),
            "/silent": lambda: b"",
        }
        return said.get(name, lambda: result_frame(guid, param))()

    def more(self, guid, room):
        stream = self.streams.get(guid)
        if stream is None:
            return b""
        stream[2] += room
        out = b""
        while stream[2] > 0 and stream[0] < stream[1]:
            data = "x" * WIDE if stream[3] == "/wide" else stream[0]
            out += part_frame(guid, stream[0], data)
            stream[0] += 1
            stream[2] -= 1
        if stream[0] == stream[1]:
            del self.streams[guid]
            out += result_frame(guid, stream[1])
        return out

    def wait_cancelled(self, count):
        wait_until(lambda: len(self.cancelled) >= count, f"{count} streams to be cancelled")


class OlderPeer(Peer):
    """A server that is older than streams: to what it does not know it says so, under its guid."""

    hears_all = True

    def __init__(self):
        self.seen = []  # types
        super().__init__(self.say)

    def say(self, message, guid):
        self.seen.append(message["type"])
        if message["type"] in ("ST_S", "TK", "CN"):
            return reply_frame(guid, envelope(guid, [], 100002, "unknown or missing type"))
        api = message["api"]["one"]
        return b"" if api["name"] == "/silent" else result_frame(guid, api.get("param"))
