"""The results of submissions, each for whoever asks for it: PendingResult of both clients."""

import asyncio
import copy
import gc
import json
import os
import pickle
import socket
import threading

import pytest

import dora
from dora_helpers import APP, DEADLINE_S, wait_until
from test_modes import accepted, echo, result_of


class Later:
    """Accepts submissions of a scripted peer, and gives their results when it is told to."""

    def __init__(self, peer):
        self.waiting = {}
        self.peer = peer(self.answer)
        self.node = self.peer.node

    def answer(self, message, guid):
        if not message["type"].startswith("AM"):
            return echo(message, guid)
        self.waiting[guid] = message
        return accepted(guid)

    def give(self, guid):
        name = str(guid).encode() if str(guid).encode() in self.waiting else guid
        self.peer.sockets[0].sendall(result_of(self.waiting.pop(name), name))


@pytest.fixture
def later(peer):
    return Later(peer)


def in_thread(work):
    """Runs `work` in a thread. Returns a function that waits, and gives its outcome."""
    outcome = []

    def run():
        try:
            outcome.append(work())
        except BaseException as error:  # told to the main thread
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def join():
        thread.join(DEADLINE_S)
        return outcome[0]

    return join


def test_a_pending_result_is_its_guid(peer):
    with dora.Client(peer(echo).node) as client:
        one = client.submit("/a", 7)
        assert isinstance(one, str) and type(one) is dora.PendingResult and len(one) == 32
        for plain in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one)),
                      json.loads(json.dumps(one)), f"{one}"):
            assert type(plain) is str and plain == one and hash(plain) == hash(one)
        assert one.result() == 7
        assert client.call("/a", one) == str(one)


def test_results_in_any_order(peer):
    with dora.Client(peer(echo).node) as client:
        pending = [client.submit("/a", i) for i in range(5)]
        many = client.submit_many({"7": ("/a", "text"), 5: ("/a", None), "x": ("/bad", 1)})
        bad = client.submit("/bad")
        assert [one.result() for one in reversed(pending)] == [4, 3, 2, 1, 0]
        with pytest.raises(dora.HandlerError) as info:
            bad.result()
        assert info.value.code == 404
        found = many.result(timeout=DEADLINE_S)
        assert list(found) == ["7", 5, "x"] and isinstance(found["x"], dora.HandlerError)
        assert client.pending == 0 and client.collect() == {}
        assert pending[0].result() == 0 and many.result() is found, "asked again: the same"


def test_a_result_that_is_not_there_in_time_stays_outstanding(later):
    with dora.Client(later.node) as client:
        one = client.submit("/a", 1)
        assert not one.done()
        with pytest.raises(dora.TimeoutError, match="still outstanding") as info:
            one.result(timeout=0.02)
        assert info.value.code == 100009 and client.pending == 1
        later.give(one)
        wait_until(one.done, "the result")
        assert one.result() == 1
        for wrong in (0, -1, "x"):
            with pytest.raises((ValueError, TypeError), match="timeout"):
                client.submit("/a").result(wrong)


def test_what_collect_gave_is_gone(peer):
    with dora.Client(peer(echo).node) as client:
        one = client.submit("/a", 1)
        assert client.collect() == {one: 1}
        for _ in range(2):
            with pytest.raises(dora.ConnectionError, match="given already") as info:
                one.result()
            assert info.value.code == 100012
        assert one.done()


@pytest.mark.parametrize("asks_first", [True, False])
def test_collect_leaves_what_somebody_awaits(later, asks_first):
    with dora.Client(later.node, timeout=DEADLINE_S) as client:
        mine, others = client.submit("/a", "mine"), client.submit("/a", "other")
        first = in_thread(mine.result if asks_first else client.collect)
        second = in_thread(client.collect if asks_first else mine.result)
        wait_until(lambda: len(later.waiting) == 2, "both")
        later.give(others)
        result, collect = (first, second) if asks_first else (second, first)
        assert collect() == {others: "other"}, "it ends once result() has claimed the other one"
        later.give(mine)
        assert result() == "mine"


def test_done_takes_nothing(later):
    with dora.Client(later.node, timeout=DEADLINE_S) as client:
        one, two = client.submit("/a", 1), client.submit_many({"x": ("/a", 2)})
        later.give(one)
        wait_until(one.done, "the result")
        assert one.done() and client.pending == 2 and not two.done()
        assert client.collect(guids=[one]) == {one: 1}
        assert one.done() and not two.done(), "result() would raise 100012 at once"
        later.give(two)
        assert two.result() == {"x": 2} and two.done() and client.pending == 0


@pytest.mark.parametrize("named", [False, True])
def test_done_leaves_what_another_thread_collects(later, named):
    with dora.Client(later.node, timeout=DEADLINE_S) as client:
        one, last = client.submit("/a", 1), client.submit("/a", 2)
        collect = in_thread(lambda: client.collect(guids=[one, last] if named else None))
        for _ in range(100):
            assert not one.done(), "nothing has come"
        later.give(one)
        wait_until(one.done, "the result")
        later.give(last)
        assert collect() == {one: 1, last: 2}


class Clock:
    """Time that passes in waits alone."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now

    def acquire(self, blocking=True, timeout=-1):
        """A lock that comes free after three quarters of the time."""
        if blocking:
            self.now += timeout * 0.75
        return blocking

    def release(self):
        pass


def test_a_result_that_another_thread_awaits_has_one_deadline(monkeypatch):
    clock, waits = Clock(), []

    class Fake:
        def _seconds(self, timeout):
            return 2.0 if timeout is None else timeout

        def _result(self, guid, timeout):
            waits.append(timeout)
            return "data"

    monkeypatch.setattr("dora._pending.time", clock, raising=False)
    for timeout in (1.0, None):
        one = dora.PendingResult("0" * 32, Fake())
        one._lock = clock
        assert one.result(timeout) == "data"
    assert waits == [0.25, 0.5]


def test_a_client_that_is_dropped_closes_its_connections(peer):
    with_peer = peer(echo)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        client = dora.Client(with_peer.node)
        one = client.submit_many({"x": ("/a", 1)})
        odd = client.submit_many({one: ("/a", 1)})  # a str like another
        assert odd.result() == {one: 1}
        client.submit_many({one: ("/a", 1)})
    del client, one, odd
    gc.collect()
    # Those of the peer end in its own threads.
    wait_until(lambda: len(os.listdir("/proc/self/fd")) < before + 20, "the descriptors")


def test_collect_of_some(later):
    with dora.Client(later.node) as client:
        one, two, three = (client.submit("/a", i) for i in range(3))
        later.give(two)
        nobodys = "0" * 32
        found = client.collect(timeout=1.5, guids=[one, nobodys, str(two), two])
        assert list(found) == [one, nobodys, two]
        assert isinstance(found[one], dora.TimeoutError) and found[two] == 1
        assert isinstance(found[nobodys], dora.ConnectionError) and found[nobodys].code == 100012
        assert client.pending == 1 and client.collect(guids=[]) == {}
        later.give(three)
        assert three.result() == 2
        for wrong, kind in ((one, TypeError), ([5], TypeError), (5, TypeError),
                            (["short"], ValueError), (["\0" * 31 + "é"], ValueError)):
            with pytest.raises(kind, match="guid"):
                client.collect(guids=wrong)


def test_two_threads_that_ask_for_the_same(later):
    with dora.Client(later.node, timeout=DEADLINE_S) as client:
        one = client.submit("/a", [1])
        joins = [in_thread(one.result) for _ in range(4)]
        with pytest.raises(dora.TimeoutError):
            one.result(0.02)
        later.give(one)
        assert [join() for join in joins] == [[1]] * 4


def test_each_thread_gets_its_own(peer):
    with dora.Client(peer(echo).node, timeout=DEADLINE_S) as client:
        def work(number):
            pending = [client.submit("/a", [number, i]) for i in range(25)]
            return [one.result() for one in pending]

        joins = [in_thread(lambda number=number: work(number)) for number in range(8)]
        for number, join in enumerate(joins):
            assert join() == [[number, i] for i in range(25)]


def test_a_client_that_is_closed(later):
    client = dora.Client(later.node, timeout=DEADLINE_S)
    one, two = client.submit("/a", 1), client.submit("/a", 2)
    waiting = in_thread(one.result)
    with pytest.raises(dora.TimeoutError):
        two.result(0.02)
    client.close()
    with pytest.raises(RuntimeError, match="closed"):
        two.result()
    later.give(one)
    assert waiting() == 1 or isinstance(waiting(), RuntimeError), "it began before the close"


def test_the_connection_breaks(later):
    with dora.Client(later.node) as client:
        one = client.submit("/a")
        for connection in later.peer.sockets:
            connection.shutdown(socket.SHUT_RDWR)
        with pytest.raises(dora.ConnectionError) as info:
            one.result()
        assert info.value.code == 100012


def test_a_child_has_nothing_of_its_parents(peer):
    client = dora.Client(peer(echo).node)
    one = client.submit("/a", 1)
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            one.result()
        except dora.ConnectionError as error:
            status = 0 if error.code == 100012 else 2
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    assert one.result() == 1
    client.close()


def test_a_child_waits_for_no_thread_of_its_parent(later):
    client = dora.Client(later.node, timeout=DEADLINE_S)
    one = client.submit("/a", 1)
    waiting = in_thread(one.result)
    wait_until(one._lock.locked, "the other thread")
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            one.result(0.1)
        except dora.Error as error:
            status = 0 if error.code == 100012 and one.done() else 2
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0
    later.give(one)
    assert waiting() == 1
    client.close()


# ---- AsyncClient ----


def test_coroutines_that_share_a_client(serve, run):
    server = serve(APP)

    async def main():
        async with dora.AsyncClient(server.node) as client:
            async def work(number):
                pending = [await client.submit("/echo", [number, i]) for i in range(10)]
                assert all(type(one) is dora.AsyncPendingResult for one in pending)
                return [await one.result() for one in reversed(pending)]

            for number, got in enumerate(await asyncio.gather(*(work(n) for n in range(8)))):
                assert got == [[number, i] for i in reversed(range(10))]
            many = await client.submit_many({7: ("/echo", 7), "x": ("/raise/handler",)})
            assert (await many.result())[7] == 7
            bad = await client.submit("/raise/handler")
            with pytest.raises(dora.HandlerError):
                await bad.result()
            assert client.pending == 0 and await client.collect() == {}

    run(main())


def test_async_results(later, run):
    async def main():
        async with dora.AsyncClient(later.node, timeout=DEADLINE_S, connections=1) as client:
            one, two, three = [await client.submit("/a", i) for i in range(3)]
            assert {one: 1}[str(one)] == 1 and pickle.loads(pickle.dumps(one)) == one
            with pytest.raises(dora.TimeoutError, match="still outstanding"):
                await one.result(timeout=0.02)
            assert not one.done() and client.pending == 3
            collecting = asyncio.ensure_future(client.collect())
            awaiting = [asyncio.ensure_future(one.result()) for _ in range(3)]
            await asyncio.sleep(0)
            named = await client.collect(guids=[one, "0" * 32])
            assert [named[one].code, named["0" * 32].code] == [100012, 100012]
            cancelled = asyncio.ensure_future(two.result())
            await asyncio.sleep(0)
            cancelled.cancel()
            for guid in (one, two, three):
                later.give(guid)
            assert await asyncio.gather(*awaiting) == [0, 0, 0]
            assert await collecting == {three: 2}
            assert await two.result() == 1 and await two.result() == 1 and two.done()
            with pytest.raises(dora.ConnectionError, match="given already") as info:
                await three.result()
            assert info.value.code == 100012
            some = [await client.submit("/a", i) for i in range(2)]
            later.give(some[0])
            assert await client.collect(guids=[some[0]]) == {some[0]: 0}
            assert client.pending == 1
            with pytest.raises(TypeError, match="guids"):
                await client.collect(guids=some[1])
        with pytest.raises(dora.ConnectionError):
            await some[1].result()

    run(main())


def test_a_collect_whose_last_one_is_awaited_ends(later, run):
    async def main():
        async with dora.AsyncClient(later.node, timeout=DEADLINE_S) as client:
            one = await client.submit("/a", 1)
            collecting = asyncio.ensure_future(client.collect())
            await asyncio.sleep(0)
            with pytest.raises(dora.TimeoutError):
                await one.result(0.01)
            assert await collecting == {} and client.pending == 1
            later.give(one)
            assert await client.collect() == {one: 1}

    run(main())
