"""An error is one record of the log: the same fields in every language, for everything that ends a
call badly, and the traceback once."""

import json
import os
import re
import signal

import pytest

from support import v1
from support.server import HERE, Server, python_pool, wait_until

APP_C = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "operator_app.so")
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
LIMIT_MS = 1500
FIELDS = ["v", "e", "g", "p", "l", "m", "pid", "pool", "api", "guid", "trace", "type", "worker",
          "generation", "class", "code", "queue_ms", "run_ms", "traceback"]


def pools(**more):
    return {
        "py": python_pool("faulty.py", workers=1, apis=["/py/*"], time_limit_ms=LIMIT_MS, **more),
        "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "faulty.php"), "workers": 1,
                "apis": ["/php/*"], "time_limit_ms": LIMIT_MS, **more},
        "c": {"runtime": "c", "app": APP_C, "workers": 1},
    }


@pytest.fixture(scope="module")
def server():
    with Server(pools(), log={"format": "json"}, frame_bytes_max=65536) as one:
        yield one


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def records(server, guid):
    """What the log says of a call."""
    return [json.loads(line) for line in server.lines() if guid in line]


def fails(server, conn, name, param=None, kind="W_S", **more):
    """(guid, envelope, the one record) of a call that goes wrong."""
    guid = v1.guid()
    conn.send(v1.request_of(kind, guid, {"one": (name, param)}, trace=TRACE, **more))
    _, reply = conn.receive()
    assert wait_until(lambda: records(server, guid)), "no record of %s" % name
    conn.call("/%s/echo" % name.split("/")[1] if name.count("/") > 1 else "/info")  # it serves on
    found = records(server, guid)
    assert len(found) == 1, found
    return guid, reply["data"], found[0]


ENDINGS = {  # api: (parameter, code, class, what the caller is told, what the record says)
    "/py/raise": ("bad id", 100208, "ValueError", "ValueError: bad id", "ValueError: bad id"),
    "/php/raise": ("bad id", 100208, "DomainException", r"DomainException: bad id \(code 0\)",
                   "DomainException: bad id"),
    "/py/code": ("of its own", 4711, "Unfit", "Unfit: of its own", "Unfit: of its own"),
    "/php/code": ("of its own", 4711, "Unfit", "Unfit: of its own", "Unfit: of its own"),
    "/py/refused": (None, 100208, "TypeError", r"TypeError: \$\.items\[1\]: no value .*",
                    r"TypeError: \$\.items\[1\]: no value .*"),
    "/php/refused": (None, 100208, None, r"\$\.items\[1\]: no value .* Exception",
                     r"\$\.items\[1\]: no value .* Exception"),
    "/py/big": (70000, 100206, None, r"the result is .*\(frame_bytes_max\)", "the result is .*"),
    "/php/big": (70000, 100206, None, r"the result is .*\(frame_bytes_max\)", "the result is .*"),
    "/py/exit": (3, 100200, "SystemExit", r"the handler raised SystemExit\(3\)",
                 r"SystemExit: 3 \(the worker ends\)"),
    "/php/exit": (3, 100200, None, r"exit\(\) called in handler", r"exit\(\) called in handler"),
    "/php/fatal": (None, 100200, "E_ERROR|E_COMPILE_ERROR", "Class A contains .*",
                   "Class A contains .*"),
    "/py/os_exit": (7, 100200, None, ".*", r"worker process \d+ exited with status 7 while it ran "
                    "/py/os_exit"),
    "/py/signal": (None, 100200, None, ".*", r"worker process \d+ was killed by signal 9 \(Killed\)"
                   " while it ran /py/signal"),
    "/php/signal": (None, 100200, None, ".*", r"worker process \d+ was killed by signal 9 \(Killed"
                    r"\) while it ran /php/signal"),
    "/py/hang": (None, 100201, "TimeLimit", r"the handler ran past its time limit.*",
                 "TimeLimit: the handler ran past its time limit"),
    "/php/hang": (None, 100201, r"Dora\\Interrupted", r"the handler ran past its time limit.*",
                  r"Dora\\Interrupted: the handler ran past its time limit"),
}


@pytest.mark.parametrize("api", ENDINGS)
def test_each_end_of_a_call_is_one_record(server, conn, api):
    param, code, name, told, said = ENDINGS[api]
    guid, envelope, record = fails(server, conn, api, param)
    assert envelope["code"] == code and re.fullmatch(told, envelope["msg"]), envelope
    assert list(record) == FIELDS
    assert (record["v"], record["pool"], record["worker"]) == (5, api.split("/")[1], 0)
    assert record["g"] == record["pool"] and record["generation"] == 1
    assert (record["api"], record["guid"], record["trace"]) == (api, guid, TRACE)
    assert (record["type"], record["code"]) == ("W_S", code)
    assert re.fullmatch(said, record["m"]), record["m"]
    assert record["class"] == name if name is None else re.fullmatch(name, record["class"])
    assert 0 <= record["queue_ms"] < 60000 and 0 <= record["run_ms"] < 60000
    if code == 100201:
        # It counts from when it was given to its worker, which may be late to begin.
        assert record["queue_ms"] + record["run_ms"] >= LIMIT_MS, record


@pytest.mark.parametrize("api", ["/py/raise", "/py/exit", "/php/raise"])
def test_the_traceback_is_there_once_with_its_place(server, conn, api):
    _, _, record = fails(server, conn, api, "bad")
    source = "faulty." + api.split("/")[1]
    assert source in record["traceback"] and record["p"].endswith(source)
    with open(record["p"]) as file:
        line = file.read().splitlines()[record["l"] - 1]
    assert re.search(r"raise ValueError|sys\.exit|throw new DomainException", line), line
    assert ("Traceback (most recent call last):" in record["traceback"]) == api.startswith("/py")
    said = [line for line in server.lines() if source in line and "rror" in line]
    assert all(json.loads(line)["v"] == 5 for line in said), "printed lines, too"


def test_what_php_cannot_go_on_after_is_not_printed_as_well(server, conn):
    before = server.log().count("Class A contains")
    fails(server, conn, "/php/fatal")
    assert server.log().count("Class A contains") == before + 1


@pytest.mark.parametrize("api", ["/py/deliberate", "/php/deliberate"])
def test_an_error_that_a_handler_means_is_its_callers_alone(server, conn, api):
    guid = v1.guid()
    conn.send(v1.request(guid, api, "no such user"))
    reply = conn.receive()[1]
    assert (reply["data"]["code"], reply["data"]["msg"]) == (42, "no such user")
    fails(server, conn, api.replace("deliberate", "raise"), "later")
    assert records(server, guid) == []


@pytest.mark.parametrize("api", ["/py/deliberate", "/php/deliberate", "/py/raise", "/php/raise",
                                 "/py/os_exit", "/py/big"])
def test_an_error_that_nobody_is_told_is_a_record(server, conn, api):
    param = {"/py/os_exit": 1, "/py/big": 70000}.get(api, "why")
    guid, _, record = fails(server, conn, api, param, kind="AN_S")
    assert list(record) == FIELDS
    assert (record["type"], record["api"], record["guid"]) == ("AN_S", api, guid)


def test_text_records_have_the_same_fields(tmp_path):
    log = {"file": str(tmp_path / "dora.log")}
    with Server(pools(), log=log) as one, v1.Conn(one.address) as conn:
        guid = v1.guid()
        conn.send(v1.request(guid, "/py/raise", "a\n2026-01-01T00:00:00.000Z error forged"))
        conn.receive()
        assert wait_until(lambda: guid in (tmp_path / "dora.log").read_text())
        assert one.stop() == 0
    text = (tmp_path / "dora.log").read_text()
    found = re.search(r"^\S+Z error \[py\] \[(\S+):(\d+)\] ValueError: a\\x0a2026\S+ error forged "
                      r"\(api=/py/raise guid=(\w{32}) type=W_S worker=0 generation=1 "
                      r"class=ValueError code=100208 queue_ms=\d+\.\d{3} run_ms=\d+\.\d{3}\)\n"
                      r"    Traceback \(most recent call last\):\n((?:    .*\n)+)", text, re.M)
    assert found and found.group(3) == guid, text
    assert "raise ValueError(param)" in found.group(4) and text.count("Traceback") == 1


def test_the_generation_is_that_of_the_application(server, conn):
    reply = conn.command("reloadTask")
    assert reply["code"] == 0, reply
    assert wait_until(lambda: conn.command("getStat")["data"]["server"]["pools"]["py"]["generation"]
                      == 2)
    with v1.Conn(server.address) as fresh:
        assert fails(server, fresh, "/py/raise", "x")[2]["generation"] == 2
        assert fails(server, fresh, "/py/os_exit", 3)[2]["generation"] == 2


def test_a_worker_that_dies_with_its_zygote_leaves_a_record(tmp_path):
    with Server({"py": pools()["py"] | {"time_limit_ms": 0}}, log={"format": "json"}) as one:
        with v1.Conn(one.address) as conn:
            guid = conn.ask("W_S", {"one": ("/py/hang", None)})
            assert wait_until(lambda: has_begun(one))  # else another worker takes it
            (worker,) = one.workers("py").values()
            os.kill(parent(worker), signal.SIGKILL)
            assert conn.receive(20)[1]["data"]["code"] == 100200, one.log()
            assert wait_until(lambda: records(one, guid)), one.log()
            (record,) = records(one, guid)
            assert "while it ran /py/hang" in record["m"] and record["code"] == 100200


def parent(pid):
    with open("/proc/%d/stat" % pid) as file:
        return int(file.read().rsplit(") ", 1)[1].split()[1])


def has_begun(server):
    """Whether a handler is at work: `running` counts what waits in a worker's inbox, too."""
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["pools"]["py"]["running_tasks"] != []
