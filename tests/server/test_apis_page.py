"""What the page of the apis is made of: itself, its list with numbers, and its calls."""

import json
import os
import re
import socket
import threading

import pytest

from support import v1
from support.metrics import admin_of, ask
from support.server import ROOT, Server, python_pool, wait_until

LISTEN = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
TRIALS = 16  # at a time
PAGE = {"Content-Type": "application/json", "X-Dora-Try": "1"}


@pytest.fixture(scope="module")
def server():
    with Server({"py": python_pool("modes.py", workers=1),
                 "said": python_pool("described.py", workers=1, apis=["/said"])},
                listen=LISTEN) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def admin(server):
    return admin_of(server)


def call(admin, name, body="null", **headers):
    status, text, _ = ask(admin, "/apis/call?name=" + name, "POST", body,
                          {**PAGE, **{key.replace("_", "-"): one for key, one in headers.items()}})
    return status, json.loads(text)


def told(admin):
    status, text, _ = ask(admin, "/apis.json")
    assert status == 200
    return json.loads(text)


def test_the_page_loads_nothing_from_elsewhere(admin):
    status, text, headers = ask(admin, "/apis")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = dict(each.split(" ", 1) for each in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'" and policy["connect-src"] == "'self'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert not re.search(r"https?://|src=|url\(|@import", text)
    with open(os.path.join(ROOT, "core", "src", "server", "ops", "apis.html")) as file:
        assert text == file.read()


def test_a_call_of_the_page_is_answered_like_one_over_http(admin):
    assert call(admin, "/said", '{"a": {}, "b": [1.5]}') == (200, {"a": {}, "b": [1.5]})
    assert call(admin, "/said", "") == (200, None)
    status, answer = call(admin, "/nobody")
    assert (status, answer["error"]["code"]) == (404, 100204)
    status, answer = call(admin, "/said", "{")
    assert (status, answer["error"]["code"]) == (400, 100006)
    assert answer["error"]["msg"].startswith("malformed JSON at line 1")
    assert call(admin, "")[0] == call(admin, "x" * 256)[0] == 400


@pytest.mark.parametrize("headers", [
    {"Origin": "http://elsewhere.test"}, {"Origin": "null"}, {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"}, {"Host": "elsewhere.test"},
    {"X_Forwarded_For": "10.0.0.1"}, {"Via": "1.1 proxy"}])
def test_only_the_page_itself_makes_calls(server, admin, headers):
    before = next(api for api in told(admin)["apis"] if api["name"] == "/said")["numbers"]
    assert call(admin, "/said", "1", **headers)[0] == 403
    after = next(api for api in told(admin)["apis"] if api["name"] == "/said")["numbers"]
    assert after["calls"] == before["calls"]


def test_the_page_of_its_own_origin_makes_calls(admin):
    own = {"Origin": "http://" + admin, "Sec_Fetch_Site": "same-origin"}
    assert call(admin, "/said", "1", **own) == (200, 1)


def test_a_call_without_the_header_of_the_page_is_refused(admin):
    for headers, expected in [({"Content-Type": "application/json"}, 403),
                              ({"X-Dora-Try": "1", "Content-Type": "text/plain"}, 415),
                              ({"X-Dora-Try": "1", "Content-Type": "application/jsonp"}, 415),
                              ({"X-Dora-Try": "1"}, 415)]:
        assert ask(admin, "/apis/call?name=/said", "POST", "1", headers)[0] == expected
    status, _, headers = ask(admin, "/apis/call?name=/said", "GET", None, PAGE)
    assert (status, headers["Allow"]) == (405, "POST")


def test_calls_are_taken_from_where_commands_are():
    with Server({"py": python_pool("described.py", workers=1)}, listen=LISTEN,
                control={"allow": ["unix"]}) as server:
        admin = admin_of(server)
        status, answer = call(admin, "/said")
        assert status == 403 and "control.allow" in answer["error"]["msg"]
        assert "control.allow" in told(admin)["refusal"]


def test_calls_do_not_get_around_the_rights_of_a_unix_socket(tmp_path):
    listen = {"tcp": None, "unix": str(tmp_path / "sock"), "admin": "127.0.0.1:0"}
    with Server({"py": python_pool("described.py", workers=1)}, listen=listen) as server:
        status, answer = call(admin_of(server), "/said", "7")
        assert status == 403 and "listen.tcp" in answer["error"]["msg"]


def test_signed_servers_take_calls_of_their_page():
    with Server({"py": python_pool("described.py", workers=1)}, listen=LISTEN, sign=True,
                gzip=True) as server:
        assert call(admin_of(server), "/said", "7") == (200, 7)


def test_numbers_of_the_last_minutes_are_told(server, admin):
    before = {api["name"]: api["numbers"] for api in told(admin)["apis"]}
    with v1.Conn(server.address) as conn:
        for number in range(3):
            conn.call("/big", number)
        conn.call("/said", 1)
    after = {api["name"]: api["numbers"] for api in told(admin)["apis"]}
    assert after["/big"]["calls"] == before["/big"]["calls"] + 3
    assert after["/big"]["errors"] == before["/big"]["errors"]
    assert 0 < after["/big"]["mean_us"] and 0 < after["/big"]["p95_us"]
    assert told(admin)["refusal"] is None


def test_a_call_that_waits_holds_up_nobody(server, admin, tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(
        call(admin, "/hold", json.dumps({"file": marks, "until": gate}))))
    waiting.start()
    assert wait_until(lambda: os.path.exists(marks))
    assert ask(admin, "/livez")[0] == 200
    assert call(admin, "/said", "5") == (200, 5)
    open(gate, "w").close()
    waiting.join(10)
    assert answers and answers[0][0] == 200


def test_a_server_stops_while_the_page_waits(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server({"py": python_pool("modes.py", workers=1)}, listen=LISTEN,
                stop_timeout_ms=300) as server:
        waiting = threading.Thread(target=lambda: call(
            admin_of(server), "/hold", json.dumps({"file": marks, "until": gate})))
        waiting.start()
        assert wait_until(lambda: os.path.exists(marks))
        assert server.stop() == 0
        waiting.join(10)


def post(admin, name, body):
    """A call of the page that nobody reads the answer of, yet: its socket."""
    host, port = admin.split(":")
    sock = socket.create_connection((host, int(port)))
    sock.sendall(("POST /apis/call?name=%s HTTP/1.1\r\nHost: %s\r\nX-Dora-Try: 1\r\n"
                  "Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                  % (name, admin, len(body), body)).encode())
    return sock


def test_calls_of_the_page_have_a_limit_and_end_with_their_page(tmp_path):
    gate, marks = str(tmp_path / "gate"), str(tmp_path / "marks")
    with Server({"py": python_pool("modes.py", workers=1),
                 "said": python_pool("described.py", workers=1, apis=["/said"])},
                listen=LISTEN) as server:
        admin = admin_of(server)
        param = json.dumps({"file": marks, "until": gate})
        socks = [post(admin, "/hold", param) for _ in range(TRIALS)]
        assert wait_until(lambda: call(admin, "/said")[0] == 503)
        for sock in socks:
            sock.close()
        assert wait_until(lambda: call(admin, "/said")[0] == 200)
        open(gate, "w").close()
        assert server.stop() == 0
