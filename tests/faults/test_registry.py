"""Calls all the time while the Redis that name the nodes die, hang, and lie, and nodes come and go:
no call fails as long as one node lives. `-s` shows the figures."""

import contextlib
import json
import os
import random
import statistics
import subprocess
import threading
import time

import pytest

from support.callers import (
    AsyncCaller, BlockingCaller, Node, PhpCaller, php_command, warnings_of_python)
from support.monitor import Monitor
from support.redis import RedisServer
from support.server import wait_until
from support.stalls import Stalls

SECONDS = float(os.environ.get("DORA_FAULT_S", "12"))
ROUNDS = max(5, int(SECONDS / 4))
TOLD_S = 0.5  # a join or leave reaches those who subscribe, mostly: the reading comes each second
LOOKED_S = 3.0  # and the others
IN_THE_END_S = 60.0  # each of them, on a machine that stands still meanwhile
GIVEN_UP_S = 2.5  # a Redis that hangs
LONGEST_S = 2.0  # of a call of a few milliseconds, whatever happens to Redis
SET = "dora.serverlist"


def member(address, *groups):
    ip, port = address.rsplit(":", 1)
    return json.dumps({"node": {"ip": ip, "port": int(port)}, "group": list(groups or ["g"])},
                      separators=(",", ":"))


def keys(address):
    name = address.replace(":", ".")
    return "dora.servertime.%s.time" % name, "dora.node." + name


class FileWatch(threading.Thread):
    """When each node came into the monitor's JSON file, and left it."""

    sees_at_once = True
    kind = "monitor's file"

    def __init__(self, path):
        super().__init__(daemon=True)
        self.path = path
        self.first, self.gone = {}, {}
        self.now = set()
        self.identity = None
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.002):
            self._look()

    def _look(self):
        try:
            status = os.stat(self.path)
            identity = status.st_ino, status.st_mtime_ns
            if identity == self.identity:
                return
            with open(self.path) as file:
                groups = json.load(file)
        except FileNotFoundError:
            return
        self.identity, at = identity, time.monotonic()
        found = {"%s:%d" % (node["ip"], node["port"]) for node in groups.get("g", {}).values()}
        for address in found - self.now:
            self.first[address] = at
        for address in self.now - found:
            self.gone[address] = at
        self.now = found


class Site:
    """Three Redis (the last one wants a password), nodes "a" and "b", a monitor, a caller of each
    kind; and what the test adds."""

    def __init__(self, folder, stack, warnings):
        self.folder, self.stack, self.warnings = folder, stack, warnings
        self.redis = [stack.enter_context(RedisServer(password=password))
                      for password in (None, None, "right")]
        self.urls = [one.url for one in self.redis]
        self.stalls = stack.enter_context(Stalls())
        self.nodes = {}
        for name in "ab":
            self.add(name)
        self.files = [folder / "nodes.json", folder / "nodes.php"]
        self.monitor = stack.enter_context(Monitor(self.urls, self.files))
        self.watch = FileWatch(self.files[0])
        self.watch.start()
        stack.callback(self.watch.ended.set)
        file = "file:%s" % self.files[0]
        assert wait_until(lambda: len(self.watch.now) == 2)
        self.callers = [stack.enter_context(one) for one in (
            BlockingCaller("Client redis", self.urls), BlockingCaller("Client file", file),
            AsyncCaller("AsyncClient redis", self.urls), PhpCaller("PHP file", file))]

    def add(self, name, redis=None):
        """Starts a node that registers itself (`redis`: where; it is not among `nodes` then)."""
        node = self.stack.enter_context(
            Node(self.folder, name, self.urls if redis is None else redis))
        if redis is None:
            self.nodes[name] = node
        return node

    def remove(self, name):
        """A clean stop."""
        assert self.nodes.pop(name).stop() == 0

    def await_seen(self, name, since):
        assert wait_until(lambda: all(one.has_seen(name, since) for one in self.callers),
                          IN_THE_END_S), (
            name, [(one.kind, time.monotonic() - one.last.get(name, 0)) for one in self.callers],
            self.monitor.log()[-2000:])

    def await_left(self, name):
        assert wait_until(lambda: all(one.has_left(name) for one in self.callers),
                          IN_THE_END_S), name

    def await_file(self):
        wanted = {node.address for node in self.nodes.values()}
        # What hung still names who left, for 20 s.
        assert wait_until(lambda: self.watch.now == wanted, IN_THE_END_S), (
            self.watch.now, wanted)

    def failures(self):
        return [(one.kind, len(one.failures), [str(call) for call in one.failures[:5]])
                for one in self.callers if one.failures]


@pytest.fixture
def site(tmp_path):
    with warnings_of_python() as texts, contextlib.ExitStack() as stack:
        yield Site(tmp_path, stack, texts)


# ---- times ----

class Mover:
    """Registers and withdraws a node that serves all the while, in all Redis at the same time."""

    def __init__(self, redis, address):
        self.conns = [one.connect() for one in redis]
        self.address = address

    def _all(self, *commands):
        for conn in self.conns:
            for words in commands:
                conn.send(*words)
        for conn in self.conns:
            for _ in commands:
                conn.receive()

    def join(self):
        text, (time_key, node_key) = member(self.address), keys(self.address)
        self._all(("SADD", SET, text), ("SET", time_key, int(time.time())),
                  ("SET", node_key, text, "EX", 20), ("PUBLISH", "dora.nodes", "{}"))

    def leave(self):
        self._all(("SREM", SET, member(self.address)), ("DEL", *keys(self.address)),
                  ("PUBLISH", "dora.nodes", "{}"))

    def close(self):
        for conn in self.conns:
            conn.close()


def test_times_of_joins_and_leaves(site):
    """A node that serves on when it left shows who still asks it: a refusal would tell them."""
    moved = site.add("m", redis=[])
    mover = Mover(site.redis, moved.address)
    watch = site.watch
    joins = {one.kind: [] for one in site.callers + [watch]}
    leaves = {one.kind: [] for one in site.callers + [watch]}
    for _ in range(ROUNDS):
        for one in site.callers:
            one.first.pop("m", None)
        time.sleep(random.random())  # at another moment of what is read every second
        began = time.monotonic()
        mover.join()
        site.await_seen("m", began)
        assert wait_until(lambda: moved.address in watch.now, IN_THE_END_S)
        for one in site.callers:
            joins[one.kind].append(one.first["m"] - began)
        joins[watch.kind].append(watch.first[moved.address] - began)
        began = time.monotonic()
        mover.leave()
        site.await_left("m")
        assert wait_until(lambda: moved.address not in watch.now, IN_THE_END_S)
        for one in site.callers:
            leaves[one.kind].append(max(0.0, one.last["m"] - began))
        leaves[watch.kind].append(watch.gone[moved.address] - began)
    mover.close()
    print()
    for one in site.callers + [watch]:
        took, left = joins[one.kind], leaves[one.kind]
        print("%-18s join seen after %6.1f ms (at most %6.1f), leave after %6.1f ms (at most "
              "%6.1f), %d rounds" % (one.kind, statistics.median(took) * 1e3, max(took) * 1e3,
                                     statistics.median(left) * 1e3, max(left) * 1e3, ROUNDS))
        # A node whose last call was slow is asked somewhat later, though it is known; and a machine
        # that stands still in one round does not in most.
        most = TOLD_S if one.sees_at_once else LOOKED_S
        assert statistics.median(took) < most and statistics.median(left) < most, (
            one.kind, took, left)
    assert site.failures() == []


# ---- faults ----

def come_and_go(site, name):
    """A node joins, is seen by all, and leaves cleanly; how long until all had seen it."""
    began = time.monotonic()
    site.add(name)
    ready = time.monotonic()
    site.await_seen(name, began)
    site.await_file()
    took = time.monotonic() - ready
    site.remove(name)
    site.await_left(name)
    return took


def one_is_killed(site):
    site.redis[0].kill()
    yield
    site.redis[0].start()


def one_hangs(site):
    """So long that it is given up: its silence is noticed after 2 s."""
    site.redis[1].pause()
    wait_until(lambda: False, GIVEN_UP_S)
    yield
    site.redis[1].resume()


def a_wrong_password(site):
    """Another one than all were given."""
    site.redis[2].kill()
    site.redis[2].password = "changed"
    site.redis[2].start()
    yield
    site.redis[2].kill()
    site.redis[2].password = "right"
    site.redis[2].start()


def garbage():
    """Members of many kinds, none of which names a node."""
    node = '{"node":{"ip":%s,"port":%s},"group":%s}'
    texts = ["", "nonsense", "null", "[]", "{}", '{"node":5}', "[" * 5000, "\0" * 50,
             '{"node":{"ip":"127.0.0.1"},"group":["g"]}', '{"node":{"ip":"127.0.0.1","port":1}}']
    for port in ("0", "-1", "65536", "99999999999999999999", "1.5", '"x"', "null", "[1]"):
        texts.append(node % ('"127.0.0.1"', port, '["g"]'))
    for ip in ("5", "null", '"x y"', '"\';system(0);//"', '"%s"' % ("1" * 5000), '""', '{}'):
        texts.append(node % (ip, 1, '["g"]'))
    for groups in ("5", '"g"', "[5]", "[[]]", '{"g":"g"}', '["%s"]' % ("g" * 5000), '[""]'):
        texts.append(node % ('"127.0.0.1"', 1, groups))
    texts.append(json.dumps({"node": {"ip": "h", "port": 1}, "group": ["g"] * 3000}))
    texts += [os.urandom(random.randrange(1, 200)) for _ in range(2000)]
    texts += ["nonsense %d" % number for number in range(5000)]
    texts.append("x" * (1 << 20))
    return texts


INJECTION = "'); echo `id`; //?><?php \\"


def full_of_garbage(site):
    """In all three: what is right stands among it. One more is of another type altogether."""
    for one in site.redis:
        with one.connect() as conn:
            texts = garbage()
            for at in range(0, len(texts), 500):
                conn.command("SADD", SET, *texts[at:at + 500])
            conn.command("SADD", SET, member(site.nodes["a"].address, INJECTION))
            conn.command("SET", "dora.servertime.x.1.time", "garbage")
            conn.command("LPUSH", "dora.node.127.0.0.1.1", "a list")
    yield

    def are_alike():
        """Unless the monitor has written one of them, and is about to write the other."""
        says = subprocess.run(
            php_command('echo json_encode(include $argv[1]);') + [str(site.files[1])], check=True,
            capture_output=True, text=True).stdout
        with open(site.files[0]) as file:
            return json.loads(says) == json.load(file)

    assert wait_until(are_alike), [path.read_text() for path in site.files]
    assert wait_until(lambda: "left out" in site.monitor.log())
    for one in site.redis:
        one.command("DEL", SET)  # the nodes write themselves in again


def a_node_of_the_originals(site):
    """No key with a life, and a time value that is written every second."""
    node = site.add("o", redis=[])
    time_key = keys(node.address)[0]
    ended = threading.Event()

    def keep_fresh(first):
        while first or not ended.wait(1.0):
            first = False
            for one in site.redis:
                one.command("SET", time_key, one.command("TIME")[0])

    keep_fresh_once = threading.Thread(target=keep_fresh, args=(True,))
    keep_fresh_once.start()
    began = time.monotonic()
    for one in site.redis:
        one.command("SADD", SET, member(node.address))
    site.nodes["o"] = node
    site.await_seen("o", began)
    yield
    ended.set()
    keep_fresh_once.join()
    for one in site.redis:
        one.command("SREM", SET, member(node.address))
    site.await_left("o")
    site.remove("o")


def all_die(site):
    """And come back empty, one after the other."""
    for one in site.redis:
        one.kill()
    before = len(site.callers[0].calls)
    assert wait_until(lambda: len(site.callers[0].calls) > before + 200)
    for one in site.redis:
        one.start()
        wait_until(lambda: len(site.callers[0].calls) < before, 0.3)
    yield


FAULTS = [one_is_killed, one_hangs, a_wrong_password, full_of_garbage, a_node_of_the_originals,
          all_die]


def test_no_call_fails_while_redis_fail(site):
    print()
    for number, fault in enumerate(FAULTS):
        began, calls = time.monotonic(), sum(len(one.calls) for one in site.callers)
        warnings = len(site.warnings)
        steps = fault(site)
        next(steps)
        took = come_and_go(site, "n%d" % number)
        next(steps, None)
        wait_until(lambda: time.monotonic() > began + SECONDS / len(FAULTS), SECONDS)
        site.await_file()
        print("%-24s %5d calls in %4.1f s, a join seen by all after %6.1f ms, longest call "
              "%5.1f ms, %3d warnings" % (fault.__name__,
                            sum(len(one.calls) for one in site.callers) - calls,
                            time.monotonic() - began, took * 1e3,
                            max(one.longest_s(began) for one in site.callers) * 1e3,
                            len(site.warnings) - warnings))
        assert site.failures() == [], fault.__name__
    assert wait_until(lambda: all(one.has_seen(name, began) for one in site.callers
                                  for name in "ab"))
    for one in site.callers:
        one.end()
        longest = one.longest_s(stalls=site.stalls)
        assert longest < LONGEST_S, (one.kind, longest)
    assert site.failures() == []
    assert site.monitor.stop() == 0
    for name in list(site.nodes):
        site.remove(name)
