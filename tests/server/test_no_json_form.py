"""A result that JSON cannot say is its handler's error where JSON is the answer: one record, and
counted. Where frames are the answer it is a result."""

import json
import os

import pytest

from support import v1
from support.json_conn import JsonConn
from support.metrics import Metrics, admin_of
from support.server import HERE, Server, python_pool, wait_until
from support.web import Web

LISTEN = {"tcp": "127.0.0.1:0", "http": 0, "admin": "127.0.0.1:0"}
WHY = {"nan": "$.data.x[1]: INF and NAN have no place in JSON",
       "bytes": "$.data.x[1]: a string that is not UTF-8 has no place in JSON"}  # of 40000 bytes


@pytest.fixture(scope="module")
def server():
    pools = {"py": python_pool("faulty.py", workers=1, apis=["/py/*"]),
             "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "faulty.php"),
                     "workers": 1, "apis": ["/php/*"]},
             "loop": python_pool("faulty_async.py", workers=1, concurrency=4, apis=["/loop/*"])}
    with Server(pools, listen=LISTEN, log={"format": "json"}) as one:
        yield one
        assert one.stop() == 0


def by_frame(server, api, kind, guid):
    with JsonConn(server.address) as conn:
        conn.put(guid, {"api": {"one": {"name": api, "param": kind}}, "guid": guid, "type": "W_S"})
        return conn.reply(guid)["data"]


def later(server, api, kind, guid):
    with JsonConn(server.address) as conn:
        conn.put(guid, {"api": {"one": {"name": api, "param": kind}}, "guid": guid, "type": "AM_S"})
        assert conn.reply(guid)["code"] == 100001
        return conn.reply(guid)["data"]


def by_call(server, api, kind, guid):
    with Web(server.http) as web:
        status, answer = web.call(api, kind, X_Dora_Guid=guid)
        assert status == 500
        return answer["error"]


def by_form(server, api, kind, guid):
    with Web(server.http) as web:
        apis = {"one": {"name": api, "param": kind}}
        return web.form("/api/multisync", {"guid": guid, "api": apis})[1]["data"]["one"]


def records(server, guid):
    return [json.loads(line) for line in server.lines() if guid in line]


@pytest.mark.parametrize("ask", [by_frame, later, by_call, by_form])
@pytest.mark.parametrize("kind", WHY)
@pytest.mark.parametrize("pool", ["py", "php", "loop"])
def test_it_is_one_record_and_counted_as_an_error(server, pool, kind, ask):
    guid, api = v1.guid(), "/%s/no_json" % pool
    before = Metrics(admin_of(server)).requests()
    answer = ask(server, api, kind, guid)
    assert (answer["code"], answer["msg"]) == (100208, WHY[kind])
    assert wait_until(lambda: records(server, guid))
    (record,) = records(server, guid)
    assert (record["v"], record["m"], record["code"]) == (5, WHY[kind], 100208)
    assert (record["api"], record["guid"], record["pool"], record["worker"]) == (api, guid, pool, 0)

    def rose():
        now = Metrics(admin_of(server)).requests()
        return {key: count - before.get(key, 0) for key, count in now.items()
                if count != before.get(key, 0)}

    assert wait_until(lambda: rose() == {(api, record["type"], "100208"): 1}), rose()


@pytest.mark.parametrize("pool", ["py", "php", "loop"])
def test_a_frame_has_the_result_as_it_is(server, pool):
    with v1.Conn(server.address) as conn:
        reply = conn.call("/%s/no_json" % pool, "bytes")["data"]
    assert reply["code"] == 0 and reply["data"]["x"][1].startswith(b"\xff")


@pytest.mark.parametrize("text", ["NAN; INF;", "d:NAN;", "\u00e9\u4e2d\U0001f600"])
def test_a_text_that_looks_like_such_a_number_is_said(server, text):
    with Web(server.http) as web:
        assert web.call("/py/echo", {text: [text]}) == (200, {text: [text]})
