"""A caller that is slow, or that sends much, must not make others wait."""

import os
import signal
import threading
import time

import pytest

from support import processes, v1
from support.load import quantile
from support.server import Server, python_pool, wait_until

COUNTING_APP = """
import dora

app = dora.App()
calls = 0

@app.api("/count")
def count(param):
    global calls
    calls += 1
    return calls
"""
READ_BYTES = 64 * 1024
SLOW_MS = 500
UNKNOWN_API = 100204
SECONDS = 6.0
WORKERS = 4


class Slow(threading.Thread):
    """One caller with `depth` calls of 500 ms under way all the time."""

    def __init__(self, address, depth):
        super().__init__(daemon=True)
        self.address, self.depth = address, depth
        self.ended = threading.Event()
        self.answered = 0

    def run(self):
        with v1.Conn(self.address) as conn:
            for _ in range(self.depth):
                conn.send(v1.request(v1.guid(), "/sleep", SLOW_MS))
            left = self.depth
            while left:
                assert v1.code(conn.receive()[1]) == 0
                self.answered += 1
                left -= 1
                if not self.ended.is_set():
                    conn.send(v1.request(v1.guid(), "/sleep", SLOW_MS))
                    left += 1


@pytest.mark.parametrize("slow_depth", [1, 3])
@pytest.mark.parametrize("burst", [1, 16])
def test_slow_caller_delays_nobody(slow_depth, burst):
    """With 4 workers and up to 3 asleep one is always free: short calls, alone or in bursts,
    come back in milliseconds. The bound is generous, for a busy machine; a call that waited
    behind a sleeper would take up to 500 ms."""
    with Server({"p": python_pool("basic.py", workers=WORKERS)}) as server:
        slow = Slow(server.address, slow_depth)
        with v1.Conn(server.address) as conn:
            for _ in range(200):
                conn.call("/echo", 1)
            slow.start()
            times = []
            end = time.monotonic() + SECONDS / 2
            while slow.is_alive() and (
                    time.monotonic() < end or slow.answered < slow_depth * 3):
                began = time.monotonic()
                conn.send(b"".join(v1.request(v1.guid(), "/echo", 1) for _ in range(burst)))
                for _ in range(burst):
                    assert v1.code(conn.receive()[1]) == 0
                times.append(time.monotonic() - began)
                time.sleep(0.002)  # the pace of bursts
        slow.ended.set()
        slow.join(10)
        assert slow.answered >= slow_depth * 3
        assert quantile(times, 0.5) < SLOW_MS / 1e3 / 4
        # Behind sleepers an eighth of them at least would be so slow.
        assert sum(each > SLOW_MS / 1e3 / 2 for each in times) <= 1 + len(times) / 20
        assert server.stop() == 0


def test_calls_behind_a_surprise_are_taken_back(tmp_path):
    """One burst of short calls and one long among them, on one connection: none of them waits for
    the long one, which would be for ever."""
    with Server({"p": python_pool("basic.py", workers=WORKERS)}) as server:
        with v1.Conn(server.address) as conn:
            for _ in range(300):
                conn.call("/sleep", 0)
            for turn in range(8):
                long_one, gate = v1.guid(), str(tmp_path / str(turn))
                frames = [v1.request(v1.guid(), "/sleep", 0) for _ in range(20)]
                frames.insert(3, v1.request(long_one, "/wait", {
                    "mark": str(tmp_path / "mark"), "until": gate}))
                conn.send(b"".join(frames))
                for number in range(21):
                    if number == 20:
                        with open(gate, "w"):
                            pass
                    guid, reply = conn.receive()
                    assert v1.code(reply) == 0
                    assert (guid == long_one) == (number == 20)


def test_a_caller_that_sends_much_takes_turns(tmp_path):
    """While the server stands still, one connection sends all that a Unix socket holds, then
    another sends one call. The one worker counts: that call comes after the 64 KiB that are read of
    a connection in one turn, not after them all."""
    frame = v1.request(v1.guid(), "/count", "x" * 1024)
    path = str(tmp_path / "dora.sock")
    (tmp_path / "app.py").write_text(COUNTING_APP)
    pools = {"p": {**python_pool(str(tmp_path / "app.py"), workers=1), "dedupe": False}}
    listen = {"tcp": "127.0.0.1:0", "unix": path}
    with Server(pools, listen=listen, reactors=1) as server, \
            v1.Conn(path) as much, v1.Conn(path) as lone:
        assert v1.code(lone.call("/count")) == v1.code(much.call("/count")) == 0
        os.kill(server.pid, signal.SIGSTOP)
        try:
            assert wait_until(lambda: processes.is_stopped(server.pid))
            sent = much.fill(frame)
            lone.send(v1.request(v1.guid(), "/count"))
        finally:
            os.kill(server.pid, signal.SIGCONT)
        much.send(frame[sent % len(frame):])
        place = lone.receive()[1]["data"]["data"]
        for _ in range(sent // len(frame) + 1):
            assert v1.code(much.receive()[1]) == 0
        assert sent > READ_BYTES + 8 * len(frame)
        assert place <= 2 + READ_BYTES // len(frame) + 2
        assert server.stop() == 0


@pytest.mark.parametrize("frame_bytes", [1200, 6000])
def test_small_frames_are_read_many_at_a_time(tmp_path, frame_bytes):
    """Where a read ends in the midst of a frame, the next brings more than the rest of it. Calls of
    unknown names: no worker has to answer, and to wake the master for that."""
    more = frame_bytes - len(v1.request(v1.guid(), "/unknown", "x" * 1000))
    frame = v1.request(v1.guid(), "/unknown", "x" * (1000 + more))
    assert len(frame) == frame_bytes
    path = str(tmp_path / "dora.sock")
    listen = {"tcp": "127.0.0.1:0", "unix": path}
    with Server({"p": python_pool("basic.py", workers=1)}, listen=listen, reactors=1) as server, \
            v1.Conn(path) as conn:
        assert v1.code(conn.call("/echo")) == 0
        os.kill(server.pid, signal.SIGSTOP)
        try:
            assert wait_until(lambda: processes.is_stopped(server.pid))
            before = processes.reads(server.pid)
            sent = conn.fill(frame)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        conn.send(frame[sent % len(frame):])
        frames = sent // len(frame) + 1
        for _ in range(frames):
            assert v1.code(conn.receive()[1]) == UNKNOWN_API
        assert sent > READ_BYTES + 8 * len(frame)
        assert processes.reads(server.pid) - before < frames / 4
        assert server.stop() == 0
