"""`log.requests` and `log.slow_ms`: which requests are written down, and what is said of them."""

import contextlib
import http.client
import json
import os
import secrets
import subprocess

import pytest

from support import v1
from support.access import TOKENS, Frames, Http, access
from support.collector import SERVER, Collector
from support.server import (
    Held, Server, environment, program, python_pool, wait_tasking, wait_until)

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
FIELDS = ["v", "e", "g", "p", "l", "m", "pid", "pool", "api", "guid", "trace", "type", "code",
          "queue_ms", "run_ms", "bytes_in", "bytes_out", "protocol"]


def start(time_limit_ms=60000, **log):
    pools = {"py": python_pool("faulty.py", workers=1, time_limit_ms=time_limit_ms)}
    return Server(pools, log={"format": "json", **log},
                  listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"})


def requests(server):
    found = [json.loads(line) for line in server.lines() if line.startswith("{")]
    return [record for record in found if record["g"] == "request"]


def ask(conn, name, param=None, kind="W_S", **more):
    """(guid, reply)"""
    guid = conn.ask(kind, name if isinstance(name, dict) else {"one": (name, param)}, **more)
    return guid, conn.receive()[1]


def told(server, guid, count=1):
    """The records of one request."""
    def found():
        return [record for record in requests(server) if record["guid"] == guid]
    assert wait_until(lambda: len(found()) >= count), server.log()
    return found()


@pytest.fixture(scope="module")
def everything():
    with start(time_limit_ms=1000, requests="all") as server:
        yield server


def test_a_request_has_its_call_times_bytes_and_protocol(everything):
    with v1.Conn(everything.address) as conn:
        guid, reply = ask(conn, "/py/echo", "x" * 100, trace=TRACE)
        assert v1.code(reply) == 0
        (record,) = told(everything, guid)
    assert list(record) == FIELDS
    assert (record["v"], record["pid"], record["pool"]) == (4, everything.pid, "py")
    assert (record["api"], record["trace"], record["type"]) == ("/py/echo", TRACE, "W_S")
    assert (record["code"], record["protocol"]) == (0, "tcp")
    assert record["bytes_in"] == record["bytes_out"] == len('s:100:"";') + 100
    assert 0 <= record["queue_ms"] < 60000 and 0 < record["run_ms"] < 60000
    assert record["m"].startswith("W_S /py/echo 0 in ")


def test_each_api_of_a_multi_call_is_one(everything):
    with v1.Conn(everything.address) as conn:
        guid, _ = ask(conn, {"a": ("/py/echo", 1), "b": ("/py/raise", "no"), "c": ("/none", 1)},
                      kind="W_M")
    found = {record["api"]: record["code"] for record in told(everything, guid, 3)}
    assert found == {"/py/echo": 0, "/py/raise": 100208, "/none": 100204}


def test_requests_that_nobody_waits_for_are_among_them(everything):
    with v1.Conn(everything.address) as conn:
        guid, reply = ask(conn, "/py/echo", 1, kind="AN_S")
        assert reply["code"] == 100001
        (record,) = told(everything, guid)
        assert (record["type"], record["code"]) == ("AN_S", 0)
        guid, reply = ask(conn, "/none", 1, kind="AN_S")
        (record,) = told(everything, guid)
        assert (record["api"], record["code"], record["pool"]) == ("/none", reply["code"], None)


def test_what_ended_its_worker_has_its_times(everything):
    with v1.Conn(everything.address) as conn:
        guid, reply = ask(conn, "/py/hang")
        (record,) = told(everything, guid)
        assert (v1.code(reply), record["code"]) == (100201, 100201)
        assert record["queue_ms"] + record["run_ms"] > 900, record


def test_over_http_the_protocol_says_so(everything):
    host, port = everything.http.rsplit(":", 1)
    conn = http.client.HTTPConnection(host, int(port), timeout=10)
    conn.request("POST", "/call/py/echo", '{"a":1}', {"Content-Type": "application/json",
                                                       "traceparent": TRACE})
    assert conn.getresponse().read() == b'{"a":1}'
    conn.close()
    assert wait_until(lambda: [record for record in requests(everything)
                               if record["protocol"] == "http"])


def test_what_cannot_be_read_is_told_without_an_api(everything):
    with v1.Conn(everything.address) as conn:
        guid = v1.guid()
        conn.send(v1.frame(guid, b"no value"))
        code = conn.receive()[1]["code"]
        (record,) = told(everything, guid)
        assert code == record["code"] == 100006 and record["api"] is None


@pytest.fixture(scope="module")
def known():
    """One that knows who calls."""
    pools = {"py": python_pool("faulty.py", workers=1)}
    rules = [{"who": "anyone", "apis": ["!/py/raise", "*"], "control": True}]
    with Collector() as spans, \
            Server(pools, log={"format": "json", "requests": "all"}, access=access(rules),
                   trace={"endpoint": spans.url},
                   listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        server.spans = spans
        yield server


@pytest.mark.parametrize(("door", "who"), [(Frames, "shop"), (Frames, None), (Http, "shop"),
                                           (Http, None)])
def test_who_called_stands_in_records_and_spans(known, door, who):
    trace = secrets.token_hex(16)
    parent = "00-%s-%s-01" % (trace, secrets.token_hex(8))
    with contextlib.closing(door(known.http if door is Http else known.address,
                                 TOKENS.get(who))) as caller:
        if door is Http:
            caller.web.ask("POST", "/call/py/echo", "7", {"traceparent": parent, **caller.more})
        else:
            caller.conn.call("/py/echo", 7, trace=parent)
        caller.call("/py/raise")
    span = next(one for one in known.spans.of(trace, 3) if one.kind == SERVER)
    assert span.attributes.get("dora.caller") == who
    guid = span.attributes["dora.guid"]
    (record,) = told(known, guid)
    assert list(record) == FIELDS + (["caller"] if who else [])
    assert record.get("caller") == who
    refused = ("/py/raise", 100205, record["protocol"], who)
    assert wait_until(lambda: refused in [
        (one["api"], one["code"], one["protocol"], one.get("caller")) for one in requests(known)])


def test_a_call_that_is_given_up_before_it_began_is_told(tmp_path):
    held = Held(tmp_path)
    with Server({"py": python_pool("basic.py", workers=1)},
                log={"format": "json", "requests": "all"}) as server, \
            v1.Conn(server.address) as busy, v1.Conn(server.address) as gone:
        busy.ask("W_S", {"one": held.api})
        held.wait_begun()
        guid = gone.ask("W_S", {"one": ("/echo", "later")}, trace=TRACE)
        with v1.Conn(server.address) as asking:
            wait_tasking(asking, 2)
        gone.close()
        (record,) = told(server, guid)
        assert (record["code"], record["api"], record["trace"]) == (100202, "/echo", TRACE)
        held.let_go()
        busy.receive()


def test_a_repeat_that_has_its_reply_is_not_refused_for_its_time(everything):
    with v1.Conn(everything.address) as conn:
        guid = v1.guid()
        for more in ({}, {"timeout": 0}):
            conn.send(v1.request(guid, "/py/echo", "once", **more))
            assert conn.receive()[1]["data"]["data"] == "once"
        late, reply = ask(conn, "/py/echo", "late", timeout=0)
        assert v1.code(reply) == 100202
        assert [record["code"] for record in told(everything, late)] == [100202]
        assert [record["code"] for record in told(everything, guid)] == [0]


def test_a_name_cannot_look_like_another_record(everything):
    with v1.Conn(everything.address) as conn:
        guid, _ = ask(conn, "/none\n{\"v\": 1}\x1b[2J", 1)
        (record,) = told(everything, guid)
        assert record["api"] == "/none\n{\"v\": 1}\x1b[2J"
        assert not [line for line in everything.log().splitlines() if "\x1b" in line]


@pytest.mark.parametrize("wanted, kept", [
    ("none", []), ("errors", ["/py/raise", "/none"]), ("slow", ["/py/raise", "/py/nap", "/none"]),
    ("all", ["/py/echo", "/py/raise", "/py/nap", "/none"])])
def test_what_is_kept_grows_with_the_setting(wanted, kept):
    # What is quick here must be so on a busy machine.
    slow_s = 1.0 if wanted == "slow" else 0.1
    with start(requests=wanted, slow_ms=int(1000 * slow_s)) as server, \
            v1.Conn(server.address) as conn:
        for name in ("/py/echo", "/py/raise", "/py/nap", "/none"):
            ask(conn, name, slow_s)
        assert server.stop() == 0
        assert [record["api"] for record in requests(server)] == kept


def test_nothing_is_written_unless_it_is_asked_for():
    with start() as server, v1.Conn(server.address) as conn:
        ask(conn, "/py/nap", 0.1)
        ask(conn, "/py/raise", "x")
        assert server.stop() == 0
        assert requests(server) == []


def test_a_reload_takes_the_setting_as_it_is_by_then():
    with start() as server, v1.Conn(server.address) as conn:
        path = os.path.join(server.folder, "dora.json")
        with open(path) as file:
            config = json.load(file)
        quiet, _ = ask(conn, "/py/echo", 1)
        for change, wanted in (({"requests": "all"}, True), ({"requests": "everything"}, True),
                               ({"requests": "slow", "slow_ms": 60000}, False)):
            config["log"].update(change)
            with open(path, "w") as file:
                json.dump(config, file)
            assert conn.command("reloadWait", 60)["code"] == 0
            guid, _ = ask(conn, "/py/echo", 1)
            slow = ask(conn, "/py/raise", "x")[0]
            told(server, slow)
            assert bool([one for one in requests(server) if one["guid"] == guid]) == wanted
        assert not [one for one in requests(server) if one["guid"] == quiet]
        assert 'log.requests: must be \\"none\\"' in server.log()


@pytest.mark.parametrize("log, problem", [
    ({"requests": "some"}, 'log.requests: must be "none", "errors", "slow" or "all"'),
    ({"requests": True}, 'log.requests: must be "none", "errors", "slow" or "all"'),
    ({"slow_ms": -1}, "log.slow_ms: must be a whole number from 0 to 86400000"),
    ({"slow_ms": "1s"}, "log.slow_ms: must be a whole number from 0 to 86400000")])
def test_a_wrong_setting_is_named_with_its_place(tmp_path, log, problem):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"log": log, "pools": {"py": python_pool("faulty.py")}}, indent=1))
    done = subprocess.run([program(), "check", str(path)], capture_output=True, text=True,
                          env=environment(), timeout=30)
    assert done.returncode == 1 and problem in done.stdout + done.stderr
    assert "dora.json:3:" in done.stdout + done.stderr
