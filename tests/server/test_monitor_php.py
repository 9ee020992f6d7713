"""DoraRPC\\Monitor: the original's door to the monitor, started by php with real Redis."""

import json
import os
import signal
import socket
import subprocess
import urllib.request

import pytest

from support import ports, processes
from support.monitor import Monitor, wait_for
from support.redis import RedisServer

MEMBER = '{"node":{"ip":"10.0.0.1","port":9567},"group":["group1"]}'


def php(*words):
    return [os.environ.get("DORA_PHP", "php"), "-n", "-d",
            "extension=" + os.environ["DORA_PHP_EXTENSION"], *words]


def is_bound(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


@pytest.fixture
def redis():
    with RedisServer(password="p,ss/word") as one:
        one.command("SADD", "dora.serverlist", MEMBER)
        one.command("SET", "dora.node.10.0.0.1.9567", MEMBER)
        one.command("SET", "dora.servertime.10.0.0.1.9567.time", "1482239138")
        yield one


ARRAY_FORM = """<?php
$monitor = new \\DoraRPC\\Monitor("127.0.0.1", %(port)d, [
    "discovery" => [["ip" => "127.0.0.1", "port" => "%(redis)d", "password" => "p,ss/word"]],
    "config" => "%(file)s",
    "log" => ["log_path" => "%(folder)s", "log_level" => 4, "log_dump_type" => "file"],
]);
$monitor->start();
echo "stopped\\n";
"""
OLDER_FORM = """<?php
$redis = [[["ip" => "127.0.0.1", "port" => %(redis)d, "password" => "p,ss/word"]]];
$monitor = new DoraRPC\\Monitor("127.0.0.1", %(port)d, $redis, "%(file)s");
$monitor->start();
echo "stopped\\n";
"""


@pytest.mark.parametrize("form", [ARRAY_FORM, OLDER_FORM])
def test_every_form_of_start_watches(redis, tmp_path, form):
    port = ports.take()
    file = tmp_path / "client.conf.php"
    program = tmp_path / "monitor.php"
    program.write_text(form % {"port": port, "redis": redis.port, "file": file,
                               "folder": tmp_path})
    with Monitor([], [file], command=php(str(program))) as monitor:
        wait_for(file.exists, monitor.log)
        assert processes.title(monitor.process.pid) == "dora: monitor service"
        assert is_bound(port)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"ignored", ("127.0.0.1", port))
        said = subprocess.run(php("-r", "echo json_encode(include $argv[1]);", str(file)),
                              check=True, stdout=subprocess.PIPE, text=True).stdout
        assert json.loads(said) == {"group1": {"10.0.0.1_9567": {
            "ip": "10.0.0.1", "port": 9567, "updatetime": "1482239138"}}}
        monitor.process.send_signal(signal.SIGTERM)
        assert monitor.process.stdout.read() == "stopped\n"
        assert monitor.process.wait(10) == 0
        if form is ARRAY_FORM:
            records = [json.loads(line) for line in (tmp_path / "biz.log").read_text().splitlines()]
            assert "join group1 10.0.0.1:9567" in [record["m"] for record in records]
        else:
            assert "join group1 10.0.0.1:9567" in monitor.log()
    assert not is_bound(port)


def test_port_in_use(redis, tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        program = tmp_path / "monitor.php"
        program.write_text(OLDER_FORM % {"port": other.getsockname()[1], "redis": redis.port,
                                         "file": tmp_path / "nodes.php"})
        done = subprocess.run(php(str(program)), stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 255
    assert "cannot bind UDP 127.0.0.1:" in done.stdout


@pytest.mark.parametrize("arguments, message", [
    ('"0.0.0.0", 9569', "the third argument is missing"),
    ('"0.0.0.0", 70000, []', "must be from 0 to 65535, not 70000"),
    ('"0.0.0.0", 9569, []', "the Redis to watch are missing"),
    ('"0.0.0.0", 9569, ["discovery" => [], "config" => "x"]', "a Redis to watch is missing"),
    ('"0.0.0.0", 9569, ["discovery" => [7], "config" => "x"]', "Redis are given as a list of"),
    ('"0.0.0.0", 9569, ["discovery" => [["ip" => 7]], "config" => "x"]',
     'must be an array with a string "ip"'),
    ('"0.0.0.0", 9569, ["discovery" => [["ip" => "h"]]]', '"config", the path of the node file'),
    ('"0.0.0.0", 9569, [["ip" => "h"]], 7', '"config", the path of the node file'),
    ('"0.0.0.0", 9569, ["discovery" => ["ip" => "h"], "config" => "x", "log" => 1]',
     '"log" must be an array'),
    ('"0.0.0.0", 9569, ["discovery" => ["ip" => "h"], "config" => "x", '
     '"log" => ["log_level" => 10]]', '"log_level" must be from 1 to 9'),
    ('"0.0.0.0", 9569, ["discovery" => ["ip" => "h"], "config" => "x", '
     '"log" => ["log_path" => 1]]', '"log_path", a folder'),
])
def test_wrong_arguments(arguments, message):
    code = "try { new DoraRPC\\Monitor(%s); echo 'made'; } catch (Throwable $e) " \
           "{ echo get_class($e), ': ', $e->getMessage(); }" % arguments
    done = subprocess.run(php("-r", code), stdout=subprocess.PIPE, text=True, check=True)
    assert message in done.stdout


@pytest.mark.parametrize("config, message", [
    ('["discovery" => [["ip" => "h", "port" => "x"]], "config" => "x.php"]', "host:port"),
    ('["discovery" => [["ip" => "h"]], "config" => "/none/x.php"]', "cannot write /none/x.php"),
])
def test_refused_start(config, message):
    code = "try { (new DoraRPC\\Monitor('127.0.0.1', 0, %s))->start(); } " \
           "catch (Throwable $e) { echo $e->getMessage(); }" % config
    done = subprocess.run(php("-r", code), stdout=subprocess.PIPE, text=True, check=True)
    assert message in done.stdout


def test_only_on_the_command_line(tmp_path):
    """PHP's own web server stands for all other doors of PHP."""
    (tmp_path / "index.php").write_text(
        "<?php try { (new DoraRPC\\Monitor('127.0.0.1', 0, [['ip' => 'h']], 'x'))->start(); } "
        "catch (Throwable $e) { echo $e->getMessage(); }")
    port = ports.take()
    web = subprocess.Popen(php("-S", "127.0.0.1:%d" % port, "-t", str(tmp_path)),
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def answer():
        try:
            with urllib.request.urlopen("http://127.0.0.1:%d/" % port, timeout=5) as reply:
                return reply.read().decode()
        except OSError:
            return None

    try:
        assert "run the file by `php FILE`" in wait_for(answer, "an answer of php -S")
    finally:
        web.kill()
        web.wait()
