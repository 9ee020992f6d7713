"""Spans: what a collector hears of traced calls, and what becomes of them where it does not listen.
"""

import contextlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess

import pytest

import dora
from support import ports, v1
from support.collector import ERROR, INTERNAL, SERVER, Collector
from support.fpm import Fpm
from support.metrics import Metrics, admin_of, ask
from support.server import (
    HERE, Held, Server, environment, program, python_pool, wait_until)

LOST = 100012


SAMPLED = set()  # the trace ids of all tests


def parent(sampled=True):
    """A new traceparent: (text, trace id, span id)."""
    trace, span = secrets.token_hex(16), secrets.token_hex(8)
    if sampled:
        SAMPLED.add(trace)
    return "00-%s-%s-%s" % (trace, span, "01" if sampled else "00"), trace, span


def start(trace, pools=None, **more):
    more.setdefault("listen", {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0",
                               "admin": "127.0.0.1:0"})
    pools = pools or {"basic": python_pool("basic.py", workers=1)}
    return Server(pools, trace=trace, **more)


def named(spans):
    """The three of a call of one api: (server, queue, handler)."""
    found = {one.name: one for one in spans}
    (call,) = [one for one in spans if one.kind == SERVER]
    return call, found.get("queue"), found.get("handler")


def numbers(server):
    found = Metrics(admin_of(server))
    return tuple(int(found.one("dora_spans_%s" % name))
                 for name in ("sent_total", "dropped_total", "waiting"))


@pytest.fixture(scope="module")
def collector():
    with Collector() as one:
        yield one


@pytest.fixture(scope="module")
def server(collector):
    with start({"endpoint": collector.url, "headers": {"X-Key": "the key"}}) as one:
        yield one


@pytest.fixture
def conn(server):
    with v1.Conn(server.address) as one:
        yield one


def test_a_call_has_a_span_of_its_own_of_its_queue_and_of_its_handler(server, collector, conn):
    text, trace, span = parent()
    worker = v1.load(v1.dump(conn.call("/pid", trace=text)["data"]["data"]))
    call, queue, handler = named(collector.of(trace, 3))
    assert (call.name, call.kind, call.parent, call.status) == ("/pid", SERVER, span, {})
    assert (queue.parent, queue.kind, queue.status) == (call.id, INTERNAL, {})
    assert (handler.parent, handler.kind, handler.status) == (call.id, INTERNAL, {})
    assert len({span, call.id, queue.id, handler.id}) == 4
    assert call.start <= queue.start <= queue.end == handler.start <= handler.end <= call.end
    assert call.service == "dora"
    guid = call.attributes["dora.guid"]
    assert len(guid) == 32
    same = {"rpc.system": "dora", "rpc.method": "/pid", "dora.pool": "basic", "dora.code": 0,
            "dora.guid": guid, "dora.type": "W_S"}
    assert call.attributes == {**same, "dora.protocol": "tcp", "dora.apis": 1}
    assert queue.attributes == same
    assert handler.attributes == {**same, "dora.worker": worker}


def test_every_request_has_the_headers_of_the_configuration(server, collector, conn):
    text, trace, _ = parent()
    conn.call("/echo", trace=text)
    collector.of(trace, 3)
    assert {one["X-Key"] for one in collector.headers} == {"the key"}
    assert {one["Content-Type"] for one in collector.headers} == {"application/json"}


@pytest.mark.parametrize("name, param, code, said", [
    ("/raise", {"msg": "not today", "code": 77}, 77, "not today"),
    ("/raise", None, 100208, "ValueError: no param"),
    ("/die", "kill", 100200, "the worker"),
    ("/none", None, 100204, "no such api: /none")])
def test_an_error_is_that_of_its_spans(collector, conn, name, param, code, said):
    text, trace, span = parent()
    assert v1.code(conn.call(name, param, trace=text)) == code
    spans = collector.of(trace, 1 if name == "/none" else 3)
    call, queue, handler = named(spans)
    for one in [call] if name == "/none" else [call, handler]:
        assert one.status["code"] == 2 and said in one.status["message"], one.status
        assert one.attributes["dora.code"] == code
    if handler:
        assert queue.status == {} and queue.attributes["dora.code"] == 0
        assert handler.attributes["dora.worker"] > 0


def test_what_waits_in_vain_has_no_handler_span(server, collector, tmp_path):
    held, (text, trace, _) = Held(tmp_path), parent()
    with v1.Conn(server.address) as busy, v1.Conn(server.address) as late:
        busy.ask("W_S", {"one": held.api})
        held.wait_begun()
        late.ask("W_S", {"one": ("/echo", None)}, timeout=50, trace=text)
        assert v1.code(late.receive()[1]) == 100202
        held.let_go()
        busy.receive()
    call, queue, handler = named(collector.of(trace, 2))
    assert handler is None and queue.status["code"] == call.status["code"] == 2
    assert queue.attributes["dora.code"] == call.attributes["dora.code"] == 100202


def test_a_call_of_several_has_one_span_and_two_of_each(collector, conn):
    text, trace, _ = parent()
    conn.ask("W_M", {"a": ("/echo", 1), "b": ("/pid", None), "c": ("/raise", None)}, trace=text)
    conn.receive()
    spans = collector.of(trace, 7)
    (call,) = [one for one in spans if one.kind == SERVER]
    assert (call.name, call.api, call.attributes["dora.apis"]) == ("W_M", None, 3)
    assert call.status["code"] == 2 and call.attributes["dora.code"] == 100208
    for name in ("queue", "handler"):
        found = [one for one in spans if one.name == name]
        assert sorted(one.api for one in found) == ["/echo", "/pid", "/raise"]
        assert {one.parent for one in found} == {call.id}
    assert len({one.id for one in spans}) == 7


def test_accepted_work_is_answered_before_it_runs(collector, conn):
    text, trace, _ = parent()
    conn.ask("AN_S", {"one": ("/sleep", 100)}, trace=text)
    assert conn.receive()[1]["code"] == 100001
    call, queue, handler = named(collector.of(trace, 3))
    assert call.attributes["dora.type"] == "AN_S" and call.status == {}
    assert handler.end - handler.start >= 100 * 10**6 and call.end < handler.end


def test_a_call_that_is_sent_again_says_so(collector, conn):
    text, trace, _ = parent()
    guid = v1.guid()
    for _ in range(2):
        conn.send(v1.request(guid, "/echo", 5, trace=text, attempt=1))
        assert conn.receive()[1]["data"]["data"] == 5
    spans = collector.of(trace, 4)
    calls = [one for one in spans if one.kind == SERVER]
    assert [one.attributes.get("dora.repeat") for one in calls] == [None, True]
    assert len({one.id for one in spans}) == 4


def test_a_repeat_whose_result_is_lost_is_an_error(server, collector, conn):
    """More than is kept of results, 64 MiB, comes after it."""
    text, trace, _ = parent()
    again = v1.request(v1.guid(), "/echo", 5, trace=text, attempt=1)
    conn.send(again)
    assert conn.receive()[1]["code"] == 0
    for _ in range(36):
        assert conn.call("/big", 1900000)["data"]["code"] == 0
    conn.send(again)
    assert conn.receive()[1]["code"] == LOST
    _, call = [one for one in collector.of(trace, 4) if one.kind == SERVER]
    assert (call.attributes["dora.code"], call.attributes["dora.repeat"]) == (LOST, True)
    assert call.status == {"code": ERROR, "message": "the result is lost or no longer kept"}


def test_http_takes_the_header_traceparent(server, collector):
    text, trace, span = parent()
    status, *_ = ask(server.http, "/call/echo", "POST", "1", {
        "Content-Type": "application/json", "traceparent": text})
    assert status == 200
    call, queue, handler = named(collector.of(trace, 3))
    assert (call.parent, call.attributes["dora.protocol"]) == (span, "http")
    assert queue.parent == handler.parent == call.id


def test_a_call_came_over_http_also_where_its_client_has_left(server, collector):
    text, trace, _ = parent()
    host, _, port = server.http.rpartition(":")
    with socket.create_connection((host, int(port))) as left:
        left.sendall(("POST /call/sleep HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n"
                      "Content-Type: application/json\r\ntraceparent: %s\r\n\r\n100" % text)
                     .encode())
    assert wait_until(lambda: [one for one in collector.spans
                               if one.trace == trace and one.kind == SERVER], 15)
    (call,) = [one for one in collector.spans if one.trace == trace and one.kind == SERVER]
    assert call.attributes["dora.protocol"] == "http"


@pytest.mark.parametrize("text", [
    None, "no traceparent", "00-%s-%s-00" % ("1" * 32, "2" * 16),
    "00-%s-%s-01" % ("0" * 32, "1" * 16), "00-%s-%s-01" % ("1" * 32, "0" * 16)])
def test_what_is_not_sampled_has_no_spans(server, collector, conn, text):
    before = len(collector.spans)
    conn.call("/echo", **({"trace": text} if text else {}))
    other, trace, _ = parent()
    conn.call("/echo", trace=other)
    collector.of(trace, 3)
    # Those of earlier tests may come late.
    assert {one.trace for one in collector.spans[before:]} <= SAMPLED


def test_names_that_are_no_text_are_written_so_that_json_has_them(collector, conn):
    text, trace, _ = parent()
    conn.ask("W_S", {"one": (b'/a"\\\n\xff', None)}, trace=text)
    conn.receive()
    (call,) = collector.of(trace, 1)
    assert call.name.startswith('/a"\\') and call.status["code"] == 2


def test_many_go_in_batches(server, collector, conn):
    text, trace, _ = parent()
    del collector.sizes[:]
    for _ in range(400):
        conn.ask("W_S", {"one": ("/echo", None)}, trace=text)
    for _ in range(400):
        conn.receive()
    spans = collector.of(trace, 1200)
    assert len({one.id for one in spans}) == 1200
    assert max(collector.sizes) <= 512 and len(collector.sizes) <= 8
    assert wait_until(lambda: numbers(server) == (len(collector.spans), 0, 0)), numbers(server)


def test_a_call_without_a_trace_begins_one_where_that_is_wanted():
    with Collector() as collector, start({"endpoint": collector.url, "sample": 1,
                                          "service": "billing"}, {
            "py": python_pool("tracing.py", workers=1)}) as server, \
            dora.Client(server.address, timeout=20) as client:
        began = client.call("/py/trace")
        assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-01", began)
        call, queue, handler = named(collector.of(began[3:35], 3))
        assert call.parent is None and call.id == began[36:52] and call.service == "billing"
        assert queue.parent == handler.parent == call.id
        text, trace, _ = parent(sampled=False)
        assert client.call("/py/trace", trace=text) == text
    assert not [one for one in collector.spans if one.trace == trace]


PAGE = """<?php
$client = new Dora\\Client(getenv('TRACING_NODES'), ['timeout' => 20]);
echo json_encode($client->call('/php/on', ['/py/on', ['/loop/on', ['/py/trace', null]]],
    ['trace' => $_SERVER['HTTP_TRACEPARENT']]));
"""


def test_parents_are_right_from_a_page_over_a_php_handler_to_python_handlers(
        tmp_path, monkeypatch, collector):
    path = str(tmp_path / "dora.sock")
    monkeypatch.setenv("TRACING_NODES", "unix:" + path)
    (tmp_path / "page.php").write_text(PAGE)
    pools = {"php": {"runtime": "php", "app": os.path.join(HERE, "apps", "tracing.php"),
                     "workers": 1},
             "py": python_pool("tracing.py", workers=2),
             "loop": python_pool("tracing_async.py", workers=1, concurrency=4)}
    text, trace, span = parent()
    with start({"endpoint": collector.url}, pools,
               listen={"tcp": "127.0.0.1:0", "unix": path}), Fpm(str(tmp_path)) as fpm:
        chain = json.loads(fpm.page(str(tmp_path / "page.php"), HTTP_TRACEPARENT=text))
        spans = collector.of(trace, 12)
    seen = []
    while len(chain) == 2 and not isinstance(chain, str):
        seen.append(chain[0])
        chain = chain[1]
    seen.append(chain)
    above = span
    for api, came in zip(["/php/on", "/py/on", "/loop/on", "/py/trace"], seen):
        call, queue, handler = named([one for one in spans if one.api == api])
        assert came[36:52] == call.parent == above, api
        assert queue.parent == handler.parent == call.id
        assert handler.status == {}
        above = handler.id


@pytest.mark.parametrize("status", [400, 404, 500])
def test_what_a_collector_refuses_is_dropped_counted_and_said(status):
    with Collector() as collector, start({"endpoint": collector.url}) as server:
        collector.answers.append(status)
        with v1.Conn(server.address) as conn:
            conn.call("/echo", trace=parent()[0])
            assert wait_until(lambda: numbers(server) == (0, 3, 0)), numbers(server)
            said = "spans cannot be sent to %s: status %d: no, thank you" % (collector.url, status)
            assert wait_until(lambda: said in server.log()), server.log()
            text, trace, _ = parent()
            conn.call("/echo", trace=text)
            collector.of(trace, 3)
            assert wait_until(lambda: "spans are sent to %s again" % collector.url in server.log())
        assert wait_until(lambda: numbers(server) == (3, 3, 0)), numbers(server)


@pytest.mark.parametrize("status", [429, 503])
def test_what_a_collector_cannot_take_now_is_sent_again(status):
    with Collector() as collector, start({"endpoint": collector.url}) as server:
        collector.answers.append(status)
        text, trace, _ = parent()
        with v1.Conn(server.address) as conn:
            conn.call("/echo", trace=text)
        collector.of(trace, 3)
        assert collector.refused == 1
        assert wait_until(lambda: numbers(server) == (3, 0, 0)), numbers(server)


def test_a_collector_that_is_down_is_nothing_that_calls_notice():
    url = "http://127.0.0.1:%d/v1/traces" % ports.take()
    with start({"endpoint": url}) as server:
        with v1.Conn(server.address) as conn:
            for _ in range(100):
                assert conn.call("/echo", 1, trace=parent()[0])["data"]["data"] == 1
        assert wait_until(lambda: "spans cannot be sent to %s" % url in server.log())
        assert server.log().count("spans cannot be sent") == 1, "it is not said each time"
        assert server.stop() == 0
        assert "300 were dropped so far" in server.log(), server.log()


def test_the_queue_for_a_collector_that_never_answers_is_bounded():
    with Collector() as collector, start({"endpoint": collector.url}) as server:
        collector.hold()
        with v1.Conn(server.address) as conn:
            for _ in range(30):
                for _ in range(100):
                    conn.ask("W_S", {"one": ("/echo", None)}, trace=parent()[0])
                for _ in range(100):
                    assert v1.code(conn.receive()[1]) == 0
        sent, dropped, waiting = numbers(server)
        assert sent == 0 and waiting == 8192 and 9000 - 8192 - 512 <= dropped < 9000 - 8192
        server.signal(signal.SIGTERM)
        assert server.wait(20) == 0, "a stop does not wait for it"
        assert "9000 " in server.log(), server.log()


def test_a_stop_sends_what_waits():
    with Collector() as collector, start({"endpoint": collector.url}) as server:
        text, trace, _ = parent()
        with v1.Conn(server.address) as conn:
            conn.call("/echo", trace=text)
        assert server.stop() == 0
        assert len(collector.spans) == 3 and "dropped" not in server.log()


def without_libcurl(folder):
    """An environment in which the file of that name is no library."""
    for name in ("libcurl.so.4", "libcurl-gnutls.so.4"):
        (folder / name).write_text("no library")
    return {**environment(), "LD_LIBRARY_PATH": str(folder)}


@pytest.mark.parametrize("words, said", [
    (["check"], "trace.endpoint: needs libcurl, which is not there: install it (apt install"),
    (["serve", "--config"], "trace.endpoint: needs libcurl, which is not there: install it")])
def test_a_missing_libcurl_is_said_before_anything_is_served(tmp_path, words, said):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0"},
                                "trace": {"endpoint": "http://127.0.0.1:4318"},
                                "pools": {"basic": python_pool("basic.py", workers=1)}}))
    (tmp_path / "lib").mkdir()
    done = subprocess.run([program(), *words, str(path)], capture_output=True, text=True,
                          env=without_libcurl(tmp_path / "lib"), timeout=30)
    assert done.returncode != 0 and said in done.stderr + done.stdout, done


def rewrite(server, **keys):
    path = os.path.join(server.folder, "dora.json")
    with open(path) as file:
        config = json.load(file)
    config.update(keys)
    with open(path, "w") as file:
        json.dump(config, file)


def reload(server, times):
    server.signal(signal.SIGHUP)
    assert wait_until(lambda: server.log().count("reloaded, generation") == times, 20), server.log()


def test_a_reload_takes_another_collector_or_none():
    with Collector() as first, Collector() as second, \
            start({"endpoint": first.url}) as server, v1.Conn(server.address) as conn:
        text, trace, _ = parent()
        conn.call("/echo", trace=text)
        first.of(trace, 3)
        rewrite(server, trace={"endpoint": second.url, "service": "other"})
        reload(server, 1)
        text, trace, _ = parent()
        conn.call("/echo", trace=text)
        assert {one.service for one in second.of(trace, 3)} == {"other"}
        rewrite(server, trace={"endpoint": "here"})
        reload(server, 2)
        assert wait_until(lambda: "the configuration is wrong by now" in server.log())
        text, trace, _ = parent()
        conn.call("/echo", trace=text)
        second.of(trace, 3)
        rewrite(server, trace={})
        reload(server, 3)
        conn.call("/echo", trace=parent()[0])
        assert wait_until(lambda: numbers(server) == (9, 0, 0)), numbers(server)
        rewrite(server, trace={"endpoint": first.url})
        reload(server, 4)
        text, trace, _ = parent()
        conn.call("/echo", trace=text)
        first.of(trace, 3)
        assert len(first.spans) == 6 and len(second.spans) == 6


def sockets_to(port):
    """The numbers of the sockets that are connected to a port."""
    with open("/proc/net/tcp") as file:
        lines = [line.split() for line in file][1:]
    return {"socket:[%s]" % line[9] for line in lines if line[2].endswith(":%04X" % port)}


def files_of(pid):
    found, names = set(), []
    with contextlib.suppress(FileNotFoundError):  # it has ended meanwhile
        names = os.listdir("/proc/%d/fd" % pid)
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            found.add(os.readlink("/proc/%d/fd/%s" % (pid, name)))
    return found


def test_a_connection_to_a_collector_is_the_masters_alone():
    with Collector() as collector, start({"endpoint": collector.url}) as server, \
            v1.Conn(server.address) as conn:
        text, trace, _ = parent()
        conn.call("/echo", trace=text)
        collector.of(trace, 3)
        connected = sockets_to(collector.http.server_port)
        assert connected & files_of(server.pid), "it is kept for the next batch"
        reload(server, 1)
        others = [pid for pid in server.everyone() if pid != server.pid]
        assert len(others) >= 2
        for pid in others:
            assert not connected & files_of(pid), pid


def test_what_could_not_be_sent_goes_to_the_collector_of_a_reload():
    port = ports.take()
    with Collector() as collector, \
            start({"endpoint": "http://127.0.0.1:%d" % port}) as server, \
            v1.Conn(server.address) as conn:
        text, trace, _ = parent()
        conn.call("/echo", trace=text)
        assert wait_until(lambda: "spans cannot be sent" in server.log(), 20), server.log()
        rewrite(server, trace={"endpoint": collector.url})
        reload(server, 1)
        collector.of(trace, 3)
        assert wait_until(lambda: numbers(server) == (3, 0, 0)), numbers(server)
