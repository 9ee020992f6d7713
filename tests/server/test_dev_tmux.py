"""`dora serve --dev` in a window of tmux, an editor beside it: what a person types, and sees."""

import contextlib
import json
import os
import re
import signal
import subprocess

import pytest

from support import processes
from support.reload import RELOADED, value
from support.server import asking, program, wait_until
from support.tmux import Tmux

APP = {
    "py": """
import dora
import part
app = dora.App()
@app.api("/part")
def of_part(param): return part.value()
@app.api("/own")
def own(param): return "own 1"
@app.api("/raise")
def fail(param): raise ValueError("no shoes")
@app.api("/stop")
def stop(param):
    basket = {"shoes": 2}
    breakpoint()
    return basket
@app.api("/input")
def ask(param): return "hello " + input("Name? ")
""",
    "php": """<?php
require_once __DIR__ . '/part.php';
$app = new Dora\\App();
$app->api('/part', fn () => value());
$app->api('/own', fn () => 'own 1');
$app->api('/raise', fn () => throw new ValueError('no shoes'));
$app->api('/stop', function () {
    $basket = ['shoes' => 2];
    while (($line = readline('php> ')) !== 'c') {  // as psysh and `php -a` do
        echo json_encode(eval("return $line;")), "\\n";
    }
    return $basket;
});
$app->api('/input', function () {
    echo 'Name? ';
    return 'hello ' . trim(fgets(STDIN));
});
return $app;
""",
}
PART = {"py": "def value(): return %r\n", "php": "<?php function value() { return '%s'; }\n"}
BROKEN = {"py": "def value(:\n", "php": "<?php\nfunction value( { }\n"}


class Folder:
    """An application and its file `part`, written as an editor does."""

    def __init__(self, path, ending):
        self.path = path
        self.ending = ending
        self.write("app", APP[ending])
        self.write("part", PART[ending] % "part 1")

    def write(self, name, text):
        (self.path / (name + "." + self.ending)).write_text(text)

    def serve(self, *more, **variables):
        window = Tmux([program(), "serve", "--dev", "--port", "0", *more, "app." + self.ending],
                      self.path, **variables)
        try:
            window.address = window.find(r"dora: ready tcp=(\S+)").group(1)
        except BaseException:
            window.close()
            raise
        return window


@pytest.fixture(params=sorted(APP))
def folder(request, tmp_path):
    return Folder(tmp_path, request.param)


def calling(window, name):
    """A `dora call` in another window."""
    return subprocess.Popen(asking("call", window.address, name), text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def answer(call):
    return call.communicate(timeout=30)[0].strip()


def leave(window):
    window.key("C-c")
    assert wait_until(window.has_ended), window.text()


def test_what_is_saved_is_served(folder):
    with folder.serve() as window:
        folder.write("part", PART[folder.ending] % "part 2")
        window.find(RELOADED % 2)
        assert answer(calling(window, "/part")) == '"part 2"'
        folder.write("app", APP[folder.ending].replace("own 1", "own 2"))
        window.find(RELOADED % 3)
        assert answer(calling(window, "/own")) == '"own 2"'
        assert re.search(r"\bpart\.%s has changed" % folder.ending, window.text())
        leave(window)


def test_an_error_of_syntax_is_told_with_its_place_and_the_old_code_serves_on(folder):
    with folder.serve() as window:
        folder.write("part", BROKEN[folder.ending])
        window.find(r"generation 1 serves on: [\s\S]*" +
                    {"py": r'part\.py", line 1', "php": r"part\.php:2\b"}[folder.ending])
        assert answer(calling(window, "/part")) == '"part 1"'
        folder.write("part", PART[folder.ending] % "part 2")
        window.find(RELOADED % 2)
        assert answer(calling(window, "/part")) == '"part 2"'
        leave(window)


def test_who_stops_in_a_handler_looks_at_its_variables_and_goes_on(folder):
    prompt = {"py": r"\(Pdb\) ", "php": "php> "}[folder.ending]
    with folder.serve() as window:
        for number in (1, 2):
            call = calling(window, "/stop")
            window.find(r"(%s[\s\S]*){%d}" % (prompt, 2 * number - 1))
            window.type({"py": "p len(basket), basket['shoes'] + 40",
                         "php": "[count($basket), $basket['shoes'] + 40]"}[folder.ending])
            window.find({"py": r"\n\(1, 42\)", "php": r"\n\[1,42\]"}[folder.ending])
            window.type("c")
            assert json.loads(answer(call)) == {"shoes": 2}
        leave(window)


def test_a_handler_asks_who_sits_there(folder):
    with folder.serve() as window:
        call = calling(window, "/input")
        window.find("Name\\? ")
        window.type("Ann")
        assert answer(call) == '"hello Ann"'
        window.find(r"Name\? Ann")  # what is typed is seen
        leave(window)


def test_a_handlers_error_is_there_once_and_red(folder):
    with folder.serve() as window:
        assert "no shoes" in answer(calling(window, "/raise"))
        window.find(r"(?m)^ +ValueError: no shoes")  # the last of it
        found = window.find(r"\033\[31m[^\033]*ValueError: no shoes[^\033]*"
                            r"app\.(py|php)[^\033]*(\033\[(39|0)m|\Z)", has_colours=True)
        text = found.group(0)
        assert len(re.findall(r"^ +ValueError: no shoes", text, re.M)) == 1, text
        assert len(re.findall("ValueError: no shoes", window.text())) == len(
            re.findall("ValueError: no shoes", text)), window.text()
        leave(window)


def all_end(pids):
    """Whether a server's processes end by themselves; who does not is ended here."""
    has_ended = wait_until(lambda: not any(map(processes.is_alive, pids)), 20)
    for pid in filter(processes.is_alive, pids):
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(pid, signal.SIGKILL)
    return has_ended


def test_a_window_that_is_closed_ends_the_server(folder):
    with folder.serve() as window:
        family = [window.pid(), *processes.descendants(window.pid())]
        assert value(window, "/own") == "own 1"
        window.hang_up()
        assert all_end(family)


@pytest.mark.parametrize("folder", ["py"], indirect=True)
def test_a_window_that_is_closed_at_a_breakpoint_ends_the_server(folder):
    with folder.serve() as window:
        call = calling(window, "/stop")
        window.find(r"\(Pdb\) ")
        family = [window.pid(), *processes.descendants(window.pid())]
        window.hang_up()
        assert all_end(family)
        answer(call)
