"""send, submit, collect, groups and retries of dora.Client, against scripted peers."""

import os
import socket
import threading
import time

import pytest

import dora
from dora_helpers import DEADLINE_S, envelope, reply_frame, wait_until


def accepted(guid, code=100001):
    """The answer to a send or submit."""
    return reply_frame(guid, envelope(guid, [], code, "accepted" if code == 100001 else "no"))


def later(guid, data, code=0):
    """The result of a submission."""
    return reply_frame(guid, {**envelope(guid, data, code), "isresult": 1})


def result_of(message, guid):
    """What an echo server sends for a submission; the api /bad fails."""
    envelopes = {
        key: envelope(guid, api["param"], 404 if api["name"] == "/bad" else 0, "why")
        for key, api in message["api"].items()
    }
    return later(guid, envelopes if message["type"] == "AM_M" else envelopes["one"])


def echo(message, guid):
    """An echo server for all types of calls."""
    if message["type"] in ("AN_S", "AN_M"):
        return accepted(guid)
    if message["type"] in ("AM_S", "AM_M"):
        return accepted(guid) + result_of(message, guid)
    return reply_frame(guid, envelope(guid, envelope(guid, message["api"]["one"]["param"])))


def test_a_send_is_acknowledged(peer):
    seen = []
    server = peer(lambda message, guid: seen.append(message) or accepted(guid))
    with dora.Client(server.node) as client:
        assert client.send("/a", [1]) is None
        assert client.send(name="/a", param="x", timeout=1, retry=0, group=None) is None
        assert client.send_many({"k": ("/a", 1), 7: ("/b",)}) is None
        assert client.send_many({}) is None
        assert client.pending == 0 and client.collect() == {}
    assert [message["type"] for message in seen] == ["AN_S", "AN_S", "AN_M"]
    assert seen[0]["api"]["one"] == {"name": "/a", "param": [1]}
    assert list(seen[2]["api"]) == ["k", 7]


@pytest.mark.parametrize("code,kind", [(100203, dora.NotRunError), (100012, dora.ConnectionError),
                                       (100003, dora.Error)])
def test_what_is_not_accepted_is_raised(peer, code, kind):
    server = peer(lambda message, guid: accepted(guid, code))
    with dora.Client(server.node, timeout=20) as client:
        for method in (client.send, client.submit):
            with pytest.raises(dora.Error) as info:
                method("/a")
            assert type(info.value) is kind and info.value.code == code
        for method in (client.send_many, client.submit_many):
            with pytest.raises(kind):
                method({"a": ("/a",)})
        assert client.pending == 0 and client.collect() == {}


def test_submit_and_collect(peer):
    server = peer(echo)
    with dora.Client(server.node) as client:
        one = client.submit("/a", {"id": 7})
        bad = client.submit("/bad")
        many = client.submit_many({"7": ("/a", "text"), 5: ("/a", None), "x": ("/bad", 1)})
        assert client.pending == 3
        assert client.call("/a", "between") == "between"
        found = client.collect()
        assert client.pending == 0
    assert len({one, bad, many}) == 3 and all(len(guid) == 32 for guid in found)
    assert set(found) == {one, bad, many}
    assert found[one] == {"id": 7}
    assert type(found[bad]) is dora.HandlerError and found[bad].code == 404
    assert list(found[many]) == ["7", 5, "x"], "keys as they were given"
    assert found[many]["7"] == "text" and found[many][5] is None
    assert type(found[many]["x"]) is dora.HandlerError


def test_collect_waits_for_all_connections_at_once(peer):
    """Results that come in the reverse order, from two servers, after the call to collect."""
    waiting = []

    def answer(message, guid):
        waiting.append((message, guid))
        return accepted(guid)

    servers = [peer(answer), peer(answer)]
    with dora.Client({"a": servers[0].node, "b": servers[1].node}) as client:
        guids = [client.submit("/a", i, group="ab"[i % 2]) for i in range(6)]

        def release():
            while waiting:
                message, guid = waiting.pop()
                param = message["api"]["one"]["param"]
                servers[param % 2].sockets[0].sendall(result_of(message, guid))

        threading.Timer(0.05, release).start()
        assert client.collect(DEADLINE_S) == dict(zip(guids, range(6)))


def test_what_is_late_is_a_timeout_and_reaches_nobody(peer):
    late = []

    def answer(message, guid):
        if message["type"] == "AM_S":
            late.append((message, guid))
            return accepted(guid)
        return echo(message, guid)

    server = peer(answer)
    with dora.Client(server.node, timeout=60) as client:
        guid = client.submit("/a", "late")
        begin = time.monotonic()
        found = client.collect(timeout=0.2)
        assert 0.15 < time.monotonic() - begin < 30
        assert list(found) == [guid] and client.pending == 0
        assert type(found[guid]) is dora.TimeoutError and found[guid].code == 100009
        try:
            server.sockets[0].sendall(result_of(*late[0]))
        except OSError:
            pass  # the client has hung up, which is as good
        for i in range(10):
            assert client.call("/a", i) == i
        assert client.collect() == {}


def test_a_connection_that_breaks(peer):
    server = peer(lambda message, guid: accepted(guid))
    with dora.Client(server.node) as client:
        one = client.submit("/a")
        many = client.submit_many({"a": ("/a",)})
        for connection in server.sockets:
            connection.shutdown(socket.SHUT_RDWR)
        found = client.collect()
    for guid in (one, many):
        assert type(found[guid]) is dora.ConnectionError and found[guid].code == 100012
        assert not found[guid].not_run


def test_a_result_that_is_refused_as_a_whole(peer):
    server = peer(lambda message, guid: accepted(guid) + later(guid, [], 100206))
    with dora.Client(server.node) as client:
        one, many = client.submit("/a"), client.submit_many({"a": ("/a",)})
        found = client.collect()
    for guid in (one, many):
        assert isinstance(found[guid], dora.Error) and found[guid].code == 100206


def test_collect_twice_and_without_anything(peer):
    server = peer(echo)
    with dora.Client(server.node) as client:
        assert client.collect() == {}
        guid = client.submit("/a", 1)
        assert client.collect() == {guid: 1}
        assert client.collect() == {} and client.collect(timeout=0.01) == {}
        again = client.submit("/a", 2)
        assert client.collect() == {again: 2}


def test_submit_and_collect_from_threads(peer):
    """Each result is given once, to one of those who collect."""
    server = peer(echo)
    found, submitted, failures = {}, {}, []
    lock = threading.Lock()

    def submit(client, number):
        for i in range(25):
            guid = client.submit_many({i: ("/a", [number, i]), str(i + 50): ("/a", 0)})
            with lock:
                submitted[guid] = {i: [number, i], str(i + 50): 0}

    def collect(client, ended):
        while not ended.is_set() or client.pending:
            for guid, outcome in client.collect(DEADLINE_S).items():
                if guid in found:
                    failures.append(guid)
                found[guid] = outcome

    def run(work, *args):
        try:
            work(*args)
        except BaseException as error:  # told to the main thread
            failures.append(error)

    with dora.Client(server.node, timeout=DEADLINE_S) as client:
        ended = threading.Event()
        collectors = [threading.Thread(target=run, args=(collect, client, ended))
                      for _ in range(2)]
        threads = [threading.Thread(target=run, args=(submit, client, n)) for n in range(8)]
        for thread in collectors + threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
        ended.set()
        for thread in collectors:
            thread.join(DEADLINE_S)
    assert failures == [] and len(found) == 200
    assert found == submitted


def test_fork_between_submit_and_collect(peer):
    """The child collects nothing of its parent's; both go on with connections of their own."""
    server = peer(echo)
    client = dora.Client(server.node)
    guid = client.submit("/a", "parent")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            own = (client.pending, client.collect())
            mine = client.submit_many({5: ("/a", "child")})
            status = 0 if own == (0, {}) and client.collect() == {mine: {5: "child"}} else 2
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert client.pending == 1
    assert client.collect() == {guid: "parent"}
    client.close()


def test_a_closed_client_refuses(peer):
    server = peer(lambda message, guid: accepted(guid))
    client = dora.Client(server.node)
    client.submit("/a")
    assert client.pending == 1
    client.close()
    assert client.pending == 0
    for method in (client.send, client.submit):
        with pytest.raises(RuntimeError, match="closed"):
            method("/a")
    for method in (client.call_many, client.send_many, client.submit_many):
        with pytest.raises(RuntimeError, match="closed"):
            method({"a": ("/a",)})
    with pytest.raises(RuntimeError, match="closed"):
        client.collect()


def test_close_while_another_thread_collects(peer):
    waiting = []
    server = peer(lambda message, guid: waiting.append((message, guid)) or accepted(guid))
    client = dora.Client(server.node, timeout=DEADLINE_S)
    guid = client.submit("/a", 5)
    found = []
    collector = threading.Thread(target=lambda: found.append(client.collect()))
    collector.start()
    client.close()
    server.sockets[0].sendall(result_of(*waiting[0]))
    collector.join(DEADLINE_S)
    assert found == [{guid: 5}] or found == [], "collected, or closed before it began"


# ---- groups ----


def test_each_group_has_its_nodes(peer):
    seen = []
    one = peer(lambda message, guid: seen.append("one") or echo(message, guid))
    two = peer(lambda message, guid: seen.append("two") or echo(message, guid))
    nodes = {"one": one.node, "two": [two.node]}
    with dora.Client(nodes) as client:
        client.call("/a")
        client.call("/a", group="two")
        client.send("/a", group="two")
        client.call_many({}, group="two")
        client.send_many({"a": ("/a",)}, group="one")
        client.submit("/a", group="two")
        client.submit_many({"a": ("/a",)}, group="one")
        assert len(client.collect()) == 2
        assert seen == ["one", "two", "two", "one", "two", "one"]
        with pytest.raises(ValueError, match="three"):
            client.call("/a", group="three")
    seen.clear()
    with dora.Client(nodes, group="two") as client:
        client.call("/a")
        client.call("/a", group="one")
        assert seen == ["two", "one"]
    with pytest.raises(ValueError, match="three"):
        dora.Client(nodes, group="three")


# ---- retries ----


@pytest.mark.parametrize("method", ["call", "send", "submit"])
def test_a_repeat_has_the_same_guid(peer, method):
    """What may have run is sent again, under the same guid, only where that was asked for."""
    guids = []

    def answer(message, guid):
        guids.append(guid)
        return None if len(guids) % 2 == 1 else echo(message, guid)

    server = peer(answer)

    def run(client, **options):
        guids.clear()
        getattr(client, method)("/a", **options)
        return guids

    with dora.Client(server.node) as client:
        with pytest.raises(dora.ConnectionError):
            run(client)
        with pytest.raises(dora.ConnectionError):
            run(client, retry=0)
        assert len(set(run(client, retry=1))) == 1 and len(guids) == 2
    with dora.Client(server.node, retry=2) as client:
        assert len(set(run(client))) == 1 and len(guids) == 2
        with pytest.raises(dora.ConnectionError):
            run(client, retry=0)
        assert len(guids) == 1


# ---- wrong arguments ----


@pytest.mark.parametrize("name", ["call", "send", "submit"])
def test_arguments_of_one(name):
    with dora.Client("127.0.0.1:1", timeout=1) as client:
        method = getattr(client, name)
        for error, text, arguments, keywords in [
            (TypeError, rf"{name}\(\) needs the api name", (), {}),
            (TypeError, "an api name must be str, not int", (5,), {}),
            (TypeError, rf"{name}\(\) takes name and param", ("/a", 1, 2), {}),
            (TypeError, "repeated argument 'colour'", ("/a",), {"colour": 1}),
            (TypeError, "repeated argument 'param'", ("/a", 1), {"param": 2}),
            (TypeError, "timeout must be seconds", ("/a",), {"timeout": "x"}),
            (ValueError, "timeout must be above 0", ("/a",), {"timeout": -1}),
            (TypeError, "retry must be int, not str", ("/a",), {"retry": "1"}),
            (TypeError, "retry must be int, not bool", ("/a",), {"retry": True}),
            (ValueError, "retry must be 0 to", ("/a",), {"retry": -1}),
            (ValueError, "retry must be 0 to", ("/a",), {"retry": 2**31}),
            (ValueError, "retry must be 0 to", ("/a",), {"retry": 2**70}),
            (TypeError, "wait must be seconds", ("/a",), {"wait": "1"}),
            (ValueError, "wait must be 0 to", ("/a",), {"wait": -0.5}),
            (ValueError, "wait must be 0 to", ("/a",), {"wait": 2000001}),
            (TypeError, "group must be str, not int", ("/a",), {"group": 5}),
            (ValueError, "group '': must not be empty", ("/a",), {"group": ""}),
            (ValueError, "nor hold NUL", ("/a",), {"group": "a\0b"}),
            (ValueError, "no-such", ("/a",), {"group": "no-such"}),
            (ValueError, "1 to 255 bytes", ("",), {}),
            (TypeError, r"\$\[", ("/a", [1j, 2]), {}),
        ]:
            with pytest.raises(error, match=text):
                method(*arguments, **keywords)


@pytest.mark.parametrize("name", ["call_many", "send_many", "submit_many"])
def test_arguments_of_many(name):
    with dora.Client("127.0.0.1:1", timeout=1) as client:
        method = getattr(client, name)
        fine = {"a": ("/a",)}
        for error, text, arguments, keywords in [
            (TypeError, "calls", (), {}),
            (TypeError, "dict", ([],), {}),
            (TypeError, r"'a' must be given as \(name, param\)", ({"a": "/a"},), {}),
            (TypeError, "must be given as", ({"a": ()},), {}),
            (TypeError, "must be given as", ({"a": ("/a", 1, 2)},), {}),
            (TypeError, "a key must be str or int, not float", ({1.5: ("/a",)},), {}),
            (TypeError, "a key must be str or int, not bool", ({True: ("/a",)},), {}),
            (TypeError, "an api name must be str", ({"a": (1,)},), {}),
            (TypeError, r"\$\[0\]", ({"a": ("/a", [object()])},), {}),
            (ValueError, "twice", ({1: ("/a",), "1": ("/a",)},), {}),
            (TypeError, "timeout", (fine,), {"timeout": "x"}),
            (TypeError, "retry", (fine,), {"retry": 1.5}),
            (ValueError, "no-such", (fine,), {"group": "no-such"}),
            (TypeError, "colour", (fine,), {"colour": 1}),
        ]:
            with pytest.raises(error, match=text):
                method(*arguments, **keywords)
        with pytest.raises(dora.ConnectionError):
            method(fine)
        if name == "submit_many":
            with pytest.raises(ValueError, match="no calls"):
                method({})


def test_arguments_of_collect():
    with dora.Client("127.0.0.1:1") as client:
        for wrong in (0, -1, float("nan")):
            with pytest.raises(ValueError, match="timeout must be above 0"):
                client.collect(wrong)
        with pytest.raises(TypeError, match="timeout must be seconds"):
            client.collect("x")
        with pytest.raises(TypeError):
            client.collect(1, 2)
        with pytest.raises(AttributeError):
            client.pending = 5
