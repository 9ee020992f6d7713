"""What the system sets limits to: the size of files, processor time, stacks, descriptors that send
signals, the time of day. The master survives all of it."""

import json
import os
import re
import resource
import signal
import subprocess
import urllib.error
import urllib.request

import pytest

from support import v1
from support.metrics import admin_of, ask
from support.server import Server, program, python_pool, wait_until

C_APP = os.path.join(os.path.dirname(os.environ.get("DORA_BIN", "")), "tests", "operator_app.so")
C_POOL = {"runtime": "c", "app": C_APP, "workers": 1}
SURVIVED = [signal.SIGXFSZ, signal.SIGXCPU, signal.SIGPIPE, signal.SIGIO]
SMALL_STACK_KB = 128  # as musl gives threads


def start(pools, **more):
    return Server(pools, listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}, **more)


# ---- signals ----

def ignored(pid):
    with open("/proc/%d/status" % pid) as file:
        mask = int(next(line for line in file if line.startswith("SigIgn:")).split()[1], 16)
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


@pytest.mark.parametrize("number", SURVIVED, ids=lambda number: number.name)
def test_a_signal_that_the_kernel_sends_ends_no_master(number):
    with Server({"c": C_POOL}) as server:
        os.kill(server.pid, number)
        with v1.Conn(server.address) as conn:
            assert v1.code(conn.call("/log", [3, None, 0, "still here"])) == 0
        assert server.stop() == 0


def test_children_have_the_default_of_what_the_master_survives():
    with Server({"c": C_POOL}) as server:
        worker = next(iter(server.workers("c").values()))
        assert set(SURVIVED) <= ignored(server.pid)
        assert not ignored(worker) & {signal.SIGXFSZ, signal.SIGXCPU, signal.SIGIO}
        assert server.stop() == 0


def dropped(server):
    status, text, _ = ask(admin_of(server), "/metrics")
    assert status == 200
    return int(re.search(r"^dora_log_dropped_lines_total (\d+)$", text, re.M).group(1))


def test_a_log_that_reaches_the_limit_of_file_sizes(tmp_path):
    """`ulimit -f`: lines are lost, counted, and there is a log again once there is room."""
    log = tmp_path / "dora.log"
    with start({"c": C_POOL}, log={"file": str(log)}) as server, v1.Conn(server.address) as conn:
        before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (log.stat().st_size + 10, before[1]))
        for number in range(20):
            assert v1.code(conn.call("/log", [3, None, 0, "lost %d" % number])) == 0
        assert wait_until(lambda: dropped(server) >= 20), dropped(server)
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
        assert v1.code(conn.call("/log", [3, None, 0, "there is room"])) == 0
        assert wait_until(lambda: "there is room" in log.read_text())

        def told():
            return sum(map(int, re.findall(r"\[log\] (\d+) lines? w[a-z]+ dropped\n",
                                           log.read_text())))

        assert wait_until(lambda: told() == dropped(server)), (told(), dropped(server))
        assert dropped(server) < 25
        assert server.stop() == 0


# ---- the time of day ----

CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The time of day jumps back by an hour while a file is there. */
static time_t jump(void)
{
    return access(getenv("CLOCK_JUMP"), F_OK) == 0 ? -3600 : 0;
}

int clock_gettime(clockid_t id, struct timespec *now)
{
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(id, now);
    now->tv_sec += id == CLOCK_REALTIME ? jump() : 0;
    return result;
}

time_t time(time_t *at)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at != NULL) {
        *at = now.tv_sec;
    }
    return now.tv_sec;
}
"""


def test_uptime_does_not_follow_the_time_of_day(tmp_path, monkeypatch):
    source, library, jump = tmp_path / "clock.c", tmp_path / "clock.so", tmp_path / "jump"
    source.write_text(CLOCK)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    monkeypatch.setenv("LD_PRELOAD", str(library))
    monkeypatch.setenv("CLOCK_JUMP", str(jump))
    with Server({"c": C_POOL}) as server:
        monkeypatch.delenv("LD_PRELOAD")
        with v1.Conn(server.address) as conn:
            def uptime():
                return conn.command("getStat")["data"]["server"]["uptime_s"]

            assert wait_until(lambda: uptime() >= 1)
            jump.write_text("")
            before = uptime()
            assert wait_until(lambda: uptime() > before)
            assert uptime() < 600
        assert server.stop() == 0


# ---- stacks ----

@pytest.fixture
def small(tmp_path):
    """A server all of whose processes have little stack, and threads by default as well."""
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"listen": {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"},
                                "pools": {"p": python_pool("basic.py", workers=1)}}))
    command = ["sh", "-c", 'ulimit -s %d; exec "$@"' % SMALL_STACK_KB, "sh",
               program(), "serve", "--config", str(path)]
    with Server(command=command) as server:
        yield server
        assert server.stop() == 0


def deep(levels, kind):
    """A parameter of so many nested arrays: in JSON, or in PHP's own format."""
    if kind == "json":
        return b"[" * levels + b"]" * levels
    return b"a:1:{i:0;" * (levels - 1) + b"a:0:{}" + b"}" * (levels - 1)


def deep_json(levels, more=b""):
    guid = v1.guid()
    body = b'{"guid":"%s","type":"W_S","api":{"one":{"name":"/echo","param":[%s,"%s"]}}}' % (
        guid.encode(), deep(levels, "json"), more)
    return guid, body


def is_alive(server):
    with v1.Conn(server.address) as conn:
        return conn.call("/echo", "x")["data"]["data"] == "x"


def answer_to(server, guid, body):
    """The bytes of the reply's body."""
    with v1.Conn(server.address, timeout=20) as conn:
        conn.splitter = v1.Splitter(bytes)
        conn.send(v1.frame(guid, body))
        return conn.receive()[1]


@pytest.mark.parametrize("more", [b"", b"x" * 200000], ids=["inline", "aside"])
@pytest.mark.parametrize("levels", [30, 300, 500, 511, 2040, 100000])
def test_deep_json_in_a_frame_on_a_small_stack(small, levels, more):
    guid, body = deep_json(levels, more)
    assert b'"code"' in answer_to(small, guid, body)
    assert is_alive(small)


@pytest.mark.parametrize("more", [b"", b"x" * 200000], ids=["inline", "aside"])
@pytest.mark.parametrize("levels", [300, 505, 2040, 100000])
def test_deep_json_over_http_on_a_small_stack(small, levels, more):
    body = b'[%s,"%s"]' % (deep(levels, "json"), more)
    request = urllib.request.Request("http://%s/call/echo" % small.http, body,
                                     {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    assert status in (200, 400, 413, 500)
    assert is_alive(small)


@pytest.mark.parametrize("levels", [30, 300, 500, 2040, 100000])
def test_deep_values_in_a_frame_on_a_small_stack(small, levels):
    guid = v1.guid()
    body = v1.request(guid, "/echo", "PARAM")[36:].replace(b's:5:"PARAM";', deep(levels, "php"))
    assert answer_to(small, guid, body).startswith(b"a:")
    assert is_alive(small)


def on_small_stack(*command, **more):
    """Runs a program; its output. It may fail, yet not by a signal."""
    done = subprocess.run(["sh", "-c", 'ulimit -s %d; exec "$@"' % SMALL_STACK_KB, "sh", *command],
                          capture_output=True, text=True, timeout=60, **more)
    assert done.returncode >= 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


PYTHON_CLIENT = """
import dora.wire
for levels in (30, 200, 500, 512):
    data = b"a:1:{i:0;" * (levels - 1) + b"a:0:{}" + b"}" * (levels - 1)
    value = []
    for _ in range(levels - 1):
        value = [value]
    for work, given in ((dora.wire.unpack, data), (dora.wire.pack, value)):
        try:
            work(given)
            print(levels, "fits")
        except (RecursionError, ValueError) as error:
            assert "stack" in str(error), error
            print(levels, "refused")
"""

PHP_CLIENT = """
foreach ([30, 200, 500, 512] as $levels) {
    $data = str_repeat('a:1:{i:0;', $levels - 1) . 'a:0:{}' . str_repeat('}', $levels - 1);
    $value = [];
    for ($i = 1; $i < $levels; $i++) {
        $value = [$value];
    }
    foreach ([fn() => Dora\\Wire::decode($data), fn() => Dora\\Wire::encode($value)] as $work) {
        try {
            $work();
            echo "$levels fits\\n";
        } catch (Dora\\Exception $error) {
            echo "$levels refused\\n";
        }
    }
}
"""


def test_clients_in_python_refuse_what_their_stack_does_not_hold():
    said = on_small_stack(os.environ["DORA_PYTHON"], "-c", PYTHON_CLIENT).splitlines()
    assert said[:2] == ["30 fits", "30 fits"] and len(said) == 8, said


def test_clients_in_php_refuse_what_their_stack_does_not_hold():
    extension = os.environ["DORA_PHP_EXTENSION"]
    said = on_small_stack("php", "-d", "extension=" + extension, "-r", PHP_CLIENT).splitlines()
    assert said[:2] == ["30 fits", "30 fits"] and len(said) == 8, said


@pytest.mark.parametrize("levels", [30, 300, 500, 511, 2040, 100000])
def test_the_program_with_deep_json_on_a_small_stack(small, tmp_path, levels):
    """What it is given, what it gets, and what it reads."""
    text = deep(min(levels, 10000), "json").decode()  # arguments stand on the stack
    assert on_small_stack(program(), "call", small.address, "/echo", text)
    assert is_alive(small)
    path = tmp_path / "deep.json"
    path.write_text('{"pools": %s}' % text)
    assert "deep.json" in on_small_stack(program(), "check", str(path))
