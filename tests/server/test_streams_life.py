"""Streams while other things go on: a reload, a stop, an upgrade, killed workers, callers that
leave, one that does not read beside many that do; and that nothing is left behind."""

import os
import signal
import time

import pytest

from support import processes, streams, tries, v1
from support.metrics import Metrics, admin_of
from support.server import Server, wait_until
from support.streams import envelope, stat
from support.upgrade import Family

DIED, CANCELLED, STOPPING = 100200, 100211, 100207


def tasks(server):
    return stat(server)["tasking_num"]


def conn_command(server, name):
    with v1.Conn(server.address) as conn:
        return conn.command(name, 60)["code"]


def gated(conn, folder):
    """A stream that has sent its first part and waits."""
    ident = streams.begin(conn, "/gate", str(folder))
    assert conn.receive()[1]["data"] == "first"
    return ident


def test_streams_are_counted(tmp_path):
    listen = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    with Server(streams.pools(workers=2), listen=listen) as server, \
            v1.Conn(server.address) as conn:
        def is_told(streams_now, parts, cancelled):
            def is_so():
                metrics = Metrics(admin_of(server))
                pool = stat(server)["pools"]["stream"]
                return ((pool["streams"], pool["parts"]) == (streams_now, parts)
                        and metrics.one("dora_streams", pool="stream") == streams_now
                        and metrics.one("dora_stream_parts_total", pool="stream") == parts
                        and metrics.requests().get(("/gate", "ST_S", "100211"), 0) == cancelled)
            return wait_until(is_so)

        assert streams.whole(conn, "/sum", 7)[0][-1] == (6, 6)
        assert is_told(0, 7, 0)
        assert envelope(streams.whole(conn, "/large", 2 * 1024 * 1024)[2]) == 100206
        assert is_told(0, 7, 0)
        gated(conn, tmp_path)
        ident = gated(conn, tmp_path)
        assert is_told(2, 9, 0)
        streams.cancel(conn, ident)
        assert envelope(conn.receive()[1]) == CANCELLED
        streams.open_gate(tmp_path)
        while conn.receive()[1]["code"] != 0:
            pass
        assert is_told(0, 10, 1)


def test_reload_lets_streams_end_in_their_worker(tmp_path):
    with Server(streams.pools(workers=1)) as server, v1.Conn(server.address) as conn:
        ident = gated(conn, tmp_path)
        assert conn_command(server, "reloadWait") == 0
        with v1.Conn(server.address) as other:
            assert other.call("/echo", 1)["data"]["data"] == 1
        streams.open_gate(tmp_path)
        parts, _, reply = streams.rest(conn, ident)
        assert parts == [(1, "last")] and envelope(reply) == 0


def test_stop_waits_for_streams_and_takes_no_more(tmp_path):
    with Server(streams.pools()) as server, v1.Conn(server.address) as conn:
        ident = gated(conn, tmp_path)
        server.process.terminate()
        assert wait_until(lambda: refuses(conn))
        streams.take(conn, ident, 1)
        streams.open_gate(tmp_path)
        parts, _, reply = streams.rest(conn, ident)
        assert parts == [(1, "last")] and envelope(reply) == 0


def refuses(conn):
    return conn.call("/echo", 1)["code"] == STOPPING


def test_upgrade_lets_streams_end_in_the_old_server(tmp_path):
    with Family(streams.pools(), linger_ms=50) as server:
        old = server.pid
        with v1.Conn(server.address) as conn:
            ident = streams.begin(conn, "/count", 40, window=2)
            assert [conn.receive()[1]["part"] for _ in range(2)] == [0, 1]
            server.upgrade()
            assert server.pid != old
            streams.take(conn, ident, 2)  # what is said of it is still heard
            parts, _, reply = streams.rest(conn, ident)
            assert parts == [(i, i) for i in range(2, 40)] and envelope(reply) == 0
            assert wait_until(lambda: not processes.is_alive(old), 30)
            assert conn.call("/echo", 7)["data"]["data"] == 7  # and then it has moved


def test_killed_worker_ends_each_stream_once(tmp_path):
    pids = [str(tmp_path / str(i)) for i in range(20)]
    with Server(streams.pools(workers=20)) as server:
        conns = [v1.Conn(server.address) for _ in pids]
        idents = [streams.begin(conn, "/endless", path, window=8)
                  for conn, path in zip(conns, pids)]
        for conn in conns:
            assert [conn.receive()[1]["part"] for _ in range(8)] == list(range(8))
        for pid in server.workers().values():
            os.kill(pid, signal.SIGKILL)
        for conn, ident in zip(conns, idents):
            parts, _, reply = streams.rest(conn, ident, takes=False)
            assert parts == [] and envelope(reply) == DIED
            with pytest.raises(TimeoutError):
                conn.receive(0.01)
            conn.close()
        assert wait_until(lambda: tasks(server) == 0)


def test_reader_that_stops_holds_up_no_other(tmp_path):
    """Forty that read beside one that does not, on one connection and on others."""
    with Server(streams.pools(workers=4), connection_calls_max=100) as server, \
            v1.Conn(server.address) as conn:
        path = str(tmp_path / "count")
        silent = streams.begin(conn, "/endless", path, window=4)
        assert [conn.receive()[1]["part"] for _ in range(4)] == list(range(4))
        idents = {streams.begin(conn, "/count", 50, window=8): 0 for _ in range(40)}
        ended = 0
        while ended < 40:
            ident, reply = conn.receive()
            assert ident != silent
            if reply["code"] == streams.PART:
                assert reply["part"] == idents[ident]
                idents[ident] += 1
                streams.take(conn, ident, 1)
            else:
                assert envelope(reply) == 0 and idents[ident] == 50
                ended += 1
        assert streams.counted(path) == 3
        streams.cancel(conn, silent)
        assert envelope(conn.receive()[1]) == CANCELLED


def test_connection_that_does_not_read_is_bounded(tmp_path):
    """Its handler waits once the kernel and the server hold enough; others notice nothing."""
    with Server(streams.pools(workers=3)) as server:
        conn = v1.Conn(server.address)
        before = processes.rss_bytes(server.pid) // 1024
        for _ in range(2):
            streams.begin(conn, "/large", 1_900_000, window=1024)
        with v1.Conn(server.address) as other:
            assert other.call("/echo", 1)["code"] == 0
        sizes = []
        while len(sizes) < 2 or sizes[-1] != sizes[-2]:
            time.sleep(0.3)  # for what fits to come
            sizes.append(processes.rss_bytes(server.pid) // 1024)
        assert sizes[-1] - before < 16 * 1024
        conn.close()
        assert wait_until(lambda: tasks(server) == 0)


def test_nothing_is_left_of_many_streams(tmp_path):
    with Server(streams.pools()) as server, v1.Conn(server.address) as conn:
        def some():
            for i in range(300):
                if i % 3 == 0:
                    ident = streams.begin(conn, "/endless", window=1)
                    conn.receive()
                    streams.cancel(conn, ident)
                    streams.rest(conn, ident)
                else:
                    assert len(streams.whole(conn, "/count", 5)[0]) == 5
            assert wait_until(lambda: tasks(server) == 0)
            return processes.rss_bytes(server.pid) // 1024

        def grown():
            before = some()
            return some() - before

        some()
        descriptors = processes.fd_count(server.pid)
        tries.until(lambda kilobytes: kilobytes < 1024, grown, 3)
        assert wait_until(lambda: processes.fd_count(server.pid) <= descriptors)
        assert conn.call("/large", 5)["code"] == 0


def test_time_limit_answers_a_stream_whatever_its_handler_does(tmp_path):
    """It does not look; its caller is told all the same, and its worker goes on with others."""
    pools = streams.pools(workers=1, time_limit_ms=300, kill_after_ms=30000)
    with Server(pools) as server, v1.Conn(server.address) as conn:
        pids = server.workers()
        ident = streams.begin(conn, "/gate", str(tmp_path))
        parts, _, reply = streams.rest(conn, ident)
        assert parts in ([], [(0, "first")]) and envelope(reply) == 100201
        streams.open_gate(tmp_path)
        assert wait_until(lambda: envelope(conn.call("/echo", 1)) == 0)
        assert server.workers() == pids
        with pytest.raises(TimeoutError):
            conn.receive(0.05)


def test_connection_has_so_many_streams_and_no_more():
    """Each holds memory of its pool from when it waits; others get in."""
    with Server(streams.pools(workers=1)) as server, v1.Conn(server.address) as conn:
        idents = [streams.begin(conn, "/endless", window=1) for _ in range(257)]
        answers = dict(conn.receive() for _ in range(2))
        refused = answers.pop(idents[256])
        assert refused["code"] == 100203 and "streams" in refused["msg"]
        assert list(answers) == idents[:1]
        for ident in idents[:256]:
            streams.cancel(conn, ident)
        ended = []
        while len(ended) < 256:  # some may begin before they are cancelled
            reply = conn.receive()[1]
            ended += [envelope(reply)] if reply["code"] == 0 else []
        assert ended == [CANCELLED] * 256
        assert conn.call("/echo", 1)["data"]["data"] == 1


def test_result_that_does_not_fit_ends_its_connection_only(tmp_path):
    """A stream's result comes to a connection that holds as much as one may."""
    with Server(streams.pools(workers=4), connection_mb_max=8) as server:
        conn = v1.Conn(server.address)
        ident = streams.begin(conn, "/ends", 1_900_000, window=1)
        assert conn.receive() and ident
        for _ in range(8):
            conn.send(v1.request(v1.guid(), "/ends", 1_900_000))
        with v1.Conn(server.address) as other:
            assert wait_until(lambda: tasks(server) == 0)
            assert other.call("/echo", 1)["data"]["data"] == 1
        conn.close()
