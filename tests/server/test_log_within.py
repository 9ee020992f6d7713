"""What a handler says in the log is its call's: records have api, guid and trace."""

import json
import os

import pytest

from support import v1
from support.server import HERE, Server, python_pool, wait_until

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
WAYS = ["/py/say", "/loop/task", "/loop/plain", "/php/agent", "/php/error_log", "/php/warning",
        "/php/own_warning", "/php/echo"]


def pools():
    return {"py": python_pool("saying.py", workers=1, apis=["/py/*"]),
            "loop": python_pool("saying_async.py", workers=1, concurrency=4, apis=["/loop/*"]),
            "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "saying.php"),
                    "workers": 1, "apis": ["/php/*"]}}


@pytest.fixture(scope="module")
def server():
    with Server(pools(), log={"format": "json"}) as one:
        yield one


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def said(server, text, count=1):
    """The records with a text in their message, once there are so many."""
    def found():
        records = [json.loads(line) for line in server.lines() if line[:1] == "{"]
        return [one for one in records if text in one["m"]]
    assert wait_until(lambda: len(found()) >= count), server.log()
    assert len(found()) == count
    return found()


@pytest.mark.parametrize("trace", [TRACE, None])
@pytest.mark.parametrize("api", WAYS)
def test_a_record_has_api_guid_and_trace_of_its_call(server, conn, api, trace):
    text = "%s %s says" % (api, bool(trace))
    guid = conn.ask("W_S", {"one": (api, text)}, **({"trace": trace} if trace else {}))
    conn.receive()
    (record,) = said(server, text)
    assert list(record) == ["v", "e", "g", "p", "l", "m", "pid", "pool", "api", "guid", "trace"]
    assert (record["api"], record["guid"], record["trace"]) == (api, guid, trace)
    assert record["pid"] in server.workers(record["pool"]).values()


def test_calls_at_the_same_time_have_each_their_own(server):
    with v1.Conn(server.address) as one, v1.Conn(server.address) as other:
        asked = {text: conn.ask("W_S", {"one": ("/loop/say", text)})
                 for conn, text in ((one, "the first"), (other, "the second"))}
        one.receive(), other.receive()
    for text, guid in asked.items():
        (record,) = said(server, text)
        assert (record["api"], record["guid"]) == ("/loop/say", guid)


def test_a_warning_of_php_has_its_place_and_one_that_is_kept_quiet_is_none(server, conn):
    conn.call("/php/quiet", "nobody hears")
    conn.call("/php/warning", "everybody hears")
    (record,) = said(server, "everybody hears")
    assert record["m"] == "Warning: everybody hears"
    assert record["p"].endswith("saying.php") and record["l"] == 6
    assert "nobody hears" not in server.log()


def test_what_a_thread_of_a_handler_says_is_nobodys(server, conn):
    conn.call("/py/thread", "from a thread")
    (record,) = said(server, "from a thread")
    assert "guid" not in record


def test_as_text_a_record_names_its_call_where_somebody_follows_it():
    with Server(pools()) as server, v1.Conn(server.address) as conn:
        guid = conn.ask("W_S", {"one": ("/py/say", "followed")}, trace=TRACE)
        conn.receive()
        conn.call("/py/say", "alone")
        assert wait_until(lambda: [one for one in server.lines() if "alone" in one])
        (line,) = [one for one in server.lines() if "followed" in one]
        assert line.endswith("followed (api=/py/say guid=%s trace=%s)" % (guid, TRACE))
        (line,) = [one for one in server.lines() if "alone" in one]
        assert line.endswith("] alone")
