"""How a pool's processes are started: interpreter with arguments, env, env_file, ini, cwd; and what
`dora check` says before a start would fail."""

import json
import os
import subprocess

import pytest

from support import v1
from support.reload import reload_wait
from support.server import Server, environment, program, python_pool, wait_until

APP = """
import os, sys
import dora
app = dora.App()

@app.api("/env")
def env(param):
    return os.environ.get(param)

@app.api("/about")
def about(param):
    return {"cwd": os.getcwd(), "dev": sys.flags.dev_mode}
"""
PHP_APP = """<?php
$app = new Dora\\App();
$app->api('/about', fn ($name) => [ini_get('memory_limit'), ini_get('precision'), getcwd(),
                                   getenv('SHOP_NAME')]);
return $app;
"""


def write(folder, name, text):
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return str(path)


def python(folder, **more):
    return {"runtime": "python", "app": write(folder, "app.py", APP), "workers": 1, **more}


def call(server, name, param=None):
    with v1.Conn(server.address) as conn:
        return conn.call(name, param)["data"]["data"]


def dora(*argv, **more):
    return subprocess.run([program(), *argv], capture_output=True, text=True, timeout=30,
                          env={**environment(), **more})


def check(folder, pools, **config):
    path = folder / "dora.json"
    path.write_text(json.dumps({**config, **({} if pools is None else {"pools": pools})}))
    return dora("check", str(path))


def test_a_pool_has_variables_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_OUTER", "outer")
    monkeypatch.setenv("SHOP_NAME", "outer")
    file = write(tmp_path, ".env", "SHOP_NAME=of the file\nSHOP_FILE='its \"own\"' # a remark\n")
    pools = {"own": python(tmp_path, env_file=file, env={"SHOP_NAME": "of the pool"}),
             "other": python_pool("basic.py", workers=1)}
    with Server(pools) as server:
        found = [call(server, "/env", "SHOP_" + name) for name in ("NAME", "FILE", "OUTER")]
        assert found == ["of the pool", 'its "own"', "outer"]


def test_a_reload_reads_the_file_of_variables_anew(tmp_path):
    file = write(tmp_path, ".env", "SHOP_NAME=first\n")
    with Server({"p": python(tmp_path, env_file=file)}) as server:
        assert call(server, "/env", "SHOP_NAME") == "first"
        write(tmp_path, ".env", "SHOP_NAME=second\n")
        assert reload_wait(server)["code"] == 0
        assert call(server, "/env", "SHOP_NAME") == "second"
        write(tmp_path, ".env", "SHOP_NAME=third\nSHOP NAME\n")
        refused = reload_wait(server)
        assert refused["code"] == 100209
        assert "pools.p.env_file: %s:2: is not NAME=VALUE" % file in refused["msg"]
        assert call(server, "/env", "SHOP_NAME") == "second"


def test_a_pool_runs_in_a_folder_of_its_own(tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    with Server({"p": python(tmp_path, cwd=str(place))}) as server:
        assert call(server, "/about")["cwd"] == str(place)


def test_a_relative_application_is_found_from_where_the_server_was_started(tmp_path):
    (tmp_path / "place").mkdir()
    write(tmp_path, "app.py", APP)
    path = write(tmp_path, "dora.json", json.dumps(
        {"listen": {"tcp": "127.0.0.1:0"},
         "pools": {"p": {"runtime": "python", "app": "app.py", "workers": 1, "cwd": "place"}}}))
    command = ["sh", "-c", "cd %s && exec %s serve --config %s"
               % (tmp_path, program(), os.path.basename(path))]
    with Server(command=command) as server:
        assert call(server, "/about")["cwd"] == str(tmp_path / "place")


def test_an_interpreter_may_have_arguments(tmp_path):
    interpreter = [environment()["DORA_PYTHON"], "-X", "dev"]
    with Server({"p": python(tmp_path, interpreter=interpreter)}) as server:
        assert call(server, "/about")["dev"] is True


def test_a_php_pool_has_settings_of_its_own(tmp_path):
    pool = {"runtime": "php", "app": write(tmp_path, "app.php", PHP_APP), "workers": 1,
            "ini": {"memory_limit": "77M", "precision": 9}, "cwd": str(tmp_path),
            "env": {"SHOP_NAME": "php"}}
    with Server({"p": pool}) as server:
        assert call(server, "/about", "x") == ["77M", "9", str(tmp_path), "php"]


@pytest.mark.parametrize("key, value, said", [
    ("interpreter", [], "must have a program: the list is empty"),
    ("interpreter", ["python3", 3], "item 2 must be a text; a list is a program and its arguments"),
    ("interpreter", 7, "must be a file name or null"),
    ("env", ["A=1"], 'must be an object: {"NAME": "value"}'),
    ("env", {"A": 1}, '"A" must be a text, such as "1"'),
    ("env", {"1A": "1"}, '"1A" cannot be set: a name is letters, digits and "_"'),
    ("env", {"A=B": "1"}, '"A=B" cannot be set'),
    ("env", {"DORA_ZYGOTE": "1"}, '"DORA_ZYGOTE" cannot be set'),
    ("env_file", 1, "must be a file name or null"),
    ("cwd", [], "must be a file name or null"),
    ("ini", "a=b", 'must be an object: {"memory_limit": "256M"}'),
    ("ini", {"a b": "1"}, '"a b" is no name of a setting of PHP'),
    ("ini", {"a": "1\n2"}, '"a" must be a text of one line, a whole number, true or false'),
    ("ini", {"a": []}, '"a" must be a text of one line'),
])
def test_check_names_a_wrong_value_and_its_place(tmp_path, key, value, said):
    pool = {"runtime": "php", "app": write(tmp_path, "app.php", PHP_APP), key: value}
    done = check(tmp_path, {"p": pool})
    assert done.returncode == 1
    assert "dora.json:1:" in done.stderr and ": pools.p.%s: %s" % (key, said) in done.stderr


def test_settings_of_php_are_refused_elsewhere(tmp_path):
    done = check(tmp_path, {"p": python_pool("basic.py", ini={"memory_limit": "1G"})})
    assert done.returncode == 1
    assert 'pools.p: has "ini", which is for PHP alone' in done.stderr


@pytest.mark.parametrize("more, said", [
    ({"interpreter": "python-gone"}, "pools.p.interpreter: python-gone: PATH has no such program"),
    ({"interpreter": ["/no/python", "-X", "dev"]},
     "pools.p.interpreter: /no/python: there is no such program; install it, or name another"),
    ({"interpreter": "./"}, "pools.p.interpreter: "),
    ({"cwd": "/no/folder"}, "pools.p.cwd: /no/folder: No such file or directory; make the folder"),
    ({"cwd": "dora.json"}, "dora.json: not a folder"),
    ({"env_file": "/no/.env"}, "pools.p.env_file: /no/.env: No such file or directory"),
    ({"env_file": "bad.env"}, "bad.env:2: the quote is not closed in its line"),
    ({"app": "/no/app.py"}, "pools.p.app: /no/app.py: No such file or directory"),
    ({"app": "/etc"}, "pools.p.app: /etc: not a file"),
])
def test_check_sees_what_a_pool_lacks(tmp_path, more, said):
    write(tmp_path, "bad.env", "A=1\nB='\n")
    done = check(tmp_path, {"p": {**python_pool("basic.py"), **more}})
    assert done.returncode == 1, done
    assert "dora.json: pools.p." in done.stderr and said in done.stderr


@pytest.mark.parametrize("pools", [None, {}])
def test_check_sees_that_there_are_no_pools(tmp_path, pools):
    done = check(tmp_path, pools)
    assert done.returncode == 1
    assert 'dora.json: pools: there is none, and nothing to serve; add {"NAME": ' in done.stderr


def test_check_sees_a_log_folder_that_is_missing(tmp_path):
    pools = {"p": python_pool("basic.py")}
    done = check(tmp_path, pools, log={"file": "gone/dora.log"})
    assert done.returncode == 1
    assert "dora.json: log.file: %s/gone/dora.log: there is no folder %s/gone; make it" % (
        tmp_path, tmp_path) in done.stderr
    done = check(tmp_path, pools, log={"file": "/etc"})
    assert "log.file: /etc: it is a folder; name a file in it" in done.stderr
    done = check(tmp_path, pools, pid_file="gone/pid", listen={"unix": "gone/socket"})
    assert done.returncode == 0
    assert "note: pid_file: %s/gone/pid: there is no folder" % tmp_path in done.stdout
    assert "note: listen.unix: " in done.stdout


def test_check_notes_a_key_that_has_no_effect(tmp_path):
    pools = {"p": python_pool("basic.py", workers=1)}
    done = check(tmp_path, pools, reload={"watch_s": 5}, http={"burst_per_address": 9},
                 listen={"http": 0})
    assert done.returncode == 0 and done.stderr == ""
    path = tmp_path / "dora.json"
    assert ('note: %s:1:13: reload.watch_s: has no effect while "reload.canary_percent" is 0' % path
            in done.stdout)
    assert ': http.burst_per_address: has no effect without "http.rate_per_address"' in done.stdout
    done = dora("check", "--load", str(path))
    assert done.returncode == 0 and (done.stdout + done.stderr).count("reload.watch_s") == 1
    done = check(tmp_path, pools, reload={"watch_s": 5, "canary_percent": 5})
    assert done.returncode == 0 and "has no effect" not in done.stdout


def test_the_log_has_a_key_that_has_no_effect_and_the_server_starts(tmp_path):
    pools = {"p": python_pool("basic.py", workers=1)}
    note = ': reload.watch_s: has no effect while "reload.canary_percent" is 0'
    with Server(pools, reload={"watch_s": 5}) as server, v1.Conn(server.address) as conn:
        assert conn.call("/echo", 7)["data"]["data"] == 7
        assert wait_until(lambda: server.log().count(note) == 1)
        assert conn.command("reloadWait", 60)["code"] == 0
        assert wait_until(lambda: server.log().count(note) == 2)
    with Server(pools, reload={"watch_s": 5}, dev=True) as server, \
            v1.Conn(server.address) as conn:
        assert conn.call("/echo", 7)["data"]["data"] == 7
        assert note not in server.log()


def test_check_sees_an_interpreter_of_the_environment_that_is_missing(tmp_path):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"pools": {"p": python_pool("basic.py")}}))
    done = dora("check", str(path), DORA_PYTHON="/no/python")
    assert done.returncode == 1
    assert "pools.p.interpreter: DORA_PYTHON in the environment names /no/python: " in done.stderr


def test_a_host_has_an_interpreter_of_its_own(tmp_path):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"pools": {"p": python_pool("basic.py")}}))
    own = {name: value for name, value in environment().items() if name != "DORA_PYTHON"}
    for words, status in (([environment()["DORA_PYTHON"], "-m", "dora"], 0), ([program()], 1)):
        done = subprocess.run([*words, "check", str(path)], capture_output=True, text=True,
                              timeout=30, env={**own, "PATH": "/none"})
        assert done.returncode == status, done


def test_check_sees_two_pools_with_one_api(tmp_path):
    pools = {"a": python_pool("basic.py"), "b": python_pool("basic.py", apis=["/echo"])}
    done = check(tmp_path, pools)
    assert done.returncode == 1
    assert "pools.b.app: " in done.stderr
    assert "is served by pools.a, too: a name belongs to one pool" in done.stderr
    pools["a"]["apis"] = ["/add", "/echo"]
    done = check(tmp_path, pools)
    assert 'pools.b.apis: "/echo" stands in pools.a.apis too' in done.stderr
    pools["a"]["apis"] = ["/add"]
    assert check(tmp_path, pools).returncode == 0
