"""dora.Client on a registry: a node file, and real Redis, while servers come and go."""

import json
import logging
import os
import sys
import threading
import time

import pytest
from support import ports
from support.redis import RedisServer
from support.server import wait_until
from support.stalls import Stalls

import dora

SOON_S = 2.0  # a look at the registry comes within this
CALL_S = 30.0  # of a call, on a machine that stands still meanwhile
LOOK_S = 0.2  # a look at a Redis that does not answer takes at most this
SLACK_S = 1.5  # of a busy machine; what waits for a Redis waits for seconds


def register(redis, node, *groups):
    """What a server writes."""
    ip, _, port = node.rpartition(":")
    entry = {"node": {"ip": ip, "port": int(port)}, "group": list(groups)}
    redis.command("SADD", "dora.serverlist", json.dumps(entry, separators=(",", ":")))
    redis.command("SET", f"dora.node.{ip}.{port}", "1", "EX", "20")


def write_nodes(path, group, *nodes):
    members = {}
    for node in nodes:
        ip, _, port = node.rpartition(":")
        members[f"{ip}_{port}"] = {"ip": ip, "port": int(port), "updatetime": "1"}
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps({group: members}))
    os.replace(beside, path)


class Caller:
    """A thread that calls all the time: who answered last, what failed, the long calls."""

    def __init__(self, client, **options):
        self.client, self.options = client, options
        self.answers, self.failures, self.long = {}, [], []
        self.is_over = False
        self.thread = threading.Thread(target=self._run)

    def _run(self):
        while not self.is_over:
            begun = time.monotonic()
            try:
                self.answers[self.client.call("/who", **self.options)] = begun
            except dora.Error as error:
                self.failures.append(error)
            if time.monotonic() - begun > LOOK_S:
                self.long.append((begun, time.monotonic()))

    def longest_s(self, stalls):
        """Of all calls, without the time in which the machine stood still; 0: all were quick."""
        return max((ended - begun - stalls.within(begun, ended)
                    for begun, ended in self.long), default=0.0)

    def last(self, name):
        """When the last call that `name` answered began; 0: none did."""
        return self.answers.get(name, 0.0)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over = True
        self.thread.join()


def test_a_file_is_replaced_while_calls_run(named, tmp_path):
    a, b = named("a"), named("b")
    path = tmp_path / "nodes.json"
    write_nodes(path, "g", a.node)
    with dora.Client(f"file:{path}") as client, Caller(client, timeout=CALL_S) as caller:
        assert wait_until(lambda: caller.last("a"))
        write_nodes(path, "g", b.node)
        assert wait_until(lambda: caller.last("b"))
        left = time.monotonic()
        write_nodes(path, "g", a.node, b.node)
        assert wait_until(lambda: caller.last("a") > left)
    assert caller.failures == []


def test_joins_and_leaves_are_seen(named, redis):
    a = named("a", "--redis", redis.address, "--group", "g")
    assert wait_until(lambda: redis.command("KEYS", "dora.node.*"))
    with dora.Client(redis.url) as client, Caller(client, timeout=CALL_S) as caller:
        assert wait_until(lambda: caller.last("a"))
        b = named("b", "--redis", redis.address, "--group", "g")
        assert wait_until(lambda: caller.last("b"))
        a.stop()
        left = time.monotonic()
        assert wait_until(lambda: caller.last("b") > left + SOON_S)
        assert caller.last("a") <= left
    assert caller.failures == []
    b.stop()


def test_a_redis_that_hangs_delays_little(named, redis):
    a = named("a")
    register(redis, a.node, "g")
    with Stalls() as stalls, dora.Client([redis.url]) as client, \
            Caller(client, timeout=CALL_S) as caller:
        assert wait_until(lambda: caller.last("a"))
        redis.pause()
        hung = time.monotonic()
        assert wait_until(lambda: caller.last("a") > hung + 4.0)
        redis.resume()
        b = named("b")
        register(redis, b.node, "g")
        assert wait_until(lambda: caller.last("b"))
    assert caller.failures == []
    assert caller.longest_s(stalls) < LOOK_S + SLACK_S, caller.long


def test_the_union_of_several_redis_one_of_them_down(named, redis, caplog):
    a, b = named("a"), named("b")
    with RedisServer() as other:
        register(redis, a.node, "g")
        register(other, b.node, "g")
        nodes = [redis.url, other.url, f"redis://127.0.0.1:{ports.take()}"]
        with dora.Client(nodes) as client, Caller(client, timeout=CALL_S) as caller:
            assert wait_until(lambda: caller.last("a") and caller.last("b"))
            other.kill()
            ended = time.monotonic()
            assert wait_until(lambda: caller.last("a") > ended + SOON_S)
    assert caller.failures == []
    assert all(record.name == "dora" for record in caplog.records)
    assert any(nodes[2] in record.getMessage() for record in caplog.records)


def test_all_redis_end_and_the_nodes_stay(named, redis, caplog):
    a = named("a")
    register(redis, a.node, "g")
    with dora.Client(redis.url) as client, Caller(client, timeout=CALL_S) as caller:
        assert wait_until(lambda: caller.last("a"))
        redis.kill()
        ended = time.monotonic()
        assert wait_until(lambda: caller.last("a") > ended + SOON_S)
        redis.start()
        begun = time.monotonic()
        assert wait_until(lambda: caller.last("a") > begun + SOON_S)
    assert caller.failures == []
    assert any("stay" in record.getMessage() for record in caplog.records)


def test_garbage_is_named_once(named, redis, caplog):
    a = named("a")
    register(redis, a.node, "g")
    redis.command("SADD", "dora.serverlist", "nonsense", '{"node":5}', b"\xff\xfe")
    with dora.Client(redis.url) as client, Caller(client, timeout=CALL_S) as caller:
        assert wait_until(lambda: caller.last("a"))
        begun = time.monotonic()
        assert wait_until(lambda: caller.last("a") > begun + SOON_S)
    assert caller.failures == []
    texts = [record.getMessage() for record in caplog.records]
    texts = [text for text in texts if "no answer within" not in text]  # the machine stood still
    assert len([text for text in texts if "nonsense" in text]) == 1, texts
    assert len(texts) == len(set(texts)) == 3, texts


def test_each_group_has_its_nodes(named, redis):
    a, b = named("a"), named("b")
    register(redis, a.node, "users", "all")
    register(redis, b.node, "orders", "all")
    with dora.Client(redis.url) as client:
        assert client.call("/who", group="users") == "a"
        assert client.call("/who", group="orders") == "b"
        assert client.call("/who") in "ab"  # "all" is the first by name
        with pytest.raises(dora.ConnectionError, match="all, orders, users") as caught:
            client.call("/who", group="none")
        assert caught.value.code == 100010
    with dora.Client(redis.url, group="orders") as client:
        assert client.call("/who") == "b"
        assert client.call_many({"k": ("/who",)}) == {"k": "b"}
        client.send("/who")
        client.submit("/who")
        assert list(client.collect().values()) == ["b"]


def test_nothing_there(tmp_path):
    port = ports.take()
    begun = time.monotonic()
    with dora.Client(f"redis://:secret@127.0.0.1:{port}", timeout=CALL_S) as client:
        with pytest.raises(dora.ConnectionError, match=f"redis://127.0.0.1:{port}") as caught:
            client.call("/who")
    assert caught.value.code == 100010
    assert "secret" not in str(caught.value)
    assert time.monotonic() - begun < 15
    with dora.Client(f"file:{tmp_path}/none.json") as client:
        with pytest.raises(dora.ConnectionError, match="none.json"):
            client.call("/who")


def test_a_wrong_password_is_told(caplog):
    with RedisServer(password="right") as redis:
        with dora.Client(f"redis://:wrong@{redis.address}") as client:
            with pytest.raises(dora.ConnectionError, match="no server is known"):
                client.call("/who")
        assert any(redis.address in record.getMessage() for record in caplog.records)
        assert "wrong@" not in caplog.text
        with dora.Client(redis.url) as client:
            with pytest.raises(dora.ConnectionError, match="no server is registered"):
                client.call("/who")


def test_what_a_log_handler_raises_harms_no_call(named, redis, monkeypatch):
    class Broken(logging.Handler):
        def handle(self, record):
            raise RuntimeError("a broken handler")

    a = named("a")
    register(redis, a.node, "g")
    redis.command("SADD", "dora.serverlist", "nonsense")
    raised = []
    monkeypatch.setattr(sys, "unraisablehook", lambda what: raised.append(what.exc_value))
    monkeypatch.setattr(logging.getLogger("dora"), "handlers", [Broken()])
    with dora.Client(redis.url) as client:
        assert client.call("/who") == "a"
    assert [str(error) for error in raised] == ["a broken handler"]


def connections(redis):
    return redis.command("CLIENT", "LIST").count("\n") - 1  # but this one


def test_a_child_has_its_own_connection(named, redis):
    a = named("a")
    register(redis, a.node, "g")
    with dora.Client(redis.url) as client:
        assert client.call("/who") == "a"
        assert connections(redis) == 1
        child = os.fork()
        if child == 0:
            try:
                os._exit(0 if client.call("/who") == "a" and connections(redis) == 2 else 1)
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        b = named("b")
        register(redis, b.node, "g")
        assert wait_until(lambda: client.call("/who") == "b")
        assert connections(redis) == 1


def test_many_threads_share_one_look(named, redis):
    a = named("a")
    register(redis, a.node, "g")
    with dora.Client(redis.url) as client:
        callers = [Caller(client, timeout=CALL_S) for _ in range(8)]
        for caller in callers:
            caller.__enter__()
        begun = time.monotonic()
        seen = wait_until(lambda: all(c.last("a") > begun + 1.5 for c in callers))
        for caller in callers:
            caller.__exit__()
        assert seen
        assert [caller.failures for caller in callers] == [[]] * 8
        assert connections(redis) == 1
