"""A server registers in real Redis: what stands there, and that no Redis can trouble it."""

import json
import os
import re
import subprocess
import time

import pytest

from support import ports, tries, v1
from support.door import Door
from support.metrics import admin_of, ask
from support.monitor import Monitor
from support.redis import RedisServer
from support.server import ROOT, Server, asking, environment, program, python_pool, wait_until
from support.stalls import Stalls

SET = "dora.serverlist"
LOST_S = 1.0  # a call that waited for a Redis would take longer

FAILING_APP = """
import os
import dora
app = dora.App()

@app.worker_start
def start():
    if os.path.exists(%r):
        os._exit(1)

@app.api("/echo")
def echo(param):
    return param

@app.api("/die")
def die(param):
    os._exit(1)
"""


def serve(redis, groups=("group1", "group2"), advertise=None, pools=None, **config):
    """A server that registers in these Redis (RedisServer, or texts)."""
    urls = [one if isinstance(one, str) else one.url for one in redis]
    discovery = {"redis": urls, "groups": list(groups), "advertise": advertise}
    return Server(pools or {"py": python_pool("basic.py", workers=2)}, discovery=discovery,
                  **config)


def member(server, groups=("group1", "group2"), ip=None):
    """The original's set member, byte for byte."""
    host, port = server.address.rsplit(":", 1)
    return '{"node":{"ip":"%s","port":%s},"group":[%s]}' % (
        ip or host, port, ",".join('"%s"' % group for group in groups))


def names(server, ip="127.0.0.1"):
    """The time key and the node key."""
    port = server.address.rsplit(":", 1)[1]
    return "dora.servertime.%s.%s.time" % (ip, port), "dora.node.%s.%s" % (ip, port)


def is_listed(redis, server, **more):
    return member(server, **more) in redis.command("SMEMBERS", SET)


def stat(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["discovery"]


def state_of(server, index=0):
    return stat(server)["redis"][index]


def wait_state(server, state, index=0, error=""):
    def is_so():
        found = state_of(server, index)
        return found["state"] == state and error in found["error"]
    assert wait_until(is_so, 30), (state_of(server, index), server.log())


def check_calls(server, seconds=0.0):
    """Some calls: all are answered well, and none waits for a Redis."""
    end, times = time.monotonic() + seconds, []
    with Stalls() as stalls, v1.Conn(server.address, 30) as conn:
        while len(times) < 50 or time.monotonic() < end:
            began = time.monotonic()
            assert conn.call("/echo", len(times))["data"]["data"] == len(times)
            times.append((began, time.monotonic()))
    longest = max(ended - began - stalls.within(began, ended) for began, ended in times)
    assert longest < LOST_S, longest


def said(server, text):
    return [line for line in server.log().splitlines() if text in line]


@pytest.fixture
def redis():
    with RedisServer() as one:
        yield one


def test_what_stands_there(redis):
    with redis.connect() as channel, serve([redis]) as server:
        wait_state(server, "joined")
        time_key, node_key = names(server)
        assert redis.command("SMEMBERS", SET) == [member(server)]
        assert redis.command("TYPE", SET) == "set"
        assert redis.command("TYPE", time_key) == "string"
        seconds = redis.command("GET", time_key)
        assert re.fullmatch(r"\d{10}", seconds)
        assert abs(int(redis.command("TIME")[0]) - int(seconds)) <= 20
        assert redis.command("TTL", time_key) == -1  # as the original's
        assert redis.command("GET", node_key) == member(server)
        assert wait_until(lambda: 15 <= redis.command("TTL", node_key) <= 20)  # behind each beat
        channel.command("SUBSCRIBE", "dora.nodes")
        known = json.loads(member(server))
        assert stat(server)["advertise"] == server.address
        assert stat(server)["groups"] == ["group1", "group2"]
        assert state_of(server)["url"] == redis.url
        line = "%s: joined as %s in group1, group2" % (redis.url, server.address)
        assert wait_until(lambda: said(server, line))
        assert server.stop() == 0
        assert redis.command("KEYS", "*") == []
        kind, name, text = channel.receive(30)
        assert (kind, name) == ("message", "dora.nodes")
        assert text == '{"event":"leave",' + member(server)[1:]
        assert json.loads(text) == {"event": "leave", **known}
        assert said(server, redis.url + ": left")


def test_join_is_published_and_beats_go_on(redis):
    with redis.connect() as channel:
        channel.command("SUBSCRIBE", "dora.nodes")
        with serve([redis], groups=[]) as server:
            text = channel.receive(30)[2]
            assert text == '{"event":"join",' + member(server, ["default"])[1:]
            time_key, node_key = names(server)
            redis.command("DEL", time_key, node_key)
            assert wait_until(lambda: redis.command("EXISTS", time_key, node_key) == 2)
            assert wait_until(lambda: state_of(server)["beats"] >= 2)
            redis.command("FLUSHALL")  # comes back by itself, and says so
            assert channel.receive(30)[2] == text
            assert is_listed(redis, server, groups=["default"])


def test_own_older_members_go_and_others_stay(redis):
    port = ports.take()
    own = ['{"node":{"ip":"127.0.0.1","port":%d},"group":["old"]}' % port,
           '{"group": ["older"], "node": {"port": "%d", "ip": "127.0.0.1"}}' % port]
    others = ['{"node":{"ip":"127.0.0.1","port":%d},"group":["old"]}' % (port ^ 1),
              '{"node":{"ip":"10.0.0.9","port":%d},"group":["group1"]}' % port, "garbage", ""]
    redis.command("SADD", SET, *own, *others)
    with serve([redis], listen={"tcp": "127.0.0.1:%d" % port}) as server:
        wait_state(server, "joined")
        assert set(redis.command("SMEMBERS", SET)) == {member(server), *others}
        assert server.stop() == 0
    assert set(redis.command("SMEMBERS", SET)) == set(others)


def test_escapes_as_php(redis):
    with serve([redis], groups=["a/b", "中\"", "x" * 128]) as server:
        wait_state(server, "joined")
        assert redis.command("SMEMBERS", SET) == [
            member(server, ["a\\/b", "\\u4e2d\\\"", "x" * 128])]


def test_the_advertised_address_is_registered(redis):
    with serve([redis], advertise="10.9.8.7:0", listen={"tcp": "0.0.0.0:0"}) as server:
        wait_state(server, "joined")
        assert is_listed(redis, server, ip="10.9.8.7")
        assert redis.command("EXISTS", *names(server, "10.9.8.7")) == 2


def test_every_address(redis):
    """0.0.0.0 is told as the first private address; where there is none it says what to set."""
    try:
        with serve([redis], listen={"tcp": "0.0.0.0:0"}) as server:
            wait_state(server, "joined")
            host = stat(server)["advertise"].rsplit(":", 1)[0]
            assert re.match(r"10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.", host)
            assert is_listed(redis, server, ip=host)
    except RuntimeError as error:
        assert "discovery.advertise" in str(error)


def test_flags_and_database(redis):
    port = ports.take()
    command = [program(), "serve", python_pool("basic.py")["app"], "--port", str(port),
               "--redis", "%s/3" % redis.url, "--redis=127.0.0.1:1", "--group", "g",
               "--group=h", "--advertise", "10.0.0.5:9567"]
    with Server(command=command) as server:
        wait_state(server, "joined")
        with redis.connect() as conn:
            conn.command("SELECT", 3)
            assert conn.command("SMEMBERS", SET) == [
                '{"node":{"ip":"10.0.0.5","port":9567},"group":["g","h"]}']
        wait_state(server, "joining", 1, "refused")


@pytest.fixture
def three():
    with RedisServer() as one, RedisServer() as two, RedisServer() as three:
        yield [one, two, three]


def test_three_and_one_hangs_or_dies(three):
    with serve(three) as server:
        for index in range(3):
            wait_state(server, "joined", index)
        three[0].pause()
        check_calls(server, seconds=1.0)
        wait_state(server, "joining", 0, "no answer")
        three[1].kill()
        wait_state(server, "joining", 1)
        check_calls(server, seconds=0.5)
        assert state_of(server, 2)["state"] == "joined"
        three[0].resume()
        three[1].start()  # empty
        wait_state(server, "joined", 0)
        wait_state(server, "joined", 1)
        assert all(is_listed(one, server) for one in three)
        for one in three[:2]:
            assert wait_until(lambda one=one: len(said(server, one.url + ": joined")) == 2), (
                server.log())
            assert 1 <= len(said(server, one.url + ": down")) <= 2, server.log()
        assert said(server, "down: ")[0].endswith("; trying again")
        assert state_of(server, 0)["failures"] > 0


def stop_seconds(server):
    began = time.monotonic()
    assert server.stop() == 0
    return time.monotonic() - began


def test_stop_while_one_hangs(three):
    with serve(three[:1]) as server:
        wait_state(server, "joined")
        usual = stop_seconds(server)

    def longer():
        with serve(three) as server:
            for index in range(3):
                wait_state(server, "joined", index)
            three[1].pause()
            took = stop_seconds(server)
            assert not is_listed(three[0], server) and not is_listed(three[2], server)
            three[1].resume()  # what was said to it was said
            assert wait_until(lambda: not is_listed(three[1], server))
        return took - usual

    tries.until(lambda seconds: seconds < LOST_S, longer, 3)


def test_down_at_the_start():
    with RedisServer() as redis:
        redis.stop()
        with serve([redis]) as server:
            wait_state(server, "joining", error="refused")
            check_calls(server)
            redis.start()
            wait_state(server, "joined")
            assert server.stop() == 0
            assert not is_listed(redis, server)


def test_hangs_at_the_start(redis):
    redis.pause()
    with serve([redis]) as server:
        wait_state(server, "joining", error="no answer")
        check_calls(server)
        redis.resume()
        wait_state(server, "joined")


def test_passwords_are_not_told():
    with RedisServer(password="s3cret/ä@:") as redis:
        wrong = redis.url.replace("s3cret", "wr0ng")
        with serve([redis.url, "redis://" + redis.address + "/1", wrong + "/2"]) as server:
            wait_state(server, "joined")
            wait_state(server, "joining", 1, "NOAUTH")
            wait_state(server, "joining", 2, "AUTH: ")
            check_calls(server)
            for text in (json.dumps(stat(server)), server.log()):
                assert "s3cret" not in text and "wr0ng" not in text
            assert wait_until(lambda: said(server, "/2: down: AUTH"))


def talker(text):
    """Accepts connections and says one thing to each."""
    def say(conn):
        conn.sendall(text)
        while conn.recv(4096):
            pass

    return Door(say)


def test_nonsense_is_refused():
    with talker(b"HTTP/1.1 400 Bad Request\r\n\r\n") as web, talker(b"\0" * 1000) as zeros, \
            talker(b"$999999999999\r\n") as huge, talker(b"+OK\r\n" * 100) as many:
        talkers = [web, zeros, huge, many]
        with serve([one.address for one in talkers]) as server:
            assert wait_until(lambda: all(state_of(server, i)["failures"] > 1 for i in range(4)))
            check_calls(server, seconds=1.0)
            for index in range(4):
                assert state_of(server, index)["state"] == "joining"
                assert state_of(server, index)["error"] != ""
                assert len(said(server, talkers[index].address + ": ")) <= 2
            assert server.stop() == 0


def test_set_of_another_type(redis):
    redis.command("SET", SET, "a text")
    with serve([redis]) as server:
        wait_state(server, "joining", error="WRONGTYPE")
        assert "SMEMBERS dora.serverlist: WRONGTYPE" in state_of(server)["error"]
        assert wait_until(lambda: said(server, "refused: SMEMBERS dora.serverlist: WRONGTYPE"))
        redis.command("DEL", SET)
        wait_state(server, "joined")
        assert is_listed(redis, server)


def test_redis_that_may_not_be_written(redis):
    with serve([redis]) as server:
        wait_state(server, "joined")
        redis.command("CONFIG", "SET", "maxmemory", "1")
        wait_state(server, "joining", error="OOM")
        redis.command("CONFIG", "SET", "maxmemory", "0")
        wait_state(server, "joined")


def test_a_pool_that_cannot_run_tasks(redis, tmp_path):
    flag, app = tmp_path / "fail", tmp_path / "app.py"
    app.write_text(FAILING_APP % str(flag))
    pools = {"py": python_pool("basic.py", workers=1), "bad": python_pool(str(app), workers=1)}
    pools["py"]["apis"] = ["/pid"]
    with serve([redis], pools=pools) as server:
        wait_state(server, "joined")
        flag.touch()
        with v1.Conn(server.address) as conn:
            conn.call("/die")
            wait_state(server, "left")  # sooner than its keys would expire, by far
            assert not is_listed(redis, server)
            assert redis.command("EXISTS", *names(server)) == 0
            assert wait_until(lambda: said(server, "withdrawing: pool bad has no worker"))
            assert "data" in conn.call("/pid")  # who still comes is served
            flag.unlink()
            wait_state(server, "joined")
            assert is_listed(redis, server)


def test_a_worker_that_dies_is_no_reason_to_leave(redis):
    with serve([redis], pools={"py": python_pool("basic.py", workers=1)}) as server:
        wait_state(server, "joined")
        with redis.connect() as channel, v1.Conn(server.address) as conn:
            channel.command("SUBSCRIBE", "dora.nodes")
            for _ in range(3):
                conn.call("/die", "kill")
                assert wait_until(lambda: conn.call("/echo", 1)["data"]["code"] == 0)
            channel.sock.settimeout(0.7)
            with pytest.raises(TimeoutError):
                channel.receive()


def test_numbers_for_people_and_prometheus(redis):
    listen = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    with serve([redis, "127.0.0.1:1"], listen=listen) as server:
        wait_state(server, "joined")
        wait_state(server, "joining", 1, "refused")
        text = ask(admin_of(server), "/metrics")[1]
        assert 'dora_discovery_joined{redis="%s"} 1\n' % redis.url in text
        assert 'dora_discovery_joined{redis="redis://127.0.0.1:1"} 0\n' in text
        assert re.search(r'dora_discovery_failures_total\{redis="redis://127.0.0.1:1"\} [1-9]',
                         text)
        done = subprocess.run(asking("stat", server.address), capture_output=True, text=True,
                              env=environment())
        assert re.search(r"^%s: joined as %s, \d+ beats, 0 failures$" % (
            re.escape(redis.url), re.escape(server.address)), done.stdout, re.M)
        assert re.search(r"^redis://127.0.0.1:1: joining as .*failures: .*refused", done.stdout,
                         re.M)


def test_without_redis():
    with Server({"py": python_pool("basic.py", workers=1)}) as server:
        found = stat(server)
        assert found["advertise"] is None
        assert found["groups"] == found["redis"] == []


PYTHON_PROGRAM = """
import sys
import dora
app = dora.App()
app.api("/echo")(lambda param: param)
app.run(port=0, redis=[%r, "127.0.0.1:1"], group=["a", "b"], advertise="10.0.0.5:7")
"""

PHP_PROGRAM = """<?php
$app = new Dora\\App();
$app->api('/echo', fn($param) => $param);
$app->run(['port' => 0, 'redis' => [%r, '127.0.0.1:1'], 'group' => ['a', 'b'],
    'advertise' => '10.0.0.5:7']);
"""

ORIGINAL_PROGRAM = """<?php
class Server extends DoraRPC\\BackEndServer
{
    function initServer($server) {}
    function initTask($server, $worker_id) {}
    function doWork($param) { return null; }
    %s
}
$server = new Server('127.0.0.1', 0, 0);
$server->configure(['http' => ['task_worker_num' => 1],
    'dora' => ['pid_path' => __DIR__, 'log_path' => __DIR__]]);
$server->discovery(['a', 'b'], %s);
$server->start();
"""


def run_program(path, text):
    """A program that serves by itself."""
    path.write_text(text)
    if path.suffix == ".py":
        return Server(command=[environment()["DORA_PYTHON"], str(path)])
    extension = os.environ["DORA_PHP_EXTENSION"]
    php = environment().get("DORA_PHP", "php")
    return Server(command=[php, "-d", "extension=" + extension, str(path)])


@pytest.mark.parametrize("name, text", [("a.py", PYTHON_PROGRAM), ("a.php", PHP_PROGRAM)])
def test_programs_are_discovered(redis, tmp_path, name, text):
    with run_program(tmp_path / name, text % redis.url) as server:
        wait_state(server, "joined")
        wait_state(server, "joining", 1, "refused")
        assert redis.command("SMEMBERS", SET) == [
            '{"node":{"ip":"10.0.0.5","port":7},"group":["a","b"]}']
        assert server.stop() == 0


def test_program_of_the_original(tmp_path):
    own_ip = "protected function getLocalIp() { return '10.9.8.7'; }"
    with RedisServer() as plain, RedisServer(password="a/b@c d") as secret:
        lists = "[[['ip' => '127.0.0.1', 'port' => %d]], [['ip' => '127.0.0.1', 'port' => '%d', " \
            "'password' => 'a/b@c d', 'database' => 2]]]" % (plain.port, secret.port)
        with run_program(tmp_path / "a.php", ORIGINAL_PROGRAM % ("", lists)) as server:
            wait_state(server, "joined")
            wait_state(server, "joined", 1)
            assert state_of(server, 1)["url"] == "redis://%s/2" % secret.address
            assert plain.command("SMEMBERS", SET) == [member(server, ["a", "b"])]
            assert server.stop() == 0
        flat = "[['ip' => '127.0.0.1', 'port' => %d]]" % plain.port
        with run_program(tmp_path / "b.php", ORIGINAL_PROGRAM % (own_ip, flat)) as server:
            wait_state(server, "joined")
            assert is_listed(plain, server, groups=["a", "b"], ip="10.9.8.7")


@pytest.mark.parametrize("method, report, why", [
    ("", "['127.0.0.1:6379']", "Redis are given as a list of lists of ['ip' => , 'port' => ]"),
    ("", "[[['port' => 6379]]]", "a Redis must be an array with a string"),
    ("", "[['ip' => '127.0.0.1', 'port' => 'x']]", "discovery.redis: item 1: "),
    ("function getLocalIp() { return []; }", "[['ip' => 'h']]", "must return a string"),
    ("function getLocalIp() { return ''; }", "[['ip' => 'h']]", "discovery.advertise: must be"),
])
def test_program_of_the_original_with_mistakes(tmp_path, method, report, why):
    with pytest.raises(RuntimeError) as failed:
        run_program(tmp_path / "a.php", ORIGINAL_PROGRAM % (method, report)).close()
    # PHP says what was thrown on its standard output.
    assert why in str(failed.value), failed.value


def test_a_loopback_address_in_a_far_redis_is_warned_of():
    warning = "redis://redis.invalid:6379: clients on other machines cannot reach 127.0.0.1:%s: "
    failure = "redis://redis.invalid:6379: down: "  # comes behind it
    with RedisServer() as redis, serve([redis, "redis.invalid:6379"]) as server:
        assert wait_until(lambda: failure in server.log(), 20), server.log()
        assert server.log().count("cannot reach") == 1
        assert warning % server.address.rsplit(":", 1)[1] in server.log()
    with serve(["redis.invalid:6379"], advertise="10.0.0.5:0") as server:
        assert wait_until(lambda: failure in server.log(), 20), server.log()
        assert "cannot reach" not in server.log()


def test_the_documents_rights_are_enough(tmp_path):
    """OPERATIONS.md's users: a server and the monitor are denied nothing."""
    with open(os.path.join(ROOT, "core/OPERATIONS.md"), encoding="utf-8") as file:
        users = re.findall(r"^(ACL SETUSER (\S+) .*)$", file.read(), re.M)
    assert [name for _, name in users] == ["dora-server", "dora-reader"]
    with RedisServer() as redis:
        for line, _ in users:
            redis.command(*line.replace("PASSWORD", "secret").split())
        write, read = ("redis://%s:secret@%s/2" % (name, redis.address) for _, name in users)
        with serve([write]) as server, Monitor([read], [tmp_path / "nodes.json"]):
            wait_state(server, "joined")
            port = server.address.rsplit(":", 1)[1]
            assert wait_until(lambda: port in (tmp_path / "nodes.json").read_text(), 20)
            assert server.stop() == 0
        with redis.connect() as conn:
            conn.command("SELECT", 2)
            assert conn.command("SMEMBERS", SET) == []
            assert conn.command("ACL", "LOG") == []


def refuse(tmp_path, config):
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"pools": {"py": python_pool("basic.py")}, **config}))
    checked, served = (
        subprocess.run([program(), *words, str(path)], capture_output=True, text=True, timeout=20,
                       env=environment()) for words in (["check"], ["serve", "--config"]))
    assert checked.returncode == served.returncode == 1
    assert checked.stderr.replace("dora check:", "dora serve:") == served.stderr
    return checked.stderr


def test_wrong_configuration(tmp_path):
    text = refuse(tmp_path, {"discovery": {"redis": ["a:b", "rediss://:s3cret@h/x"],
                                           "advertise": ":9567"}})
    lines = text.splitlines()
    assert len(lines) == 3
    assert "discovery.redis: item 1: " in lines[0]
    assert "discovery.redis: item 2: " in lines[1] and "s3cret" not in lines[1]
    assert "discovery.advertise: must be " in lines[2]
    text = refuse(tmp_path, {"discovery": {"redis": ["a:1"]},
                             "listen": {"tcp": None, "unix": "a.sock"}})
    assert 'discovery.redis: needs "listen.tcp"' in text
