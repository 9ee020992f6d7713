"""Programs as people wrote them for the original, today's and older releases, each started as they
start it: `php FILE` with the extension, without the lines that included its classes."""

import json
import os
import re
import select
import signal
import subprocess
import time
import urllib.request

import pytest

from support import v1
from support.redis import RedisServer
from support.server import wait_until

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "programs")
READY_S = 20


def php(name, *words):
    return [os.environ.get("DORA_PHP", "php"), "-n", "-d", "extension=posix", "-d",
            "extension=" + os.environ["DORA_PHP_EXTENSION"], os.path.join(HERE, name),
            *map(str, words)]


class Program:
    """`with Program(name, *words) as program`: `address` and `http` by its ready line; `before`:
    the command that runs it."""

    def __init__(self, name, *words, before=(), cwd=None):
        self.process = subprocess.Popen([*before, *php(name, *words)], stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, cwd=cwd)
        self.said = ""
        match = self.wait_for(r"dora: ready tcp=(\S+) http=(\S+)")
        self.address, self.http = match.group(1), match.group(2)

    def wait_for(self, pattern):
        end = time.monotonic() + READY_S
        while not (match := re.search(pattern, self.said)):
            left = end - time.monotonic()
            ready = select.select([self.process.stdout], [], [], max(left, 0))[0]
            text = os.read(self.process.stdout.fileno(), 65536).decode() if ready else ""
            if not text:
                self.__exit__()
                raise AssertionError("no %s in:\n%s" % (pattern, self.said))
            self.said += text
        return match

    def stop(self):
        """Stops it as `kill` does; (exit status, all it said)."""
        self.process.send_signal(signal.SIGTERM)
        self.said += self.process.communicate(timeout=20)[0]
        return self.process.returncode, self.said

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def call(conn, kind, apis):
    ident = v1.guid()
    conn.send(v1.frame(ident, v1.dump({"api": apis, "guid": ident, "type": kind})))
    return conn.receive()[1]


def post(url, data=b""):
    try:
        with urllib.request.urlopen(url, data, timeout=10) as reply:
            return reply.status, json.load(reply)
    except urllib.error.HTTPError as error:
        return error.code, None


@pytest.fixture(scope="module")
def redis():
    with RedisServer() as one:
        yield one


def members(redis):
    return [(json.loads(text)["group"], json.loads(text)["node"])
            for text in redis.command("SMEMBERS", "dora.serverlist")]


@pytest.fixture
def demo(redis, tmp_path):
    with Program("demo_server.php", redis.port, tmp_path) as program:
        yield program


def test_demo_server(demo, redis, tmp_path):
    port = int(demo.address.rsplit(":", 1)[1])
    assert wait_until(lambda: (["group1", "group2"], {"ip": "127.0.0.1", "port": port})
                      in members(redis))
    assert (tmp_path / "doramaster.pid").read_text().strip() == str(demo.process.pid)
    status, _ = demo.stop()
    assert status == 0
    records = [json.loads(line) for line in (tmp_path / "biz.log").read_text().splitlines()]
    said = [record["m"] for record in records if record["g"] == "server"]
    assert [text for text in said if text.startswith("warning")] == [
        "warning: settings beyond what is possible here: http.task_max_request -1 is taken "
        "for 0, http.reactor_num 128 is taken for 64"]
    assert [text for text in said if "user" in text] == [
        "settings that mean nothing here: http.log_level, http.log_file, http.user, http.group"]
    assert {record["m"] for record in records} >= {"task 40 open", "task 41 open"}


@pytest.mark.parametrize("api", [
    {"name": "", "param": 1}, {"name": 17, "param": 1}, {"name": None, "param": [1]},
    {"param": 2}, {"name": "/a", "param": 1, "more": {"x": [1]}}, {"x": 1, "name": "/a"},
    {"name": "n" * 300, "param": 3, "more": 1}, {"name": ["no"], "param": 0}])
def test_do_work_sees_the_api_as_it_was_sent(demo, api):
    with v1.Conn(demo.address) as conn:
        assert call(conn, "W_S", {"one": api})["data"]["data"] == api
        reply = call(conn, "W_M", {"a": api, "b": {"name": "/b", "param": 5}})
        assert reply["data"]["a"]["data"] == api
        assert reply["data"]["b"]["data"] == {"/b": 5}
        assert call(conn, "W_S", {"one": "text"})["code"] == 100003
    params = json.dumps({"guid": "g", "api": {"k": api}})
    status, reply = post("http://%s/api/multisync" % demo.http,
                         urllib.parse.urlencode({"params": params, "guid": "g"}).encode())
    assert status == 200 and reply["data"]["k"]["data"] == api


def test_calls_that_differ_in_other_members_are_two(demo):
    ident = v1.guid()
    with v1.Conn(demo.address) as conn:
        for more in (1, 2):
            conn.send(v1.frame(ident, v1.dump({"api": {"one": {"name": "/a", "more": more}},
                                               "guid": ident, "type": "W_S"})))
            assert conn.receive()[1]["data"]["data"]["more"] == more


def test_paths_that_are_nowhere(demo):
    for path in ("/", "/favicon.ico", "/status/x"):
        status, reply = post("http://%s%s" % (demo.http, path))
        assert (status, reply["code"], reply["data"]) == (200, 100002, [])


def test_client_program(demo):
    done = subprocess.run(php("client.php", demo.address.rsplit(":", 1)[1]), capture_output=True,
                          text=True, timeout=30)
    assert (done.returncode, done.stdout.splitlines()) == (0, [
        "no mode: -1",
        '{"checkLoginName":{"name":"ann"}}',
        "gone: 100010 100010",
        "bad: 100010 100010",
        '{"\\/module_c\\/dd":{"uid":"ff"}} {"name":"\\/module_e\\/f","param":{"f":1},'
        '"more":{"kept":true}}',
        "100001",
        '{"\\/later":{"a":1}} 1',
        "stat: 0 server,logqueue",
        "reload: 0",
        "SC 100006"]), done.stdout + done.stderr


def test_names_of_every_kind_are_sent(demo):
    done = subprocess.run(php("names.php", demo.address.rsplit(":", 1)[1]), capture_output=True,
                          text=True, timeout=30)
    assert (done.returncode, done.stdout) == (0, "11111111111 100003\n"), \
        done.stdout + done.stderr


def test_derived_classes():
    done = subprocess.run(php("subclasses.php"), capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (
        0, "[null,null]\n-1\nDoraRPC\\BackEndServer 1\n"), done.stdout + done.stderr


def test_readme_server_starts_in_its_constructor(tmp_path):
    with Program("readme_server.php", tmp_path) as program:
        with v1.Conn(program.address) as conn:
            reply = conn.call("abc", {"x": 1})
            assert reply["data"]["data"] == {"hehe": "abc", "param": {"x": 1}}
        assert os.path.exists(tmp_path / "doramaster.pid")
        status, said = program.stop()
    assert status == 0 and said.rstrip().endswith("served"), said
    text = (tmp_path / "biz.log").read_text()
    assert "nobody knows" not in text


def test_server_of_0415_starts_by_start(tmp_path):
    with Program("server_0415.php", tmp_path) as program:
        with v1.Conn(program.address) as conn:
            assert conn.call("x", "a")["data"]["data"] == "a!"
        assert os.path.exists(tmp_path / "doramaster.pid")
        status, said = program.stop()
    assert status == 0 and said.rstrip().endswith("served"), said


def test_older_server_reports_by_its_constructor(redis, tmp_path):
    with Program("discovered_server.php", redis.port, tmp_path) as program:
        port = int(program.address.rsplit(":", 1)[1])
        expected = (["old1", "old2"], {"ip": "127.0.0.1", "port": port})
        assert wait_until(lambda: expected in members(redis))
        assert program.stop()[0] == 0
    assert expected not in members(redis)


def test_constructor_of_four_arguments(tmp_path):
    """HTTP has its usual port then, so this runs in a network of its own."""
    network = ["unshare", *([] if os.geteuid() == 0 else ["-r"]), "--net", "sh", "-c",
               'ip link set lo up && exec "$@"', "sh"]
    if subprocess.run([*network, "true"], capture_output=True).returncode != 0:
        pytest.skip("no network of one's own can be made here")
    with Program("four_arguments.php", 6379, tmp_path, before=network) as program:
        assert program.http == "127.0.0.1:9566"
        assert (tmp_path / "shop.pid").read_text() == (tmp_path / "doramaster.pid").read_text()
        assert (tmp_path / "dorarpcmanager.pid").exists()
        status, said = program.stop()
    assert status == 0 and said.rstrip().endswith("served"), said
    assert not list(tmp_path.glob("*.pid"))


def test_usual_pid_files_of_two_servers(tmp_path):
    """Who names none does without those that another has: here that of the starting folder."""
    with Program("pids_here.php", tmp_path, cwd=tmp_path) as one:
        assert (tmp_path / "dorarpc.pid").read_text().strip() == str(one.process.pid)
        with Program("pids_here.php", tmp_path, cwd=tmp_path) as other:
            assert other.stop()[0] == 0
        assert (tmp_path / "dorarpc.pid").read_text().strip() == str(one.process.pid)
        assert one.stop()[0] == 0
    assert not (tmp_path / "dorarpc.pid").exists()


@pytest.mark.parametrize("form", ["readme", "capital", "today"])
def test_monitor_programs(redis, tmp_path, form):
    member = '{"node":{"ip":"10.0.0.9","port":9567},"group":["g"]}'
    redis.command("SADD", "dora.serverlist", member)
    redis.command("SET", "dora.node.10.0.0.9.9567", member)
    file = tmp_path / "client.conf.php"
    process = subprocess.Popen(php("monitor.php", form, redis.port, file), stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
    try:
        assert wait_until(lambda: file.exists() and "10.0.0.9_9567" in file.read_text())
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=20)[0]
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        redis.command("SREM", "dora.serverlist", member)
    assert process.returncode == 0 and said.endswith("watched\n"), said
