"""run() of Python and PHP takes every key of a configuration file. The list of keys is the server's
own: it names the allowed ones where it refuses another, so a new key is tested without a word here.
"""

import json
import os
import re
import subprocess
import sys

import pytest

from support import v1
from support.server import ROOT, Server, environment, program, wait_until

POOL_OF_ITSELF = ("runtime", "app")  # of a file that calls run(): it is its own pool's application
FLAG_TOO = "group"  # of processes in a file; as a flag, which run() takes first, of discovery
UNKNOWN = re.compile(r": ([^ ]*)\?: unknown key; .*?allowed: (.*)$", re.M)
PYTHON_ONLY = {"concurrency", "threads"}
PHP_ONLY = {"extension", "ini"}
LANGUAGES = ["python", "php"]


def check(folder, config):
    """What `dora check` says about a configuration."""
    path = os.path.join(folder, "dora.json")
    with open(path, "w") as file:
        json.dump(config, file)
    done = subprocess.run([program(), "check", path], capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def allowed(folder, prefix, config):
    """The keys that may stand where `config` has "?", by the refusal of that one."""
    for where, names in UNKNOWN.findall(check(folder, config)):
        if where == prefix:
            return names.split(", ")
    return []


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """(keys of the server, dotted where they are in an object; keys of a pool)."""
    folder = str(tmp_path_factory.mktemp("keys"))
    found = []
    for name in allowed(folder, "", {"?": 1}):
        inner = allowed(folder, name + ".", {name: {"?": 1}}) if name != "pools" else []
        found += ["%s.%s" % (name, each) for each in inner] or [name]
    pool = allowed(folder, "pools.one.", {"pools": {"one": {"?": 1}}})
    assert {"log.level", "listen.tcp", "control.allow", "frame_bytes_max"} <= set(found)
    assert {"workers", "time_limit_ms", "apis"} <= set(pool)
    found.remove(FLAG_TOO)
    return found, [each for each in pool if each not in (*POOL_OF_ITSELF, FLAG_TOO)]


def nested(name, value):
    """{"log": {"level": value}} for "log.level"."""
    outer, _, inner = name.rpartition(".")
    return {outer: {inner: value}} if outer else {name: value}


# Values of keys that do not say themselves what they want.
VALUES = {
    "pools": None,  # a test of its own
    "salt": "another salt",
    "listen.tcp": "127.0.0.1:0",
    "listen.http": "127.0.0.1:0",
    "listen.admin": "127.0.0.1:0",
    "listen.unix_mode": "0640",
    "umask": "0022",
    "log.format": "json",
    "log.requests": "errors",
    "trace.service": "shop",
    "trace.headers": {"X-Key": "a key"},
    "trace.sample": 0.5,
    "reload.max_error_ratio": 2,
    "reload.max_time_ratio": 2,
    "tls.verify_client": "none",
    "tls.min_version": "1.2",
    "control.allow": ["loopback"],
    "access.identities": {"someone": {"uid": 4711}},
    "access.rules": [{"who": "anyone", "apis": ["*"]}],
    "discovery.redis": [],
    "discovery.tls": {"ca": None},
    "discovery.groups": ["shop"],
    "discovery.advertise": "127.0.0.1:9",
    "apis": ["/pid", "/more/*"],
    "env": {"SHOP_NAME": "x"},
    "ini": {"precision": 9},
}
DENIED = {"daemonize": False}  # true needs what this test does not have


def good_value(folder, name, is_pool):
    """A value of a key that is allowed: from the refusal of one that is not."""
    if name in VALUES:
        return VALUES[name]
    if name in DENIED:
        return DENIED[name]
    wrong = nested(name, {"no": "key"}) if not is_pool else {"pools": {"one": {name: {"no": 1}}}}
    text = check(folder, wrong)
    number = re.search(r"must be (?:\"auto\" or )?a whole number from (\d+) to (\d+)", text)
    if number:
        return min(int(number.group(2)), max(int(number.group(1)), 5000))
    if "must be true or false" in text:
        return True
    if "or null" in text:
        return None
    if "list" in text:
        return []
    raise AssertionError("no value for %s is known: give VALUES one; the refusal is %r"
                         % (name, text))


def literal(language, value):
    """The value as source text."""
    if language == "python":
        return repr(value)
    if isinstance(value, dict):
        pairs = ("'%s' => %s" % (name, literal(language, value[name])) for name in value)
        return "[%s]" % ", ".join(pairs)
    if isinstance(value, list):
        return "[%s]" % ", ".join(literal(language, each) for each in value)
    return "'%s'" % value if isinstance(value, str) else json.dumps(value)


def program_of(folder, language, body, name="own"):
    """A program in a file, and the command that runs it."""
    if language == "python":
        text = ("import os\nimport dora\napp = dora.App()\n\n\n@app.api('/pid')\n"
                "def pid(param):\n    return os.getpid()\n\n\n" + body)
    else:
        text = ("<?php\n$app = new Dora\\App();\n$app->api('/pid', fn() => getmypid());\n" + body)
    path = os.path.join(folder, name + (".py" if language == "python" else ".php"))
    with open(path, "w") as file:
        file.write(text)
    if language == "python":
        return [sys.executable, path]
    return ["php", "-d", "extension=" + os.environ["DORA_PHP_EXTENSION"], path]


def run_call(language, options):
    if language == "python":
        return "app.run(**%s)\n" % literal(language, options)
    return "$app->run(%s);\n" % literal(language, options)


def belongs(language, name):
    return name not in (PHP_ONLY if language == "python" else PYTHON_ONLY)


def without_null(options):
    """At its own level a null is an option that is not given."""
    return {name: value for name, value in options.items() if value is not None}


def merged(settings):
    """Dotted names as nested objects."""
    result = {}
    for name, value in settings.items():
        outer, _, inner = name.rpartition(".")
        if outer:
            result.setdefault(outer, {})[inner] = value
        else:
            result[name] = value
    return result


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("is_dotted", [False, True], ids=["nested", "dotted"])
def test_run_takes_every_key_of_the_configuration(tmp_path, keys, language, is_dotted):
    top, pool = keys
    folder = str(tmp_path)
    settings = {name: good_value(folder, name, False) for name in top}
    own = {name: good_value(folder, name, True) for name in pool if belongs(language, name)}
    config = dict(merged(settings), pools={"own": dict(own, runtime=language, app=__file__)})
    assert "unknown" not in check(folder, config)
    # The wire's settings are both ends' matter; the test's client has the usual ones.
    settings.update(sign=False, gzip=False)
    options = dict(settings if is_dotted else merged(settings), **own)
    options.update(workers=2, apis=["/pid"])
    command = program_of(folder, language, run_call(language, without_null(options)))
    with Server(command=command) as server, v1.Conn(server.address) as client:
        reply = client.call("/pid")
        assert v1.code(reply) == 0, reply


@pytest.mark.parametrize("language", LANGUAGES)
def test_run_refuses_a_wrong_value_of_every_key_and_names_it(tmp_path, keys, language):
    """One program tries them all: each is refused before a server is started."""
    top, pool = keys
    # A value that no key takes: of another type than any has.
    wrong = {name: nested(name, -1.5) for name in top}
    wrong.update({name: {name: -1.5} for name in pool if name != "workers"})
    if language == "python":
        body = ("for name, options in %r.items():\n    try:\n        app.run(**options)\n"
                "    except ValueError as error:\n        print(name, '=', error)\n" % wrong)
    else:
        body = ("foreach (%s as $name => $options) {\n    try {\n        $app->run($options);\n"
                "    } catch (ValueError $error) {\n        echo $name, ' = ', "
                "$error->getMessage(), \"\\n\";\n    }\n}\n" % literal(language, wrong))
    done = subprocess.run(program_of(str(tmp_path), language, body), capture_output=True, text=True,
                          timeout=60, env=environment())
    said = dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)
    door = "run()" if language == "python" else r"Dora\App::run()"
    for name in wrong:
        assert said.get(name, "").startswith("%s: %s: " % (door, name)), (
            name, said.get(name), done.stderr)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("options, said", [
    ({"colour": 1}, "has no option 'colour'; it has config, "),
    ({"log_level": 1}, "has no option 'log_level'; did you mean 'log.level'?"),
    ({"time_limit": 1}, "has no option 'time_limit'; did you mean 'time_limit_ms'?"),
    ({"app": "x"}, "has no option 'app'; "),
    ({"log": {"levle": 3}}, "log.levle: unknown key; did you mean \"level\"?"),
    ({"log.level": 10}, "log.level: must be a whole number from 1 to 9"),
    ({"max_requests": -1}, "max_requests: must be \"auto\" or a whole number"),
    ({"max_requests": "many"}, "max_requests: must be \"auto\" or a whole number"),
])
def test_run_names_the_option_that_is_wrong(tmp_path, language, options, said):
    command = program_of(str(tmp_path), language, run_call(language, options))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())
    assert done.returncode != 0
    output = done.stdout + done.stderr
    assert said in output, output
    assert "own.p" in output  # the place: a traceback


def test_run_concurrency_is_for_python_alone(tmp_path):
    command = program_of(str(tmp_path), "php", run_call("php", {"concurrency": 5}))
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment())
    assert "concurrency: must be 1 for this runtime" in done.stdout + done.stderr


def test_check_says_where_threads_have_no_effect(tmp_path):
    pool = {"runtime": "python", "app": "app.py", "threads": 4}
    (tmp_path / "app.py").touch()
    for concurrency, is_said in ((1, True), (3, True), (4, False)):
        said = check(tmp_path, {"pools": {"p": {**pool, "concurrency": concurrency}}})
        assert ("pools.p.threads: 4 has no effect beyond" in said) is is_said
    said = check(tmp_path, {"pools": {"p": {**pool, "runtime": "c"}}})
    assert "pools.p.threads: has no effect on this runtime" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_run_options_have_an_effect(tmp_path, language):
    """Of the server, of the own pool, and of a pool beside it; flags win over settings."""
    other = os.path.join(ROOT, "tests", "support", "apps", "basic.py")
    options = {"port": 0, "listen": {"tcp": "127.0.0.1:1"}, "frame_bytes_max": 65536, "workers": 1,
               "apis": ["/pid"],
               "pools": {"beside": {"runtime": "python", "app": other, "workers": 1,
                                    "apis": ["/echo"]}},
               "max_requests": 1}
    command = program_of(str(tmp_path), language, run_call(language, options))
    with Server(command=command) as server, v1.Conn(server.address) as client:
        pids = set()

        def is_another():
            pids.add(client.call("/pid")["data"]["data"])
            return len(pids) > 1

        assert wait_until(is_another), "max_requests: no worker was replaced"
        stat = json.loads(subprocess.run([program(), "stat", server.address, "--json",
                                          "--timeout", "30"], timeout=60,
                                         capture_output=True, text=True).stdout)
        assert {"own", "beside"} <= set(stat["server"]["pools"]), stat


def test_the_table_names_every_key(keys):
    with open(os.path.join(ROOT, "core", "OPERATIONS.md")) as file:
        table = file.read().split("## Configuration\n", 1)[1].split("\n## ", 1)[0]
    rows = "\n".join(line.split("|")[1] for line in table.splitlines() if line.startswith("|"))
    top, pool = keys
    wanted = [each for each in top if each != "pools"] + ["." + each for each in pool]
    missing = [each for each in wanted  # an object in an object has rows of its own
               if "`%s`" % each not in rows and "`%s." % each not in rows]
    assert missing == []
