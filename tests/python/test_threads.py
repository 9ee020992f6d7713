"""The GIL is free while a call waits; threads share one client; a child has its own sockets."""

import os
import threading
import time

import dora
from dora_helpers import DEADLINE_S, envelope, reply_frame


def slow_echo(seconds):
    def answer(message, guid):
        time.sleep(seconds)  # the server takes its time
        return reply_frame(guid, envelope(guid, envelope(guid, message["api"]["one"]["param"])))

    return answer


def test_gil_is_free_while_waiting(peer):
    hold = threading.Event()

    def answer(message, guid):
        hold.wait(DEADLINE_S)
        return slow_echo(0)(message, guid)

    server = peer(answer)
    counted = 0
    with dora.Client(server.node, timeout=DEADLINE_S) as client:
        result = []
        caller = threading.Thread(target=lambda: result.append(client.call("/a", 1)))
        caller.start()
        while counted < 100000:  # impossible if the caller held the GIL: the peer waits for us
            counted += 1
        assert not result
        hold.set()
        caller.join(DEADLINE_S)
    assert result == [1]


def test_many_threads_one_client(peer):
    server = peer(slow_echo(0))
    failures = []

    def work(client, number):
        try:
            for i in range(100):
                value = {"thread": number, "i": i, "pad": "x" * (i * 7)}
                assert client.call("/a", value) == value
        except BaseException as error:  # told to the main thread
            failures.append(error)

    with dora.Client(server.node, timeout=DEADLINE_S) as client:
        threads = [threading.Thread(target=work, args=(client, n)) for n in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
    assert failures == []
    assert server.calls == 2400
    assert server.connections <= 24


def test_calls_of_threads_run_at_the_same_time(peer):
    together = threading.Barrier(8)

    def answer(message, guid):
        together.wait(DEADLINE_S)  # breaks unless all eight are under way
        return slow_echo(0)(message, guid)

    server = peer(answer)
    results = []
    with dora.Client(server.node, timeout=DEADLINE_S) as client:
        threads = [
            threading.Thread(target=lambda n=n: results.append(client.call("/a", n)))
            for n in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S)
    assert sorted(results) == list(range(8))


def test_close_while_a_call_waits(peer):
    begun = threading.Event()
    hold = threading.Event()

    def answer(message, guid):
        begun.set()
        hold.wait(DEADLINE_S)
        return slow_echo(0)(message, guid)

    server = peer(answer)
    client = dora.Client(server.node, timeout=DEADLINE_S)
    results = []
    caller = threading.Thread(target=lambda: results.append(client.call("/a", 5)))
    caller.start()
    assert begun.wait(DEADLINE_S)
    client.close()
    hold.set()
    caller.join(DEADLINE_S)
    assert results == [5]


def test_a_child_uses_connections_of_its_own(peer):
    server = peer(slow_echo(0))
    client = dora.Client(server.node)
    assert client.call("/a", "parent") == "parent"
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if client.call("/a", "child") == "child" else 2
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert client.call("/a", "parent again") == "parent again"
    assert server.connections == 2
    client.close()
