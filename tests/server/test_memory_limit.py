"""A pool's memory_hard_mb: who wants more than that gets none, and nobody else notices."""

import json
import os
import re
import subprocess
import threading

import pytest

from support import v1
from support.server import Server, program, wait_tasking, wait_until

APP_C = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "operator_app.so")
LIMIT_MB = 96
MUCH_MB = 4096
WORKER_DIED, HANDLER = 100200, 100208
PYTHON = """
import os
import time
import dora

app = dora.App()
lock = None

@app.api("/pid")
def pid(param):
    return os.getpid()

@app.api("/take")
def take(param):
    return len(bytearray(param << 20))

def fill(size):
    kept = []
    while True:
        kept.append(bytearray(size))

@app.api("/fill")
def fill_up(param):
    fill(param)

@app.api("/crash")
def crash(param):
    try:
        fill(param)
    except MemoryError:
        os.abort()

@app.api("/wait")
def wait(path):
    while not os.path.exists(path):
        time.sleep(0.01)
    return "done"
"""
PLAIN_ASYNC = """
@app.api("/tick")
async def tick(param):
    return param
"""
PHP = """<?php
$app = new Dora\\App();
$app->api('/pid', fn ($param) => getmypid());
$app->api('/take', fn ($param) => strlen(str_repeat('x', $param << 20)));
$app->api('/fill', function ($param) {
    $kept = [];
    for ($i = 0; ; $i++) {
        $kept[] = str_repeat(chr($i % 256), $param);
    }
});
$app->run();
"""


def pool(tmp_path, runtime, **more):
    more = {"workers": 1, "memory_hard_mb": LIMIT_MB, **more}
    if runtime == "c":
        return {"runtime": "c", "app": APP_C, **more}
    path = tmp_path / ("app.php" if runtime == "php" else "app.py")
    path.write_text(PHP if runtime == "php" else PYTHON)
    return {"runtime": runtime, "app": str(path), **more}


def one(conn, name, param=None):
    """(code, message, data) of one api."""
    reply = conn.call(name, param)
    assert reply["code"] == 0, reply
    return reply["data"]["code"], reply["data"]["msg"], reply["data"]["data"]


def records(server, name):
    """What the log says of calls of an api."""
    def found():
        said = [json.loads(line) for line in server.lines() if '"%s"' % name in line]
        return [each for each in said if each.get("api") == name]
    assert wait_until(found), server.log()
    return found()


# ---- Python: an error of the handler ----


@pytest.mark.parametrize(("name", "param"), [("/take", MUCH_MB), ("/fill", 1 << 20),
                                             ("/fill", 100)])
def test_a_memory_error_is_the_handlers_and_its_worker_lives(tmp_path, name, param):
    with Server({"p": pool(tmp_path, "python")}) as server, v1.Conn(server.address, 60) as conn:
        before = one(conn, "/pid")
        code, msg, _ = one(conn, name, param)
        assert (code, msg.split(":")[0]) == (HANDLER, "MemoryError")
        assert one(conn, "/pid") == before
        assert one(conn, "/take", 1) == (0, "OK", 1 << 20)


def test_a_crash_at_the_limit_says_so(tmp_path):
    log = {"format": "json"}
    with Server({"p": pool(tmp_path, "python")}, log=log) as server, \
            v1.Conn(server.address, 60) as conn:
        code, msg, _ = one(conn, "/crash", 1 << 20)
        assert code == WORKER_DIED
        told = re.fullmatch(r"the worker died while running the handler: memory_hard_mb \(96; it "
                            r"held (\d+) MiB\)", msg)
        assert told and LIMIT_MB / 2 < int(told.group(1)) <= LIMIT_MB, msg
        record = records(server, "/crash")[0]
        assert record["code"] == WORKER_DIED
        assert re.search(r"signal 6 \(Aborted\) at its memory_hard_mb \(96; it held %s MiB\), "
                         r"while it ran /crash" % told.group(1), record["m"])
        assert one(conn, "/take", 1)[0] == 0


def test_a_neighbour_in_the_pool_notices_nothing(tmp_path):
    go = tmp_path / "go"
    told = []
    with Server({"p": pool(tmp_path, "python", workers=2)}) as server:
        with v1.Conn(server.address, 60) as one_conn, v1.Conn(server.address, 60) as other:
            waits = threading.Thread(target=lambda: told.append(one(one_conn, "/wait", str(go))))
            waits.start()
            wait_tasking(other, 1)
            assert one(other, "/crash", 1 << 20)[0] == WORKER_DIED
            go.write_text("")
            waits.join(60)
    assert told == [(0, "OK", "done")]


def test_what_runs_beside_it_in_the_worker_dies_with_it(tmp_path):
    told = []
    made = pool(tmp_path, "python", memory_hard_mb=192, concurrency=4, threads=2)
    with open(made["app"], "a") as file:
        file.write(PLAIN_ASYNC)
    with Server({"p": made}) as server:
        with v1.Conn(server.address, 60) as one_conn, v1.Conn(server.address, 60) as other:
            never = str(tmp_path / "never")
            waits = threading.Thread(target=lambda: told.append(one(one_conn, "/wait", never)))
            waits.start()
            wait_tasking(other, 1)
            told.append(one(other, "/crash", 1 << 20))
            waits.join(60)
            assert [code for code, _, _ in told] == [WORKER_DIED, WORKER_DIED]
            assert all("memory_hard_mb (192; it held " in msg for _, msg, _ in told)
            assert one(other, "/take", 1)[0] == 0


# ---- PHP: the end of the worker ----


@pytest.mark.parametrize(("name", "param"), [("/take", MUCH_MB), ("/fill", 1 << 20),
                                             ("/fill", 100)])
def test_php_exits_without_memory_and_the_caller_hears_why(tmp_path, name, param):
    made = pool(tmp_path, "php", ini={"memory_limit": "-1"})
    with Server({"p": made}, log={"format": "json"}) as server, \
            v1.Conn(server.address, 60) as conn:
        code, msg, _ = one(conn, name, param)
        assert code == WORKER_DIED and "memory_hard_mb (96; it held " in msg
        record = records(server, name)[0]
        assert record["code"] == WORKER_DIED
        assert " at its memory_hard_mb (96; it held " in record["m"]
        assert one(conn, "/take", 1) == (0, "OK", 1 << 20)


def test_php_s_own_limit_stays_what_it_is(tmp_path):
    made = pool(tmp_path, "php", ini={"memory_limit": "16M"})
    with Server({"p": made}) as server, v1.Conn(server.address, 60) as conn:
        code, msg, _ = one(conn, "/take", MUCH_MB)
        assert code == WORKER_DIED
        assert msg.startswith("Allowed memory size of 16777216 bytes exhausted")
        assert "memory_hard_mb" not in msg


# ---- C: NULL ----


def test_malloc_gives_null_and_the_worker_lives(tmp_path):
    with Server({"p": pool(tmp_path, "c")}) as server, v1.Conn(server.address, 60) as conn:
        before = server.workers("p")
        assert one(conn, "/memory/take", MUCH_MB) == (0, "OK", False)
        assert one(conn, "/memory/take", 1) == (0, "OK", True)
        assert server.workers("p") == before


@pytest.mark.parametrize("piece_mb", [1, MUCH_MB])
def test_who_does_not_look_crashes_and_hears_why(tmp_path, piece_mb):
    with Server({"p": pool(tmp_path, "c")}, log={"format": "json"}) as server, \
            v1.Conn(server.address, 60) as conn:
        code, msg, _ = one(conn, "/memory/crash", piece_mb)
        assert code == WORKER_DIED and "memory_hard_mb (96; it held " in msg
        assert "signal 11 " in records(server, "/memory/crash")[0]["m"]
        assert one(conn, "/memory/take", 1) == (0, "OK", True)


def test_a_crash_with_memory_to_spare_is_none_of_the_limit(tmp_path):
    app = tmp_path / "app.py"
    made = pool(tmp_path, "python")
    app.write_text(PYTHON + """
@app.api("/abort")
def abort(param):
    os.abort()
""")
    with Server({"p": made}) as server, v1.Conn(server.address, 60) as conn:
        assert one(conn, "/abort") == (WORKER_DIED, "the worker died while running the handler", [])


# ---- what dora check says ----


@pytest.mark.parametrize(("runtime", "more", "words"), [
    ("python", {"memory_hard_mb": 8}, "python does not start in less"),
    ("php", {"memory_hard_mb": 8}, "php does not start in less"),
    ("c", {"memory_hard_mb": 8}, "c does not start in less"),
    ("python", {"memory_hard_mb": 200, "memory_mb_max": 201},
     "must be at least memory_mb_max (201)"),
])
def test_a_limit_that_cannot_be_is_refused(tmp_path, runtime, more, words):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"pools": {"p": pool(tmp_path, runtime, **more)}}))
    done = subprocess.run([program(), "check", str(path)], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 1
    assert "pools.p.memory_hard_mb" in done.stderr and words in done.stderr


@pytest.mark.parametrize("runtime", ["python", "php", "c"])
def test_a_pool_serves_in_the_least_that_is_taken(tmp_path, runtime):
    least = {"python": 48, "php": 32, "c": 16}[runtime]
    with Server({"p": pool(tmp_path, runtime, memory_hard_mb=least)}) as server:
        with v1.Conn(server.address, 60) as conn:
            name = "/memory/take" if runtime == "c" else "/take"
            assert one(conn, name, 1)[0] == 0


def test_an_application_that_does_not_fit_is_not_started(tmp_path):
    made = pool(tmp_path, "python")
    (tmp_path / "app.py").write_text("kept = bytearray(%d << 20)\n" % MUCH_MB + PYTHON)
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"pools": {"p": made}}))
    done = subprocess.run([program(), "check", "--load", str(path)], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 1 and "MemoryError" in done.stderr
