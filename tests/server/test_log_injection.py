"""What callers and handlers say reaches the log and the terminal as text: it cannot steer them."""

import json
import re
import subprocess

import pytest

from support import v1
from support.server import Server, asking, environment, python_pool, wait_until

# A title, a cleared screen, a carriage return, a line of its own, an order from right to left, a
# separator of lines, a control of C1, DEL.
HOSTILE = ("中文 x\x1b]0;pwned\x07\x1b[2J\r2026-11-29T09:00:00.000Z emergency [master] forged\n"
           "2026-11-29 forged too\u2028\u2029\u202e\u2066\u200f\u061c\u009b31m\x7f\x00")
RAW = HOSTILE.encode() + b"\xff\xc3"
FORBIDDEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def steering(data, kept="\n"):
    """What in these bytes could steer a terminal; bytes that are not UTF-8 among it."""
    text = data.decode(errors="surrogateescape")
    return [hex(ord(c)) for c in text
            if c not in kept and (FORBIDDEN.match(c) or "\udc80" <= c <= "\udcff" or c == "\t")]


@pytest.fixture(scope="module")
def server():
    php = python_pool("hostile.php")["app"]
    pools = {"py": python_pool("hostile.py", workers=2),
             "php": {"runtime": "php", "app": php, "workers": 1, "apis": ["/php/*"]}}
    with Server(pools, listen={"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}) as one:
        yield one
        assert one.stop() == 0


def log_of(server):
    with open(server.log_path, "rb") as file:
        return file.read()


def lines_after(server, done, mark):
    """The log's lines since it had `mark` bytes, once they are whole and `done` is true of them."""
    found = wait_until(lambda: (log := log_of(server)[mark:]).endswith(b"\n") and done(log) and log)
    assert found, log_of(server)[mark:]
    return found.splitlines()


def code_of(conn, kind, name, param=None):
    ident = v1.guid()
    conn.send(v1.request_of(kind, ident, {"one": (name, param)}))
    return conn.receive()[1]["code"]


ENTRY = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \w+ \["


@pytest.mark.parametrize("name", ["/raise", "/php/raise"])
def test_names_and_errors_of_calls_that_nobody_waits_for(server, name):
    mark = len(log_of(server))
    with v1.Conn(server.address) as conn:
        assert code_of(conn, "AN_S", name.encode() + RAW, RAW) == 100001
    lines = lines_after(server, lambda log: b"AN_S" in log, mark)
    assert not [line for line in lines if steering(line)]
    told = [line for line in lines if b"(api=" + name.encode() in line]
    assert len(told) == 1 and "中文".encode() in told[0]
    assert rb"\x1b]0;pwned\x07\x1b[2J\x0d2026" in told[0] and rb"forged\x0a2026" in told[0]
    assert rb"\xe2\x80\xae" in told[0] and rb"\xff\xc3" in told[0]
    for line in lines:
        assert re.match(ENTRY, line) or line.startswith(b"    "), line
        assert not re.match(ENTRY.replace(rb"\w+", b"emergency"), line), line


@pytest.mark.parametrize("name", ["/print", "/php/print"])
def test_what_a_handler_prints(server, name):
    mark = len(log_of(server))
    with v1.Conn(server.address) as conn:
        conn.call(name, RAW)
    lines = lines_after(server, lambda log: log.count(b"forged too") >= 1 and b"31m" in log, mark)
    assert [line for line in lines if b"forged too" in line]
    assert not [line for line in lines if steering(line)]
    assert all(re.match(ENTRY, line) for line in lines)


def test_what_an_exception_says(server):
    mark = len(log_of(server))
    with v1.Conn(server.address) as conn:
        assert conn.call("/oops", HOSTILE)["data"]["code"] == 100208
    lines = lines_after(server, lambda log: log.count(b"forged too") >= 1 and b"31m" in log, mark)
    assert not [line for line in lines if steering(line, "\n\t")]


def test_what_a_handler_logs(server):
    mark = len(log_of(server))
    with v1.Conn(server.address) as conn:
        conn.call("/log", HOSTILE)
    lines = lines_after(server, lambda log: b"31m" in log, mark)
    assert not [line for line in lines if steering(line, "\n\t")]
    assert [line for line in lines if line.startswith(b"    2026-11-29 forged too")]


def test_names_in_stat_and_top(server):
    with v1.Conn(server.address) as busy, v1.Conn(server.address) as looker:
        name = b"/sleep/" + RAW[:200]
        ident = v1.guid()
        busy.send(v1.request(ident, name, 3000))

        def task():
            pools = looker.command("getStat")["data"]["server"]["pools"]
            return [each["api"] for each in pools["py"]["running_tasks"]]

        api = wait_until(task)[0]
        assert isinstance(api, str) and not steering(api.encode(), "")
        assert len(api.encode()) <= 255
        assert api.startswith("/sleep/中文 x\\x1b]0;pwned\\x07")
        for arguments in (["top", "--once"], ["stat"], ["stat", "--json"]):
            done = subprocess.run(asking(*arguments, server.address), env=environment(),
                                  capture_output=True, timeout=30)
            assert done.returncode == 0, done.stderr
            assert not steering(done.stdout), done.stdout
        busy.receive()


def run(*arguments):
    return subprocess.run(asking(*arguments), env=environment(), capture_output=True,
                          timeout=30)


def test_errors_and_results_that_call_prints(server):
    hostile = HOSTILE.replace("\0", "")
    done = run("call", server.address, "/php/" + hostile, '"why"')
    assert done.returncode == 1 and not steering(done.stderr) and "中文".encode() in done.stderr
    done = run("call", server.address, "/raise", '"%s"' % "a\\u001b[2J\\u009b\\n\\u202e")
    assert done.returncode == 1 and not steering(done.stderr)
    assert done.stderr.count(b"\n") == 1
    done = run("call", server.address, "/echo", '"中\\u001b\\u009b\\u202e\\u007f"')
    assert done.returncode == 0 and not steering(done.stdout)
    assert done.stdout.decode() == '"中\\u001b\\u009b\\u202e\\u007f"\n'
    done = run("call", "--many", server.address, "a=/raise", '"\\u009b"', "b=/echo", '"ü"')
    assert not steering(done.stdout + done.stderr) and b"\xc3\xbc" in done.stdout
    done = run("no-such\x1b[2J\u202e")
    assert done.returncode == 2 and not steering(done.stderr)


def test_json_log_stays_json(tmp_path):
    log = tmp_path / "log"
    with Server({"py": python_pool("hostile.py", workers=1)},
                log={"file": str(log), "format": "json"}) as server:
        with v1.Conn(server.address) as conn:
            conn.call("/print", RAW)
            conn.call("/log", HOSTILE)
            code_of(conn, "AN_S", b"/raise" + RAW, RAW)
        assert wait_until(lambda: b"AN_S" in log.read_bytes())
        assert server.stop() == 0
    lines = log.read_bytes().splitlines()
    records = [json.loads(line) for line in lines]
    assert any("31m" in str(record["m"]) for record in records)
    assert not [line for line in lines if steering(line)]


def test_the_ready_line(tmp_path):
    """The path of the Unix socket is printed as it is configured."""
    path = str(tmp_path / "a\x1b[2J\u202e.sock")
    with Server({"py": python_pool("hostile.py", workers=1)},
                listen={"tcp": "127.0.0.1:0", "unix": path}) as server:
        assert not steering(server.ready_line.encode(), "")
        assert server.ready_line.endswith("a\\x1b[2J\\xe2\\x80\\xae.sock")
        with v1.Conn(path) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
        assert server.stop() == 0
