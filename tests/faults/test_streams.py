"""Streams by the thousand, while workers are killed: each ends once, with all of its parts and its
result, or behind the parts that came with what happened to it; and nothing is left behind.

    DORA_FAULT_STREAMS=10000 python -m pytest tests/faults/test_streams.py      as many as that
"""

import asyncio
import contextlib
import os
import random
import signal
import time

import dora

from support import processes, streams, v1
from support.server import Server, wait_until

STREAMS = int(os.environ.get("DORA_FAULT_STREAMS", "1000"))
AT_ONCE = 32
PARTS = 40
KILL_EVERY = 50  # streams
DIED = 100200
GROWTH_KIB = 2048
PATIENCE_S = 60  # until a worker lives


class Book:
    """What became of all streams."""

    def __init__(self):
        self.whole = self.died = self.left = self.killed = 0


async def one(client, number, book):
    """One stream: taken to its end, or left behind a few parts."""
    leaves_at = number % PARTS if number % 7 == 0 else None
    taken = 0
    stream = client.stream("/count", PARTS, window=1 + number % 20)
    try:
        async with stream:
            async for part in stream:
                assert part == taken, (number, part, taken)
                taken += 1
                if taken == leaves_at:
                    book.left += 1
                    return
        assert taken == PARTS and stream.result is None, number
        book.whole += 1
    except dora.HandlerError as error:
        # Also behind its last part: the end was still to come.
        assert error.code == DIED and taken <= PARTS, (number, error, taken)
        book.died += 1


async def kill_one(server, chance):
    """A worker; where none lives in this moment, the next one."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        pids = sorted(server.workers().values())
        with contextlib.suppress(ProcessLookupError):
            if pids:
                os.kill(chance.choice(pids), signal.SIGKILL)
                return
        await asyncio.sleep(0.01)  # until there is one
    raise AssertionError("no worker lives: " + server.log()[-2000:])


async def some(server, book, chance, count):
    async with dora.AsyncClient(server.address, timeout=30, wait=10) as client:
        numbers = iter(range(count))

        async def work():
            for number in numbers:
                if number % KILL_EVERY == KILL_EVERY - 1:
                    await kill_one(server, chance)
                    book.killed += 1
                await one(client, number, book)

        await asyncio.gather(*[work() for _ in range(AT_ONCE)])


def test_streams_end_once_and_leave_nothing():
    seed = random.randrange(2 ** 32)
    print("seed %d" % seed)
    chance = random.Random(seed)
    with Server(streams.pools(workers=4, restarts_per_minute=100000)) as server, \
            v1.Conn(server.address) as conn:
        def is_quiet():
            return conn.command("getStat")["data"]["server"]["tasking_num"] == 0

        asyncio.run(some(server, Book(), chance, AT_ONCE * 4))
        assert wait_until(is_quiet)
        before = processes.rss_bytes(server.pid) // 1024
        book = Book()
        asyncio.run(some(server, book, chance, STREAMS))
        assert wait_until(is_quiet)
        after = processes.rss_bytes(server.pid) // 1024
        print("whole %d, died %d, left %d, killed %d; master %d to %d KiB" % (
            book.whole, book.died, book.left, book.killed, before, after))
        assert book.whole + book.died + book.left == STREAMS
        assert book.killed == STREAMS // KILL_EVERY
        assert book.died <= book.killed
        assert after - before < GROWTH_KIB
        assert wait_until(lambda: len(server.workers()) == 4)
        assert conn.call("/sum", 4)["data"]["data"] == 6
