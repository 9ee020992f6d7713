"""A planned stop under clients of the original. They look at the reply's code alone, and take a
refusal for success: so they get none, and their connections end when nothing is in flight."""

import json
import os
import signal
import threading

import pytest

from support import v1
from support.server import Server, python_pool, wait_until


@pytest.fixture
def server():
    with Server({"p": python_pool("modes.py", workers=4)}, linger_ms=20000) as one:
        yield one


class Hold:
    """A call that runs until `let_go`."""

    def __init__(self, folder):
        self.file, self.gate = str(folder / "marks"), str(folder / "gate")

    def api(self):
        return {"one": ("/hold", {"file": self.file, "until": self.gate})}

    def has_begun(self):
        return os.path.exists(self.file)

    def let_go(self):
        open(self.gate, "w").close()


def begin_stop(server, watch):
    """Tells it to stop; comes back when it says that it does so."""
    server.signal(signal.SIGTERM)
    assert wait_until(lambda: watch.command("getStat")["data"]["server"]["draining"])


def test_served_on_until_nothing_is_in_flight(server, tmp_path):
    hold = Hold(tmp_path)
    with v1.Conn(server.address) as conn, v1.Conn(server.address) as watch:
        held = conn.ask("W_S", hold.api())
        assert wait_until(hold.has_begun)
        begin_stop(server, watch)
        for kind in ("W_S", "AN_S", "AM_S"):
            ident = conn.ask(kind, {"one": ("/big", 3)})
            codes = [conn.receive()[1]["code"] for _ in range(2 if kind == "AM_S" else 1)]
            assert codes == {"W_S": [0], "AN_S": [100001], "AM_S": [100001, 0]}[kind], ident
        hold.let_go()
        guid, reply = conn.receive()
        assert (guid, reply["code"]) == (held, 0)
        assert conn.receive() is None  # shut with the last reply
        conn.send(v1.request(v1.guid(), "/big", 1))  # read and dropped
        watch.close()
        conn.close()
        assert server.wait(10) == 0


def test_an_idle_one_sees_the_end_and_no_answer(server):
    with v1.Conn(server.address) as conn, v1.Conn(server.address) as fresh:
        assert conn.call("/big", 1)["code"] == 0
        server.signal(signal.SIGTERM)
        assert conn.receive() is None
        fresh.close()
        conn.close()
        assert server.wait(10) == 0


def test_a_frame_that_has_begun_is_taken(server):
    whole = v1.request(v1.guid(), "/big", 2)
    with v1.Conn(server.address) as conn, v1.Conn(server.address) as watch:
        assert conn.call("/big", 1)["code"] == 0
        conn.send(whole[:50])
        begin_stop(server, watch)
        conn.send(whole[50:])
        assert conn.receive()[1]["data"]["data"] == "xx"
        assert conn.receive() is None
        watch.close()
        conn.close()
        assert server.wait(10) == 0


def test_clients_of_dora_are_told(server, tmp_path):
    """By a key of Dora's own, or by JSON: 100207, and the connection stays for linger_ms."""
    hold = Hold(tmp_path)
    with v1.Conn(server.address) as conn, v1.Conn(server.address) as watch, \
            v1.Conn(server.address) as text:
        conn.ask("W_S", hold.api(), timeout=60000)
        assert wait_until(hold.has_begun)
        begin_stop(server, watch)
        for _ in range(2):
            conn.ask("W_S", {"one": ("/big", 1)})  # once it has sent such a key it is known
            assert conn.receive()[1]["code"] == 100207
        text.splitter = v1.Splitter(json.loads)
        ident = v1.guid()
        body = {"api": {"one": {"name": "/big", "param": 1}}, "guid": ident, "type": "W_S"}
        text.send(v1.frame(ident, json.dumps(body).encode()))
        assert text.receive()[1]["code"] == 100207
        hold.let_go()
        assert conn.receive()[1]["code"] == 0
        for each in (conn, watch, text):
            each.close()
        assert server.wait(10) == 0


class Original(threading.Thread):
    """The original's client: one connection to a server, one call after the other, any answer
    with code 0 outside is success. A call that fails goes to the other server next."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self.addresses, self.conn = list(addresses), None
        self.ended = threading.Event()
        self.false, self.failed, self.right = [], 0, 0

    def run(self):
        while not self.ended.is_set():
            try:
                if self.conn is None:
                    self.conn = v1.Conn(self.addresses[0])
                reply = self.conn.call("/big", 5)
                if reply["code"] == 0 and reply["data"].get("data") == "xxxxx":
                    self.right += 1
                else:
                    self.false.append(reply)
            except (OSError, v1.Refused):
                self.failed += 1
                self.addresses.reverse()
                if self.conn:
                    self.conn.close()
                self.conn = None


def test_one_of_two_servers_stops():
    pool = {"p": python_pool("modes.py", workers=2)}
    with Server(pool, linger_ms=500) as stays, Server(pool, linger_ms=500) as goes:
        clients = [Original([goes.address, stays.address]) for _ in range(4)]
        for client in clients:
            client.start()
        assert wait_until(lambda: all(client.right > 20 for client in clients))
        assert goes.stop() == 0
        before = [client.right for client in clients]
        assert wait_until(lambda: all(client.right > seen + 20
                                      for client, seen in zip(clients, before)))
        for client in clients:
            client.ended.set()
            client.join()
            client.conn.close()
        assert [client.false for client in clients] == [[]] * 4
        assert max(client.failed for client in clients) <= 4


def test_a_client_that_is_never_idle_is_ended_by_the_stop_timeout(tmp_path):
    hold = Hold(tmp_path)
    pool = {"p": python_pool("modes.py", workers=2)}
    with Server(pool, linger_ms=100, stop_timeout_ms=1500) as server, \
            v1.Conn(server.address) as conn:
        held = conn.ask("W_S", hold.api())
        assert wait_until(hold.has_begun)
        server.signal(signal.SIGTERM)
        codes, ended = [], None
        try:
            conn.ask("W_S", {"one": ("/big", 1)})
            while (got := conn.receive()) is not None:
                if got[0] == held:
                    ended = got[1]["data"]["code"]
                codes.append(got[1]["code"])
                conn.ask("W_S", {"one": ("/big", 1)})
        except OSError:
            pass
        assert server.wait(15) == 0
        assert 100207 not in codes and 0 in codes and ended in (100200, 100211), (codes, ended)
