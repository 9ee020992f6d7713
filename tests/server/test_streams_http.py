"""POST /stream/NAME: parts of a handler as Server-Sent Events and as lines of JSON."""

import contextlib
import http.client
import json
import time

import pytest

from support import streams, v1, web
from support.server import Server, wait_until

EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture(scope="module")
def server():
    with Server(streams.pools(), listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as one:
        yield one


def open_stream(server, name, param=None, headers=None):
    conn = http.client.HTTPConnection(server.http, timeout=20)
    conn.request("POST", "/stream" + name, json.dumps(param), headers or {})
    return conn, conn.getresponse()


def lines_of(server, name, param=None, headers=None):
    conn, answer = open_stream(server, name, param, headers)
    with contextlib.closing(conn):
        return answer, [json.loads(line) for line in answer.read().splitlines()]


def events_of(text):
    """(event, data) of each."""
    found = []
    for block in text.decode().split("\n\n")[:-1]:
        event, data = block.split("\n")
        assert event.startswith("event: ") and data.startswith("data: "), block
        found.append((event[7:], json.loads(data[6:])))
    return found


def running(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["tasking_num"]


def test_parts_are_lines_of_json(server):
    answer, lines = lines_of(server, "/count", 3)
    assert answer.status == 200 and answer.getheader("Content-Type") == "application/x-ndjson"
    assert answer.getheader("X-Accel-Buffering") == "no"
    assert lines == [{"part": 0}, {"part": 1}, {"part": 2}, {"result": None}]


def test_parts_are_events(server):
    conn, answer = open_stream(server, "/sum", 3, EVENTS)
    with contextlib.closing(conn):
        assert answer.getheader("Content-Type") == "text/event-stream"
        assert events_of(answer.read()) == [("part", 0), ("part", 1), ("part", 2), ("result", 3)]


def test_progress_stands_before_the_result(server):
    _, lines = lines_of(server, "/progress", 5)
    told = [line["progress"] for line in lines if "progress" in line]
    assert told[-1] == [5, 5, "step 5"] and lines[-1] == {"result": "done"}
    assert [one[0] for one in told] == sorted({one[0] for one in told})


def test_an_error_before_the_first_part_has_its_status(server):
    for name, status, code in (("/none", 404, 100204), ("/fails", 500, 71)):
        answer, (body,) = lines_of(server, name, 0)
        assert (answer.status, body["error"]["code"]) == (status, code)


@pytest.mark.parametrize("headers", ({}, EVENTS), ids=("lines", "events"))
def test_an_error_comes_after_the_parts_so_far(server, headers):
    conn, answer = open_stream(server, "/fails", 2, headers)
    with contextlib.closing(conn):
        text = answer.read()
    found = events_of(text) if headers else [
        next(iter(json.loads(line).items())) for line in text.splitlines()]
    assert found == [("part", 0), ("part", 1), ("error", {"code": 71, "msg": "on purpose"})]


def test_part_without_a_form_ends_its_stream_only(server):
    conn = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(conn):
        conn.request("POST", "/stream/nonsense", "0")
        answer = conn.getresponse()
        assert (answer.status, json.loads(answer.read())["error"]["code"]) == (500, 100208)
        conn.request("POST", "/stream/nonsense", "2")
        *parts, last = [json.loads(line) for line in conn.getresponse().read().splitlines()]
        assert parts == [{"part": 0}, {"part": 1}] and last["error"]["code"] == 100208
        conn.request("POST", "/call/sum", "3")
        assert json.loads(conn.getresponse().read()) == 3
    assert wait_until(lambda: running(server) == 0)


def test_a_name_without_its_slash_and_no_name(server):
    conn = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(conn):
        conn.request("POST", "/stream", "1")
        assert conn.getresponse().status == 404
    conn = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(conn):
        conn.request("GET", "/stream/count")
        answer = conn.getresponse()
        assert (answer.status, answer.getheader("Allow")) == (405, "POST")


def test_connection_is_kept_behind_a_stream(server):
    conn = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(conn):
        for count in (2, 0, 3):
            conn.request("POST", "/stream/count", str(count))
            lines = conn.getresponse().read().splitlines()
            assert len(lines) == count + 1
        conn.request("POST", "/call/count", "2")
        assert json.loads(conn.getresponse().read()) == [0, 1]


def test_large_parts_pass_whole(server):
    for size in (1, 4096, 24 * 1024, 300_000, 1_900_000):
        _, lines = lines_of(server, "/large", size)
        assert [len(line["part"]) for line in lines[:-1]] == [size] * 3, size
        assert lines[-1] == {"result": None}


def test_first_part_comes_before_the_last_is_made(server):
    conn, answer = open_stream(server, "/gate", server.folder)
    with contextlib.closing(conn):
        assert json.loads(answer.readline()) == {"part": "first"}
        streams.open_gate(server.folder)
        assert [json.loads(line) for line in answer.read().splitlines()] == [
            {"part": "last"}, {"result": None}]


def test_client_that_leaves_ends_its_handler(server):
    conn, answer = open_stream(server, "/endless")
    assert json.loads(answer.readline()) == {"part": 0}
    assert wait_until(lambda: running(server) == 1)
    answer.close()
    conn.close()
    assert wait_until(lambda: running(server) == 0)


def test_client_that_does_not_read_stops_its_handler_only(server, tmp_path):
    path = str(tmp_path / "count")
    conn, answer = open_stream(server, "/endless?window=1000000", path)
    with contextlib.closing(conn), v1.Conn(server.address) as other:
        assert json.loads(answer.readline()) == {"part": 0}
        before = -1
        while before != (before := streams.counted(path)):
            time.sleep(0.3)  # for all that the kernel takes
        assert other.call("/sum", 3)["data"]["data"] == 3
        answer.close()
    assert wait_until(lambda: running(server) == 0)


def test_what_runs_ahead_of_who_does_not_read_is_bounded(tmp_path):
    """The parts that its handler had made when it was cut off; the kernel alone would take more."""
    path = str(tmp_path / "count")
    with Server(streams.pools(workers=1), frame_ms=500,
                listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        conn, _ = open_stream(server, "/endless?window=1000000", path)
        with contextlib.closing(conn):
            assert wait_until(lambda: running(server) == 0)
        assert 0 < streams.counted(path) * len('{"part":10000}\n') < 1_000_000


def test_time_of_the_caller_ends_a_stream(server):
    def is_cut():
        """Unless its time was over before the first part."""
        conn, answer = open_stream(server, "/endless?timeout=300")
        with contextlib.closing(conn):
            *parts, last = [json.loads(line) for line in answer.read().splitlines()]
        assert last["error"]["code"] in ((100009,) if parts else (100009, 100202))
        assert last["error"]["code"] == 100202 or "(timeout)" in last["error"]["msg"]
        return len(parts) > 0

    assert wait_until(is_cut)
    assert wait_until(lambda: running(server) == 0)


def test_window_below_1_counts_as_1(server):
    for window in (0, -5):
        answer, lines = lines_of(server, "/count?window=%d" % window, 2)
        assert answer.status == 200 and lines == [{"part": 0}, {"part": 1}, {"result": None}]


def test_what_is_no_window_is_refused(server):
    answer, (body,) = lines_of(server, "/count?window=many", 1)
    assert answer.status == 400 and "X-Dora-Window" in body["error"]["msg"]


def test_worker_that_is_killed_ends_its_stream_behind_its_parts(server):
    conn, answer = open_stream(server, "/dies", 3)
    with contextlib.closing(conn):
        *parts, last = [json.loads(line) for line in answer.read().splitlines()]
    assert parts == [{"part": 0}, {"part": 1}, {"part": 2}]
    assert last["error"]["code"] == 100200


def test_server_that_stops_waits_for_streams():
    with Server(streams.pools(), listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        conn, answer = open_stream(server, "/gate", server.folder)
        with contextlib.closing(conn):
            assert json.loads(answer.readline()) == {"part": "first"}
            server.process.terminate()
            streams.open_gate(server.folder)
            assert json.loads(answer.read().splitlines()[-1]) == {"result": None}


LINES, SSE = "application/x-ndjson", "text/event-stream"


@pytest.mark.parametrize(("accept", "kind"), [
    ("text/event-stream", SSE), ("Text/Event-Stream ; charset=utf-8", SSE),
    ("application/json, text/event-stream;q=0.1", SSE), ("text/event-stream, */*;q=0.1", SSE),
    ("application/x-ndjson;q=0.5, text/event-stream", SSE), ("*/*", LINES), ("text/*", LINES),
    ("", LINES), ("application/x-ndjson", LINES), ("text/event-stream;q=0", LINES),
    ("text/event-stream;q=0.0, */*", LINES),
    ("text/event-stream;q=0.5, application/x-ndjson", LINES),
    ("text/event-streams", LINES), ("x=text/event-stream", LINES)])
def test_accept_says_which_of_the_two(server, accept, kind):
    conn, answer = open_stream(server, "/count", 1, {"Accept": accept})
    with contextlib.closing(conn):
        text = answer.read()
    assert answer.getheader("Content-Type") == kind
    assert text == {LINES: b'{"part":0}\n{"result":null}\n',
                    SSE: b"event: part\ndata: 0\n\nevent: result\ndata: null\n\n"}[kind]


def test_accept_may_stand_in_several_lines_and_blanks_behind_a_value_are_none_of_it(server):
    conn = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(conn):
        conn.putrequest("POST", "/stream/count")
        for name, value in [
                ("Accept", "application/json"), ("Content-Length", "1"), ("X-Dora-Window", "2 \t "),
                ("X-Dora-Priority", "low "), ("Accept", "text/event-stream")]:
            conn.putheader(name, value)
        conn.endheaders(b"1")
        answer = conn.getresponse()
        assert (answer.status, answer.getheader("Content-Type")) == (200, SSE)
        assert events_of(answer.read()) == [("part", 0), ("result", None)]


def test_an_event_is_one_line_whatever_it_says(server):
    said = "a\nb\r\n\ndata: c\u2028\x00"
    conn, answer = open_stream(server, "/echo", said, EVENTS)
    with contextlib.closing(conn):
        assert events_of(answer.read()) == [("result", said)]


@pytest.mark.parametrize("headers", ({}, EVENTS), ids=("lines", "events"))
def test_what_did_not_begin_is_answered_as_a_call(server, headers):
    for path, body, status, code in [
            ("/stream/none", "1", 404, 100204), ("/stream/", "1", 404, 100204),
            ("/stream/count", "{", 400, 100006), ("/stream/count?attempt=0", "1", 400, 100003),
            ("/stream/count?timeout=x", "1", 400, 100003)]:
        conn = http.client.HTTPConnection(server.http, timeout=20)
        with contextlib.closing(conn):
            conn.request("POST", path, body, headers)
            answer = conn.getresponse()
            found = json.loads(answer.read())
        assert (answer.status, found["error"]["code"]) == (status, code), path
        assert answer.getheader("Content-Type") == "application/json"


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server, method):
    conn = http.client.HTTPConnection(server.http, timeout=20)
    with contextlib.closing(conn):
        conn.request(method, "/stream/count")
        answer = conn.getresponse()
        text = answer.read()
        assert (answer.status, answer.getheader("Allow")) == (405, "POST")
        assert text == b"" if method == "HEAD" else json.loads(text)["error"]["code"] == 405


def pieces_of(text):
    """What stands in the chunks of a body, and what follows it."""
    found = []
    while True:
        size, text = text.split(b"\r\n", 1)
        size = int(size, 16)
        if size == 0:
            assert text[:2] == b"\r\n"
            return b"".join(found), text[2:]
        found.append(text[:size])
        assert text[size:size + 2] == b"\r\n"
        text = text[size + 2:]


def exchanged(server, data):
    with web.raw(server.http, data) as sock:
        got = b""
        while piece := sock.recv(65536):
            got += piece
    return got


def test_requests_behind_a_stream_have_their_turn(server):
    """Sent at once, on one connection."""
    ask = b"POST /stream/sum HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n%s\r\n%d"
    got = exchanged(server, ask % (b"", 3) + ask % (b"", 0) + ask % (b"Connection: close\r\n", 2))
    for parts, result in ((range(3), 3), (range(0), 0), (range(2), 1)):
        head, got = got.split(b"\r\n\r\n", 1)
        assert b"200 OK" in head and b"transfer-encoding: chunked" in head.lower(), head
        body, got = pieces_of(got)
        assert [json.loads(line) for line in body.splitlines()] == [
            *({"part": part} for part in parts), {"result": result}]
    assert got == b""


@pytest.mark.parametrize("keep", [b"", b"Connection: keep-alive\r\n"], ids=("closed", "kept"))
def test_a_client_of_http_1_0_reads_to_the_end(server, keep):
    """It knows no chunks."""
    got = exchanged(server,
                    b"POST /stream/count HTTP/1.0\r\n%sContent-Length: 1\r\n\r\n2" % keep)
    head, body = got.split(b"\r\n\r\n", 1)
    assert b"200 OK" in head and b"chunked" not in head.lower(), head
    assert body == b'{"part":0}\n{"part":1}\n{"result":null}\n'
