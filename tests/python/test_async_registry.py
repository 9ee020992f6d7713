"""dora.AsyncClient on a registry: a node file, and real Redis, while servers come and go."""

import asyncio
import contextlib
import json
import logging
import os
import statistics
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from support import ports
from support.stalls import Stalls

import dora
from dora_helpers import DEADLINE_S, wait_until

pytestmark = pytest.mark.filterwarnings("error")

HEARD_S = 0.5  # a join or leave is heard of within this, mostly: the reading comes each second
TURNS = 7
SLOW_S = 1.5  # a call that goes on while Redis hangs takes at most this, on a busy machine
CALLS = 10_000


def member(node, *groups):
    ip, _, port = node.rpartition(":")
    entry = {"node": {"ip": ip, "port": int(port)}, "group": list(groups or ["g"])}
    return json.dumps(entry, separators=(",", ":")), f"dora.node.{ip}.{port}"


def join(redis, node, *groups):
    """What a server writes that comes."""
    text, key = member(node, *groups)
    redis.command("SADD", "dora.serverlist", text)
    redis.command("SET", key, text, "EX", "20")
    redis.command("PUBLISH", "dora.nodes", "{}")


def leave(redis, node, *groups):
    """What a server writes that goes."""
    text, key = member(node, *groups)
    redis.command("SREM", "dora.serverlist", text)
    redis.command("DEL", key)
    redis.command("PUBLISH", "dora.nodes", "{}")


async def until(client, condition):
    """Calls /who until the answer is as wanted. Returns: how long that took."""
    begun = time.monotonic()
    while not condition(await client.call("/who")):
        assert time.monotonic() - begun < DEADLINE_S
        await asyncio.sleep(0)
    return time.monotonic() - begun


async def settled(client, names, count=30):
    """All of `count` calls are answered by one of `names`."""
    return {await client.call("/who") for _ in range(count)} <= set(names)


def test_joins_and_leaves_are_heard_at_once(named, redis, run):
    a, b = named("a"), named("b")
    join(redis, a.node)

    async def main():
        async with dora.AsyncClient(redis.url) as client:
            many = await asyncio.gather(*(client.call("/who") for _ in range(20)))
            assert set(many) == {"a"}  # they all waited for the first nodes
            joins, leaves = [], []  # a busy machine may be late now and then
            for _ in range(TURNS):
                await asyncio.to_thread(join, redis, b.node)
                joins.append(await until(client, lambda name: name == "b"))
                begun = time.monotonic()
                await asyncio.to_thread(leave, redis, b.node)
                while not await settled(client, "a"):
                    assert time.monotonic() - begun < DEADLINE_S
                leaves.append(time.monotonic() - begun)
            assert statistics.median(joins) < HEARD_S, joins
            assert statistics.median(leaves) < HEARD_S, leaves
            assert client.outstanding == 0

    run(main())


def test_each_group_has_its_nodes(named, redis, run):
    a, b = named("a"), named("b")
    join(redis, a.node, "one")
    join(redis, b.node, "two")

    async def main():
        async with dora.AsyncClient(redis.url) as client:
            assert await client.call("/who", group="two") == "b"
            assert await client.call("/who") == "a"  # the first one by name
            with pytest.raises(dora.ConnectionError, match="one, two") as info:
                await client.call("/who", group="three")
            assert info.value.code == 100010
        async with dora.AsyncClient(redis.url, group="two") as client:
            assert await client.call("/who") == "b"

    run(main())


def test_redis_dies_and_comes_back(named, redis, run, caplog):
    a, b = named("a"), named("b")
    join(redis, a.node)

    async def main():
        async with dora.AsyncClient(redis.url) as client:
            assert await client.call("/who") == "a"
            await asyncio.to_thread(redis.kill)
            for _ in range(50):
                assert await client.call("/who") == "a"
                await asyncio.sleep(0.01)  # the pace of calls
            await asyncio.to_thread(redis.start)
            await asyncio.to_thread(join, redis, b.node)
            await until(client, lambda name: name == "b")
            assert await settled(client, "b")

    run(main())
    records = [record for record in caplog.records if record.name == "dora"]
    assert {record.levelno for record in records} == {logging.WARNING}
    assert 1 <= len(records) <= 3 and redis.address in records[0].getMessage()


def test_redis_hangs(named, redis, run):
    a = named("a")
    join(redis, a.node)

    async def main():
        times = []
        async with dora.AsyncClient(redis.url, timeout=30) as client:
            assert await client.call("/who") == "a"
            redis.pause()
            end = time.monotonic() + 2.5  # it is given up in that time
            while time.monotonic() < end:
                begun = time.monotonic()
                assert await client.call("/who") == "a"
                times.append((begun, time.monotonic()))
            redis.resume()
            assert await settled(client, "a")
        return times

    with Stalls() as stalls:
        times = run(main())
    longest = max(ended - begun - stalls.within(begun, ended) for begun, ended in times)
    assert longest < SLOW_S, longest


def test_waiting_for_the_first_nodes(named, redis, run):
    a = named("a")
    join(redis, a.node)

    async def main():
        redis.pause()
        client = dora.AsyncClient(redis.url)
        with pytest.raises(dora.ConnectionError, match="no server is known") as info:
            await client.call("/who", timeout=0.05)  # its own time is over
        assert info.value.code == 100010
        calls = [asyncio.create_task(client.call("/who", timeout=30)) for _ in range(5)]
        await asyncio.sleep(0)
        assert client.outstanding == 5
        for call in calls[:3]:
            call.cancel()
        await asyncio.wait(calls[:3])
        assert client.outstanding == 2
        redis.resume()
        assert await asyncio.gather(*calls[3:]) == ["a", "a"]
        await client.close()
        redis.pause()
        client = dora.AsyncClient(redis.url)
        call = asyncio.create_task(client.call("/who", timeout=30))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(dora.ConnectionError, match="closed"):
            await call
        redis.resume()

    run(main())


def test_no_redis_can_be_reached(run):
    url = f"redis://:secret@127.0.0.1:{ports.take()},redis://127.0.0.1:{ports.take()}"

    async def main():
        async with dora.AsyncClient(url) as client:
            begun = time.monotonic()
            with pytest.raises(dora.ConnectionError, match="no server is known") as info:
                await client.call("/who", timeout=30)
            assert "secret" not in str(info.value)
            assert time.monotonic() - begun < 20

    run(main())


def write_nodes(path, *nodes):
    pairs = [node.rpartition(":") for node in nodes]
    group = {f"{ip}_{port}": {"ip": ip, "port": int(port)} for ip, _, port in pairs}
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({"g": group}))
    os.replace(beside, path)


def test_a_node_file(named, run, tmp_path):
    a, b = named("a"), named("b")
    path = tmp_path / "nodes.json"

    async def main():
        async with dora.AsyncClient(f"file:{path}") as client:
            with pytest.raises(dora.ConnectionError, match=r"nodes\.json"):
                await client.call("/who")
            write_nodes(path, a.node)
            begun = time.monotonic()
            while time.monotonic() - begun < DEADLINE_S:
                with contextlib.suppress(dora.ConnectionError):  # it has not looked yet
                    assert await client.call("/who") == "a"
                    break
                await asyncio.sleep(0.01)  # between two calls
            else:
                pytest.fail("the node of the file is not found")
            write_nodes(path, b.node)
            await until(client, lambda name: name == "b")
            path.write_text("{")
            await asyncio.sleep(0.25)  # longer than between two looks
            assert await settled(client, "b")  # the last good nodes

    run(main())


def test_ten_thousand_calls_while_servers_come_and_go(named, redis, run):
    """Servers that register themselves, stop, and come again; one of them stays."""
    flags = ("--redis", redis.address, "--group", "g")
    named("stays", *flags)
    wait_until(lambda: redis.command("SCARD", "dora.serverlist") == 1, "the first registration")
    seen = {}
    rounds = []
    over = threading.Event()

    def come_and_go():
        for i in range(100):
            name = "ab"[i % 2]
            server = named(name, *flags)
            over.wait(0.2)
            server.stop()
            rounds.append(name)
            if over.is_set():
                return

    async def caller(client, count):
        for _ in range(count):
            name = await client.call("/who")
            seen[name] = seen.get(name, 0) + 1
            await asyncio.sleep(0.005)  # the pace of calls

    async def main():
        async with dora.AsyncClient(redis.url) as client:
            await asyncio.gather(*(caller(client, CALLS // 20) for _ in range(20)))
            assert client.outstanding == 0

    mover = threading.Thread(target=come_and_go)
    mover.start()
    try:
        run(main())
    finally:
        over.set()
        mover.join()
    assert sum(seen.values()) == CALLS and len(rounds) > 1
    assert seen["stays"] > 0 and seen.get("a", 0) + seen.get("b", 0) > 0


def test_nothing_is_complained_of(named, redis):
    a = named("a")
    join(redis, a.node)
    code = """
        import asyncio, sys
        import dora

        async def main():
            async with dora.AsyncClient(sys.argv[1]) as client:
                print(await client.call("/who"))
            client = dora.AsyncClient(sys.argv[1])
            task = asyncio.create_task(client.call("/who"))
            await asyncio.sleep(0)
            await client.close()
            await asyncio.wait([task])
            print(type(task.exception()).__name__)

        asyncio.run(main())
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", textwrap.dedent(code), redis.url],
        capture_output=True, text=True, timeout=DEADLINE_S, check=True)
    assert done.stdout.split() == ["a", "ConnectionError"] and done.stderr == ""
