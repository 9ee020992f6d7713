"""Nodes that are killed under load: what ran there, who asks them afterwards, how long they stay in
the list; and Redis that come and go, or are slow, beside calls. `-s` shows the figures."""

import contextlib
import json
import os
import random
import signal
import socket
import threading
import time

import pytest

from support import processes, v1
from support.callers import (
    AsyncCaller, BlockingCaller, Node, PhpCaller, warnings_of_python)
from support.monitor import Monitor
from support.redis import RedisServer
from support.server import wait_until
from support.slow_redis import SlowRedis

import dora

SECONDS = float(os.environ.get("DORA_FAULT_S", "12"))
WORK_S = 0.005  # of a handler, so that a kill finds calls at work
AFTER_S = 1.0  # a call that begins so long after a kill, and behind so many others
AFTER_CALLS = 50  # of each of the client's tasks, has nothing of it
SOON_S = 10.0  # and is not left waiting until its time is up, 15 s
FILE_S = 60.0  # a killed node leaves the list: its key lives for 20 s
BACK_S = 60.0  # a node is tried again by itself: pauses grow to 10 s
RETRIES = 3  # of two that die: the connection, another to the same, one to the other
BROKEN = 100009
MEMORY_SLACK_BYTES = 1 << 20
LONGER = 10  # times as long, where a slow machine does not lose enough connections
EACH_HAS = 1 + 2 + 1 + 2  # connections: of server, monitor, Client and AsyncClient
LATE_S = 1.0  # answers of a slow Redis
LOOK_S = 0.2  # a blocking client waits so long for its registry, at most
FIRST_S = 10.0  # and 2 s the first time, not for as long as a call may take, 30 s
SLACK_S = 0.7  # together less than LATE_S
QUICK_S = 90.0  # in so long there is a time in which the machine itself delays nobody


@pytest.fixture
def stack():
    with warnings_of_python(), contextlib.ExitStack() as found:
        yield found


def in_file(path):
    with open(path) as file:
        return {"%s:%d" % (node["ip"], node["port"])
                for node in json.load(file).get("g", {}).values()}


# ---- a kill ----

class Original:
    """Writes a node as the original's servers do: a member, and a time value every second."""

    def __init__(self, redis, address):
        ip, port = address.rsplit(":", 1)
        self.redis, self.time_key = redis, "dora.servertime.%s.%s.time" % (ip, port)
        self._write()
        redis.command("SADD", "dora.serverlist", '{"node":{"ip":"%s","port":%s},"group":["g"]}'
                      % (ip, port))
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _write(self):
        self.redis.command("SET", self.time_key, self.redis.command("TIME")[0])

    def _run(self):
        while not self.ended.wait(1.0):
            self._write()

    def end(self):
        self.ended.set()
        self.thread.join()


def callers_of(stack, urls, file, retry):
    """One of each kind. How many calls they make at a time stands in `tasks`."""
    kinds = [BlockingCaller("Client redis", urls, retry=retry),
             BlockingCaller("Client file", file, retry=retry),
             AsyncCaller("AsyncClient redis", urls, tasks=8, retry=retry),
             PhpCaller("PHP file", file, retry=retry)]
    return [stack.enter_context(one) for one in kinds]


def check_failures(one, killed_at, at_work):
    """Without `retry` what was at work fails, and what was sent on a connection that had ended a
    moment ago: that cannot be told from the former. Each connection does that once."""
    before = [call for call in one.failures if call.began < killed_at]
    connections_left = 2 * one.tasks
    if one.options["retry"] > 0:
        at_work = connections_left = 0
    assert {call.error.code for call in one.failures} <= {BROKEN}, one.kind
    assert len(before) <= at_work and len(one.failures) <= connections_left, (
        one.kind, before, one.failures)


def check_after_kill(one, killed_at):
    since = [call for call in one.calls if call.began > killed_at]
    later = [call for call in since[AFTER_CALLS * one.tasks:] if call.began > killed_at + AFTER_S]
    assert later, one.kind
    failed = [call for call in later if call.error is not None]
    assert not failed, (one.kind, killed_at, failed)
    longest = max(later, key=lambda call: call.ended - call.began)
    assert longest.ended - longest.began < SOON_S, (one.kind, killed_at, longest)


def check_books(one, books, killed):
    """Each call ran as often as its client was told. Returns: how many ran more than once."""
    more = 0
    for call in one.calls:
        ran = {name: book[call.ident] for name, book in books.items() if call.ident in book}
        times = sum(ran.values())
        if call.error is not None:
            assert times <= 1 and set(ran) <= killed, (call, ran)
        elif one.options["retry"] == 0:
            assert ran == {call.answer: 1}, (call, ran)
        else:
            assert call.answer in ran and set(ran.values()) == {1}, (call, ran)
            assert set(ran) - {call.answer} <= killed, (call, ran)
        more += times > 1
    return more


def ran_of(calls, books):
    return sum(any(call.ident in book for book in books.values()) for call in calls)


def check_no_knock(address, seconds=1.5):
    """Nobody connects to where the node was."""
    host, port = address.rsplit(":", 1)
    with socket.create_server((host, int(port))) as door:
        door.settimeout(seconds)
        with pytest.raises(TimeoutError):
            door.accept()


def test_nodes_are_killed_under_load(stack, tmp_path):
    """One of Dora's, and one that is listed as the original's; two others live."""
    redis = stack.enter_context(RedisServer())
    urls, path = [redis.url], tmp_path / "nodes.json"
    nodes = {name: stack.enter_context(Node(tmp_path, name, urls if name != "o" else [],
                                            work_s=WORK_S, workers=4)) for name in "abvo"}
    original = Original(redis, nodes["o"].address)
    stack.callback(original.end)
    monitor = stack.enter_context(Monitor(urls, [path]))
    assert wait_until(lambda: path.exists() and len(in_file(path)) == 4)
    once = callers_of(stack, urls, "file:%s" % path, 0)
    again = callers_of(stack, urls, "file:%s" % path, RETRIES)
    begun = time.monotonic()
    assert wait_until(lambda: all(one.has_seen(name, begun) for one in once + again
                                  for name in nodes))
    wait_until(lambda: False, SECONDS / 10)

    original.end()
    addresses = {nodes[name].address for name in "vo"}
    killed_at = time.monotonic()
    for name in "vo":
        os.kill(nodes[name].pid, signal.SIGKILL)
    assert wait_until(lambda: not addresses & in_file(path), FILE_S, 0.1)
    took = time.monotonic() - killed_at
    looked = time.monotonic() + AFTER_S + LOOK_S  # blocking clients look once a second, at a call
    assert wait_until(lambda: all(max(one.last.values()) > looked for one in once + again))
    for address in addresses:
        check_no_knock(address)

    for one in once + again:
        one.first.pop("v", None)
    port = nodes["v"].port
    began = time.monotonic()
    stack.enter_context(Node(tmp_path, "v", urls, port=port, work_s=WORK_S, workers=4))
    ready = time.monotonic()
    assert wait_until(lambda: all(one.has_seen("v", began) for one in once + again), BACK_S)
    back = max(one.first["v"] for one in once + again) - ready
    for one in once + again:
        one.end()

    books = {name: node.ran() for name, node in nodes.items()}
    print("\ntwo nodes killed: out of the file after %.1f s; started again, asked by all after "
          "%.2f s" % (took, back))
    for one in once + again:
        at_work = [call for call in one.calls if call.began < killed_at < call.ended]
        more = check_books(one, books, set("vo"))
        print("%-18s retry %d: %6d calls, %2d at work at the kill, %d failed (%d of them ran), "
              "%d ran more than once" %
              (one.kind, one.options["retry"], len(one.calls), len(at_work), len(one.failures),
               ran_of(one.failures, books), more))
        check_failures(one, killed_at, len(at_work))
        check_after_kill(one, killed_at)
    known = {call.ident for one in once + again for call in one.calls}
    assert all(set(book) <= known for book in books.values()), [
        set(book) - known for book in books.values()]
    assert sum(len(one.failures) for one in once) > 0
    assert monitor.stop() == 0


# ---- Redis comes and goes ----

def disturb(redis, seconds):
    """Loses all connections again and again, and each Redis once or more."""
    end, restart = time.monotonic() + seconds, 0
    next_restart = time.monotonic() + seconds / 6
    while time.monotonic() < end:
        for one in redis:
            for kind in ("normal", "pubsub"):
                one.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
        wait_until(lambda: False, random.uniform(0.05, 0.3))
        if time.monotonic() > next_restart:
            redis[restart % len(redis)].kill()
            redis[restart % len(redis)].start()
            restart, next_restart = restart + 1, next_restart + seconds / 6


def reconnects(node):
    """Connections to Redis lost so far, as the server counts them."""
    with v1.Conn(node.address) as conn:
        found = conn.command("getStat")["data"]["server"]["discovery"]["redis"]
    return sum(one["failures"] for one in found), all(one["state"] == "joined" for one in found)


def warm_up(node, rounds=30):
    """What a server remembers of calls grows in steps: the large one is behind it then."""
    with v1.Conn(node.address, timeout=60) as conn:
        for _ in range(rounds):
            conn.send(b"".join(v1.request(v1.guid(), "/who", "warm") for _ in range(100)))
            assert {v1.code(conn.receive()[1]) for _ in range(100)} == {0}


def size_of(pid, kept=0):
    return processes.anonymous_bytes(pid) - kept, processes.fd_count(pid)


def connections(redis):
    return redis.command("CLIENT", "LIST").count("\n") - 1  # but this one


def test_nothing_grows_while_redis_come_and_go(stack, tmp_path):
    """Master, monitor, and a process with clients."""
    redis = [stack.enter_context(RedisServer()) for _ in range(3)]
    urls, path = [one.url for one in redis], tmp_path / "nodes.json"
    node = stack.enter_context(Node(tmp_path, "a", urls))
    monitor = stack.enter_context(Monitor(urls, [path]))
    callers = [stack.enter_context(one) for one in (
        BlockingCaller("Client redis", urls), AsyncCaller("AsyncClient redis", urls))]
    pids = {"master": node.pid, "monitor": monitor.process.pid, "clients": os.getpid()}

    def settled():
        """Their sizes, once all are connected again."""
        assert wait_until(lambda: reconnects(node)[1], BACK_S)
        assert wait_until(lambda: all(connections(one) == EACH_HAS for one in redis), BACK_S)
        kept = {"master": node.kept_bytes()}
        return {who: size_of(pid, kept.get(who, 0)) for who, pid in pids.items()}

    settled()
    warm_up(node)
    disturb(redis, max(2.0, SECONDS / 8))
    before, at_first, lost = settled(), reconnects(node)[0], 0
    for _ in range(LONGER):
        disturb(redis, max(4.0, SECONDS / 2))
        after, lost = settled(), reconnects(node)[0] - at_first
        if lost > SECONDS:
            break
    print()
    for who in pids:
        print("%-8s %6.2f MiB and %2d descriptors before, %6.2f MiB and %2d after %d lost "
              "connections of the server" % (who, before[who][0] / 2**20, before[who][1],
                                             after[who][0] / 2**20, after[who][1], lost))
    for one in callers:
        one.end()
        assert one.failures == [], one.kind
        assert one.has_seen("a", 1), one.kind
    assert lost > SECONDS
    for who in ("master", "monitor"):
        assert after[who][0] <= before[who][0] + MEMORY_SLACK_BYTES, (who, before, after)
    for who in pids:
        # A worker may be in the midst of being replaced; a leak would be one for each connection.
        assert abs(after[who][1] - before[who][1]) <= 4, (who, before, after)
    assert node.stop() == 0


# ---- a slow one ----

def test_a_slow_redis_delays_nobody(stack, tmp_path):
    fast = stack.enter_context(RedisServer())
    slow = stack.enter_context(SlowRedis(fast, LATE_S))
    node = stack.enter_context(Node(tmp_path, "a", [slow.url]))

    def beats():
        with v1.Conn(node.address) as conn:
            found = conn.command("getStat")["data"]["server"]["discovery"]["redis"][0]
        return found["beats"] if found["state"] == "joined" else 0

    direct = stack.enter_context(BlockingCaller("by address", node.address, group=None))
    assert wait_until(lambda: beats() >= 2, 60), node.log()
    both = [fast.url, slow.url]
    callers = [direct] + [stack.enter_context(one) for one in (
        BlockingCaller("Client redis", both), AsyncCaller("AsyncClient redis", both))]
    began = time.monotonic()
    with dora.Client(slow.url, timeout=30) as client:
        with pytest.raises(dora.ConnectionError, match="no server is known"):
            client.call("/who", "first")
        first = time.monotonic() - began

        def answer():
            try:
                return client.call("/who", "more")
            except dora.ConnectionError:
                return None
        assert wait_until(answer)
        known = time.monotonic() - began

    def are_quick():
        since = time.monotonic()
        wait_until(lambda: False, SECONDS / 4)  # several looks, each of which could be slow
        return direct.longest_s(since) < SLACK_S and all(
            one.longest_s(since) < LOOK_S + SLACK_S for one in callers)

    quick = wait_until(are_quick, QUICK_S)
    print("\na Redis that answers after %.0f s: alone, the first call says so after %.2f s, and "
          "the nodes are known after %.2f s" % (LATE_S, first, known))
    for one in callers:
        one.end()
        print("%-18s %6d calls, the longest took %.1f ms, %d over 100 ms" %
              (one.kind, len(one.calls), one.longest_s() * 1e3,
               sum(call.ended - call.began > 0.1 for call in one.calls)))
        assert one.failures == []
    assert first < FIRST_S
    assert quick, [(one.kind, one.longest_s()) for one in callers]
    assert node.stop() == 0
