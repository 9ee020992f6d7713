"""The caller's time ends the wait: over HTTP the server ends it, other clients do so themselves.
The handler runs on, and its result is dropped, or kept for those who ask again."""

import asyncio
import json
import os
import subprocess
import threading
import time

import pytest

import dora
from support import tries, v1, web
from support.server import Server, environment, program, python_pool, wait_until

LISTEN = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
LONG = 20  # seconds that nothing here may take


@pytest.fixture(scope="module")
def server():
    with Server({"p": python_pool("stuck.py", workers=4)}, listen=LISTEN) as one:
        yield one
        assert one.stop() == 0


@pytest.fixture
def held(tmp_path):
    """A call of /wait that has its own gate: (param, mark, open the gate)."""
    mark, gate = str(tmp_path / "mark"), str(tmp_path / "gate")

    def let_go():
        with open(gate, "w"):
            pass

    yield {"mark": mark, "until": gate}, mark, let_go
    let_go()


def running(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["tasking_num"]


@pytest.mark.parametrize("by_header", [False, True])
def test_a_handler_that_is_slower_than_its_caller(server, held, by_header):
    """Where this machine stands still it may not have begun in that time: then once more."""
    param, mark, let_go = held
    with web.Web(server.http, LONG) as conn:
        def ask():
            if by_header:
                return conn.call("/wait", param, X_Dora_Timeout="200")
            return conn.call("/wait", param, "?timeout=200")

        began = time.monotonic()
        while (answer := ask())[1]["error"]["code"] == 100202:
            began = time.monotonic()
        took = time.monotonic() - began
        assert answer == (504, {"error": {"code": 100009, "msg": "the caller's time is over; "
                                                                 "the handler may still run"}})
        assert took >= 0.19
        assert os.path.exists(mark) and running(server) == 1  # it runs on
        assert conn.call("/echo", 7, "?timeout=5000") == (200, 7)  # on the same connection
        let_go()
        assert wait_until(lambda: running(server) == 0)
        assert conn.call("/echo", 8) == (200, 8)


def test_what_no_worker_has_begun_does_not_run(tmp_path):
    mark, gate, never = (str(tmp_path / name) for name in ("mark", "gate", "never"))
    with Server({"p": python_pool("stuck.py", workers=1)}, listen=LISTEN) as server:
        with v1.Conn(server.address) as busy, web.Web(server.http, LONG) as conn:
            busy.ask("W_S", {"one": ("/wait", {"mark": mark, "until": gate})})
            assert wait_until(lambda: os.path.exists(mark))
            status, body = conn.call("/wait", {"mark": never, "until": gate}, "?timeout=150")
            assert (status, body["error"]["code"]) == (504, 100202)
            with open(gate, "w"):
                pass
            assert v1.code(busy.receive()[1]) == 0
            assert conn.call("/echo", 1) == (200, 1)
            assert not os.path.exists(never)
        assert server.stop() == 0


def test_a_form_gets_what_there_is(server, held):
    """Of many apis those that have ended have their results."""
    param, mark, let_go = held
    api = {"quick": {"name": "/echo", "param": 5}, "slow": {"name": "/wait", "param": param}}
    with web.Web(server.http, LONG) as conn:
        def ask():
            status, body = conn.form("/api/multisync", {
                "guid": v1.guid(), "timeout": 700, "api": api})
            assert (status, body["code"]) == (200, 0)
            return body["data"]["quick"]["data"], body["data"]["slow"]["code"]

        # Where this machine stands still both are late.
        tries.until(lambda found: found == (5, 100009), ask)
        let_go()
        assert wait_until(lambda: running(server) == 0)
        assert conn.call("/echo", 8) == (200, 8)


def given_up(conn, param):
    """The guid of a call that has begun and whose caller's time is over. Where this machine stands
    still it may not have begun in that time: then once more."""
    def ask():
        guid = v1.guid()
        status, body = conn.call("/wait", param, "?timeout=700&attempt=0", X_Dora_Guid=guid)
        return status, body["error"]["code"], guid

    return tries.until(lambda found: found[:2] == (504, 100009), ask)[2]


def test_the_late_result_is_kept_for_repeats(server, held):
    param, mark, let_go = held
    with web.Web(server.http, LONG) as conn:
        guid = given_up(conn, param)
        # A repeat joins it, and has a time of its own.
        second = conn.call("/wait", param, "?timeout=200&attempt=1", X_Dora_Guid=guid)
        assert second[0] == 504 and second[1]["error"]["code"] == 100009
        let_go()
        status, pid = conn.call("/wait", param, "?attempt=2", X_Dora_Guid=guid)
        assert status == 200 and pid in server.workers("p").values()
        assert conn.call("/wait", param, "?attempt=3", X_Dora_Guid=guid) == (200, pid)


def test_one_joins_and_the_first_gives_up(server, held):
    """The call goes on for whoever still waits."""
    param, mark, let_go = held
    found = []

    def join():
        with web.Web(server.http, LONG) as other:
            found.append(other.call("/wait", param, "?attempt=1", X_Dora_Guid=guid))

    with web.Web(server.http, LONG) as conn:
        joiner = threading.Thread(target=join)
        guid = given_up(conn, param)
        joiner.start()
        let_go()
        joiner.join(LONG)
    assert found[0][0] == 200 and found[0][1] in server.workers("p").values()


def test_many_with_times_of_their_own(server, held):
    """Whose time is over is answered, however many others wait longer, or have left."""
    param, mark, let_go = held
    param = {**param, "mark": ""}
    body = json.dumps(param).encode()
    answers = {}

    def ask(number, time_ms):
        with web.Web(server.http, LONG) as conn:
            answers[number] = conn.call("/wait", param, "?timeout=%d" % time_ms)

    leavers = [web.raw(server.http, b"POST /call/wait?timeout=%d HTTP/1.1\r\nHost: x\r\n"
                                    b"Content-Length: %d\r\n\r\n%s" % (60000 - n, len(body), body))
               for n in range(20)]
    patient = [threading.Thread(target=ask, args=(n, 60000 + n % 3 * 1000)) for n in range(10)]
    hasty = [threading.Thread(target=ask, args=(n, 500 - n)) for n in range(100, 120)]
    for thread in hasty[::2] + patient + hasty[1::2]:
        thread.start()
    for each in leavers[::2]:
        each.close()
    for thread in hasty:
        thread.join(LONG)
    assert {answers[n][0] for n in range(100, 120)} == {504}
    assert set(answers) == set(range(100, 120))
    let_go()
    for thread in patient:
        thread.join(LONG)
    assert {answers[n][0] for n in range(10)} == {200}
    for each in leavers[1::2]:
        each.close()
    assert wait_until(lambda: running(server) == 0)


def test_a_time_that_is_over_at_once(server):
    with web.Web(server.http, LONG) as conn:
        status, body = conn.call("/echo", 1, "?timeout=0")
        # A worker may just have taken it, and refuses it: then it counts as one that might run.
        assert status == 504 and body["error"]["code"] in (100202, 100009)


# Clients of frames have a clock of their own.

PHP = """
$client = new Dora\\Client($argv[1], ['timeout' => 0.2]);
try {
    $client->call('/wait', json_decode($argv[2], true));
} catch (Dora\\TimeoutException $e) {
    echo $e->getCode();
}
"""
PHP_OLD = """
[$ip, $port] = explode(':', $argv[1]);
$config = ['app' => [['ip' => $ip, 'port' => (int) $port]]];
$client = new DoraRPC\\Client($config);
$client->changeMode(['type' => 1, 'group' => 'app']);
$answer = $client->singleAPI('/wait', json_decode($argv[2], true));
echo $answer['code'];
"""


def ask_by_python(address, param):
    with pytest.raises(dora.TimeoutError) as caught:
        dora.Client(address, timeout=0.2).call("/wait", param)
    return caught.value.code


def ask_by_asyncio(address, param):
    async def ask():
        async with dora.AsyncClient(address, timeout=0.2) as client:
            with pytest.raises(dora.TimeoutError) as caught:
                await client.call("/wait", param)
            return caught.value.code

    return asyncio.run(ask())


def ask_by_c(address, param):
    done = subprocess.run([program(), "call", address, "/wait", json.dumps(param), "--timeout",
                           "0.2"], env=environment(), capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 4
    return int("100009" in done.stderr) * 100009


def run_php(script, address, param):
    words = [os.environ.get("DORA_PHP", "php"), "-n", "-d",
             "extension=" + os.environ["DORA_PHP_EXTENSION"], "-d", "dora.timeout=0.2"]
    done = subprocess.run([*words, "-r", script, "--", address, json.dumps(param)],
                          env=environment(), capture_output=True, text=True, timeout=LONG)
    assert done.returncode == 0, done.stderr + done.stdout
    return int(done.stdout)


@pytest.mark.parametrize("ask", [
    ask_by_python, ask_by_asyncio, ask_by_c,
    lambda *asked: run_php(PHP, *asked), lambda *asked: run_php(PHP_OLD, *asked)],
    ids=["python", "asyncio", "c", "php", "dorarpc"])
def test_clients_of_frames_stop_waiting(server, held, ask):
    param, mark, let_go = held
    assert wait_until(lambda: ask(server.address, param) == 100009 and os.path.exists(mark))
    assert running(server) >= 1
    let_go()
    assert wait_until(lambda: running(server) == 0)
