"""`dora check --load`: the applications of a configuration are loaded, each in its own process,
and what fails there is said."""

import json
import os
import signal
import subprocess

import pytest

from support import processes
from support.server import environment, program, wait_until

PYTHON = "import dora\napp = dora.App()\n@app.api('/%s')\ndef handler(param): return param\n"
PHP = "<?php\n$app = new Dora\\App();\n$app->api('/%s', fn ($param) => $param);\nreturn $app;\n"
# {name: (a file that does not load, what is said of it)}
BAD = {
    "exception.py": ("import dora\n\nraise ValueError('no shoes')\n",
                     [r'exception.py", line 3', "ValueError: no shoes"]),
    "syntax.py": ("import dora\napp = (\n", [r'syntax.py", line 2', "SyntaxError"]),
    "module.py": ("import no_such_module\n", [r'module.py", line 1', "no_such_module"]),
    "nothing.py": ("import dora\napp = dora.App()\n", ["the application registers no handler"]),
    "twice.py": (PYTHON % "one" + "@app.api('/one')\ndef again(param): pass\n",
                 [r'twice.py", line 5', "/one"]),
    "exit.py": ("import os\nos._exit(3)\n", ["status 3"]),
    "schema.py": (PYTHON % "one" + "@app.middleware\ndef around(): pass\n",
                  [r'schema.py", line 5', "around"]),
    "exception.php": ("<?php\n\nthrow new ValueError('no shoes');\n",
                      ["ValueError: no shoes", "exception.php:3"]),
    "syntax.php": ("<?php\n$app = (;\n", ["syntax.php:2"]),
    "file.php": ("<?php\nrequire __DIR__ . '/none.php';\n", ["file.php", "none.php"]),
    "twice.php": (PHP.replace("return", "$app->api('/one', fn () => 2);\nreturn") % "one",
                  ["twice.php:4", "/one"]),
}


def pool(folder, name, text, **more):
    (folder / name).write_text(text)
    runtime = {"py": "python", "php": "php"}[name.rsplit(".", 1)[1]]
    return {"runtime": runtime, "app": name, **more}


def check(folder, pools, *flags, **config):
    path = folder / "dora.json"
    path.write_text(json.dumps({"pools": pools, **config}))
    return subprocess.run([program(), "check", *flags, str(path)], capture_output=True, text=True,
                          timeout=60, env=environment())


def test_applications_that_load_are_told_with_what_they_have(tmp_path):
    fallback = PYTHON % "one" + "@app.api('/two')\ndef two(param): pass\n@app.fallback\n" \
        "def rest(param, request): pass\n"
    done = check(tmp_path, {"a": pool(tmp_path, "a.py", fallback),
                            "b": pool(tmp_path, "b.php", PHP % "three"),
                            "late": pool(tmp_path, "late.py", PYTHON % "late", preload=False)},
                 "--load")
    assert done.returncode == 0, done
    for said in ("a.py loads, 2 apis and a fallback", "b.php loads, 1 api\n",
                 "late.py loads, 1 api\n"):
        assert said in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_does_not_load_is_told_with_its_place(tmp_path, name):
    text, said = BAD[name]
    pools = {"good": pool(tmp_path, "good.py", PYTHON % "good"),
             "bad": pool(tmp_path, name, text)}
    done = check(tmp_path, pools)
    assert done.returncode == 0, "nothing is run unless that is asked for"
    done = check(tmp_path, pools, "--load")
    assert done.returncode == 1, done
    assert "good.py loads, 1 api" in done.stdout
    assert "dora check: pool bad: " in done.stderr
    assert [each for each in said if each not in done.stderr] == [], done.stderr
    assert "1 of 2 applications do not load" in done.stderr


def test_all_that_do_not_load_are_told(tmp_path):
    done = check(tmp_path, {name.replace(".", "-"): pool(tmp_path, name, text)
                            for name, (text, _) in BAD.items()}, "--load")
    assert done.returncode == 1
    for name in BAD:
        assert "dora check: pool %s: " % name.replace(".", "-") in done.stderr, done.stderr


def test_an_api_of_two_pools_is_told(tmp_path):
    pools = {"a": pool(tmp_path, "a.py", PYTHON % "one"), "b": pool(tmp_path, "b.php", PHP % "one")}
    done = check(tmp_path, pools, "--load")
    assert done.returncode == 1
    assert "dora check: api /one is served by pool a and by pool b" in done.stderr
    pools["b"]["apis"] = ["/two"]
    done = check(tmp_path, pools, "--load")
    assert done.returncode == 1
    assert "pools.b.apis names /two, which its application does not register" in done.stderr


def test_neither_hooks_run_nor_anything_is_opened(tmp_path):
    text = PYTHON % "one" + ("@app.worker_start\ndef start(worker):\n"
                             "    open(%r, 'w')\n" % str(tmp_path / "started"))
    done = check(tmp_path, {"a": pool(tmp_path, "a.py", text)}, "--load",
                 log={"file": "dora.log"}, pid_file="dora.pid", daemonize=True,
                 listen={"tcp": "127.0.0.1:1", "unix": "dora.sock", "admin": "127.0.0.1:1"})
    assert done.returncode == 0, done
    assert sorted(os.listdir(tmp_path)) == ["a.py", "dora.json"]


def test_what_an_application_prints_and_what_was_interrupted_are_told(tmp_path):
    text = "import time\nprint('loading now', flush=True)\ntime.sleep(600)\n"
    pools = {"slow": pool(tmp_path, "slow.py", text)}
    (tmp_path / "dora.json").write_text(json.dumps({"pools": pools}))
    log = tmp_path / "said"
    with open(log, "w") as file:
        done = subprocess.Popen([program(), "check", "--load", str(tmp_path / "dora.json")],
                                stdout=file, stderr=file, env=environment())
        assert wait_until(lambda: "loading now" in log.read_text())
        family = processes.descendants(done.pid)
        done.send_signal(signal.SIGINT)
        assert done.wait(30) == 1
    assert "interrupted before all applications were loaded" in log.read_text()
    assert wait_until(lambda: not any(map(processes.is_alive, family)))


@pytest.mark.parametrize("arguments", [["--load"], ["--load", "a", "b"], ["--lod", "a"]])
def test_a_wrong_command_line_is_refused(arguments):
    done = subprocess.run([program(), "check", *arguments], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 2 and "usage: dora check [--load] [--who NAME] FILE" in done.stderr
