"""A whole server built with a sanitizer, under load, killing and draining: it has nothing to say.
Run by the suites `sanitize` and `threads`; DORA_BIN and DORA_BENCH_APP are that build's."""

import os
import signal
import time

import pytest

from support import v1
from support.load import Load
from support.server import Server, wait_until

COMPLAINTS = ("Sanitizer", "runtime error:")


def start(**more):
    pool = {"runtime": "c", "app": os.environ["DORA_BENCH_APP"], "workers": 3}
    return Server({"c": pool}, ready_s=60, **more)


def check(server):
    for word in COMPLAINTS:
        assert word not in server.log(), server.log()[-6000:]


@pytest.mark.parametrize("reactors", [1, 2])
def test_load_with_deaths(reactors):
    with start(reactors=reactors) as server:
        load = Load(server.address, "/bench/spin", 1, connections=16, depth=4)
        load.start()
        end = time.monotonic() + 6
        while time.monotonic() < end:
            for pid in list(server.workers("c").values())[:1]:
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.25)
        load.stop()
        assert load.lost == load.twice == load.broken == 0
        assert set(load.codes) <= {0, 100200}
        assert server.stop(30) == 0
        check(server)


def test_many_odd_frames_and_a_drain():
    with start(reactors=2) as server:
        for body in (b"", b"a:1:{", b"N;", b"a:0:{}", os.urandom(500)):
            with v1.Conn(server.address) as conn:
                conn.send(v1.frame(v1.guid(), body))
                assert conn.receive()[1]["code"] != 0
        with v1.Conn(server.address) as conn:
            apis = {key: ("/bench/spin", None) for key in range(1, 40)}
            for _ in range(50):
                conn.send(v1.request_many(v1.guid(), apis))
            for _ in range(50):
                assert conn.receive(30)[1]["code"] == 0
            assert conn.call("/bench/hello", "x" * 500000)["data"]["code"] == 0
        loads = [Load(server.address, "/bench/spin", 1, connections=8, depth=8, patience=3)
                 for _ in range(2)]
        for load in loads:
            load.start()
        assert wait_until(lambda: all(load.answered > 100 for load in loads), 20)
        server.signal(signal.SIGTERM)
        for load in loads:
            load.ended.set()
        assert server.wait(30) == 0
        for load in loads:
            load.stop()
            assert load.twice == 0
            assert set(load.codes) <= {0, 100207}
        check(server)
