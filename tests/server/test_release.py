"""A release is switched by a symbolic link: a reload loads what the link leads to then, wherever
the server was started and however the application was named."""

import os
import subprocess
import sys

import pytest

from support import v1
from support.reload import reload_wait
from support.server import ROOT, Server, program

PHP = """<?php
require_once __DIR__ . '/lib.php';
require_once 'second.php';
$app = new Dora\\App();
$app->api('/v', fn() => first() . second() . basename(getcwd()));
$app->run(['port' => 0, 'workers' => 1]);
"""
PYTHON = """import os, dora, first
from package import second
app = dora.App()
@app.api("/v")
def v(param): return first.VERSION + second.VERSION + os.path.basename(os.getcwd())
if __name__ == "__main__": app.run(port=0, workers=1)
"""
C = """#include <dora/handler.h>
static dora_err v(const dora_request *request, dora_reply *reply, void *user)
{
    (void)request, (void)user;
    return dora_write_string(dora_reply_writer(reply), "%s", 1);
}
DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
{
    (void)error;
    return dora_app_api(app, "/v", v, NULL);
}
"""


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    base = tmp_path_factory.mktemp("site")
    for version in "12":
        folder = base / "releases" / version
        for name, text in {
            "app.php": PHP, "app.py": PYTHON, "app.c": C % version,
            "lib.php": "<?php function first() { return '%s'; }" % version,
            "second.php": "<?php function second() { return '%s'; }" % version,
            "first.py": "VERSION = '%s'" % version, "package/__init__.py": "",
            "package/second.py": "VERSION = '%s'" % version,
            "dora.json": '{"listen": {"tcp": "127.0.0.1:0"}, "pools": '
                         '{"a": {"runtime": "php", "app": "app.php", "workers": 1}}}',
        }.items():
            write(folder, name, text)
        subprocess.run(["cc", "-shared", "-fPIC", "-I" + os.path.join(ROOT, "core", "include"),
                        "-o", folder / "handlers.so", folder / "app.c"], check=True)
    return base


def point(base, version):
    """The link is replaced in one step."""
    new = base / "next"
    new.symlink_to("releases/" + version)
    new.replace(base / "current")


def commands():
    php = ["php", "-n", "-d", "extension=" + os.environ.get("DORA_PHP_EXTENSION", "dora")]
    python = [os.environ.get("DORA_PYTHON", sys.executable)]
    serve = [program(), "serve", "--port", "0", "--workers", "1"]
    for name in ("app.php", "app.py", "handlers.so"):
        yield "serve " + name, serve + [name], serve + ["current/" + name]
    yield "serve app:app", serve + ["app:app"], None
    yield "php", php + ["app.php"], php + ["current/app.php"]
    yield "python", python + ["app.py"], python + ["current/app.py"]
    config = [program(), "serve", "--config"]
    yield "config", config + ["dora.json"], config + ["current/dora.json"]


CASES = [(name + where, where == " in it", command) for name, inside, outside in commands()
         for where, command in ((" in it", inside), (" beside it", outside)) if command]


@pytest.mark.parametrize("inside,command", [case[1:] for case in CASES],
                         ids=[case[0] for case in CASES])
def test_a_reload_loads_the_new_release(releases, inside, command):
    point(releases, "1")
    start = str(releases / "current") if inside else str(releases)
    with Server(command=["sh", "-c", 'cd "$0" && exec "$@"', start, *command]) as server:
        with v1.Conn(server.address) as conn:
            before = conn.call("/v")["data"]["data"]
            point(releases, "2")
            assert reload_wait(server)["code"] == 0
            after = conn.call("/v")["data"]["data"]
        assert server.stop() == 0
    assert before[:1] == "1" and after == before.replace("1", "2")


def test_a_folder_that_is_gone(releases, tmp_path):
    """A worker's zygote that dies is replaced all the same."""
    (tmp_path / "here").mkdir()
    command = [program(), "serve", "--port", "0", str(releases / "releases" / "1" / "handlers.so")]
    started = ["sh", "-c", 'cd "$0" && exec "$@"', str(tmp_path / "here"), *command]
    with Server(command=started) as server:
        (tmp_path / "here").rmdir()
        assert reload_wait(server)["code"] == 0
        with v1.Conn(server.address) as conn:
            assert conn.call("/v")["data"]["data"] == "1"
        assert server.stop() == 0
