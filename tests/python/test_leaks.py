"""Memory stays as it is: 200,000 calls of one client, handled by one worker; every way to call."""

import gc
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import dora
from dora_helpers import APP, DEADLINE_S, SANITIZED

pytestmark = pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps freed memory")

CALLS = 200_000
WARM_UP = 20_000
SLACK_KB = 2048  # of the allocators' own; the smallest object lost in each call is 3 MB


def rss_kb(pid):
    """Resident memory in KiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.fixture
def client(serve):
    one = serve(
        APP,
        config={
            "listen": {"tcp": "127.0.0.1:0"},
            "pools": {
                "p": {"runtime": "python", "app": "app.py", "workers": 1, "max_requests": 0}
            },
        },
    )
    with dora.Client(one.node, timeout=DEADLINE_S) as made:
        yield made


def calls(threads, client, count):
    """So many calls, of small values, by four threads: one alone would mostly wait."""

    def some():
        value = {"id": 7, "name": "Ann", "tags": ["a", "b"]}
        call = client.call
        for _ in range(count // 40):
            for _ in range(8):
                call("/echo", value)
            call("/echo", value, timeout=5.0, group=None)
            call("/request", value)

    for each in [threads.submit(some) for _ in range(4)]:
        each.result()


def test_calls_leak_nothing(client):
    worker = client.call("/pid")
    with ThreadPoolExecutor(4) as threads:
        calls(threads, client, WARM_UP)
        gc.collect()
        before = rss_kb("self"), rss_kb(worker), len(gc.get_objects())
        calls(threads, client, CALLS)
        gc.collect()
        after = rss_kb("self"), rss_kb(worker), len(gc.get_objects())
    assert client.call("/pid") == worker, "one worker handled all"
    assert after[0] - before[0] < SLACK_KB, f"the client grew by {after[0] - before[0]} KiB"
    assert after[1] - before[1] < SLACK_KB, f"the worker grew by {after[1] - before[1]} KiB"
    assert after[2] - before[2] < 50, f"{after[2] - before[2]} objects more"


def modes(client, rounds):
    """Every way to call, results and errors of each kind."""
    for i in range(rounds):
        client.send("/echo", {"i": i})
        client.send_many({"a": ("/echo", i), 5: ("/echo", None)})
        pending = [client.submit("/echo", {"i": i}) for _ in range(6)]  # 10,000 in all
        assert all(one.result() == {"i": i} and one.done() for one in pending)
        client.submit("/echo", {"i": i})
        client.submit("/raise/handler")
        client.submit_many({"a": ("/echo", i), 5: ("/raise/handler", None)})
        assert len(client.collect()) == 3
        client.call_many({"a": ("/echo", i), "b": ("/raise/handler",)})
        for error, call in [
            (dora.HandlerError, lambda: client.call("/raise/handler")),
            (TypeError, lambda: client.submit("/echo", [object()])),
            (TypeError, lambda: client.submit_many({"a": ("/echo", object())})),
            (ValueError, lambda: client.send("/echo", group="none")),
        ]:
            try:
                call()
            except error:
                pass
            else:
                raise AssertionError("it did not raise")


def test_every_way_to_call(client):
    """Objects, Python's own memory, and the whole process."""
    worker = client.call("/pid")
    modes(client, 300)
    tracemalloc.start()
    modes(client, 20)
    gc.collect()
    before = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    modes(client, 200)
    gc.collect()
    after = len(gc.get_objects()), tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert after[0] - before[0] < 20
    assert after[1] - before[1] < 8192
    resident = rss_kb("self"), rss_kb(worker)
    modes(client, 1500)
    assert rss_kb("self") - resident[0] < SLACK_KB and rss_kb(worker) - resident[1] < SLACK_KB
    assert client.pending == 0


def test_what_is_not_collected_is_bounded(client):
    guids = set()
    with pytest.raises(dora.NotRunError, match="collect") as info:
        while len(guids) < 100_000:
            guids.add(client.submit("/echo"))
    assert info.value.code == 100203 and info.value.not_run
    assert client.pending == len(guids)
    found = client.collect()
    assert found.keys() == guids and set(found.values()) == {None}
    assert client.pending == 0 and client.submit("/echo")
