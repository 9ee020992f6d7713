"""The priority of a call: every client and door takes one, handlers see it and hand it on, and
where calls wait it says by which shares they are taken, as the handlers' own count tells."""

import asyncio
import os
import subprocess

import pytest

import dora
from support import v1
from support.gate import Gate, app, number_of, queued, served  # noqa: F401: app is a fixture
from support.json_conn import JsonConn
from support.metrics import Metrics, admin_of
from support.server import HERE, Server, asking, environment, program, python_pool, wait_until
from support.web import Web

WORDS = ["low", "normal", "high"]
ASKED = {"a": ("/py/priority", None), "b": ("/php/priority", None)}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("priority") / "dora.sock")
    os.environ["TRACING_NODES"] = "unix:" + path
    pools = {"py": python_pool("tracing.py", workers=2, apis=["/py/*"]),
             "loop": python_pool("tracing_async.py", workers=1, concurrency=4, apis=["/loop/*"]),
             "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "tracing.php"),
                     "workers": 2, "apis": ["/php/*"]}}
    try:
        with Server(pools, listen={"tcp": "127.0.0.1:0", "unix": path,
                                   "http": "127.0.0.1:0"}) as one:
            yield one
    finally:
        del os.environ["TRACING_NODES"]


@pytest.fixture(scope="module")
def client(server):
    with dora.Client(server.address, timeout=20) as one:
        yield one


def web_form(server, word):
    with Web(server.http) as web:
        api = {"a": {"name": "/py/priority"}}
        params = {"guid": v1.guid(), "api": api, "priority": word}
        return web.form("/api/multisync", params)[1]["data"]["a"]["data"]


def by_header(server, word):
    with Web(server.http) as web:
        return web.call("/py/priority", X_Dora_Priority=word)[1]


def by_query(server, word):
    with Web(server.http) as web:
        return web.call("/py/priority", query="?priority=" + word)[1]


def by_frame(server, word):
    with v1.Conn(server.address) as conn:
        return conn.call("/py/priority", priority=word)["data"]["data"]


def by_json(server, word):
    with JsonConn(server.address) as conn:
        return conn.single("/py/priority", priority=word)["data"]["data"]


def by_command(server, word):
    done = subprocess.run(asking("call", server.address, "/py/priority", "--priority", word),
                          capture_output=True, text=True, env=environment(), timeout=30)
    return done.stdout.strip().strip('"')


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("door", [by_frame, by_json, by_header, by_query, web_form, by_command])
def test_every_door_takes_one(server, door, word):
    assert door(server, word) == word


def test_without_one_it_is_normal(server, client):
    assert client.call("/py/priority") == client.call("/php/priority") == "normal"
    with Web(server.http) as web:
        assert web.call("/py/priority") == (200, "normal")


@pytest.mark.parametrize("word", WORDS)
def test_every_call_takes_one(client, word):
    assert client.call("/py/priority", priority=word) == word
    assert client.call_many(ASKED, priority=word) == {"a": word, "b": word}
    assert client.submit("/php/priority", priority=word).result(20) == word
    assert client.submit_many(ASKED, priority=word).result(20) == {"a": word, "b": word}
    client.send("/py/priority", priority=word)
    client.send_many(ASKED, priority=word)


def test_every_asynchronous_call_takes_one(server):
    async def calls():
        async with dora.AsyncClient(server.address, timeout=20, priority="high") as one:
            await one.send("/py/priority", priority="low")
            await one.send_many(ASKED, priority="low")
            return [await one.call("/py/priority"),
                    await one.call("/py/priority", priority="low"),
                    await one.call_many(ASKED, priority="low"),
                    await (await one.submit("/py/priority", priority="low")).result(20),
                    await (await one.submit_many(ASKED, priority="low")).result(20)]
    both = {"a": "low", "b": "low"}
    assert asyncio.run(calls()) == ["high", "low", both, "low", both]


def test_calls_have_their_clients(server):
    with dora.Client(server.address, timeout=20, priority="low") as one:
        assert one.call("/py/priority") == "low"
        assert one.call("/py/priority", priority="high") == "high"
        assert one.call("/py/priority", priority=None) == "low"


@pytest.mark.parametrize("api", ["/py/on", "/php/on", "/loop/on", "/loop/plain_on"])
def test_what_a_handler_calls_has_its_callers(client, api):
    for word in ("high", "low", "normal"):
        assert client.call(api, ["/py/priority", None], priority=word)[1] == word
    chain = client.call("/php/on", ["/py/on", ["/loop/on", ["/php/priority", None]]],
                        priority="high")
    assert chain[1][1][1] == "high"
    assert client.call(api, ["/py/priority", None])[1] == "normal", "the next call has none"


@pytest.mark.parametrize("api", ["/py/with", "/php/with"])
def test_a_handler_may_give_another_one(client, api):
    for word in WORDS:
        assert client.call(api, word, priority="high") == [word, word]


@pytest.mark.parametrize("word", ["urgent", "High", "", 3, None, ["high"]])
def test_another_word_on_the_wire_is_none(server, word):
    assert by_frame(server, word) == by_json(server, word) == "normal"


def test_another_word_over_http_is_refused(server):
    said = 'X-Dora-Priority (or priority in the query) must be "low", "normal" or "high"'
    with Web(server.http) as web:
        for status, answer in (web.call("/py/priority", X_Dora_Priority="urgent"),
                               web.call("/py/priority", query="?priority=")):
            assert (status, answer["error"]) == (400, {"code": 100003, "msg": said})


@pytest.mark.parametrize("word, error, said", [
    ("urgent", ValueError, """priority must be "low", "normal" or "high", not 'urgent'"""),
    (b"low", TypeError, "priority must be str, not bytes"),
    (3, TypeError, "priority must be str, not int")])
def test_another_word_in_python_is_refused(server, client, word, error, said):
    def refused(make):
        with pytest.raises(error) as raised:
            make()
        assert str(raised.value) == said

    async def call():
        async with dora.AsyncClient(server.address) as one:
            await one.call("/py/priority", priority=word)
    refused(lambda: client.call("/py/priority", priority=word))
    refused(lambda: client.call_many(ASKED, priority=word))
    refused(lambda: dora.Client(server.address, priority=word))
    refused(lambda: dora.AsyncClient(server.address, priority=word))
    refused(lambda: asyncio.run(call()))
    refused(lambda: dora.Request("/a", priority=word))


def test_another_word_on_the_command_line_is_refused(server):
    for form in (["--priority", "urgent"], ["--priority=urgent"]):
        done = subprocess.run([program(), "call", server.address, "/py/priority", *form],
                              capture_output=True, text=True, env=environment(), timeout=30)
        assert done.returncode == 2
        assert 'dora call: --priority must be "low", "normal" or "high"' in done.stderr


def ask_one(conn, word, kind="W_S"):
    conn.ask(kind, {"one": ("/count", None)}, priority=word)


def test_calls_are_taken_by_shares(app, tmp_path):
    """16 of high, 4 of normal, 1 of low, and so again: a flood starves nobody."""
    with served(app) as server, v1.Conn(server.address) as looker:
        conns = {word: v1.Conn(server.address) for word in WORDS}
        counts = {"low": 2, "normal": 8, "high": 32}
        with Gate(server, tmp_path / "open") as gate:
            for word, conn in conns.items():
                for _ in range(counts[word]):
                    ask_one(conn, word)
            assert wait_until(lambda: queued(looker) == sum(counts.values()))
            told = looker.command("getStat")["data"]["server"]["pools"]["p"]["priorities"]
            assert {word: told[word]["waiting"] for word in WORDS} == counts
            gate.open()
            order = sorted((number_of(conn.receive()[1]), word) for word, conn in conns.items()
                           for _ in range(counts[word]))
        assert "".join(word[0] for _, word in order) == "hhhhnhhhhnhhhhnhhhhnl" * 2
        for conn in conns.values():
            conn.close()


def test_a_flood_of_high_calls_waits_behind_itself(app, tmp_path):
    with served(app) as server, v1.Conn(server.address) as looker, \
            v1.Conn(server.address) as flood, v1.Conn(server.address) as polite:
        with Gate(server, tmp_path / "open") as gate:
            for _ in range(100):
                ask_one(flood, "high")
            assert wait_until(lambda: queued(looker) == 100)
            ask_one(polite, "high")
            assert wait_until(lambda: queued(looker) == 101)
            gate.open()
            assert number_of(polite.receive()[1]) == 2
            assert sorted(number_of(flood.receive()[1]) for _ in range(100))[-1] == 101


def test_accepted_work_has_its_priority_and_its_order(app, tmp_path):
    with served(app) as server, v1.Conn(server.address) as looker, \
            v1.Conn(server.address) as one, v1.Conn(server.address) as other:
        with Gate(server, tmp_path / "open") as gate:
            for _ in range(3):
                ask_one(one, "low", "AM_S")
                assert one.receive()[1]["code"] == 100001
            ask_one(one, None, "AM_S")
            assert one.receive()[1]["code"] == 100001
            ask_one(other, "high", "AM_S")
            assert other.receive()[1]["code"] == 100001
            assert wait_until(lambda: queued(looker) == 5)
            gate.open()
            assert number_of(other.receive()[1]) == 1
            assert [number_of(one.receive()[1]) for _ in range(4)] == [2, 3, 4, 5]


def test_many_apis_of_a_low_call_are_taken_whole(app, tmp_path):
    many = {str(i): ("/count", None) for i in range(20)}
    with served(app) as server, v1.Conn(server.address) as looker, \
            v1.Conn(server.address) as one, v1.Conn(server.address) as other:
        with Gate(server, tmp_path / "open") as gate:
            one.ask("W_M", many, priority="low")
            for _ in range(20):
                ask_one(other, "high")
            assert wait_until(lambda: queued(looker) == 40)
            gate.open()
            numbers = [each["data"] for each in one.receive()[1]["data"].values()]
        assert numbers == list(range(17, 37)), "behind 16 high calls"


def test_low_calls_fill_half_of_the_queue(app, tmp_path):
    with served(app, pool={"queue_tasks_max": 4}) as server, v1.Conn(server.address) as looker, \
            v1.Conn(server.address) as low, v1.Conn(server.address) as others:
        with Gate(server, tmp_path / "open") as gate:
            for _ in range(2):
                ask_one(low, "low")
            assert wait_until(lambda: queued(looker) == 2)
            ask_one(low, "low")
            assert v1.code(low.receive()[1]) == 100203
            ask_one(others, "normal")
            ask_one(others, "high")
            assert wait_until(lambda: queued(looker) == 4)
            ask_one(others, "high")
            assert v1.code(others.receive()[1]) == 100203
            gate.open()
            for conn in (low, low, others, others):
                assert v1.code(conn.receive()[1]) == 0


def test_a_repeat_may_have_another_one(app, tmp_path):
    """It is no other call for that."""
    guid = v1.guid()
    with served(app) as server, v1.Conn(server.address) as conn:
        for word in WORDS:
            conn.send(v1.request(guid, "/count", attempt=0, priority=word))
            assert number_of(conn.receive()[1]) == 1


def test_what_has_been_done_is_told_by_priority(app, tmp_path):
    doors = {"tcp": "127.0.0.1:0", "admin": "127.0.0.1:0"}
    with served(app, listen=doors) as server, v1.Conn(server.address) as conn:
        def line():
            done = subprocess.run(asking("stat", server.address), capture_output=True,
                                  text=True, env=environment(), timeout=30)
            return [each for each in done.stdout.splitlines() if "priority" in each]
        assert v1.code(conn.call("/count")) == 0
        assert line() == []
        for word in ("high", "high", "low"):
            assert v1.code(conn.call("/count", priority=word)) == 0
        told = conn.command("getStat")["data"]["server"]["pools"]["p"]["priorities"]
        assert told == {word: {"waiting": 0, "handled": count}
                        for word, count in (("high", 2), ("normal", 1), ("low", 1))}
        assert line() == ["pool p: high priority 0 waiting, 2 done, normal 0, 1, low 0, 1"]
        found = Metrics(admin_of(server))
        for word, count in (("high", 2), ("normal", 1), ("low", 1)):
            labels = frozenset({("pool", "p"), ("priority", word)})
            assert found["dora_tasks_done_total", labels] == count
            assert found["dora_tasks_waiting", labels] == 0
