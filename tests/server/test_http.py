"""HTTP: POST /call, the original's endpoints, who is refused, and what happens when one leaves."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from support import processes, v1
from support.server import HERE, Held, Server, program, python_pool, wait_until
from support.web import Web, raw

GUID = "0123456789abcdef0123456789abcdef"
LISTEN = {"tcp": "127.0.0.1:0", "http": 0}
COMMANDS = {"http": True}  # test_http_origin.py is about what they are without


@pytest.fixture(scope="module")
def server():
    with Server({"p": python_pool("basic.py", workers=2)}, listen=LISTEN, control=COMMANDS) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def web(server):
    with Web(server.http) as one:
        yield one


def error_of(answer):
    status, body = answer
    assert list(body) == ["error"] and list(body["error"]) == ["code", "msg"]
    return status, body["error"]["code"], body["error"]["msg"]


# POST /call/NAME


@pytest.mark.parametrize("value", [None, True, 0, -1, 1.0, 0.1, "", "ä\u0000\"", [], [1, [2.0]],
                                   {"a": {"b": [None]}}])
def test_call_gives_the_data(web, value):
    status, data = web.call("/echo", value)
    assert (status, data) == (200, value)
    assert type(data) is type(value)


def test_call_names(web):
    """With the name's own slash or without, percent-decoded; an empty body is null."""
    for path in ("/call/echo", "/call//echo", "/call/%2Fecho", "/call/e%63ho"):
        assert web.ask("POST", path, "7") == (200, 7)
    assert web.ask("POST", "/call/plain") == (200, "plain")
    assert web.ask("POST", "/call/echo") == (200, None)
    assert web.ask("POST", "/call/echo", "") == (200, None)


def test_call_tells_the_handler(web):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    status, told = web.call("request", None, X_Dora_Timeout="5000", X_Dora_Guid=GUID,
                            X_Dora_Attempt="1", traceparent=trace)
    assert status == 200
    assert 0 < told.pop("remaining_ms") <= 5000
    connection = told.pop("connection")
    assert told == {"name": "/request", "guid": GUID, "type": "W_S", "trace": trace,
                    "protocol": "http"}
    status, told = web.call("request", None, "?timeout=4000&guid=%s&attempt=2" % GUID[::-1])
    assert told["connection"] == connection > 0
    assert 0 < told["remaining_ms"] <= 4000 and told["guid"] == GUID[::-1]
    status, told = web.call("request")
    assert len(told["guid"]) == 32 and told["trace"] == ""


def test_call_numbers_of_connections_differ(server):
    seen = set()
    for _ in range(3):
        with Web(server.http) as web, v1.Conn(server.address) as conn:
            seen.add(web.call("request")[1]["connection"])
            seen.add(conn.call("/request")["data"]["data"]["connection"])
    assert len(seen) == 6


def test_call_errors(web):
    assert error_of(web.call("none/such")) == (404, 100204, "no such api: none/such")
    assert error_of(web.ask("POST", "/call/")) == (
        404, 100204, "no api is named: POST /call/NAME or /stream/NAME")
    assert error_of(web.ask("POST", "/call"))[:2] == (404, 100204)
    assert error_of(web.call("x" * 256))[:2] == (404, 100204)
    assert error_of(web.call("raise")) == (500, 100208, "ValueError: no param")
    assert error_of(web.call("raise", {"code": 42, "msg": "no"})) == (500, 42, "no")
    # A handler cannot say what the server says: 100003 would be 400.
    assert error_of(web.call("raise", {"code": 100003, "msg": "no"})) == (500, 100208,
                                                                          "no (code 100003)")
    assert error_of(web.call("die", "kill"))[:2] == (502, 100200)
    assert error_of(web.call("big", 3 << 20))[:2] == (500, 100206)
    for kind, why in (
            ("nan", "$.data.rows[1].x: INF and NAN have no place in JSON"),
            ("bytes", "$.data.rows[1].x: a string that is not UTF-8 has no place in JSON")):
        assert error_of(web.call("no_json", kind)) == (500, 100208, why)


@pytest.mark.parametrize("body,where", [
    ("{", "line 1, column 1"), ('{"a":\n  1,}', "line 2, column 5"), ("nope", "line 1, column 4"),
    ("[1] 2", "line 1, column 5"), ('"\udc80"', "line 1, column 2"), ("9" * 20, "line 1, column")])
def test_call_malformed(web, body, where):
    status, code, msg = error_of(web.ask("POST", "/call/echo",
                                         body.encode("utf-8", "surrogateescape")))
    assert (status, code) == (400, 100006)
    assert msg.startswith("malformed JSON at " + where)


@pytest.mark.parametrize("header,value", [
    ("X-Dora-Timeout", "soon"), ("X-Dora-Timeout", "-"), ("X-Dora-Timeout", "1.5"),
    ("X-Dora-Attempt", "x"), ("X-Dora-Attempt", "1"), ("X-Dora-Guid", "short"),
    ("X-Dora-Guid", "ä" * 16)])
def test_call_bad_options_are_named(web, header, value):
    status, code, msg = error_of(web.ask("POST", "/call/echo", "1",
                                         {header: value.encode("utf-8")}))
    assert (status, code) == (400, 100003)
    assert msg.startswith(header)


def test_call_methods(web):
    for method in ("GET", "PUT", "DELETE", "OPTIONS"):
        assert error_of(web.ask(method, "/call/echo"))[:2] == (405, 405)
        assert web.headers["allow"] == "POST"


def test_body_over_the_limit(server):
    with Web(server.http) as web:
        limit = 2097152
        assert web.ask("POST", "/call/echo", b" " * (limit - 1) + b"7") == (200, 7)
        assert error_of(web.ask("POST", "/call/echo", b" " * limit + b"7"))[:2] == (413, 413)
    with Web(server.http) as web:
        # Each int costs more inside than in JSON: past twice the limit it is refused as well.
        body = json.dumps(list(range(1000, 300000))).replace(" ", "")
        assert len(body) < limit
        assert error_of(web.ask("POST", "/call/echo", body))[:2] == (413, 100206)


def test_large_bodies_do_not_delay_others(server):
    """Translated beside the reactor: a small call comes back meanwhile."""
    rows = [["é" * 20, i, i / 3] for i in range(20000)]
    body = json.dumps(rows, ensure_ascii=False).encode()
    assert 1 << 20 < len(body) < 2 << 20
    done = []

    def large():
        with Web(server.http) as web:
            for _ in range(4):
                done.append(web.ask("POST", "/call/echo", body) == (200, rows))

    thread = threading.Thread(target=large)
    thread.start()
    times = []
    with Web(server.http) as web:
        while thread.is_alive():
            began = time.monotonic()
            assert web.call("plain") == (200, "plain")
            times.append(time.monotonic() - began)
    thread.join()
    assert done == [True] * 4
    assert sorted(times)[len(times) // 2] < 0.1


def test_a_deadline_is_answered(tmp_path):
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    pool = python_pool("stuck.py", workers=1, time_limit_ms=5000)
    with Server({"p": pool}, listen=LISTEN) as server:
        with Web(server.http) as first, Web(server.http) as second:
            first.conn.request("POST", "/call/wait", json.dumps({"mark": mark, "until": gate}))
            assert wait_until(lambda: os.path.exists(mark))
            assert error_of(second.call("echo", 1, X_Dora_Timeout="20"))[:2] == (504, 100202)
            with open(gate, "w"):
                pass
            assert json.loads(first.conn.getresponse().read()) > 0
    with Server({"p": python_pool("basic.py", workers=1, time_limit_ms=50)},
                listen=LISTEN) as server:
        with Web(server.http) as web:
            assert error_of(web.call("sleep", 5000))[:2] == (504, 100201)


def test_an_overload_is_answered(tmp_path):
    held = Held(tmp_path)
    pool = python_pool("basic.py", workers=1, queue_tasks_max=1)
    with Server({"p": pool}, listen=LISTEN) as server:
        webs = [Web(server.http) for _ in range(6)]
        for each in webs:
            each.conn.request("POST", "/call/wait", json.dumps(held.param))
        with v1.Conn(server.address) as conn:
            assert wait_until(lambda: conn.command("getStat")["data"]["server"]["pools"]["p"]
                              ["refused"] >= 3)
        held.let_go()
        answers = [each.conn.getresponse() for each in webs]
        codes = sorted(each.status for each in answers)
        assert set(codes) == {200, 503} and codes.count(503) >= 3
        for each in answers:
            body = json.loads(each.read())
            if each.status == 503:
                assert body["error"]["code"] == 100203
                assert each.getheader("Retry-After") == "1"
        for each in webs:
            each.close()


# The original's endpoints


def cmd(name, guid=GUID):
    return {"guid": guid, "api": {"cmd": {"name": name}}}


def test_multisync_answers_by_key(web):
    apis = {"z": {"name": "/echo", "param": [1.0, None]}, "a": {"name": "/none", "param": 1},
            "nan": {"name": "/no_json", "param": "nan"},
            "bad": {"name": "/raise", "param": {"code": 42, "msg": "no"}}}
    status, reply = web.form("/api/multisync", {"guid": GUID, "api": apis})
    assert status == 200
    assert list(reply) == ["guid", "code", "msg", "data"]
    assert (reply["guid"], reply["code"], reply["msg"]) == (GUID, 0, "OK")
    assert list(reply["data"]) == list(apis)
    assert {key: (each["code"], each["msg"], each["data"]) for key, each in
            reply["data"].items()} == {
        "z": (0, "OK", [1.0, None]), "a": (100204, "no such api: /none", []),
        "nan": (100208, "$.data.rows[1].x: INF and NAN have no place in JSON", []),
        "bad": (42, "no", [])}
    assert {each["guid"] for each in reply["data"].values()} == {GUID}


def test_original_forms(web):
    """Slashes around the path, multipart, the guid in either place; `params` wins."""
    params = {"guid": GUID, "api": {"x": {"name": "/request"}}}
    for path in ("/api/multisync", "//api/multisync/", "/api/multisync//"):
        reply = web.form(path, params, "another")[1]
        assert reply["guid"] == reply["data"]["x"]["guid"] == GUID
    told = reply["data"]["x"]["data"]
    assert (told["guid"], told["type"], told["protocol"]) == (GUID, "W_M", "http")
    body = "".join('--xyz\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n' % each
                   for each in (("params", json.dumps(params)), ("other", "1"))) + "--xyz--\r\n"
    assert web.ask("POST", "/api/multisync", body,
                   {"Content-Type": "multipart/form-data; boundary=xyz"})[1]["code"] == 0
    del params["guid"]
    reply = web.form("/api/multisync", params, GUID[::-1])[1]
    assert reply["guid"] == reply["data"]["x"]["data"]["guid"] == GUID[::-1]


def test_original_guid_of_any_length(web):
    for guid in ("1", "a" * 31, "ä" * 40, "x" * 500):
        reply = web.form("/api/multisync", {"guid": guid, "api": {"x": {"name": "/echo"}}})[1]
        assert reply["code"] == 0
        assert reply["guid"] == reply["data"]["x"]["guid"] == guid


def test_original_large(web):
    """More than is translated on the reactor, in and out."""
    rows = [["é" * 10, i] for i in range(10000)]
    reply = web.form("/api/multisync", {"guid": "short", "api": {
        "x": {"name": "/echo", "param": rows}, "nan": {"name": "/no_json", "param": "nan"}}})[1]
    assert reply["guid"] == "short"
    assert reply["data"]["x"]["data"] == rows
    assert reply["data"]["nan"]["code"] == 100208


def test_original_no_result(tmp_path):
    with Server({"m": python_pool("modes.py", workers=1)}, listen=LISTEN) as server:
        with Web(server.http) as web:
            marks = tmp_path / "marks"
            api = {"name": "/mark", "param": {"file": str(marks), "text": "x"}}
            reply = web.form("/api/multinoresult", {"guid": GUID, "api": {"a": api, 0: api}})
            assert reply == (200, {"guid": GUID, "code": 100001, "data": [],
                                   "msg": "transfer success.已经成功投递"})
            assert wait_until(lambda: marks.exists() and marks.read_text() == "x\nx\n")
            none = {"guid": GUID, "api": {"a": api, "b": {"name": "/none"}}}
            assert web.form("/api/multinoresult", none)[1]["code"] == 100204
            assert web.call("mark", {"file": str(marks), "text": "y"}) == (200, "y")
            assert marks.read_text() == "x\nx\ny\n"


def test_original_commands(web):
    status, reply = web.form("/server/cmd", cmd("getStat"))
    assert (status, reply["guid"], reply["code"]) == (200, GUID, 0)
    stat = reply["data"]["server"]
    assert list(stat)[:3] == ["start_time", "connection_num", "accept_count"]
    assert stat["connection_num"] >= 1 and stat["accept_count"] >= stat["connection_num"]
    assert list(reply["data"]["logqueue"]) == ["queue_num", "queue_bytes"]
    reply = web.form("/server/cmd", cmd("reloadTask"))[1]
    assert reply["code"] == 0 and reply["data"]["server"]["reload"] in ("done", "pending")
    reply = web.form("/server/cmd", cmd("dance"))[1]
    assert reply["code"] == 100011 and "dance" in reply["msg"]


def test_original_commands_not_permitted():
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN,
                control={"allow": ["unix"], "http": True}) as server:
        with Web(server.http) as web:
            assert web.form("/server/cmd", cmd("getStat"))[1]["code"] == 100205


@pytest.mark.parametrize("params,guid,code,word", [
    (None, None, 100003, "params"), (None, GUID, 100003, "params"),
    ({"api": {"x": {"name": "/echo"}}}, None, 100003, "guid"), ("nope", None, 100003, "guid"),
    ("nope", GUID, 100004, "params: malformed JSON at line 1, column 4"),
    ("[1]", GUID, 100004, "params"), ("7", GUID, 100004, "params"),
    ({"guid": "", "api": {"x": {"name": "/echo"}}}, GUID, 100004, "guid"),
    ({"guid": 7, "api": {"x": {"name": "/echo"}}}, GUID, 100004, "guid"),
    ({"api": {"x": {"name": "/echo"}}}, "", 100004, "guid"),
    ({"guid": GUID}, None, 100004, "api"), ({"guid": GUID, "api": {}}, None, 100004, "api"),
    ({"guid": GUID, "api": []}, None, 100004, "api"),
    ({"guid": GUID, "api": None}, None, 100004, "api")])
def test_original_checks(web, params, guid, code, word):
    """In the original's order, whatever the path."""
    for path in ("/api/multisync", "/api/multinoresult", "/server/cmd", "/api/other"):
        status, reply = web.form(path, params, guid)
        assert (status, reply["code"], reply["data"]) == (200, code, [])
        assert reply["msg"].startswith(word), reply


def test_original_checks_behind(web):
    """What is looked at after these: the path, then the api."""
    good = {"guid": GUID, "api": {"x": {"name": "/echo"}}}
    for path in ("/api", "/api/other", "/api/multisync/more", "/server", "/server/x"):
        status, reply = web.form(path, good)
        assert (status, reply["code"], reply["guid"]) == (200, 100002, GUID)
    for api in ("text", {"x": 1}, {"x": {"param": 1}}, {"x": {"name": ""}}):
        reply = web.form("/api/multisync", {"guid": GUID, "api": api})[1]
        assert (reply["code"], reply["guid"]) == (100003, GUID)
    assert web.form("/server/cmd", good)[1]["code"] == 100003
    assert web.ask("GET", "/api/multisync")[1]["code"] == 100003
    assert web.ask("POST", "/api/multisync", "{}",
                   {"Content-Type": "application/json"})[1]["code"] == 100003


# Who is refused


def test_other_paths(web):
    for path in ("/", "/callx", "/apix/multisync", "/metrics"):
        assert error_of(web.ask("POST", path, "1"))[:2] == (404, 404)


def test_foreign_origins_are_refused(server, web):
    foreign = [{"Origin": "http://evil.example"}, {"Origin": "null"},
               {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
    for headers in foreign:
        for path in ("/call/echo", "/api/multisync", "/server/cmd", "/api/x"):
            assert error_of(web.ask("POST", path, "1", headers))[:2] == (403, 100205)
    own = {"Origin": "http://" + server.http, "Sec-Fetch-Site": "same-origin"}
    assert web.ask("POST", "/call/echo", "1", own) == (200, 1)


# Connections


def test_keep_alive_and_pipelining(server):
    with Web(server.http) as web:
        web.call("plain")
        sock = web.conn.sock
        for _ in range(20):
            assert web.call("plain") == (200, "plain")
            assert web.conn.sock is sock
    one = b"POST /call/plain HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    with raw(server.http, one * 5) as sock:
        got = b""
        while got.count(b'"plain"') < 5:
            piece = sock.recv(65536)
            assert piece
            got += piece


def test_sign_and_gzip_do_not_matter():
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN, sign=True,
                gzip=True) as server:
        with Web(server.http) as web:
            assert web.call("echo", [1.0, "x" * 100000]) == (200, [1.0, "x" * 100000])
            assert web.form("/api/multisync", {"guid": GUID, "api": {"x": {"name": "/echo"}}})[1][
                "code"] == 0


def test_who_leaves_is_forgotten(tmp_path):
    """Queued work of a client that has gone does not run; what runs is finished."""
    marks = tmp_path / "marks"
    with Server({"m": python_pool("modes.py", workers=1)}, listen=LISTEN,
                control=COMMANDS) as server:
        hold = json.dumps({"file": str(marks), "until": str(tmp_path / "go")})
        mark = json.dumps({"file": str(marks), "text": "ran"})

        def post(name, body):
            return raw(server.http, ("POST /call/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n"
                                     "\r\n%s" % (name, len(body), body)).encode())

        with Web(server.http) as web:
            def stat():
                return web.form("/server/cmd", cmd("getStat"))[1]["data"]["server"]

            first = post("hold", hold)
            assert wait_until(lambda: marks.exists())
            second = post("mark", mark)
            assert wait_until(lambda: stat()["pools"]["m"]["queued"] == 1)
            second.close()
            assert wait_until(lambda: stat()["pools"]["m"]["queued"] == 0)
            first.close()
            (tmp_path / "go").touch()
            assert web.call("mark", {"file": str(marks), "text": "last"}) == (200, "last")
            assert marks.read_text() == "held\nlast\n"
            assert wait_until(lambda: stat()["connection_num"] == 1)
        assert server.stop() == 0


def test_draining_finishes_what_was_accepted(tmp_path):
    held = Held(tmp_path)
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN) as server:
        with Web(server.http) as web, Web(server.http) as other, v1.Conn(server.address) as conn:
            other.call("plain")
            web.conn.request("POST", "/call/wait", json.dumps(held.param))
            held.wait_begun()
            server.signal(signal.SIGTERM)
            assert wait_until(lambda: conn.command("getStat")["data"]["server"]["draining"])
            try:
                status, code, _ = error_of(other.call("plain"))
                assert (status, code) == (503, 100207)
                assert other.headers["retry-after"] == "1"
            except OSError:
                pass  # it was idle, and is closed already
            assert wait_until(lambda: is_shut(server.http))
            held.let_go()
            answer = web.conn.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (200, "close")
            assert json.loads(answer.read()) > 0
        assert server.wait() == 0


def is_shut(address):
    """Whether nobody is let in any more."""
    try:
        raw(address).close()
        return False
    except OSError:
        return True


def test_stop_now_with_open_requests():
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN) as server:
        with Web(server.http) as web, v1.Conn(server.address) as conn:
            web.conn.request("POST", "/call/sleep", "60000")
            assert wait_until(lambda: conn.command("getStat")["data"]["server"]["pools"]["p"]
                              ["running"] == 1)
            server.signal(signal.SIGTERM)
            assert wait_until(lambda: conn.command("getStat")["data"]["server"]["draining"])
            server.signal(signal.SIGINT)
            server.wait(10)


def test_idle_connections_are_closed():
    with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN, idle_s=1) as server:
        with Web(server.http) as web:
            assert web.call("plain") == (200, "plain")
            web.conn.sock.settimeout(20)
            assert web.conn.sock.recv(1) == b""


def test_only_http():
    listen = {"tcp": None, "http": "127.0.0.1:0"}
    with Server({"p": python_pool("basic.py", workers=1)}, listen=listen) as server:
        assert server.address == "-"
        with Web(server.http) as web:
            assert web.call("plain") == (200, "plain")
        assert server.stop() == 0


def test_port_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        with pytest.raises(RuntimeError) as caught:
            Server({"p": python_pool("basic.py", workers=1)},
                   listen={"tcp": "127.0.0.1:0", "http": address})
        assert "cannot listen on %s: Address already in use" % address in str(caught.value)


def test_several_reactors():
    with Server({"p": python_pool("basic.py", workers=2)}, listen=LISTEN, reactors=3) as server:
        webs = [Web(server.http) for _ in range(30)]
        assert len({each.call("request")[1]["connection"] for each in webs}) == 30
        for each in webs:
            each.close()
        assert server.stop() == 0


def test_ten_thousand_idle_connections():
    """They cost little, and slow nobody."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(10000, hard - 500)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 400), hard))
    socks = []
    try:
        with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN,
                    control=COMMANDS) as server:
            small = processes.rss_bytes(server.pid)
            ask = b"POST /call/plain HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
            for _ in range(count):
                socks.append(raw(server.http, ask))
                if len(socks) % 100 == 0:
                    for sock in socks[-100:]:
                        assert b"200 OK" in sock.recv(4096)
            with Web(server.http) as web:
                stat = web.form("/server/cmd", cmd("getStat"))[1]["data"]["server"]
                assert stat["connection_num"] == count + 1
                assert processes.rss_bytes(server.pid) - small < count * 16384
                idle_s = processes.cpu_seconds(server.pid)
                for _ in range(200):
                    assert web.call("plain") == (200, "plain")
                # They cost it nothing: looking at each of them would take some milliseconds.
                assert processes.cpu_seconds(server.pid) - idle_s < 200 * 0.005
            for sock in socks:
                sock.close()
            with Web(server.http) as web:
                assert wait_until(lambda: web.form("/server/cmd", cmd("getStat"))[1]["data"][
                    "server"]["connection_num"] == 1)
            assert server.stop() == 0
    finally:
        for sock in socks:
            sock.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_descriptors_are_raised():
    """For the server alone: handlers have as many as before, after a reload too."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1000, before[1]))
    try:
        with Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN,
                    control=COMMANDS) as server:
            with Web(server.http) as web:
                assert resource.prlimit(server.pid, resource.RLIMIT_NOFILE) == (before[1],) * 2
                for command in ("getStat", "reloadTask"):
                    web.form("/server/cmd", cmd(command))
                    worker = web.call("pid")[1]
                    assert resource.prlimit(worker, resource.RLIMIT_NOFILE) == (1000, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_few_descriptors_are_told():
    """The hard limit cannot be raised; who sets it reads what is wished."""
    command = ["sh", "-c", "ulimit -n 4000 && exec \"$@\"", "sh", program(), "serve",
               os.path.join(HERE, "apps", "basic.py"), "--port", "0", "--workers", "1"]
    with Server(command=command) as server:
        line = "only 4000 file descriptors are allowed, 20000 are wished"
        assert wait_until(lambda: line in server.log())


def wrk(server, path, script):
    lua = os.path.join(server.folder, "ask.lua")
    with open(lua, "w") as file:
        file.write(script)
    done = subprocess.run([shutil.which("wrk"), "-t1", "-c16", "-d2s", "--timeout", "20s", "-s",
                           lua, "http://%s%s" % (server.http, path)],
                          capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("wrk") is None, reason="no wrk")
def test_under_load(server):
    check = "function response(status, headers, body)\n" \
            "  if not body:find(%r, 1, true) then print('bad ' .. status .. body) end\nend\n"
    call = "wrk.method = 'POST'\nwrk.body = '{\"id\":7}'\n" + check % '{"id":7}'
    form = "wrk.method = 'POST'\nwrk.headers['Content-Type'] = " \
           "'application/x-www-form-urlencoded'\n" \
           "wrk.body = 'params={\"guid\":\"%s\",\"api\":{\"a\":{\"name\":\"/echo\",\"param\":1}," \
           "\"b\":{\"name\":\"plain\"}}}'\n" % GUID + check % '"data":"plain"'
    for path, script in (("/call/echo", call), ("/api/multisync", form)):
        said = wrk(server, path, script)
        assert "requests in" in said
        for word in ("bad", "Non-2xx", "Socket errors"):
            assert word not in said, said
