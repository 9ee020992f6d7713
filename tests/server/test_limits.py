"""Overload, frames over the limit, slow readers, chatty handlers: bounded, and others unharmed."""

import socket
import struct
import os
import signal
import time

import pytest

from support import processes, v1
from support.load import Load, quantile
from support.server import Held, Server, python_pool, wait_until

MIB = 1 << 20


def test_full_queue_refuses_at_once(tmp_path):
    held = Held(tmp_path)
    pool = python_pool("basic.py", workers=1, queue_tasks_max=10)
    with Server({"p": pool}) as server, v1.Conn(server.address) as conn:
        idents = [v1.guid() for _ in range(30)]
        last = v1.guid()
        conn.send(b"".join(v1.request(each, *held.api) for each in idents)
                  + v1.control(last, "getStat"))
        refused = []
        guid, reply = conn.receive()
        while guid != last:
            assert v1.code(reply) == 100203, reply
            refused.append(guid)
            guid, reply = conn.receive()
        # The queue holds ten, the worker one; what was handed ahead counts as queued or not.
        assert 15 <= len(refused) <= 20
        held.let_go()
        left = {conn.receive()[0] for _ in range(30 - len(refused))}
        assert left | set(refused) == set(idents)
        assert conn.call("/echo", 1)["data"]["data"] == 1
        assert server.stop() == 0


def test_full_queue_by_bytes(tmp_path):
    """The queue's memory is at least four frames of the largest size."""
    held = Held(tmp_path)
    pool = python_pool("basic.py", workers=1, queue_mb_max=1)
    with Server({"p": pool}, frame_bytes_max=262144) as server:
        with v1.Conn(server.address) as busy, v1.Conn(server.address) as conn:
            busy.send(v1.request(v1.guid(), *held.api))
            held.wait_begun()
            idents = [v1.guid() for _ in range(12)]
            conn.send(b"".join(v1.request(each, "/echo", "x" * 250000) for each in idents))
            replies = [conn.receive()[1] for _ in range(6)]
            held.let_go()
            replies += [conn.receive()[1] for _ in range(6)]
            codes = [v1.code(each) for each in replies]
            said = {each["data"]["msg"] for each in replies if v1.code(each) == 100203}
            assert said == {
                "the queue of pool p is full: 16384 tasks (queue_tasks_max) or 1 MiB "
                "(queue_mb_max) wait"}
            assert codes.count(100203) >= 6, codes
            assert codes.count(0) >= 2, codes
            assert set(codes) == {0, 100203}


def test_a_many_call_that_does_not_fit():
    """Each api of a many call has its own outcome; none is lost."""
    pool = python_pool("basic.py", workers=1, queue_tasks_max=4)
    with Server({"p": pool}) as server, v1.Conn(server.address) as conn:
        conn.send(v1.request_many(v1.guid(), {key: ("/sleep", 50) for key in range(1, 21)}))
        reply = conn.receive()[1]
        if reply["code"] == 0:
            codes = [each["code"] for each in reply["data"].values()]
            assert len(codes) == 20
            assert set(codes) == {0, 100203}
        else:
            assert reply["code"] == 100203
        assert conn.call("/echo", 1)["data"]["data"] == 1


def test_frame_at_the_limit_and_past_it():
    with Server({"p": python_pool("basic.py", workers=1)}, frame_bytes_max=65536) as server:
        empty = len(v1.request(v1.guid(), "/pid", ""))
        fits = "x" * (65536 - empty - 4)  # its length has five digits, not one
        with v1.Conn(server.address) as conn:
            frame = v1.request(v1.guid(), "/pid", fits)
            assert len(frame) == 65536
            conn.send(frame)
            assert v1.code(conn.receive()[1]) == 0
            conn.send(v1.request(v1.guid(), "/pid", fits + "x"))
            guid, reply = conn.receive()
            assert reply["code"] == 100206
            assert conn.receive() is None
        with v1.Conn(server.address) as conn:
            assert conn.call("/big", 60000)["data"]["code"] == 0
            assert conn.call("/big", 65536)["data"]["code"] == 100206
            assert conn.call("/big", 5 * MIB)["data"]["code"] == 100206
            assert conn.call("/echo", 1)["data"]["data"] == 1


def test_announced_frames_take_no_memory():
    with Server({"p": python_pool("basic.py", workers=1)}) as server:
        before = processes.anonymous_bytes(server.pid)
        conns = [v1.Conn(server.address) for _ in range(50)]
        for conn in conns:
            conn.send(struct.pack(">I", (2 << 20) - 4) + b"a" * 32)
        with v1.Conn(server.address) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
        assert processes.anonymous_bytes(server.pid) < before + 16 * MIB
        for conn in conns:
            conn.close()


def small_window(address):
    """A connection that holds little, so that unread replies stay with the server."""
    conn = v1.Conn(address)
    conn.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    return conn


def times_of_calls(conn, count):
    times = []
    for number in range(count):
        began = time.monotonic()
        assert conn.call("/echo", number)["data"]["data"] == number
        times.append(time.monotonic() - began)
    return times


def settled(conn):
    """Whether all tasks that were read are done, and no more are read."""
    before = conn.command("getStat")["data"]["server"]
    time.sleep(0.05)  # between two looks
    after = conn.command("getStat")["data"]["server"]
    same = before["worker_request_count"] == after["worker_request_count"] > 0
    return same and before["tasking_num"] == after["tasking_num"] == 0


def test_slow_reader_is_not_read():
    """30 MiB of unread replies: nothing more is read from it, and all of them come in the end."""
    with Server({"p": python_pool("basic.py", workers=4, queue_mb_max=512)}) as server:
        with small_window(server.address) as slow, v1.Conn(server.address) as other:
            for _ in range(300):
                slow.send(v1.request(v1.guid(), "/big", 100 << 10))
            assert wait_until(lambda: settled(other)), "the replies"
            slow.sock.settimeout(0.5)
            filler = v1.request(v1.guid(), "/pid", "y" * MIB)
            sent = 0
            with pytest.raises(TimeoutError):
                while sent < 200:
                    slow.send(filler)
                    sent += 1
            assert sent < 100
            assert quantile(times_of_calls(other, 300), 0.9) < 0.2
            slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MIB)
            assert {v1.code(slow.receive()[1]) for _ in range(300 + sent)} == {0}
        assert server.stop() == 0


def test_reader_that_never_reads_is_bounded():
    """400 MiB asked for and nothing read: the server keeps some, then closes the connection."""
    with Server({"p": python_pool("basic.py", workers=4)}) as server:
        before = processes.anonymous_bytes(server.pid)
        with small_window(server.address) as slow, v1.Conn(server.address) as other:
            for _ in range(400):
                slow.send(v1.request(v1.guid(), "/big", MIB))
            most = 0
            for _ in range(30):
                assert quantile(times_of_calls(other, 10), 0.5) < 0.2
                most = max(most, processes.anonymous_bytes(server.pid) - before)
            assert most < 160 * MIB
        with v1.Conn(server.address) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
        assert server.stop() == 0


def test_what_handlers_print_never_stalls():
    with Server({"p": python_pool("basic.py", workers=2)}) as server:
        with v1.Conn(server.address) as conn:
            assert conn.call("/print", 20)["data"]["code"] == 0
            assert wait_until(lambda: "flood flood" in server.log())
            conn.send(b"".join(v1.request(v1.guid(), "/print", 8 * MIB) for _ in range(4)))
            with v1.Conn(server.address) as other:
                for number in range(20):
                    assert other.call("/echo", number)["data"]["data"] == number
            for _ in range(4):
                assert conn.receive(20)[1]["data"]["code"] == 0
        assert server.stop() == 0


def test_idle_connections_do_not_cost_the_others():
    with Server({"p": python_pool("basic.py", workers=2)}) as server:
        idle = [v1.Conn(server.address) for _ in range(200)]
        load = Load(server.address, "/echo", 1, connections=8)
        load.start()
        assert wait_until(lambda: load.sent > 1000)
        load.stop()
        assert load.lost == load.twice == 0
        assert set(load.codes) == {0}
        for conn in idle:
            conn.close()
        assert server.stop() == 0


def test_a_worker_stopped_over_its_time_limit_serves_again():
    """What it had not begun is taken back; when it goes on it is given work as before."""
    with Server({"p": python_pool("basic.py", workers=1, time_limit_ms=1000)}) as server:
        worker = next(iter(server.workers("p").values()))
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            def queued():
                return conn.command("getStat")["data"]["server"]["pools"]["p"]["queued"]

            for _ in range(3):
                assert v1.code(other.call("/sleep", 50)) == 0
            os.kill(worker, signal.SIGSTOP)
            other.send(v1.request(v1.guid(), "/sleep", 50))
            assert wait_until(lambda: queued() == 1)
            os.kill(worker, signal.SIGCONT)
            assert v1.code(other.receive(10)[1]) == 0
        assert server.stop() == 0
