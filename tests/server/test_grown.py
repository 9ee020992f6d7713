"""In the calls of which api the workers grow: getStat, `dora stat`, the metrics and the log name
it. The looks come by time, so each test calls until there were as many as it wants."""

import re
import subprocess

import pytest

from support import metrics, v1
from support.server import Server, asking, environment, python_pool, wait_until

PYTHON = """
import time
import dora

app = dora.App()
kept = []

@app.api("/leak")
%(kind)s leak(param):
    kept.append(b"x" * (1 << 20))

@app.api("/steady")
%(kind)s steady(param):
    time.sleep(0.005)
"""

PHP = """<?php
$app = new Dora\\App();
$app->api('/leak', function ($param) {
    static $kept = [];
    $kept[] = str_repeat('x', (1 << 20) + count($kept));
});
$app->api('/steady', fn ($param) => usleep(5000));
$app->run();
"""

MB = 150
REPLACED = "is above memory_mb_max (%d) and is replaced" % MB
LEAK = 1 << 20
LOOKS = 2


@pytest.fixture
def pool_of(tmp_path):
    def make(kind):
        if kind == "php":
            (tmp_path / "app.php").write_text(PHP)
            return {"runtime": "php", "app": str(tmp_path / "app.php"), "workers": 1,
                    "ini": {"memory_limit": "-1"}, "memory_mb_max": MB}
        text = PYTHON % {"kind": "async def" if kind == "async" else "def"}
        (tmp_path / "app.py").write_text(text)
        return python_pool(str(tmp_path / "app.py"), workers=1, memory_mb_max=MB)
    return make


def serve(pool):
    return Server({"p": pool}, listen={"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}, linger_ms=0)


def call(conn, name):
    assert conn.call(name)["data"]["code"] == 0


def growth(conn):
    """{api: (bytes, calls)}, that which grew most first."""
    pool = conn.command("getStat")["data"]["server"]["pools"]["p"]
    return {each["api"]: (each["bytes"], each["calls"]) for each in pool["growth"]}


def call_until(conn, name, question):
    assert wait_until(lambda: call(conn, name) or question(), seconds=60, pause=0)


def line_of_replacement(server, conn):
    """The log's, once a worker has leaked so much that it is replaced."""
    call_until(conn, "/leak", lambda: REPLACED in server.log())
    wait_until(lambda: [line for line in server.lines() if REPLACED in line])  # the whole of it
    return next(line for line in server.lines() if REPLACED in line)


@pytest.mark.parametrize("kind", ["python", "php"])
def test_a_leak_has_a_name(kind, pool_of):
    with serve(pool_of(kind)) as server, v1.Conn(server.address) as conn:
        admin = metrics.admin_of(server)
        call_until(conn, "/leak", lambda: growth(conn))
        call_until(conn, "/steady", lambda: metrics.Metrics(admin).one(
            "dora_api_grown_calls", pool="p", api="/steady") >= LOOKS)
        page = metrics.Metrics(admin)
        told = growth(conn)
        assert list(told)[0] == "/leak", told
        left, calls = told["/leak"]
        assert LEAK * calls <= left < 2 * LEAK * calls, told
        assert page.one("dora_api_grown_bytes", pool="p", api="/leak") == left
        assert page.one("dora_api_grown_calls", pool="p", api="/leak") == calls
        assert page.one("dora_api_grown_bytes", pool="p", api="/steady") < LEAK / 16
        said = subprocess.run(asking("stat", server.address), env=environment(),
                              capture_output=True, text=True, timeout=60)
        line = r"pool p: workers grow in calls of /leak: by 10\d\d\.\d KiB each, "
        assert re.search(line, said.stdout), said
        assert "in calls of /steady" not in said.stdout
        line = line_of_replacement(server, conn)
        assert re.search(r"; it grew most in calls of /leak: by \d+ KiB in \d+ that were", line)
        # What the one that has gone had seen is kept.
        call_until(conn, "/leak", lambda: growth(conn).get("/leak", (0, 0))[1] > calls)


def test_several_at_a_time_blame_nobody(pool_of):
    with serve(pool_of("async")) as server, v1.Conn(server.address) as conn:
        line = line_of_replacement(server, conn)
        assert line.endswith(REPLACED), line
        assert growth(conn) == {}
