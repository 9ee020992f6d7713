"""A stop has an end: what does not end by itself is ended, answered and written down; and before
it begins the server may serve on for a while, so that others go elsewhere."""

import http.client
import json
import os
import re
import signal
import subprocess
import time

import pytest

from support import processes, v1, web
from support.metrics import admin_of, ask
from support.server import HERE, Server, environment, program, python_pool, wait_until

C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "stuck_app.so")
POOLS = {
    "python": python_pool("stuck.py", workers=4),
    "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "stuck.php"), "workers": 4},
    "c": {"runtime": "c", "app": C_APP, "workers": 4},
}
ADMIN = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
ALL = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}


def wait_for(path):
    assert wait_until(lambda: os.path.exists(path)), "the handler has not begun"


def begin_http(server, name, param):
    """A call over HTTP that nobody waits for yet."""
    conn = http.client.HTTPConnection(server.http, timeout=20)
    conn.request("POST", "/call" + name, json.dumps(param))
    return conn


def json_call(ident, name, param):
    """The frame of a W_S call in JSON."""
    body = {"guid": ident, "type": "W_S", "api": {"one": {"name": name, "param": param}}}
    return v1.frame(ident, json.dumps(body).encode())


@pytest.mark.parametrize("kind, name", [
    ("python", "/loop"), ("python", "/deadlock"), ("php", "/loop"), ("c", "/loop")])
def test_handlers_that_do_not_end_are_ended(tmp_path, kind, name):
    """Each door gets its answer, the log says what ran, and for whom."""
    marks = [str(tmp_path / door) for door in ("frame", "json", "http")]
    pool = {**POOLS[kind], "kill_after_ms": 0}
    with Server({"p": pool}, listen=ALL, stop_timeout_ms=300) as server:
        with v1.Conn(server.address) as conn, v1.Conn(server.address) as other:
            other.splitter = v1.Splitter(json.loads)
            ident = conn.ask("W_S", {"one": (name, marks[0])})
            second = v1.guid()
            other.send(json_call(second, name, marks[1]))
            third = begin_http(server, name, marks[2])
            for mark in marks:
                wait_for(mark)
            server.signal(signal.SIGTERM)
            assert conn.receive()[1]["data"]["code"] == 100200
            assert other.receive()[1]["data"]["code"] == 100200
            answer = third.getresponse()
            assert (answer.status, json.loads(answer.read())["error"]["code"]) == (502, 100200)
            third.close()
        assert server.wait() == 0
        log = server.log()
        assert log.count("stop_timeout_ms (300) is over") == 1
        for guid in (ident, second):
            assert re.search(r"\[p\] W_S %s is ended after \d+\.\d s \(process \d+\) \(api=%s "
                             r"guid=%s .*type=W_S worker=\d+ generation=1 code=100200 queue_ms="
                             % (name, name, guid), log), log
        assert log.count("W_S %s is ended after" % name) == 3


CALLS = 4000  # to answer them takes longer than to stop the server after the first


def queued(conn):
    return conn.command("getStat")["data"]["server"]["pools"]["p"]["queued"]


def test_a_server_that_stands_still_while_it_ends_them_answers_all_the_same(tmp_path):
    """Its clients get their answers although the time for that has passed meanwhile."""
    mark = str(tmp_path / "mark")
    pool = {**POOLS["python"], "workers": 1, "kill_after_ms": 0}
    with Server({"p": pool}, stop_timeout_ms=300, linger_ms=0) as server:
        with v1.Conn(server.address) as conn:
            conn.ask("W_S", {"one": ("/deadlock", mark)})
            wait_for(mark)
            conn.send(b"".join(v1.request(v1.guid(), "/deadlock", mark) for _ in range(CALLS)))
            with v1.Conn(server.address) as other:
                assert wait_until(lambda: queued(other) >= CALLS - 4)  # but those handed ahead
            server.signal(signal.SIGTERM)
            codes = [v1.code(conn.receive()[1])]
            server.signal(signal.SIGSTOP)
            time.sleep(2.5)  # two seconds are the time for answers
            server.signal(signal.SIGCONT)
            codes += [v1.code(conn.receive()[1]) for _ in range(CALLS)]
            assert set(codes) == {100200, 100207}
        assert server.wait() == 0


def test_what_was_accepted_and_is_lost_is_written_down(tmp_path):
    """And who waits for what no worker has begun hears that it did not run."""
    mark = str(tmp_path / "mark")
    pool = python_pool("stuck.py", workers=1, kill_after_ms=0)
    with Server({"p": pool}, stop_timeout_ms=300) as server, v1.Conn(server.address) as conn:
        runs = conn.ask("AN_S", {"one": ("/loop", mark)})
        assert conn.receive()[1]["code"] == 100001
        wait_for(mark)
        lost = [conn.ask(kind, {"one": ("/echo", 1)}) for kind in ("AN_S", "AM_S")]
        assert [conn.receive()[1]["code"] for _ in lost] == [100001, 100001]
        waits = conn.ask("W_S", {"one": ("/echo", 1)})
        server.signal(signal.SIGTERM)
        answers = dict(conn.receive() for _ in range(2))
        assert v1.code(answers[waits]) == 100207
        assert v1.code(answers[lost[1]]) == 100207
        conn.close()
        assert server.wait() == 0
        log = server.log()
        assert "AN_S /loop is ended after" in log and runs in log
        assert re.search("AN_S /echo is lost: .*guid=%s .*code=100207" % lost[0], log)
        assert re.search("AM_S /echo was accepted and is lost: no worker has begun it .*guid=%s "
                         ".*type=AM_S code=100207" % lost[1], log)


@pytest.mark.parametrize("timeout_ms", [0, 60000])
def test_a_second_sigint_stops_at_once_and_a_second_sigterm_does_not(tmp_path, timeout_ms):
    mark = str(tmp_path / "mark")
    pool = python_pool("stuck.py", workers=1)
    with Server({"p": pool}, stop_timeout_ms=timeout_ms) as server:
        with v1.Conn(server.address) as conn:
            accepted = conn.ask("AN_S", {"one": ("/deadlock", mark)})
            assert conn.receive()[1]["code"] == 100001
            wait_for(mark)
            behind = conn.ask("AN_S", {"one": ("/echo", 1)})
            assert conn.receive()[1]["code"] == 100001
            server.signal(signal.SIGTERM)
            assert wait_until(lambda: "finishing what is accepted" in server.log())
            server.signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(0.3)
            server.signal(signal.SIGINT)
            assert server.wait() == 0
            log = server.log()
            assert re.search("AN_S /deadlock is ended after.*%s" % accepted, log)
            assert re.search("AN_S /echo was accepted and is lost.*%s" % behind, log)


def test_the_stuck_worker_of_an_older_generation(tmp_path):
    """After a reload it is nobody's any more, and still what a stop waits for."""
    mark = str(tmp_path / "mark")
    pool = python_pool("stuck.py", workers=1, time_limit_ms=0, kill_after_ms=0)
    with Server({"p": pool}, stop_timeout_ms=300) as server, v1.Conn(server.address) as conn:
        ident = conn.ask("W_S", {"one": ("/loop", mark)})
        wait_for(mark)
        with v1.Conn(server.address) as other:
            assert other.command("reloadWait", 60)["code"] == 0
            assert v1.code(other.call("/echo", 1)) == 0
        server.signal(signal.SIGTERM)
        assert conn.receive() == (ident, conn_reply(ident, 100200))
        conn.close()
        assert server.wait() == 0


def conn_reply(ident, code):
    """The reply to a single call that ended with a code."""
    text = "the worker died while running the handler"
    return {"guid": ident, "code": 0, "msg": "OK",
            "data": {"guid": ident, "code": code, "msg": text, "data": []}}


def test_a_reload_leaves_no_stuck_worker_behind(tmp_path):
    """A worker of an older generation has the time limit that it always had."""
    mark = str(tmp_path / "mark")
    pool = python_pool("stuck.py", workers=1, time_limit_ms=700)
    with Server({"p": pool}) as server, v1.Conn(server.address) as conn:
        old = next(iter(server.workers("p").values()))
        conn.ask("W_S", {"one": ("/loop", mark)})
        wait_for(mark)
        with v1.Conn(server.address) as other:
            assert other.command("reloadWait", 60)["code"] == 0
        assert v1.code(conn.receive()[1]) == 100201
        assert wait_until(lambda: old not in server.workers("p").values())
        conn.close()
        assert server.stop() == 0


def test_clients_that_do_not_finish_do_not_hold_it():
    """Half a request, and an answer that nobody takes."""
    with Server({"p": python_pool("basic.py", workers=1)}, listen=ALL, stop_timeout_ms=200,
                linger_ms=0) as server:
        half = web.raw(server.http, b"POST /call/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n")
        with v1.Conn(server.address) as conn:
            assert v1.code(conn.call("/echo", 1)) == 0
        server.signal(signal.SIGTERM)
        assert server.wait(10) == 0
        assert "clients do not take their answers" in server.log()
        half.close()


# drain_ms

def test_it_serves_on_while_it_is_not_ready():
    """New connections, too."""
    with Server({"p": python_pool("basic.py", workers=1)}, listen={**ADMIN, "http": "127.0.0.1:0"},
                drain_ms=600000, discovery={"redis": ["127.0.0.1:1"]}) as server:
        admin = admin_of(server)
        assert ask(admin, "/readyz")[0] == 200
        server.signal(signal.SIGTERM)
        assert wait_until(lambda: ask(admin, "/readyz")[:2] == (503, "draining\n"))
        assert wait_until(lambda: "withdrawing: the server stops" in server.log())
        with v1.Conn(server.address) as conn:
            assert v1.code(conn.call("/echo", 1)) == 0
            assert conn.command("getStat")["data"]["server"]["draining"] is True
            assert conn.command("reloadTask")["code"] == 100207
        with web.Web(server.http) as http_conn:
            assert http_conn.call("/echo", 2) == (200, 2)
        server.signal(signal.SIGINT)
        assert server.wait() == 0


def test_what_runs_when_it_leaves_is_finished(tmp_path):
    """And it stops by itself."""
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    with Server({"p": python_pool("stuck.py", workers=1)}, drain_ms=300) as server:
        with v1.Conn(server.address) as conn:
            conn.ask("W_S", {"one": ("/wait", {"mark": mark, "until": gate})})
            wait_for(mark)
            server.signal(signal.SIGTERM)
            late = "drain_ms (300) is over: finishing what is accepted"
            assert wait_until(lambda: late in server.log())
            with open(gate, "w"):
                pass
            assert v1.code(conn.receive()[1]) == 0
        assert server.wait() == 0


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_a_sigint_cuts_it_short(first):
    with Server({"p": python_pool("basic.py", workers=1)}, drain_ms=600000) as server:
        server.signal(first)
        assert wait_until(lambda: "serving for drain_ms" in server.log())
        server.signal(signal.SIGTERM)
        with v1.Conn(server.address) as conn:
            assert v1.code(conn.call("/echo", 1)) == 0
        server.signal(signal.SIGINT)
        assert server.wait() == 0


# dora stop

def test_dora_stop_says_how_long_it_may_last(tmp_path):
    mark = str(tmp_path / "mark")
    with Server({"p": python_pool("stuck.py", workers=1)}, stop_timeout_ms=1500, drain_ms=100,
                linger_ms=0) as server, v1.Conn(server.address) as conn:
        conn.ask("W_S", {"one": ("/loop", mark)})
        wait_for(mark)
        most = conn.command("getStat")["data"]["server"]["stop_ms_max"]
        assert most >= 1600
        done = subprocess.run([program(), "stop", server.address], env=environment(),
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, "stopped process %d\n" % server.pid)
        assert done.stderr == ("dora stop: process %d finishes what it accepted; that may last "
                               "%d s\n" % (server.pid, -(-most // 1000)))


@pytest.mark.parametrize("by_pid_file", [False, True])
def test_dora_stop_says_that_it_does_not_know(tmp_path, by_pid_file):
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")
    pid_file = str(tmp_path / "pid")
    with Server({"p": python_pool("stuck.py", workers=1)}, stop_timeout_ms=0, linger_ms=0,
                pid_file=pid_file) as server, v1.Conn(server.address) as conn:
        conn.ask("W_S", {"one": ("/wait", {"mark": mark, "until": gate})})
        wait_for(mark)
        where = ["--pid-file", pid_file] if by_pid_file else [server.address]
        stop = subprocess.Popen([program(), "stop", *where], env=environment(), text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        said = stop.stderr.readline()
        with open(gate, "w"):
            pass
        out, rest = stop.communicate(timeout=30)
        assert (stop.returncode, out, rest) == (0, "stopped process %d\n" % server.pid, "")
        assert ("stop_timeout_ms)" if by_pid_file else "(stop_timeout_ms is 0)") in said
