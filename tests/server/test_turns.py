"""Where calls wait, callers take turns; what cannot end in its caller's time is not begun."""

import threading

from support import v1
from support.access import TOKENS, Frames, access
from support.gate import Gate, app, number_of, queued, served  # noqa: F401: app is a fixture
from support.server import wait_until
from support.web import Web


def ask_slow(conn, time_ms):
    """The reply to a caller who waits so long."""
    conn.ask("W_S", {"one": ("/slow", None)}, timeout=time_ms)
    return conn.receive()[1]


def test_flood_waits_behind_itself(app, tmp_path):
    with served(app) as server, v1.Conn(server.address) as flood, \
            v1.Conn(server.address) as polite, v1.Conn(server.address) as looker:
        with Gate(server, tmp_path / "open") as gate:
            for _ in range(300):
                flood.ask("W_S", {"one": ("/count", None)})
            assert wait_until(lambda: queued(looker) == 300)
            polite.ask("W_S", {"one": ("/count", None)})
            assert wait_until(lambda: queued(looker) == 301)
            gate.open()
            assert number_of(polite.receive()[1]) <= 2, "it waited behind the flood"
            numbers = sorted(number_of(flood.receive()[1]) for _ in range(300))
            assert numbers[-1] == 301


def test_connections_of_one_identity_share_its_turns(app, tmp_path):
    rules = access([{"who": "anyone", "apis": "*", "control": True}])
    with served(app, access=rules) as server, v1.Conn(server.address) as looker:
        flood = [Frames(server.address, TOKENS["shop"]).conn for _ in range(20)]
        polite = Frames(server.address, TOKENS["stock"]).conn
        with Gate(server, tmp_path / "open") as gate:
            for conn in flood:
                conn.ask("W_S", {"one": ("/count", None)})
            assert wait_until(lambda: queued(looker) == 20)
            for _ in range(4):
                polite.ask("W_S", {"one": ("/count", None)})
            assert wait_until(lambda: queued(looker) == 24)
            gate.open()
            assert [number_of(polite.receive()[1]) for _ in range(4)] == [2, 4, 6, 8]
            for conn in flood:
                assert number_of(conn.receive()[1]) <= 24
        for conn in [polite, *flood]:
            conn.close()


def test_many_apis_of_a_call_are_taken_whole(app, tmp_path):
    many = {str(i): ("/count", None) for i in range(50)}
    with served(app) as server, v1.Conn(server.address) as one, \
            v1.Conn(server.address) as other, v1.Conn(server.address) as looker:
        with Gate(server, tmp_path / "open") as gate:
            one.ask("W_M", many)
            assert wait_until(lambda: queued(looker) == 50)
            other.ask("W_M", many)
            assert wait_until(lambda: queued(looker) == 100)
            gate.open()
            first, second = one.receive()[1], other.receive()[1]
        for reply, expected in ((first, range(1, 51)), (second, range(51, 101))):
            numbers = [each["data"] for each in reply["data"].values()]
            assert numbers == list(expected)


def test_flood_over_http_waits_behind_itself(app, tmp_path):
    """Callers over HTTP are told apart by address: a flood may open many connections."""
    def call(source, numbers):
        with Web(server.http, timeout=60, source=source) as web:
            numbers.append(web.call("/count")[1])

    flood, polite = [], []
    with served(app) as server, v1.Conn(server.address) as looker:
        with Gate(server, tmp_path / "open") as gate:
            threads = [threading.Thread(target=call, args=("127.0.0.2", flood)) for _ in range(40)]
            for each in threads:
                each.start()
            assert wait_until(lambda: queued(looker) == 40)
            threads.append(threading.Thread(target=call, args=("127.0.0.3", polite)))
            threads[-1].start()
            assert wait_until(lambda: queued(looker) == 41)
            gate.open()
        for each in threads:
            each.join()
        assert polite[0] <= 2, "it waited behind the flood"
        assert sorted(flood + polite) == list(range(1, 42))


def test_what_cannot_end_in_time_is_refused_where_calls_wait(app):
    """Where this machine stands still nothing waits any more when it comes: then once more."""
    with served(app) as server, v1.Conn(server.address) as busy, \
            v1.Conn(server.address) as late:
        def is_refused():
            for _ in range(8):
                busy.ask("W_S", {"one": ("/slow", None)})
            for _ in range(3):
                busy.receive()
            reply = ask_slow(late, 100)
            for _ in range(5):
                busy.receive()
            return v1.code(reply) == 100203 and reply

        reply = wait_until(is_refused)
        assert reply and "would not end in the time that is left" in reply["data"]["msg"]
        assert v1.code(ask_slow(late, 9000)) == 0


def test_idle_worker_runs_what_it_may_not_end_in_time(app):
    """Where this machine stands still the time is over before the worker has it: then once more."""
    with served(app) as server, v1.Conn(server.address) as conn:
        for _ in range(4):
            conn.ask("W_S", {"one": ("/slow", None)})
        for _ in range(4):
            conn.receive()
        codes = []
        assert wait_until(lambda: codes.append(v1.code(ask_slow(conn, 100))) or 0 in codes)
        assert set(codes) <= {0, 100202}


def test_what_could_only_end_late_is_not_begun(app):
    with served(app) as server, v1.Conn(server.address) as conn:
        last, slow = v1.guid(), {"timeout": 300}  # the second would end at 400
        conn.send(b"".join(v1.request(v1.guid(), "/slow", **slow) for _ in range(6)) +
                  v1.request(last, "/slow"))
        replies = dict(conn.receive() for _ in range(7))
        assert v1.code(replies.pop(last)) == 0
        codes = [v1.code(reply) for reply in replies.values()]
        assert codes.count(0) <= 1 and set(codes) <= {0, 100202}, codes
