"""`dora monitor` with real Redis: what it writes, when, and what it leaves alone."""

import json
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from support.monitor import Monitor, wait_for
from support.redis import RedisServer
from support.server import Server, environment, program, python_pool, wait_until

VECTOR = os.path.join(os.path.dirname(__file__), "..", "vectors", "discovery", "original.json")
SEEN_S = 0.5  # a published join or leave, mostly: the reading comes each second
PHP = os.environ.get("DORA_PHP", "php")


def member(ip, port, groups):
    return json.dumps({"node": {"ip": ip, "port": port}, "group": list(groups)},
                      separators=(",", ":"))


def join(redis, ip, port=9567, groups=("group1",), publish=True):
    """What a Dora server writes."""
    with redis.connect() as conn:
        conn.command("SADD", "dora.serverlist", member(ip, port, groups))
        conn.command("SET", "dora.servertime.%s.%d.time" % (ip, port), conn.command("TIME")[0])
        conn.command("SET", "dora.node.%s.%d" % (ip, port), "x", "EX", 20)
        if publish:
            conn.command("PUBLISH", "dora.nodes", "{}")


def leave(redis, ip, port=9567, groups=("group1",), publish=True):
    with redis.connect() as conn:
        conn.command("SREM", "dora.serverlist", member(ip, port, groups))
        conn.command("DEL", "dora.servertime.%s.%d.time" % (ip, port), "dora.node.%s.%d"
                     % (ip, port))
        if publish:
            conn.command("PUBLISH", "dora.nodes", "{}")


def nodes(path):
    """group => the names of its nodes."""
    try:
        with open(path) as file:
            return {group: sorted(found) for group, found in json.load(file).items()}
    except FileNotFoundError:
        return {}


def wait_nodes(path, expected, seconds=20.0):
    wait_for(lambda: nodes(path) == expected,
             lambda: "%r in the file, which has %r" % (expected, nodes(path)), seconds)


def php_array(path):
    """What `include` gives to PHP."""
    said = subprocess.run([PHP, "-n", "-r", "echo json_encode(include $argv[1]);", str(path)],
                          check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(said.stdout)


def identity(path):
    status = os.stat(path)
    return status.st_ino, status.st_mtime_ns


def readings(redis):
    """How often the set was read."""
    found = re.search(r"cmdstat_smembers:calls=(\d+)", redis.command("INFO", "commandstats"))
    return int(found.group(1)) if found else 0


@pytest.fixture
def redis():
    with RedisServer() as one:
        yield one


def test_form_of_the_original(redis, tmp_path):
    """A Redis filled by servers of the original: the files are those that its monitor writes."""
    with open(VECTOR) as file:
        original = json.load(file)
    with redis.connect() as conn:
        for text in original["members"]:
            conn.command("SADD", "dora.serverlist", text)
        for key in original["times"]:
            conn.command("SET", key, "1482239000")
    files = [tmp_path / "nodes.php", tmp_path / "nodes.json", tmp_path / "plain"]
    with Monitor([redis.address], files) as monitor:
        assert monitor.ready == "dora monitor: ready, 0 nodes in 0 groups"
        assert not files[0].exists()
        with redis.connect() as conn:  # their clocks are years behind, but they run
            for key, value in original["times"].items():
                conn.command("SET", key, value)
        wait_for(lambda: all(file.exists() for file in files), "the files")
        assert monitor.stop() == 0
    written = files[0].read_text().split("\n", 2)
    expected = ("\n".join(original["file"]) + "\n").split("\n", 2)
    assert written[0] == expected[0] and written[1].startswith("//")
    assert written[2] == expected[2]
    assert php_array(files[0]) == json.loads(files[1].read_text())
    assert files[1].read_text() == files[2].read_text()
    assert "join group2 10.0.2.15:9567" in monitor.log()


def test_what_a_dora_server_writes_is_the_originals(redis, tmp_path):
    """What the original's monitor would do finds a Dora server, and so does `dora monitor`."""
    file = tmp_path / "nodes.json"
    pools = {"py": python_pool("basic.py", workers=1)}
    discovery = {"redis": [redis.url], "groups": ["group1"], "advertise": None}
    join(redis, "10.9.9.9")  # so that a leave is not the last one
    with Monitor([redis.url], [file]) as monitor:
        with Server(pools, discovery=discovery) as server:
            node = server.address.replace(":", "_")
            wait_nodes(file, {"group1": sorted(["10.9.9.9_9567", node])})
            with redis.connect() as conn:
                found = []
                for text in conn.command("SMEMBERS", "dora.serverlist"):
                    known = json.loads(text)
                    ip, port = known["node"]["ip"], known["node"]["port"]
                    when = conn.command("GET", "dora.servertime.%s.%s.time" % (ip, port))
                    if time.time() - int(when) <= 20:
                        found += ["%s_%s" % (ip, port) for _ in known["group"]]
            assert sorted(found) == sorted(["10.9.9.9_9567", node])
        wait_nodes(file, {"group1": ["10.9.9.9_9567"]})
        monitor.wait_log("leave group1 %s" % server.address)


def test_join_and_leave_are_seen_at_once(redis, tmp_path):
    file = tmp_path / "nodes.json"
    both = {"group1": ["10.0.0.1_9567", "10.0.0.2_9567"]}
    took = []
    join(redis, "10.0.0.1")
    with Monitor([redis.address], [file]) as monitor:
        assert monitor.ready == "dora monitor: ready, 1 node in 1 group"
        for _ in range(5):
            for change, expected in ((join, both), (leave, {"group1": both["group1"][:1]})):
                began = time.monotonic()
                change(redis, "10.0.0.2")
                wait_nodes(file, expected)
                took.append(time.monotonic() - began)
        assert sorted(took)[len(took) // 2] < SEEN_S, took
        # One that dies says nothing: its key expires, and the reading of that second sees it.
        join(redis, "10.0.0.2")
        wait_nodes(file, both)
        redis.command("PEXPIRE", "dora.node.10.0.0.2.9567", 50)
        wait_nodes(file, {"group1": ["10.0.0.1_9567"]})


def test_malformed_members_are_named_once(redis, tmp_path):
    garbage = ["nonsense", "{}", '{"node":{"ip":"h","port":99999},"group":["g"]}',
               '{"node":{"ip":"x\';evil","port":1},"group":["g"]}', "[" * 3000]
    for text in garbage:
        redis.command("SADD", "dora.serverlist", text)
    join(redis, "10.0.0.1", groups=["it's \\ odd; ?> <?php"])
    files = [tmp_path / "nodes.php", tmp_path / "nodes.json"]
    with Monitor([redis.address], files) as monitor:
        assert monitor.ready == "dora monitor: ready, 1 node in 1 group"
        count = readings(redis)
        wait_for(lambda: readings(redis) >= count + 2, "two more readings")
        log = monitor.log()
    assert log.count("is left out") == len(garbage)
    for text in garbage[:3]:
        assert log.count("member %s is left out" % text) == 1
    assert php_array(files[0]) == json.loads(files[1].read_text())
    assert list(php_array(files[0])) == ["it's \\ odd; ?> <?php"]


def test_a_change_is_one_line_of_the_log(redis, tmp_path):
    join(redis, "10.0.0.1", groups=["two\nlines\x1b[31m"])
    with Monitor([redis.address], [tmp_path / "nodes.json"]) as monitor:
        monitor.wait_log("join two?lines?[31m 10.0.0.1:9567")


def test_written_only_on_change(redis, tmp_path):
    files = [tmp_path / "nodes.php", tmp_path / "nodes.json"]
    join(redis, "10.0.0.1")
    with Monitor([redis.address], files):
        first = [identity(file) for file in files]
        redis.command("SET", "dora.servertime.10.0.0.1.9567.time", "1482239138")  # a heartbeat
        join(redis, "10.0.0.2", groups=["other"])
        wait_nodes(files[1], {"group1": ["10.0.0.1_9567"], "other": ["10.0.0.2_9567"]})
        assert identity(files[1]) != first[1]
        wait_for(lambda: identity(files[0]) != first[0], "the PHP file")
        second = [identity(file) for file in files]
        count = readings(redis)
        wait_for(lambda: readings(redis) >= count + 2, "two more readings")
        assert [identity(file) for file in files] == second
    # A new one finds what it would write, other times aside, and leaves it alone.
    redis.command("SET", "dora.servertime.10.0.0.1.9567.time", "1482239999")
    with Monitor([redis.address], files) as monitor:
        assert monitor.ready == "dora monitor: ready, 2 nodes in 2 groups"
        assert [identity(file) for file in files] == second
        files[1].write_text("{}")
        os.chmod(files[1], 0o640)
    with Monitor([redis.address], files):
        assert nodes(files[1]) == {"group1": ["10.0.0.1_9567"], "other": ["10.0.0.2_9567"]}
        assert identity(files[0]) == second[0]
        assert os.stat(files[1]).st_mode & 0o777 == 0o640
    assert sorted(os.listdir(tmp_path)) == ["monitor.log", "nodes.json", "nodes.php"]


READER = """
$end = "%s";
$reads = 0;
$changes = 0;
$before = null;
$isEnough = false;
while (!file_exists($end)) {
    $nodes = include "%s";
    if (!is_array($nodes) || !isset($nodes["group1"]["10.0.0.1_9567"]["port"])) {
        echo "not whole: ", var_export($nodes, true);
        exit(1);
    }
    $changes += $before !== null && $before !== $nodes ? 1 : 0;
    $before = $nodes;
    $reads++;
    if ($reads > 100 && $changes > 10 && !$isEnough) {
        $isEnough = touch("$end.enough");
    }
}
echo json_encode([$reads, $changes]);
"""


def test_readers_meet_whole_files(redis, tmp_path):
    files = [tmp_path / "nodes.php", tmp_path / "nodes.json"]
    end = tmp_path / "end"
    alone = {"group1": ["10.0.0.1_9567"]}
    join(redis, "10.0.0.1")
    with Monitor([redis.address], files):
        reader = subprocess.Popen([PHP, "-n", "-r", READER % (end, files[0])],
                                  stdout=subprocess.PIPE, text=True)

        def has_read_enough():
            join(redis, "10.0.0.2")
            wait_nodes(files[1], {"group1": alone["group1"] + ["10.0.0.2_9567"]})
            leave(redis, "10.0.0.2")
            wait_nodes(files[1], alone)
            return (tmp_path / "end.enough").exists() or reader.poll() is not None

        assert wait_until(has_read_enough, 60, pause=0)
        end.touch()
        said = reader.communicate(timeout=60)[0]
    assert reader.returncode == 0, said
    reads, changes = json.loads(said)
    assert reads > 100 and changes > 10


def test_all_redis_die_and_come_back(tmp_path):
    files = [tmp_path / "nodes.php", tmp_path / "nodes.json"]
    with RedisServer() as one, RedisServer() as other:
        for redis in (one, other):
            join(redis, "10.0.0.1")
            join(redis, "10.0.0.2")
        with Monitor([one.address + "," + other.address], files) as monitor:
            assert monitor.ready == "dora monitor: ready, 2 nodes in 1 group"
            before = [identity(file) for file in files]
            one.kill()
            other.kill()
            monitor.wait_log("no Redis can be read; the last ones stay: 2 nodes in 1 group")
            # Both are back, and empty: that is hardly true.
            one.start()
            other.start()
            wait_for(lambda: readings(one) > 1 and readings(other) > 1, "readings of both", 20)
            assert [identity(file) for file in files] == before
            join(other, "10.0.0.2")
            wait_nodes(files[1], {"group1": ["10.0.0.2_9567"]}, 20)
            monitor.wait_log("leave group1 10.0.0.1:9567")
        one.kill()
        other.kill()
        # A start without any: the file stays, and it is ready after a moment.
        before = [identity(file) for file in files]
        with Monitor([one.address, other.address], files) as monitor:
            assert monitor.ready == "dora monitor: ready, 0 nodes in 0 groups"
            for redis in (one, other):
                monitor.wait_log("%s: cannot connect: Connection refused" % redis.url)
            assert monitor.stop() == 0
        assert [identity(file) for file in files] == before


def test_suddenly_empty(redis, tmp_path):
    file = tmp_path / "nodes.json"
    join(redis, "10.0.0.1")
    with Monitor([redis.address], [file]) as monitor:
        before = identity(file)
        leave(redis, "10.0.0.1")
        monitor.wait_log("no server is registered any more; the last ones stay: 1 node in 1 group")
        assert identity(file) == before
        join(redis, "10.0.0.2")
        wait_nodes(file, {"group1": ["10.0.0.2_9567"]})


def test_union_of_three(tmp_path):
    """One has a password, one hangs, one is of another node: all that can be read counts."""
    file = tmp_path / "nodes.json"
    with RedisServer() as one, RedisServer(password="p@ss/word,") as other, \
            RedisServer() as hung:
        join(one, "10.0.0.1")
        join(other, "10.0.0.2")
        join(hung, "10.0.0.3")
        with Monitor([one.address, other.url, hung.address], [file]) as monitor:
            assert monitor.ready == "dora monitor: ready, 3 nodes in 1 group"
            hung.pause()
            two, took = ["10.0.0.1_9567", "10.0.0.2_9567"], []
            wait_nodes(file, {"group1": two}, 20)
            for change, expected in ((join, [*two, "10.0.0.4_9567"]), (leave, two),
                                     (join, [*two, "10.0.0.4_9567"])):
                began = time.monotonic()
                change(one, "10.0.0.4")  # the hung one delays nothing
                wait_nodes(file, {"group1": expected})
                took.append(time.monotonic() - began)
            assert sorted(took)[1] < SEEN_S, took
            hung.resume()
            wait_nodes(file, {"group1": ["10.0.0.%d_9567" % i for i in (1, 2, 3, 4)]}, 15)
            assert "p@ss" not in monitor.log() and "p%40ss" not in monitor.log()
    wrong = "redis://:wrong@%s" % other.address
    with RedisServer(password="right", port=other.port), \
            Monitor([wrong], [file], folder=tmp_path) as monitor:
        monitor.wait_log("redis://%s: AUTH: WRONGPASS" % other.address)
        assert "wrong" not in monitor.log().replace("WRONGPASS", "")


def test_files_that_cannot_be_written(redis, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    file = folder / "nodes.json"
    join(redis, "10.0.0.1")
    with Monitor([redis.address], [file], folder=tmp_path) as monitor:
        assert nodes(file) == {"group1": ["10.0.0.1_9567"]}
        os.rename(folder, tmp_path / "moved")
        join(redis, "10.0.0.2")
        monitor.wait_log("cannot write %s: No such file or directory" % file)
        os.rename(tmp_path / "moved", folder)
        wait_nodes(file, {"group1": ["10.0.0.1_9567", "10.0.0.2_9567"]})  # tried again
        assert monitor.log().count("cannot write") == 1


@pytest.mark.parametrize("words, status, message", [
    ([], 2, "--redis is missing"),
    (["--redis", "h:1"], 2, "--out is missing"),
    (["--redis", "h:1", "--out"], 2, "--out wants a value"),
    (["--redis", "h:1", "--out", "FILE", "--format", "xml"], 2, "--format is php or json"),
    (["--redis", "h:1", "--out", "FILE", "more"], 2, "more does not go here"),
    (["--redis", "h:x", "--out", "FILE"], 2, "host:port"),
    (["--redis", "rediss://h", "--tls-ca", "/none", "--out", "FILE"], 2, "/none: No such file"),
    (["--redis", "rediss://h", "--tls-cert", "/none", "--out", "FILE"], 2, "the key is missing"),
    (["--redis", "redis://h", "--tls-ca", "/none", "--out", "FILE"], 2, "write rediss://"),
    (["--redis", "file:/x", "--out", "FILE"], 2, "a Redis is expected, not file:/x"),
    (["--redis", "h:1", "--out", "/none/x"], 1,
     "cannot write /none/x: its folder: No such file or directory"),
    (["--redis", "h:1", "--out", "/dev/null"], 1,
     "cannot write /dev/null: it is no regular file"),
])
def test_wrong_flags_are_refused(words, status, message, tmp_path):
    words = [str(tmp_path / "x") if word == "FILE" else word for word in words]
    done = subprocess.run([program(), "monitor", *words], env=environment(), timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == status
    assert message in done.stderr
    assert done.stdout == ""


def test_help_names_the_flags():
    done = subprocess.run([program(), "monitor", "--help"], stdout=subprocess.PIPE, text=True,
                          check=True)
    assert done.stdout.startswith("usage: dora monitor --redis HOST:PORT...")


def test_format_for_all(redis, tmp_path):
    join(redis, "10.0.0.1")
    files = [tmp_path / "one.json", tmp_path / "two"]
    with Monitor([redis.address], files, "--format=php"):
        assert all(file.read_text().startswith("<?php\n") for file in files)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_the_service_manager(redis, tmp_path, number, monkeypatch):
    path = str(tmp_path / "notify")
    join(redis, "10.0.0.1")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(path)
        manager.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        with Monitor([redis.address], [tmp_path / "nodes.json"]) as monitor:
            said = [manager.recv(4096).decode() for _ in range(6)]
            monitor.process.send_signal(number)
            assert monitor.process.wait(10) == 0
            manager.settimeout(0.2)
            while "STOPPING=1" not in said:
                said.append(manager.recv(4096).decode())
    assert [line for line in said if line.startswith("READY")] == [
        "READY=1\nSTATUS=1 node in 1 group"]
    assert said.count("WATCHDOG=1") >= 4
