"""Odd parts and odd generators, in each language and over each kind of door."""

import http.client
import json
import os

import pytest

from support import streams, v1
from support.json_conn import JsonConn
from support.server import HERE, Server, python_pool, wait_until

KINDS = ["python", "async", "plain", "php"]
HANDLER = 100208
UNWRITTEN = {  # what the error says in Python, and in PHP; None: it has no such value
    "socket": ("no value on the wire for type socket", "no value on the wire for type resource"),
    "lambda": ("no value on the wire for type function", "no value on the wire for type Closure"),
    "recursive": ("nested deeper than 509 levels", "an array that contains itself"),
    "deep": ("nested deeper than 509 levels", "deeper than the limit of 509 levels"),
    "surrogate": ("surrogate", None),
    "huge int": ("64 bits", None),
}


def pool(kind):
    if kind == "php":
        return {"runtime": "php", "app": os.path.join(HERE, "apps", "yielding.php"), "workers": 1,
                "kill_after_ms": 600000}
    file, more = ("yielding.py", {}) if kind == "python" else ("yielding_async.py",
                                                               {"concurrency": 20})
    return python_pool(file, workers=1, kill_after_ms=600000, **more)


@pytest.fixture(scope="module", params=KINDS)
def served(request):
    with Server({"main": pool(request.param)}, linger_ms=50,
                listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as server:
        yield request.param, server


@pytest.fixture
def conn(served):
    with v1.Conn(served[1].address) as made:
        yield made


@pytest.fixture
def name(served):
    return lambda name: "/plain" + name if served[0] == "plain" else name


def noted(path):
    return path.read_text().split() if path.exists() else []


def envelope(reply):
    assert reply["code"] == 0, reply
    return reply["data"]


def ends(server):
    def is_quiet():
        with v1.Conn(server.address) as conn:
            return conn.command("getStat")["data"]["server"]["tasking_num"] == 0
    return wait_until(is_quiet)


@pytest.mark.parametrize(("served", "what"), [
    (kind, what) for kind in KINDS for what in UNWRITTEN if UNWRITTEN[what][kind == "php"]],
    indirect=["served"])
def test_what_has_no_form_is_its_handlers_error(served, conn, name, what, tmp_path):
    said = UNWRITTEN[what][served[0] == "php"]
    path = tmp_path / "notes"
    parts, _, reply = streams.whole(conn, name("/value"), {"what": what, "path": str(path)})
    assert parts == [(0, "before")]
    assert envelope(reply)["code"] == HANDLER and said in envelope(reply)["msg"], reply
    assert wait_until(lambda: noted(path) == ["ended"])
    assert streams.whole(conn, name("/empties"), 1)[0] == [(0, "")]


@pytest.mark.parametrize("what", ["nan", "bytes"])
def test_what_json_cannot_say_ends_its_stream_there_only(served, conn, name, what, tmp_path):
    param = {"what": what, "path": str(tmp_path / "notes")}
    parts, _, reply = streams.whole(conn, name("/value"), param)
    assert [part for part, _ in parts] == [0, 1, 2] and envelope(reply)["code"] == 0
    with JsonConn(served[1].address) as other:
        ident = other.ask("ST_S", {"one": {"name": name("/value"), "param": param}})
        assert other.reply(ident)["data"] == "before"
        assert envelope(other.reply(ident))["code"] == HANDLER
        assert len(other.single(name("/empties"), 3)["data"]["data"]) == 3
    web = http.client.HTTPConnection(served[1].http, timeout=20)
    web.request("POST", "/stream" + name("/value"), json.dumps(param))
    first, second = web.getresponse().read().splitlines()
    web.close()
    assert json.loads(first) == {"part": "before"}
    assert json.loads(second)["error"]["code"] == HANDLER
    assert wait_until(lambda: noted(tmp_path / "notes") == ["ended"] * 3)


def test_null_is_a_part_and_so_is_a_megabyte(conn, name, tmp_path):
    for what, value in (("none", None), ("megabyte", "m" * (1 << 20))):
        param = {"what": what, "path": str(tmp_path / "notes")}
        parts, _, reply = streams.whole(conn, name("/value"), param)
        assert parts == [(0, "before"), (1, value), (2, "behind")]
        assert envelope(reply)["data"] is None
    assert envelope(conn.call(name("/value"), {"what": "none", "path": str(tmp_path / "notes")})
                    )["data"] == ["before", None, "behind"]


def test_thousands_of_empty_parts(conn, name):
    parts, _, reply = streams.whole(conn, name("/empties"), 2000, window=1024)
    assert parts == [(i, "") for i in range(2000)] and envelope(reply)["code"] == 0
    assert envelope(conn.call(name("/empties"), 2000))["data"] == [""] * 2000


def test_generators_within_generators(conn, name):
    parts, _, reply = streams.whole(conn, name("/nested"), 20)
    assert [part for _, part in parts] == list(range(20, -1, -1))
    assert envelope(reply)["data"] == 210
    assert envelope(conn.call(name("/nested"), 3))["data"] == 6


@pytest.mark.parametrize("what, notes", [("/tidy", ["ended"]), ("/again", ["closing"])])
@pytest.mark.parametrize("room", [True, False], ids=("at work", "without room"))
def test_the_end_of_a_generator(served, conn, name, what, notes, room, tmp_path):
    """It may take a while; what it yields then is not sent, and it goes no further."""
    path = tmp_path / "notes"
    ident = streams.begin(conn, name(what), str(path), window=4)
    for part in range(4):
        assert conn.receive()[1]["part"] == part
        if room:
            streams.take(conn, ident, 1)
    streams.cancel(conn, ident)
    _, _, reply = streams.rest(conn, ident, takes=False)
    assert envelope(reply)["code"] == 100211
    assert wait_until(lambda: noted(path) == notes), noted(path)
    assert ends(served[1])
    assert streams.whole(conn, name("/empties"), 1)[0] == [(0, "")]


@pytest.mark.parametrize("served", ["async"], indirect=True)
def test_one_that_is_told_by_a_part_is_not_hit_as_it_cleans_up(served, conn, tmp_path):
    path = tmp_path / "notes"
    ident = streams.begin(conn, "/told", str(path))
    assert conn.receive()[1]["data"] == "before"
    assert wait_until(lambda: noted(path) == ["waits"])
    streams.cancel(conn, ident)
    assert envelope(conn.receive()[1])["code"] == 100211
    (tmp_path / "notes.gate").touch()
    assert wait_until(lambda: noted(path) == ["waits", "ended"]), noted(path)
    assert ends(served[1])


def test_wrong_progress_is_the_handlers_to_catch(served, conn, name):
    parts, told, reply = streams.whole(conn, name("/progress"))
    found = [part for _, part in parts]
    assert found == ([  # what is no text in UTF-8 is told as it can be
        "ArgumentCountError", "TypeError", "TypeError", "TypeError", "ValueError", "taken"]
        if served[0] == "php" else [
            "TypeError", "TypeError", "TypeError", "TypeError", "ValueError", "UnicodeEncodeError"])
    done, total, note = told[-1]
    assert (done, total) == (float(2 ** 70), -1.5) and envelope(reply)["code"] == 0
    assert note.startswith("n\n\u00fc\x00n") and len(note.encode()) > 200
    with JsonConn(served[1].address) as other:
        ident = other.ask("ST_S", {"one": {"name": name("/progress")}})
        while (reply := other.reply(ident))["code"] in (streams.PART, streams.PROGRESS):
            pass
        assert envelope(reply)["code"] == 0


@pytest.mark.parametrize("served", ["php"], indirect=True)
def test_exit_in_a_generator(served, conn, tmp_path):
    """Its stream ends behind its parts; `finally` does not run, as nowhere behind an exit()."""
    path = tmp_path / "notes"
    parts, _, reply = streams.whole(conn, "/exit", str(path))
    assert parts == [(0, "before")] and envelope(reply)["code"] == 100200
    assert streams.whole(conn, "/empties", 1)[0] == [(0, "")]
