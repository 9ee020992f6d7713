"""`dora serve --dev`: what is saved is served, what does not load is told, and whoever waits at a
breakpoint has the terminal."""

import json
import os
import re
import subprocess

import pytest

from support import processes, v1
from support.reload import RELOADED, ask, value
from support.server import Server, environment, program, wait_until
from support.terminal import Terminal

LANGUAGES = ["python", "php"]
ENDING = {"python": "py", "php": "php"}
# {language: (an application, a file that it loads, one that a handler loads, broken code)}
APP = {
    "python": """
import os
import dora
import part
app = dora.App()
@app.api("/part")
def of_part(param): return part.VALUE
@app.api("/own")
def own(param): return "own 1"
@app.api("/late")
def of_late(param):
    import late
    return late.VALUE
@app.api("/raise")
def fail(param): raise ValueError("no %s" % param)
@app.api("/optional")
def optional(param):
    try:
        from inner import optional
    except ImportError:
        return None
    return optional.VALUE
@app.api("/ask")
def ask(param):
    answer = 41
    breakpoint()
    return answer
@app.api("/prompt")
def prompt(param):
    return input("Really? ")
""",
    "php": """<?php
require_once __DIR__ . '/part.php';
$app = new Dora\\App();
$app->api('/part', fn () => part());
$app->api('/own', fn () => "own 1");
$app->api('/late', fn () => require __DIR__ . '/late.php');
$app->api('/raise', fn ($param) => throw new ValueError("no $param"));
$app->api('/optional', fn () => is_file(__DIR__ . '/inner/optional.php')
    ? require __DIR__ . '/inner/optional.php' : null);
$app->api('/ask', fn () => 'hello ' . readline('Name? '));
$app->api('/prompt', function () {
    echo 'Really? ';
    return trim(fgets(STDIN));
});
return $app;
""",
}
PART = {"python": "VALUE = %r\n", "php": "<?php function part() { return '%s'; }\n"}
VALUE = {"python": "VALUE = %r\n", "php": "<?php return '%s';\n"}
BROKEN = {"python": "VALUE = (\n", "php": "<?php function part() {\n"}


class Folder:
    """An application of one language in a folder of the test."""

    def __init__(self, path, language):
        self.path = path
        self.language = language
        (path / "inner").mkdir()
        self.write("app", APP[language])
        self.write("part", PART[language] % "part 1")
        self.write("late", VALUE[language] % "late 1")

    def file(self, name):
        return self.path / (name + "." + ENDING[self.language])

    def write(self, name, text):
        self.file(name).write_text(text)

    def serve(self, *more):
        return Server(command=[program(), "serve", "--dev", "--port", "0", *more,
                               str(self.file("app"))])

    def terminal(self, is_ready=True, **variables):
        return Terminal([str(self.file("app"))], str(self.path), is_ready, **variables)


@pytest.fixture(params=LANGUAGES)
def folder(request, tmp_path):
    return Folder(tmp_path, request.param)


def becomes(server, name, wanted):
    assert wait_until(lambda: ask(server, name).get("data") == wanted), (
        ask(server, name), server.log())


@pytest.mark.parametrize("name", ["part", "late"])
def test_a_saved_file_is_served_that_the_application_or_a_handler_loads(folder, name):
    text = (PART if name == "part" else VALUE)[folder.language]
    with folder.serve() as server:
        assert value(server, "/" + name) == name + " 1"
        folder.write(name, text % (name + " 2"))
        becomes(server, "/" + name, name + " 2")
        assert value(server, "/own") == "own 1"


def test_the_applications_own_file_is_served_when_it_is_saved(folder):
    with folder.serve() as server:
        folder.write("app", APP[folder.language].replace("own 1", "own 2"))
        becomes(server, "/own", "own 2")


def test_a_rename_over_the_file_is_a_save(folder):
    with folder.serve() as server:
        for number in (2, 3):
            folder.write("new", PART[folder.language] % ("part %d" % number))
            os.replace(folder.file("new"), folder.file("part"))
            becomes(server, "/part", "part %d" % number)


def test_a_file_that_an_editor_moves_away_and_writes_anew_is_a_save(folder):
    with folder.serve() as server:
        os.replace(folder.file("part"), str(folder.file("part")) + "~")
        folder.write("part", PART[folder.language] % "part 2")
        becomes(server, "/part", "part 2")


def test_what_lies_elsewhere_and_what_a_link_leads_to_are_watched(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    os.replace(folder.file("part"), elsewhere / "real")
    os.symlink(elsewhere / "real", folder.file("part"))
    with folder.serve() as server:
        (elsewhere / "real").write_text(PART[folder.language] % "part 2")
        becomes(server, "/part", "part 2")


def test_several_saves_at_once_are_loaded_together(folder):
    with folder.serve() as server:
        folder.write("part", PART[folder.language] % "part 2")
        folder.write("app", APP[folder.language].replace("own 1", "own 2"))
        becomes(server, "/own", "own 2")
        assert value(server, "/part") == "part 2"


def test_a_file_that_was_missing_is_loaded_when_it_comes(folder):
    with folder.serve() as server:
        assert value(server, "/optional") is None
        (folder.path / "inner").joinpath("optional." + ENDING[folder.language]).write_text(
            VALUE[folder.language] % "there")
        becomes(server, "/optional", "there")


def test_a_folder_that_comes_with_a_file_is_loaded(folder):
    (folder.path / "inner").rmdir()
    with folder.serve() as server:
        assert value(server, "/optional") is None
        (folder.path / "inner").mkdir()
        (folder.path / "inner").joinpath("optional." + ENDING[folder.language]).write_text(
            VALUE[folder.language] % "there")
        becomes(server, "/optional", "there")


def test_a_file_that_is_loaded_no_more_changes_nothing(folder):
    without = {"python": ("import part\n", "class part: VALUE = 'none'\n"),
               "php": ("require_once __DIR__ . '/part.php';", "function part() { return 'none'; }")}
    with folder.serve() as server:
        app = APP[folder.language].replace(*without[folder.language])
        folder.write("app", app)
        becomes(server, "/part", "none")
        said = len(server.log())
        folder.write("part", PART[folder.language] % "part 2")
        folder.write("late", VALUE[folder.language] % "late 2")
        folder.write("app", app.replace("own 1", "own 2"))
        becomes(server, "/own", "own 2")
        assert "part." not in server.log()[said:] and "late." not in server.log()[said:]


def test_a_file_of_no_application_changes_nothing(folder):
    folder.write("other", "")
    with folder.serve() as server:
        folder.write("other", "not ours")
        (folder.path / "notes.txt").write_text("not ours")
        folder.write("part", PART[folder.language] % "part 2")
        becomes(server, "/part", "part 2")
        assert wait_until(lambda: RELOADED % 2 in server.log())
        assert "other" not in server.log() and "notes" not in server.log()


def test_what_does_not_load_is_told_once_and_the_old_code_serves_on(folder):
    with folder.serve() as server:
        folder.write("part", BROKEN[folder.language])
        assert wait_until(lambda: "reload refused" in server.log())
        assert value(server, "/part") == "part 1"
        place = {"python": r'part\.py", line 1', "php": r"part\.php:2"}[folder.language]
        for text in (place, "SyntaxError|ParseError"):
            assert wait_until(lambda text=text: re.search(text, server.log())), server.log()
            assert len(re.findall(text, server.log())) == 1, server.log()
        folder.write("part", PART[folder.language] % "part 2")
        becomes(server, "/part", "part 2")


def test_a_server_whose_application_does_not_load_waits_for_it(folder):
    folder.write("part", BROKEN[folder.language])
    with folder.terminal(is_ready=False) as terminal:
        terminal.find(r"not started, a save starts it again: [\s\S]*part\.(py|php)\b")
        folder.write("part", PART[folder.language] % "part 2")
        terminal.await_ready()
        assert value(terminal, "/part") == "part 2"
        assert len(re.findall("SyntaxError|ParseError", terminal.text)) == 1, terminal.text
        folder.write("part", PART[folder.language] % "part 3")
        terminal.find(RELOADED % 2)
        assert value(terminal, "/part") == "part 3"
    folder.write("part", BROKEN[folder.language])
    with folder.terminal(is_ready=False) as terminal:
        terminal.find("not started")
        terminal.type("\003")
        assert terminal.wait() == 0


def configured(folder, **pool):
    """The arguments of a server whose configuration is a file of the folder."""
    pool = {"runtime": folder.language, "app": str(folder.file("app")), **pool}
    (folder.path / "dora.json").write_text(json.dumps({"pools": {"p": pool}}, indent=1))
    return ["--config", str(folder.path / "dora.json")]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_bad_file_of_variables_is_told_while_an_application_waits_for_its_first_load(
        folder, is_first):
    env = folder.path / "shop.env"
    env.write_text("SHOP NAME\n" if is_first else "SHOP_NAME=1\n")
    folder.write("part", BROKEN[folder.language])
    arguments = configured(folder, env_file="shop.env")
    with Terminal(arguments, str(folder.path), is_ready=False) as terminal:
        terminal.find(r"not started, a save starts it again: ")
        if is_first:
            terminal.find(r"env_file: \S*shop\.env:1: ")
        env.write_text("SHOP_NAME=1\n\nSHOP NAME\n")
        terminal.find(r"a save starts it again: pools\.p\.env_file: \S*shop\.env:3: ")
        env.unlink()
        folder.write("part", PART[folder.language] % "part 2")
        terminal.find(r"shop\.env: No such file or directory")
        env.write_text("SHOP_NAME=1\n")
        terminal.await_ready()
        assert value(terminal, "/part") == "part 2"


def test_a_saved_configuration_is_told_that_is_wrong_or_wants_a_restart(folder):
    arguments = configured(folder)
    file = folder.path / "dora.json"
    with Terminal(arguments, str(folder.path)) as terminal:
        good = file.read_text()
        file.write_text(good[:-2])
        terminal.find(r"the configuration is wrong by now[^\n]*dora\.json:\d+:\d+: ")
        configured(folder, env={"SHOP_NAME": "1"}, cwd=str(folder.path))
        terminal.find(r"changed and not in force before the server is restarted: "
                      r"pools\.p\.env, pools\.p\.cwd")
        assert value(terminal, "/own") == "own 1"


def test_what_was_missing_where_loading_failed_is_loaded_when_it_comes(folder):
    more = {"python": "from inner import deep\n", "php": "require __DIR__ . '/inner/deep.php';\n"}
    with folder.serve() as server:
        first, rest = APP[folder.language].split("\n", 1)
        folder.write("app", first + "\n" + more[folder.language] + rest.replace("own 1", "own 2"))
        assert wait_until(lambda: "reload refused" in server.log())
        folder.write("inner/deep", VALUE[folder.language] % 1)
        becomes(server, "/own", "own 2")


def test_a_handlers_traceback_is_told_once_and_plain_in_a_pipe(folder):
    with folder.serve() as server:
        assert ask(server, "/raise", "shoes")["code"] == 100208
        place = {"python": r'app\.py", line \d+', "php": r"app\.php:\d+\b.*\n.*Stack trace"}
        said = r"(?m)^ *ValueError: no shoes"
        for text in (place[folder.language], said):
            assert wait_until(lambda text=text: re.search(text, server.log())), server.log()
        assert len(re.findall(said, server.log())) == 1, server.log()
        assert "\033" not in server.log()


def test_it_has_one_worker_and_no_time_limit(tmp_path):
    app = tmp_path / "app.py"
    app.write_text("import time, dora\napp = dora.App()\n@app.api('/long')\n"
                   "def long(param):\n    time.sleep(0.4)\n    return 'done'\n")
    pool = {"runtime": "python", "app": str(app), "workers": 3, "time_limit_ms": 50}
    with Server({"p": pool}, dev=True) as server:
        assert len(server.workers("p")) == 1
        assert value(server, "/long") == "done"


def test_a_program_that_calls_run_may_ask_for_it(tmp_path):
    (tmp_path / "app.py").write_text("import dora\napp = dora.App()\n@app.api('/own')\n"
                                     "def own(param): return 'own 1'\n"
                                     "app.run(port=0, dev=True)\n")
    (tmp_path / "app.php").write_text("<?php $app = new Dora\\App();"
                                      "$app->api('/own', fn () => 'own 1');"
                                      "$app->run(['port' => 0, 'dev' => true]);")
    php = [os.environ.get("DORA_PHP", "php")]
    if os.environ.get("DORA_PHP_EXTENSION"):
        php += ["-d", "extension=" + os.environ["DORA_PHP_EXTENSION"]]
    for command in ([environment()["DORA_PYTHON"], str(tmp_path / "app.py")],
                    php + [str(tmp_path / "app.php")]):
        with Server(command=command) as server:
            assert value(server, "/own") == "own 1"
            file = tmp_path / os.path.basename(command[-1])
            file.write_text(file.read_text().replace("own 1", "own 2"))
            becomes(server, "/own", "own 2")


@pytest.mark.parametrize("arguments, message", [
    (["--dev=yes", "x.py"], "--dev takes no value, not yes"),
    (["--dev", "--config", "dora.json"], 'daemonize: not with "dev", which is for a terminal'),
])
def test_what_cannot_be_is_refused(tmp_path, arguments, message):
    (tmp_path / "x.py").write_text("")
    (tmp_path / "dora.json").write_text(
        '{"daemonize": true, "log": {"file": "log"}, "listen": {"tcp": "127.0.0.1:0"},'
        ' "pools": {"a": {"runtime": "python", "app": "x.py"}}}')
    done = subprocess.run([program(), "serve", *arguments], cwd=tmp_path, text=True,
                          capture_output=True, timeout=60)
    assert done.returncode in (1, 2) and message in done.stderr, done.stderr


# ---- at a terminal ----


def asked(terminal, folder):
    """A connection that waits for the handler which asks at the terminal."""
    conn = v1.Conn(terminal.address, timeout=20)
    conn.send(v1.request(v1.guid(), "/ask"))
    terminal.find(r"\(Pdb\) " if folder.language == "python" else r"Name\? ")
    return conn


def test_a_handler_asks_at_the_terminal(folder):
    with folder.terminal() as terminal:
        with asked(terminal, folder) as conn:
            if folder.language == "python":
                terminal.type("p answer + 1\n")
                terminal.find(r"\n42\r?\n")
                terminal.type("answer = 7\n")
                terminal.type("c\n")
            else:
                terminal.type("Ann\n")
            data = conn.receive()[1]["data"]
        assert data["data"] == {"python": 7, "php": "hello Ann"}[folder.language]
        with asked(terminal, folder) as conn:  # and once more
            terminal.type({"python": "c\n", "php": "Bob\n"}[folder.language])
            conn.receive()


def test_what_a_handler_prints_and_reads_is_the_terminals(folder):
    with folder.terminal() as terminal:
        for number in (1, 2):
            with v1.Conn(terminal.address, timeout=20) as conn:
                conn.send(v1.request(v1.guid(), "/prompt"))
                terminal.find(r"(Really\? [\s\S]*){%d}" % number)
                terminal.type("yes %d\n" % number)
                assert conn.receive()[1]["data"]["data"] == "yes %d" % number


def test_a_save_at_a_breakpoint_is_served_and_who_waits_there_goes_on(folder):
    with folder.terminal() as terminal:
        with asked(terminal, folder) as conn:
            folder.write("part", PART[folder.language] % "part 2")
            terminal.find(RELOADED % 2)
            assert value(terminal, "/part") == "part 2"
            terminal.type({"python": "c\n", "php": "Ann\n"}[folder.language])
            assert conn.receive()[1]["data"]["code"] == 0


@pytest.mark.parametrize("where", ["idle", "asking", "asked"])
def test_ctrl_c_stops_the_server(folder, where):
    with folder.terminal() as terminal:
        family = processes.descendants(terminal.process.pid)
        if where != "idle":
            conn = asked(terminal, folder)
        if where == "asked":
            terminal.type({"python": "c\n", "php": "Ann\n"}[folder.language])
            conn.receive()
        terminal.type("\003")
        assert terminal.wait() == 0
        assert wait_until(lambda: not any(map(processes.is_alive, family)))
        assert terminal.settings() == terminal.before
        if where != "idle":
            conn.close()


def test_errors_are_red_at_a_terminal(folder):
    with folder.terminal() as terminal:
        ask(terminal, "/raise", "shoes")
        terminal.find(r"\033\[31m[^\033]*ValueError: no shoes[^\033]*app\.(py|php)[^\033]*\033\[0m")
    with folder.terminal(NO_COLOR="1") as terminal:
        ask(terminal, "/raise", "shoes")
        terminal.find(r"no shoes[\s\S]*app\.(py|php)")
        assert "\033[31m" not in terminal.text
