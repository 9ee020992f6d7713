"""How calls are shared among servers, by each kind of client: equal servers alike, a slow one less,
one that comes its share at once, one that goes none."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading

import pytest

from support import tries
from support.server import Server, python_pool, wait_until

# Each client reads numbers from its standard input, makes so many calls one after the other, and
# prints how many each server answered.
PYTHON = """
import collections, json, sys, dora
client = dora.Client(sys.argv[1], timeout=10)
for line in sys.stdin:
    counts = collections.Counter(client.call("/who", None) for _ in range(int(line)))
    print(json.dumps(counts), flush=True)
"""
ASYNCIO = """
import asyncio, collections, json, sys, dora
async def main():
    async with dora.AsyncClient(sys.argv[1], timeout=10) as client:
        for line in sys.stdin:
            answers = [await client.call("/who", None) for _ in range(int(line))]
            counts = collections.Counter(answers)
            print(json.dumps(counts), flush=True)
asyncio.run(main())
"""
PHP = """
$client = new Dora\\Client($argv[1], ['timeout' => 10.0]);
while (($line = fgets(STDIN)) !== false) {
    $counts = [];
    for ($i = (int)$line; $i > 0; $i--) {
        $name = $client->call('/who', null);
        $counts[$name] = ($counts[$name] ?? 0) + 1;
    }
    echo json_encode($counts), "\\n";
}
"""
DORARPC = """
$nodes = [];
foreach (explode(',', $argv[1]) as $address) {
    [$ip, $port] = explode(':', $address);
    $nodes[] = ['ip' => $ip, 'port' => $port];
}
$client = new DoraRPC\\Client(['g' => $nodes]);
$client->changeMode(['type' => 1, 'group' => 'g']);
while (($line = fgets(STDIN)) !== false) {
    $counts = [];
    for ($i = (int)$line; $i > 0; $i--) {
        $name = $client->singleAPI('/who', null)['data']['data']['data'];
        $counts[$name] = ($counts[$name] ?? 0) + 1;
    }
    echo json_encode($counts), "\\n";
}
"""
KINDS = {"python": PYTHON, "asyncio": ASYNCIO, "php": PHP, "dorarpc": DORARPC}

APP = """
import time, dora
app = dora.App()

@app.api("/who")
def who(param):
    time.sleep(%r)
    return %r
"""


def command(kind, *words):
    if kind in ("python", "asyncio"):
        return [os.environ.get("DORA_PYTHON", sys.executable), "-c", KINDS[kind], *words]
    return [*php(), "-r", KINDS[kind], "--", *words]


def php(program="php"):
    module = os.environ.get("DORA_PHP_EXTENSION")
    return [program, *(["-d", "extension=" + module] if module else [])]


class Node(Server):
    """A server whose /who takes `work_s` and answers with `name`."""

    def __init__(self, folder, name, work_s=0.0):
        path = os.path.join(str(folder), name + ".py")
        with open(path, "w") as file:
            file.write(APP % (work_s, name))
        super().__init__({"p": python_pool(path, workers=2)})


class Caller:
    """`with Caller(kind, nodes) as caller: counts = caller.call(100)`."""

    def __init__(self, kind, nodes):
        self.process = subprocess.Popen(command(kind, nodes), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(10) == 0

    def call(self, count):
        self.process.stdin.write("%d\n" % count)
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


def evenly(shares):
    """Whoever answers more slowly gets less, and on a machine with other work one of two servers
    may do so for a while: then once more. `shares`: whether they are as they should be, and what
    they are."""
    tries.until(lambda found: found[0], shares)


@pytest.fixture(scope="module")
def equals(tmp_path_factory):
    folder = tmp_path_factory.mktemp("equals")
    with Node(folder, "a") as one, Node(folder, "b") as other:
        yield "%s,%s" % (one.address, other.address)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_servers_get_equal_shares(equals, kind):
    def shares():
        with Caller(kind, equals) as caller:
            first, rest = caller.call(100).get("a", 0), caller.call(900).get("a", 0)
        return 20 <= first <= 80 and 350 <= first + rest <= 650, (first, rest)

    evenly(shares)


@pytest.mark.parametrize("kind", ["python", "php", "dorarpc"])
def test_processes_that_make_ten_calls_each(equals, kind):
    def shares():
        found = []
        for _ in range(10):
            with Caller(kind, equals) as caller:
                found.append(caller.call(10).get("a", 0))
        return 35 <= sum(found) <= 65, found

    evenly(shares)


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_twice_as_slow_gets_less(tmp_path, kind):
    with Node(tmp_path, "a", 0.010) as quick, Node(tmp_path, "b", 0.020) as slow, \
            Caller(kind, "%s,%s" % (quick.address, slow.address)) as caller:
        caller.call(40)

        def shares():
            counts = caller.call(100)
            return 15 <= counts.get("b", 0) <= 45, counts

        evenly(shares)


def write_nodes(path, nodes):
    groups = {"g": {node.address.replace(":", "_"): {
        "ip": "127.0.0.1", "port": int(node.address.rsplit(":", 1)[1])} for node in nodes}}
    with open(str(path) + ".new", "w") as file:
        json.dump(groups, file)
    os.replace(str(path) + ".new", path)


@pytest.mark.parametrize("kind", ["python", "asyncio", "php"])
def test_a_server_that_joins_gets_its_share_and_no_burst(tmp_path, kind):
    path = tmp_path / "nodes.json"
    with Node(tmp_path, "a") as old, Node(tmp_path, "b") as new:
        write_nodes(path, [old])
        with Caller(kind, "file:%s" % path) as caller:
            assert caller.call(200) == {"a": 200}
            write_nodes(path, [old, new])
            counts = {}

            def has_joined():
                counts.update(caller.call(20))
                return counts.get("b", 0) > 0

            assert wait_until(has_joined)
            assert counts["b"] <= 15, counts

            def shares():
                found = caller.call(100)
                return 20 <= found.get("b", 0) <= 80, found

            evenly(shares)
            write_nodes(path, [new])
            assert wait_until(lambda: "a" not in caller.call(20))
            assert caller.call(100) == {"b": 100}


def test_many_calls_at_a_time(tmp_path):
    """The work under way counts, and stays even."""
    with Node(tmp_path, "a", 0.005) as one, Node(tmp_path, "b", 0.005) as other:
        evenly(lambda: ask_many("%s,%s" % (one.address, other.address)))


def ask_many(nodes):
    program = """
import asyncio, collections, json, sys, dora
async def main():
    async with dora.AsyncClient(sys.argv[1], timeout=10) as client:
        async def caller():
            return [await client.call("/who", None) for _ in range(50)]
        answers = await asyncio.gather(*[caller() for _ in range(20)])
        print(json.dumps(collections.Counter(sum(answers, []))))
asyncio.run(main())
"""
    done = subprocess.run([os.environ.get("DORA_PYTHON", sys.executable), "-c", program, nodes],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    counts = json.loads(done.stdout)
    return 400 <= counts["a"] <= 600, counts


# ---- PHP-FPM ----

PAGE = """<?php
$client = new Dora\\Client($_SERVER['NODES'], ['timeout' => 10.0]);
echo getmypid(), ' ', $client->call('/who', null);
"""
FPM = """[global]
error_log = %(folder)s/fpm.log
daemonize = no
[www]
listen = %(folder)s/fpm.sock
%(user)s
pm = static
pm.max_children = 10
"""


def fpm():
    version = subprocess.run(["php", "-r", "echo PHP_MAJOR_VERSION, '.', PHP_MINOR_VERSION;"],
                             capture_output=True, text=True, check=True).stdout
    return shutil.which("php-fpm" + version, path=os.environ["PATH"] + ":/usr/sbin")


def record(kind, content):
    return struct.pack(">BBHHBx", 1, kind, 1, len(content), 0) + content


def listens(path):
    """A socket's file is there a moment before it listens."""
    with socket.socket(socket.AF_UNIX) as sock:
        return sock.connect_ex(path) == 0


def page(path, **params):
    """One request to php-fpm in the words of FastCGI 1.0; what it printed behind its headers."""
    pairs = b"".join(struct.pack(">II", 0x80000000 | len(name), 0x80000000 | len(value)) +
                     name.encode() + value.encode() for name, value in params.items())
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        sock.sendall(record(1, struct.pack(">HB5x", 1, 0)) + record(4, pairs) + record(4, b"") +
                     record(5, b""))
        said = b""
        stream = sock.makefile("rb")
        while header := stream.read(8):
            _, kind, _, length, padding = struct.unpack(">BBHHBx", header)
            content = stream.read(length + padding)[:length]
            said += content if kind == 6 else b""
    return said.decode().split("\r\n\r\n", 1)[1]


def test_ten_children_of_php_fpm(equals):
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "page.php")
        with open(script, "w") as file:
            file.write(PAGE)
        user = "user = root\ngroup = root" if os.geteuid() == 0 else ""
        with open(os.path.join(folder, "fpm.conf"), "w") as file:
            file.write(FPM % {"folder": folder, "user": user})
        root = ["-R"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            [*php(fpm()), *root, "-F", "-y", os.path.join(folder, "fpm.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            path = os.path.join(folder, "fpm.sock")
            assert wait_until(lambda: listens(path))

            def ask(answers):
                for _ in range(50):
                    answers.append(page(path, SCRIPT_FILENAME=script, REQUEST_METHOD="GET",
                                        NODES=equals).split(" "))

            def shares():
                answers = []
                threads = [threading.Thread(target=ask, args=(answers,)) for _ in range(10)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
                assert len(answers) == 500
                assert len({pid for pid, _ in answers}) > 1
                names = [name for _, name in answers]
                return 200 <= names.count("a") <= 300, names.count("a")

            evenly(shares)
        finally:
            process.terminate()
            process.wait(20)
