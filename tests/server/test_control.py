"""Control commands: what they tell, and from where they are taken."""

import os
import re
import signal
import time

import pytest

from support import v1
from support.server import Server, python_pool, wait_until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SWOOLE = ["start_time", "connection_num", "accept_count", "close_count", "tasking_num",
          "request_count", "worker_request_count"]


def one_pool(**more):
    return {"py": python_pool("modes.py", workers=2, **more)}


def stat(conn):
    reply = conn.command("getStat")
    assert (reply["code"], reply["msg"]) == (0, "OK")
    return reply["data"]


@pytest.fixture(scope="module")
def server():
    with Server(one_pool()) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def table(first):
    """The keys of a table of PROTOCOL.md, by its first heading."""
    text = open(os.path.join(ROOT, "core", "PROTOCOL.md"), encoding="utf-8").read()
    text = text.split("\n## Control\n", 1)[1].split("\n## ", 1)[0]
    rows = text.split("\n| %s |" % first, 1)[1].split("\n\n", 1)[0].splitlines()[2:]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


def test_the_answer_has_the_keys_of_the_protocol(server):
    with v1.Conn(server.address) as conn:
        told = conn.command("getStat")["data"]["server"]
        always = [key for key in table("key") if key not in ("callers", "rollout", "reload")]
        assert list(told) == always
        assert list(conn.command("reloadTask")["data"]["server"]) == always + ["reload"]
    pool = next(iter(told["pools"].values()))
    assert list(pool) == table("key of a pool")
    for key in ("repeats", "held"):
        assert list(told[key]) == table("key of `%s`" % key)
    assert list(pool["restarts"]) == table("key of `restarts`")


def test_what_stat_tells(server, conn):
    ident = v1.guid()
    conn.send(v1.control(ident, "getStat"))
    guid, reply = conn.receive()
    assert guid == ident
    assert list(reply) == ["guid", "code", "msg", "data"]
    assert list(reply["data"]) == ["server", "logqueue"]
    assert list(reply["data"]["logqueue"]) == ["queue_num", "queue_bytes"]
    told = reply["data"]["server"]
    assert list(told)[:7] == SWOOLE
    assert abs(told["start_time"] - time.time()) < 3600
    assert told["pid"] == server.pid
    assert told["reactors"] >= 1
    assert told["draining"] is False
    assert 0 <= told["uptime_s"] < 3600
    assert told["version"].count(".") == 2
    assert list(told["pools"]) == ["py"]
    pool = told["pools"]["py"]
    assert pool["runtime"] == "python"
    assert pool["healthy"] is True
    assert pool["generation"] >= 1
    assert pool["workers"] == 2

    def settled():  # a reload may be under way still
        now = stat(conn)["server"]["pools"]["py"]
        return now["idle"] + now["busy"] + now["starting"] == 2

    assert wait_until(settled), stat(conn)


def test_what_stat_counts(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server({"py": python_pool("modes.py", workers=1, queue_tasks_max=2)}) as server:
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            with v1.Conn(server.address) as third:
                third.call("/big", 1)
            for number in range(9):
                other.call("/big", number)
            assert wait_until(lambda: stat(conn)["server"]["close_count"] == 1)
            told = stat(conn)["server"]
            assert (told["accept_count"], told["connection_num"]) == (3, 2)
            assert told["worker_request_count"] == told["pools"]["py"]["handled"] == 10
            assert stat(conn)["server"]["request_count"] == told["request_count"] + 1
            other.ask("AN_S", {"one": ("/hold", {"file": marks, "until": gate})})
            assert wait_until(lambda: os.path.exists(marks))
            other.ask("AN_M", {"a": ("/big", 1), "b": ("/big", 1)})
            other.ask("AN_S", {"one": ("/big", 1)})
            assert [other.receive()[1]["code"] for _ in range(3)] == [100001, 100001, 100203]
            told = stat(conn)["server"]
            assert told["tasking_num"] == 3
            pool = told["pools"]["py"]
            assert (pool["running"], pool["queued"], pool["refused"]) == (1, 2, 1)
            assert (pool["busy"], pool["idle"], pool["died"]) == (1, 0, 0)
            with open(gate, "w"):
                pass
            assert wait_until(lambda: stat(conn)["server"]["tasking_num"] == 0)
            os.kill(next(iter(server.workers("py").values())), signal.SIGKILL)
            assert wait_until(lambda: stat(conn)["server"]["pools"]["py"]["died"] == 1)
            assert wait_until(lambda: stat(conn)["server"]["pools"]["py"]["idle"] == 1)
            # What a dead worker has done still counts.
            assert stat(conn)["server"]["pools"]["py"]["handled"] == 13
        assert server.stop() == 0


def test_stat_counts_recycled_workers():
    pools = {"py": python_pool("modes.py", workers=1, max_requests=5)}
    with Server(pools) as server, v1.Conn(server.address) as conn:
        calls = 0

        def are_two_recycled():
            nonlocal calls
            calls += 1
            assert conn.call("/big", 1)["data"]["data"] == "x"
            return stat(conn)["server"]["pools"]["py"]["recycled"] >= 2

        assert wait_until(are_two_recycled)
        pool = stat(conn)["server"]["pools"]["py"]
        assert (pool["died"], pool["handled"]) == (0, calls)


def test_stat_sums_all_reactors():
    with Server(one_pool(), reactors=3) as server:
        conns = [v1.Conn(server.address) for _ in range(12)]
        for conn in conns:
            assert conn.call("/big", 1)["data"]["data"] == "x"
        told = stat(conns[0])["server"]
        assert (told["connection_num"], told["accept_count"], told["reactors"]) == (12, 12, 3)
        assert told["request_count"] == 13
        for conn in conns:
            conn.close()


@pytest.mark.parametrize("name", ["getstat", "stop", "x" * 255])
def test_an_unknown_command_is_named(conn, name):
    """The original does not answer some of them."""
    reply = conn.command(name)
    assert (reply["code"], reply["data"]) == (100011, [])
    assert reply["msg"] == ("unknown control command %s; "
                            "there are getStat, getApis, forgive, reloadTask, reloadWait, "
                            "reloadNow, reloadNowWait and upgrade" % name)


def has_ended(conn):
    """Whether no task is left: told, or seen by the connection's end, which may come before."""
    try:
        return stat(conn)["server"]["tasking_num"] == 0
    except (OSError, v1.Refused):
        return True


def test_stat_while_draining(tmp_path):
    """A server that finishes its work can be watched; it takes no other command."""
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server(one_pool(), linger_ms=20000) as server, v1.Conn(server.address) as conn:
        conn.ask("AN_S", {"one": ("/hold", {"file": marks, "until": gate})})
        assert conn.receive()[1]["code"] == 100001
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: stat(conn)["server"]["draining"])
        assert stat(conn)["server"]["tasking_num"] == 1
        assert conn.command("reloadTask")["code"] == 100207
        with open(gate, "w"):
            pass
        assert wait_until(lambda: has_ended(conn))
        conn.close()
        assert server.wait() == 0


def test_a_reload_is_answered_on_its_connection(conn):
    """Calls go on while it is asked for; the answer finds its own connection, or nobody."""
    with Server(one_pool(), reactors=2) as server:
        conns = [v1.Conn(server.address) for _ in range(4)]
        asked = {}
        for each in conns:
            ident = asked[each] = v1.guid()
            each.send(v1.control(ident, "reloadTask"))
        conns.pop().close()
        for each in conns:
            guid, reply = each.receive(20)
            assert guid == asked[each]
            assert reply["code"] in (0, 100209)
            if reply["code"] == 0:
                assert list(reply["data"]) == ["server", "logqueue"]
                assert reply["data"]["server"]["reload"] in ("done", "pending")
            assert each.call("/big", 1)["data"]["data"] == "x"
            each.close()
        assert server.stop() == 0


@pytest.mark.parametrize("allow, tcp, local, msg", [
    ([], 100205, 100205, "control commands are not taken (control.allow is empty)"),
    (["loopback"], 0, 100205, "control commands are taken from loopback only (control.allow)"),
    (["unix"], 100205, 0, "control commands are taken from the Unix socket only (control.allow)"),
    (["unix", "loopback"], 0, 0, None), (["any"], 0, 0, None)])
def test_what_is_allowed(tmp_path, allow, tcp, local, msg):
    path = str(tmp_path / "sock")
    with Server(one_pool(), listen={"tcp": "127.0.0.1:0", "unix": path},
                control={"allow": allow}) as server:
        for address, code in ((server.address, tcp), (path, local)):
            with v1.Conn(address) as conn:
                reply = conn.command("getStat")
                assert reply["code"] == code
                assert code == 0 or reply["msg"] == msg
                assert conn.call("/big", 1)["data"]["data"] == "x"
