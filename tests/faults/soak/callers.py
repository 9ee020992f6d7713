"""Who calls while the soak lasts: through each door, in each mode, with each language's client, and
what became of every call."""

import asyncio
import collections
import itertools
import random
import subprocess
import threading
import time

import dora
from support import v1
from support.web import Web

PAUSE_S = 0.02  # between two calls of a caller: two processors serve all
TIMEOUT_S = 60.0  # a call that has no answer then is lost
ACCEPTED = 100001
BROKEN = -1  # the connection ended before the answer
NAMES = ("/python/echo", "/php/echo", "/c/echo", "/python/slow", "/php/slow", "/c/slow")
MANY = ("/python/echo", "/php/slow", "/c/echo")
KINDS = ("W_S", "W_S", "W_M", "AN_S", "AN_M", "AM_S", "AM_M")
OVER = "OVER"  # a W_S whose handler runs for longer than it may
OVERS = ("/python/over", "/php/over", "/c/over")
OVER_SHARE = 20  # one of so many
SIZES = (0, 10, 300, 5000, 70000, 1 << 20, (2 << 20) - 4096)  # the larger, the rarer

# One call: who asked, its type, {handler: code}, from when to when (time.monotonic()), and whether
# what came back was what went there.
Call = collections.namedtuple("Call", "ident kind codes began ended is_right")


class Caller(threading.Thread):
    """Calls until it is told to end, and books every call."""

    def __init__(self, world, mark, seed):
        super().__init__(daemon=True, name=mark)
        self.world, self.mark = world, mark
        self.random = random.Random("%s %s" % (seed, mark))
        self.calls = []
        self.idle_since = float("inf")  # when the last call ended
        self.ended = threading.Event()
        self.error = None

    def run(self):
        try:
            self.call_all()
        except Exception as error:  # pylint: disable=broad-except
            self.error = error

    def call_all(self):
        for number in itertools.count():
            if self.ended.wait(PAUSE_S):
                break
            self.one("%s-%d" % (self.mark, number))
        self.close()

    def book(self, ident, kind, codes, began, is_right=True):
        if BROKEN in codes.values():  # its connection may have ended while nobody looked
            began = min(began, self.idle_since)
        self.idle_since = time.monotonic()
        self.calls.append(Call(ident, kind, codes, began, self.idle_since, is_right))

    def param(self, ident):
        size = SIZES[min(int(self.random.expovariate(1.2)), len(SIZES) - 1)]
        return {"n": ident, "fill": "x" * size}

    def end(self):
        self.ended.set()
        self.join(2 * TIMEOUT_S)
        if self.error:
            raise self.error
        assert not self.is_alive(), self.mark

    def close(self):
        """Nothing is left open."""


class Framed(Caller):
    """Frames on one connection, made by `connect`; a new one where it broke."""

    def __init__(self, world, mark, seed, connect):
        super().__init__(world, mark, seed)
        self.connect, self.conn = connect, None

    def one(self, ident):
        if self.random.randrange(OVER_SHARE) == 0:
            self.exchange(ident, OVER, "W_S", [self.random.choice(OVERS)])
            return
        kind = self.random.choice(KINDS)
        self.exchange(ident, kind, kind,
                      [self.random.choice(NAMES)] if kind.endswith("S") else MANY)

    def exchange(self, ident, booked, kind, names):
        """One request of a kind, and what comes for it."""
        keys = ["one"] if kind.endswith("S") else [str(number + 1) for number in range(len(MANY))]
        param = self.param(ident)
        if len(names) > 1 and len(param["fill"]) > 500000:
            param["fill"] = "x" * 500000  # a frame has 2 MiB
        began, replies = time.monotonic(), []
        try:
            if self.conn is None:
                self.conn = self.connect()
            guid = self.ask(kind, dict(zip(keys, names)), param)
            for _ in range(2 if kind.startswith("AM") else 1):
                replies.append(self.reply(guid))
                if replies[-1]["code"] not in (0, ACCEPTED):
                    break
        except (ConnectionError, OSError):
            self.close()
            replies.append({"code": BROKEN})
        codes, is_right = self.judge(kind, keys, names, replies, param)
        self.book(ident, booked, codes, began, is_right)

    def judge(self, kind, keys, names, replies, param):
        last = replies[-1]
        if last["code"] != 0 or kind.startswith("AN"):
            code = 0 if last["code"] == ACCEPTED else last["code"]
            is_right = last["code"] == ACCEPTED or code != 0
            return dict.fromkeys(names, code), is_right
        data = last["data"]
        found = [data] if keys == ["one"] else list(
            data if isinstance(data, list) else data.values())
        codes = {name: one["code"] for name, one in zip(names, found)}
        return codes, len(found) == len(names) and all(
            one["code"] != 0 or one["data"] == param for one in found)

    def ask(self, kind, names, param):
        return self.conn.ask(kind, {key: (name, param) for key, name in names.items()})

    def reply(self, guid):
        got = self.conn.receive(TIMEOUT_S)
        if got is None:
            raise ConnectionError("closed before the reply")
        if got[0] != guid:
            raise v1.Refused("reply to %s, asked %s" % (got[0], guid))
        return got[1]

    def close(self):
        if self.conn is not None:
            self.conn.close()
            self.conn = None


class JsonFramed(Framed):
    """The same with JSON in the frames."""

    def ask(self, kind, names, param):
        return self.conn.ask(kind, {key: {"name": name, "param": param}
                                    for key, name in names.items()})


class Http(Caller):
    """POST /call/NAME on one connection."""

    web = None

    def one(self, ident):
        name, param = self.random.choice(NAMES), self.param(ident)
        began, code, is_right = time.monotonic(), BROKEN, True
        try:
            if self.web is None:
                self.web = Web(self.world.server.http, TIMEOUT_S)
            status, body = self.web.call(name, param)
            code = 0 if status == 200 else body["error"]["code"]
            is_right = status != 200 or body == param
        except (ConnectionError, OSError):
            self.close()
        self.book(ident, "W_S", {name: code}, began, is_right)

    def close(self):
        if self.web is not None:
            self.web.close()
            self.web = None


class PythonClient(Caller):
    """dora.Client, which finds the server by Redis."""

    def call_all(self):
        with dora.Client(self.world.redis.url, group="g", timeout=TIMEOUT_S,
                         wait=TIMEOUT_S) as self.client:
            super().call_all()

    def one(self, ident):
        name, param, kind = self.random.choice(NAMES), self.param(ident), self.random.randrange(4)
        began = time.monotonic()
        if kind == 0:
            self.many(ident, began)
            return
        code, answer = 0, param
        try:
            if kind == 1:
                self.client.send(name, param)
            elif kind == 2:
                answer = self.client.submit(name, param).result(TIMEOUT_S)
            else:
                answer = self.client.call(name, param)
        except dora.Error as error:
            code = error.code
        self.book(ident, ("", "AN_S", "AM_S", "W_S")[kind], {name: code}, began,
                  code != 0 or answer == param)

    def many(self, ident, began):
        param = {"n": ident, "fill": ""}
        try:
            came = self.client.call_many({name: (name, param) for name in MANY})
            codes = {name: one.code if isinstance(one, dora.Error) else 0
                     for name, one in came.items()}
        except dora.Error as error:
            codes = dict.fromkeys(MANY, error.code)
        self.book(ident, "W_M", codes, began, len(codes) == len(MANY))


class Async(Caller):
    """dora.AsyncClient: `call` is made by a few tasks at a time, on few connections."""

    tasks = 3

    def call_all(self):
        asyncio.run(self.main())

    async def main(self):
        numbers = itertools.count()
        async with dora.AsyncClient(self.world.redis.url, group="g", timeout=TIMEOUT_S,
                                    wait=TIMEOUT_S) as client:
            await asyncio.gather(*(self.task(client, numbers) for _ in range(self.tasks)))

    async def task(self, client, numbers):
        while not self.ended.is_set():
            await self.call(client, "%s-%d" % (self.mark, next(numbers)))
            await asyncio.sleep(PAUSE_S)


class PythonAsync(Async):
    """Its calls."""

    async def call(self, client, ident):
        name, param, code = self.random.choice(NAMES), self.param(ident), 0
        began, answer = time.monotonic(), None
        try:
            answer = await client.call(name, param)
        except dora.Error as error:
            code = error.code
        self.book(ident, "W_S", {name: code}, began, code != 0 or answer == param)


class Program(Caller):
    """A client that is a process of its own, and prints what became of its calls."""

    def __init__(self, world, mark, seed, argv):
        super().__init__(world, mark, seed)
        self.process = subprocess.Popen([*argv, mark], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def call_all(self):
        threading.Thread(target=self.tell_end, daemon=True).start()
        with self.process.stdout as said:
            for line in said:
                ident, kind, began, ended, names, codes = line.split()
                codes = dict(zip(names.split(","), map(int, codes.split(","))))
                self.calls.append(Call(ident, kind, codes, int(began) / 1e9, int(ended) / 1e9,
                                       True))
        assert self.process.wait() == 0, self.mark

    def tell_end(self):
        self.ended.wait()
        self.process.stdin.close()
