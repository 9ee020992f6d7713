"""`wait` of all clients: a call waits, within its time, for a server to come back."""

import contextlib
import json
import os
import subprocess
import sys

import pytest

from support import ports
from support.server import Server, program, python_pool

PYTHON = """
import sys, threading, json, dora
client = dora.Client(sys.argv[1], wait=60, timeout=90)
counts, errors, over = [0] * 4, [], threading.Event()
def work(at):
    while not over.is_set():
        try:
            assert client.call("/echo", [at, counts[at]]) == [at, counts[at]]
        except Exception as error:
            errors.append(repr(error))
        counts[at] += 1
threads = [threading.Thread(target=work, args=(at,)) for at in range(4)]
for thread in threads: thread.start()
for line in sys.stdin:
    until = [count + 20 for count in counts]
    while not all(map(int.__ge__, counts, until)): threading.Event().wait(0.01)
    print("more", flush=True)
over.set()
for thread in threads: thread.join()
print(json.dumps(errors))
"""
ASYNC = """
import sys, asyncio, json, dora
counts, errors = [0] * 4, []
async def work(client, at, over):
    while not over.is_set():
        try:
            assert await client.call("/echo", [at, counts[at]]) == [at, counts[at]]
        except Exception as error:
            errors.append(repr(error))
        counts[at] += 1
async def main():
    over = asyncio.Event()
    async with dora.AsyncClient(sys.argv[1], wait=60, timeout=90) as client:
        tasks = [asyncio.ensure_future(work(client, at, over)) for at in range(4)]
        while await asyncio.to_thread(sys.stdin.readline):
            until = [count + 20 for count in counts]
            while not all(map(int.__ge__, counts, until)): await asyncio.sleep(0.01)
            print("more", flush=True)
        over.set()
        await asyncio.gather(*tasks)
asyncio.run(main())
print(json.dumps(errors))
"""
PHP = """
$client = new Dora\\Client($argv[1], ['wait' => 60, 'timeout' => 90.0]);
$errors = [];
stream_set_blocking(STDIN, false);
for ($count = 0, $until = 0; !feof(STDIN); $count++) {
    $until = fgets(STDIN) ? $count + 80 : $until;
    try {
        $client->call('/echo', $count) === $count || $errors[] = 'another value';
    } catch (Dora\\Exception $error) {
        $errors[] = $error->getCode() . ' ' . $error->getMessage();
    }
    if ($until && $count >= $until) {
        $until = 0;
        echo "more\\n";
    }
}
echo json_encode($errors), "\\n";
"""


def client_of(language, address):
    if language == "php":
        module = os.environ.get("DORA_PHP_EXTENSION")
        load = ["-d", "extension=" + module] if module else []
        return [os.environ.get("DORA_PHP", "php"), *load, "-r", PHP, "--", address]
    source = PYTHON if language == "python" else ASYNC
    return [os.environ.get("DORA_PYTHON", sys.executable), "-c", source, address]


@contextlib.contextmanager
def started(command, **more):
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def serve(address):
    return Server({"py": python_pool("basic.py", workers=2)}, listen={"tcp": address})


def more_calls(client):
    client.stdin.write("go on\n")
    client.stdin.flush()
    assert client.stdout.readline() == "more\n"


@pytest.mark.parametrize("language", ["python", "async", "php"])
def test_a_server_restarts_under_load_and_no_call_fails(language):
    address = ports.address()
    with serve(address) as first:
        with started(client_of(language, address), stdin=subprocess.PIPE) as client:
            more_calls(client)
            for _ in range(2):
                assert first.stop() == 0
                first = serve(address)
                with contextlib.ExitStack() as ended:
                    ended.callback(first.close)
                    more_calls(client)
                    ended.pop_all()
            with first:
                client.stdin.close()
                assert json.loads(client.stdout.readline()) == []


def call_command(address, *options):
    return [program(), "call", address, "/echo", "7", *options]


def test_a_call_waits_for_a_server_that_starts(tmp_path):
    path = str(tmp_path / "socket")
    with started(call_command("unix:" + path, "--wait", "60", "--timeout=90")) as waiting:
        with Server({"py": python_pool("basic.py", workers=1)},
                    listen={"tcp": "127.0.0.1:0", "unix": path}):
            assert waiting.stdout.readline() == "7\n"
            assert waiting.wait(10) == 0


def test_without_a_server_the_wait_ends_before_the_call_does(tmp_path):
    address = "unix:%s" % (tmp_path / "socket")
    for options in (["--wait=0.2"], ["--wait", "9", "--timeout", "0.4"]):
        ended = subprocess.run(call_command(address, *options), stderr=subprocess.PIPE, text=True)
        assert ended.returncode == 4
        assert "100010 cannot connect to " + address in ended.stderr


@pytest.mark.parametrize("seconds", ["", "-1", "nan", "2x", "86401"])
def test_a_wait_that_is_no_time_is_refused(seconds):
    ended = subprocess.run(call_command("127.0.0.1:1", "--wait=" + seconds),
                           stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 2
    assert "--wait must be seconds from 0 to 86400" in ended.stderr
