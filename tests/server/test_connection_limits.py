"""How many connections there may be, in all and of one address, and how long a frame may take."""

import asyncio
import json
import os
import signal
import socket
import ssl
import threading

import pytest

import dora
from support import v1
from support.access import TOKENS, access
from support.certificates import Certificates
from support.json_conn import JsonConn
from support.metrics import Metrics, admin_of
from support.server import Server, python_pool, wait_until
from support.web import Web, raw

LISTEN = {"tcp": "127.0.0.1:0", "http": 0, "admin": "127.0.0.1:0"}
ONE, OTHER, THIRD = "127.0.0.1", "127.0.0.2", "127.0.0.3"
SPARE = 16  # places for this machine beyond connections_max


def serve(folder, **config):
    folder.mkdir(exist_ok=True)
    listen = {**LISTEN, "unix": str(folder / "dora.sock"), **config.pop("listen", {})}
    return Server({"p": python_pool("basic.py", workers=1)}, listen=listen, **config)


def limits(conn):
    return conn.command("getStat")["data"]["server"]["limits"]


def is_refused(address, source=None):
    """Whether the call of a connection is refused for that."""
    with v1.Conn(address, source=source) as conn:
        conn.send(v1.request(v1.guid(), "/echo", 1))
        return conn.receive()[1]["code"] == 100203  # for all, where the call came late


def open_from(address, source):
    """A connection that serves."""
    conn = v1.Conn(address, source=source)
    assert conn.call("/echo", 1)["data"]["data"] == 1
    return conn


def test_an_address_has_so_many_connections(tmp_path):
    with serve(tmp_path, connections_per_address_max=2) as server:
        with v1.Conn(str(tmp_path / "dora.sock")) as operator:
            held = [open_from(server.address, OTHER) for _ in range(2)]
            assert is_refused(server.address, OTHER)
            held.append(open_from(server.address, THIRD))  # nobody else pays
            assert limits(operator)["refused"] == {
                "connections": 0, "connections_of_address": 1, "rate": 0}
            held.pop(0).close()
            assert wait_until(lambda: not is_refused(server.address, OTHER))
            for each in held:
                each.close()
        line = "a connection of 127.0.0.2 was refused: too many connections from this address " \
            "(connections_per_address_max)"
        assert wait_until(lambda: line in server.log())
        assert server.stop() == 0


@pytest.fixture
def crowded(tmp_path):
    """A server that has the one connection of loopback that it may have."""
    with serve(tmp_path, connections_per_address_max=1) as server:
        held = open_from(server.address, ONE)
        yield server
        held.close()


WHY = "too many connections from this address (connections_per_address_max)"
LATER = {"retry_after_ms": 1000}


def test_who_is_one_too_many_hears_so_under_each_guid(crowded):
    """In the encoding that it speaks, of any type, and no matter how much it sends."""
    with v1.Conn(crowded.address) as conn:
        large = v1.request(v1.guid(), "/echo", "x" * 1000000)
        idents = [v1.guid() for _ in range(3)]
        conn.send(v1.request(idents[0], "/echo", 1) + v1.request(idents[1], "/echo", 2) + large +
                  v1.request_of("AN_S", idents[2], {"one": ("/echo", 3)}))
        told = [conn.receive() for _ in range(4)]
        assert [ident for ident, _ in told if ident in idents] == idents
        told.append(conn.receive())  # after a moment: for all that may be under way
        assert told[-1][0] == "0" * 32
        for _, reply in told:
            assert (reply["code"], reply["msg"], reply["data"]) == (100203, WHY, LATER)
        assert conn.receive() is None
    with JsonConn(crowded.address) as conn:
        reply = conn.single("/echo", 1)
        assert (reply["code"], reply["msg"], reply["data"]) == (100203, WHY, LATER)
        assert conn.receive()[0] == "0" * 32


def test_who_sends_more_than_is_answered_knows_it_of_all(crowded):
    with v1.Conn(crowded.address) as conn:
        conn.send(b"".join(v1.request(v1.guid(), "/echo", i) for i in range(1000)))
        told = [conn.receive()]
        while told[-1] is not None:
            told.append(conn.receive())
        assert len(told) < 1000 and told[-2][0] == "0" * 32
        assert {reply["code"] for _, reply in told[:-1]} == {100203}


def test_clients_of_python_know_that_nothing_was_run(crowded):
    with dora.Client(crowded.address, retry=0, timeout=60) as client:
        for ask in (client.call, client.send, client.submit):
            with pytest.raises(dora.NotRunError) as caught:
                ask("/echo", 1)
            assert (caught.value.code, caught.value.retry_after_ms) == (100203, 1000)

    async def main():
        async with dora.AsyncClient(crowded.address, retry=0, timeout=60) as client:
            told = await asyncio.gather(*(client.call("/echo", i) for i in range(500)),
                                        return_exceptions=True)
            assert {(type(each), each.code) for each in told} == {(dora.NotRunError, 100203)}

    asyncio.run(main())


def test_a_client_with_a_token_knows_it_by_the_answer_to_that(tmp_path):
    rules = [{"who": "anyone", "apis": "*"}]
    with serve(tmp_path, connections_per_address_max=1, access=access(rules)) as server:
        held = open_from(server.address, ONE)
        with dora.Client(server.address, retry=0, timeout=60, token=TOKENS["shop"]) as client:
            with pytest.raises(dora.NotRunError) as caught:
                client.call("/echo", 1)
            assert (caught.value.code, caught.value.retry_after_ms) == (100203, 1000)
        told = asyncio.run(many_calls(server.address))
        assert {(type(one), one.code, one.retry_after_ms) for one in told} == {
            (dora.NotRunError, 100203, 1000)}
        with serve(tmp_path / "other", access=access(rules)) as other:
            nodes = f"{server.address},{other.address}"
            with dora.Client(nodes, retry=0, timeout=60, token=TOKENS["shop"]) as client:
                assert [client.call("/echo", i) for i in range(4)] == list(range(4))
            assert asyncio.run(many_calls(nodes)) == list(range(50))
        held.close()


async def many_calls(nodes):
    """What comes of calls by an AsyncClient with a token."""
    async with dora.AsyncClient(nodes, retry=0, timeout=60, token=TOKENS["shop"]) as client:
        return await asyncio.gather(*(client.call("/echo", i) for i in range(50)),
                                    return_exceptions=True)


def test_further_connections_are_done_without(tmp_path):
    """Where the server has no room for a second connection, all calls go by the first."""
    async def main(address):
        async with dora.AsyncClient(address, retry=0, timeout=60) as client:
            assert await client.call("/echo", 7) == 7
            found = await asyncio.gather(*(client.call("/echo", i) for i in range(50)))
            assert found == list(range(50))

    with serve(tmp_path, connections_per_address_max=1) as server:
        asyncio.run(main(server.address))


def test_a_client_that_waits_is_let_in(tmp_path):
    with serve(tmp_path, connections_per_address_max=1) as server:
        held = open_from(server.address, ONE)
        told = []

        def call():
            with dora.Client(server.address, timeout=60, wait=60) as client:
                told.append(client.call("/echo", 7))

        waits = threading.Thread(target=call)
        waits.start()
        line = "a connection of 127.0.0.1 was refused"
        assert wait_until(lambda: line in server.log())
        held.close()
        waits.join(60)
        assert told == [7]


def test_http_says_why_and_closes(tmp_path):
    with serve(tmp_path, connections_per_address_max=1) as server:
        first = Web(server.http, source=OTHER)
        assert first.call("echo", 1) == (200, 1)
        with Web(server.http, source=OTHER) as more:
            assert more.call("echo", 1) == (429, {"error": {
                "code": 429,
                "msg": "too many connections from this address (connections_per_address_max)"}})
            assert more.headers["retry-after"] == "1" and more.headers["connection"] == "close"
        assert is_refused(server.address, OTHER)  # frames and HTTP count together
        assert first.call("echo", 2) == (200, 2)
        first.close()
        metrics = Metrics(admin_of(server))
        assert metrics.one("dora_connections_refused_total", limit="address") == 2
        assert metrics.one("dora_connections_refused_total", limit="all") == 0
        assert server.stop() == 0


def test_many_that_are_refused_are_closed_at_once(tmp_path):
    """They hold no descriptors while they wait to be told, and shut nobody else out."""
    with serve(tmp_path, connections_per_address_max=1, reactors=1) as server:
        first = Web(server.http, source=OTHER)
        assert first.call("echo", 1) == (200, 1)
        host, port = server.http.rsplit(":", 1)
        many = [socket.create_connection((host, int(port)), 10, (OTHER, 0)) for _ in range(100)]
        closed = 0
        for each in many[64:]:
            each.settimeout(10)
            try:
                closed += each.recv(1) == b""
            except ConnectionResetError:
                closed += 1
        assert closed == 36
        with Web(server.http, source=THIRD) as web:
            assert web.call("echo", 3) == (200, 3)
        for each in many:
            each.close()
        first.close()


def test_all_together_have_so_many_and_operators_more(tmp_path):
    with serve(tmp_path, connections_max=4) as server:
        path = str(tmp_path / "dora.sock")
        held = [open_from(server.address, "127.0.0.%d" % (2 + number))
                for number in range(4 + SPARE)]  # loopback: operators have their places there
        assert is_refused(server.address, OTHER)
        with Web(server.http, source=THIRD) as web:
            assert web.call("echo", 1)[0] == 503
            assert web.headers["retry-after"] == "1"
        operators = [open_from(path, None) for _ in range(SPARE)]
        assert limits(operators[0])["connections_max"] == 4
        assert limits(operators[-1])["refused"]["connections"] == 2
        assert is_refused(path)
        assert Metrics(admin_of(server)).one("dora_connections_refused_total", limit="all") == 3
        for each in held + operators:
            each.close()
        assert wait_until(lambda: not is_refused(server.address, OTHER))


def test_of_many_refusals_some_are_written_down(tmp_path):
    with serve(tmp_path, connections_per_address_max=1) as server:
        held = open_from(server.address, OTHER)
        for _ in range(40):
            assert is_refused(server.address, OTHER)
        held.close()
        assert server.stop() == 0
        # Ten in ten seconds; it has taken a minute only where this machine stood still.
        assert 10 <= server.log().count("a connection of 127.0.0.2 was refused") < 40


def test_a_reload_changes_the_limits(tmp_path):
    with serve(tmp_path) as server, v1.Conn(str(tmp_path / "dora.sock")) as operator:
        held = [open_from(server.address, OTHER) for _ in range(3)]
        path = os.path.join(server.folder, "dora.json")
        with open(path) as file:
            config = json.load(file)
        config.update(connections_per_address_max=1, frame_ms=60000)
        with open(path, "w") as file:
            json.dump(config, file)
        os.kill(server.pid, signal.SIGHUP)
        assert wait_until(lambda: limits(operator)["connections_per_address_max"] == 1)
        assert held[0].call("/echo", 2)["data"]["data"] == 2  # who is there stays
        late = "changed and not in force before the server is restarted: frame_ms"
        assert wait_until(lambda: late in server.log())
        one = open_from(server.address, OTHER)  # who came before counts for no address
        assert is_refused(server.address, OTHER)
        for each in held + [one]:
            each.close()


def test_tls_counts_too(tmp_path):
    made = Certificates(str(tmp_path))
    with serve(tmp_path, listen={"tls": "127.0.0.1:0"}, tls=made.server(),
               connections_per_address_max=1) as server:
        address = server.ready_line.split("tls=")[1].split()[0]
        host, port = address.rsplit(":", 1)
        held = open_from(server.address, OTHER)
        with socket.create_connection((host, int(port)), 10, (OTHER, 0)) as sock:
            with pytest.raises((ssl.SSLError, OSError)):
                ssl._create_unverified_context().wrap_socket(sock)
        held.close()

        def is_taken():
            try:
                with socket.create_connection((host, int(port)), 10, (OTHER, 0)) as sock:
                    ssl._create_unverified_context().wrap_socket(sock).close()
                return True
            except (ssl.SSLError, OSError):
                return False

        assert wait_until(is_taken)


def test_calls_in_flight_of_one_connection_are_bounded(tmp_path):
    """Beyond them a connection is not read; none of its calls is lost, and that is counted."""
    with serve(tmp_path, connection_calls_max=2) as server, \
            v1.Conn(server.address) as conn, v1.Conn(str(tmp_path / "dora.sock")) as operator:
        idents = [v1.guid() for _ in range(20)]
        conn.send(b"".join(v1.request(each, "/sleep", 5) for each in idents))
        assert sorted(conn.receive()[0] for _ in idents) == sorted(idents)
        told = limits(operator)
        assert told["connection_calls_max"] == 2 and told["paused"]["calls"] >= 1
        assert told["paused"]["replies"] == 0


class Dribble:
    """One that sends a byte at a time, each before it could have stood still."""

    def __init__(self, sock, data):
        self.sock, self.data = sock, data
        sock.settimeout(0.05)

    def is_ended(self):
        try:
            if self.data:
                self.sock.sendall(self.data[:1])
                self.data = self.data[1:]
            return self.sock.recv(65536) == b""
        except TimeoutError:
            return False
        except OSError:
            return True


def slow_ended(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["held"]["ended"]["slow"]


@pytest.mark.parametrize("door", ["tcp", "unix", "tls", "http"])
def test_a_frame_that_dribbles_in_is_ended(tmp_path, door):
    made = Certificates(str(tmp_path))
    with serve(tmp_path, listen={"tls": "127.0.0.1:0"}, tls=made.server(), stall_ms=30000,
               frame_ms=400) as server:
        frame = v1.request(v1.guid(), "/echo", "x" * 60000)
        if door == "http":
            sock = raw(server.http)
            frame = b"POST /call/echo HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 60000
        elif door == "unix":
            sock = v1.Conn(str(tmp_path / "dora.sock")).sock
        else:
            address = server.address if door == "tcp" else \
                server.ready_line.split("tls=")[1].split()[0]
            sock = v1.Conn(address).sock
            if door == "tls":
                sock = ssl._create_unverified_context().wrap_socket(sock)
        with sock:
            slow = Dribble(sock, frame)
            assert wait_until(slow.is_ended, pause=0)
        assert wait_until(lambda: slow_ended(server) == 1)
        line = "what has begun was not whole in time (frame_ms)"
        assert wait_until(lambda: line in server.log())
