"""A worker is replaced when it has grown: what does not grow lives on, to a limit."""

import pytest

from support import v1
from support.server import Server, python_pool, wait_until

PYTHON = """
import os
import dora

app = dora.App()
kept = []
calls = 0

@app.api("/steady")
%(kind)s steady(param):
    return os.getpid()

@app.api("/memory")
%(kind)s memory(param):
    kept.append(bytearray(2000))

@app.api("/files")
%(kind)s files(param):
    global calls
    calls += 1
    if calls %% 100 == 0:
        kept.append(os.open("/dev/null", os.O_RDONLY))
"""

PHP = """<?php
$app = new Dora\\App();
$app->api('/steady', fn ($param) => getmypid());
$app->api('/memory', function ($param) {
    static $kept = [];
    $kept[] = str_repeat('x', 2000 + count($kept) % 2);
});
$app->api('/files', function ($param) {
    static $kept = [], $calls = 0;
    if (++$calls % 100 === 0) {
        $kept[] = fopen('/dev/null', 'r');
    }
});
$app->run();
"""

KINDS = ["python", "async", "php"]
BATCH = 500


@pytest.fixture
def pool_of(tmp_path):
    def make(kind, **more):
        if kind == "php":
            (tmp_path / "app.php").write_text(PHP)
            return {"runtime": "php", "app": str(tmp_path / "app.php"), "workers": 1, **more}
        text = PYTHON % {"kind": "async def" if kind == "async" else "def"}
        (tmp_path / "app.py").write_text(text)
        return python_pool(str(tmp_path / "app.py"), workers=1, **more)
    return make


def run_tasks(conn, name, count):
    """Runs so many tasks, by calls of many."""
    apis = {str(i): (name, None) for i in range(BATCH)}
    for _ in range(count // BATCH):
        conn.ask("W_M", apis)
        reply = conn.receive(20)[1]
        codes = {each["code"] for each in reply["data"].values()}
        assert codes == {0}, codes


def recycled(conn):
    return conn.command("getStat")["data"]["server"]["pools"]["p"]["restarts"]["recycled"]


@pytest.mark.parametrize("kind", KINDS)
def test_worker_that_has_not_grown_lives_on(kind, pool_of):
    with Server({"p": pool_of(kind)}, linger_ms=0) as server, v1.Conn(server.address) as conn:
        first = v1.code(conn.call("/steady")) or conn.call("/steady")["data"]["data"]
        run_tasks(conn, "/steady", 12500)
        assert conn.call("/steady")["data"]["data"] == first, "the worker was replaced"
        assert recycled(conn) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["/memory", "/files"])
def test_worker_that_has_grown_is_replaced_after_4000_tasks(kind, name, pool_of):
    with Server({"p": pool_of(kind)}, linger_ms=0) as server, v1.Conn(server.address) as conn:
        run_tasks(conn, name, 3500)
        assert recycled(conn) == 0
        run_tasks(conn, name, 3000)
        assert wait_until(lambda: recycled(conn) == 1), "it holds more, and lives on"


def test_number_is_honoured_as_a_number(pool_of):
    with Server({"p": pool_of("python", max_requests=1000)}, linger_ms=0) as server, \
            v1.Conn(server.address) as conn:
        run_tasks(conn, "/steady", 1500)
        assert wait_until(lambda: recycled(conn) == 1), "1500 tasks, and it lives on"
