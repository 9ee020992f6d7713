"""How many calls an address may make over HTTP: a burst, then so many a second."""

import json
import os
import signal

import pytest

from support import v1
from support.metrics import Metrics, admin_of
from support.server import Server, python_pool, wait_until
from support.web import Web

LISTEN = {"tcp": "127.0.0.1:0", "http": 0, "admin": "127.0.0.1:0"}
OTHER, THIRD = "127.0.0.2", "127.0.0.3"
GUID = "0123456789abcdef0123456789abcdef"


def serve(**http):
    return Server({"p": python_pool("basic.py", workers=1)}, listen=LISTEN, http=http,
                  control={"http": True})


def burst(web, most=500):
    """How many calls are taken before one is refused, and that answer."""
    for count in range(most):
        status, body = web.call("echo", count)
        if status != 200:
            return count, status, body
    raise AssertionError("none of %d calls was refused" % most)


@pytest.fixture(scope="module")
def server():
    """One call a second at most: what comes back while a test runs is few."""
    with serve(rate_per_address=1, burst_per_address=20) as one:
        yield one
        assert one.stop() == 0


def test_a_burst_and_then_no_more(server):
    with Web(server.http, source=OTHER) as web:
        count, status, body = burst(web)
        assert count >= 20 and status == 429
        error = body["error"]
        assert list(error) == ["code", "msg", "retry_after_ms"]
        assert error["code"] == 429 and 1 <= error["retry_after_ms"] <= 1000
        assert error["msg"] == "too many calls from this address (http.rate_per_address)"
        assert web.headers["retry-after"] == "1"
        assert "connection" not in web.headers  # which stays
        with Web(server.http, source=THIRD) as other:  # nobody else pays
            assert other.call("echo", 7) == (200, 7)
        apis = {"guid": GUID, "api": {"a": {"name": "/echo", "param": 1}}}
        statuses = {web.form("/api/multisync", apis)[0] for _ in range(30)}
        assert 429 in statuses
        # Commands are for operators: they are not asked.
        cmd = {"guid": GUID, "api": {"cmd": {"name": "getStat"}}}
        stat = [web.form("/server/cmd", cmd) for _ in range(30)]
        assert all(status == 200 for status, _ in stat)
        refused = stat[-1][1]["data"]["server"]["limits"]["refused"]["rate"]
        assert refused >= 2
        assert Metrics(admin_of(server)).one("dora_http_rate_refused_total") == refused
    line = "a call of 127.0.0.2 was refused: it makes more than http.rate_per_address allows"
    assert wait_until(lambda: line in server.log())


def test_frames_have_no_rate(server):
    with v1.Conn(server.address, source=OTHER) as conn:
        for number in range(60):
            assert conn.call("/echo", number)["data"]["data"] == number


def test_behind_a_proxy_of_this_machine_each_client_has_its_own(server):
    with Web(server.http, source="127.0.0.9") as proxy:
        for client in ("192.0.2.1", "192.0.2.2", "2001:db8::1"):
            said = "198.51.100.7, %s" % client  # what stands before the last is anybody's
            count = 0
            while proxy.call("echo", 1, X_Forwarded_For=said)[0] == 200:
                count += 1
                assert count < 500
            assert count >= 20
        neighbour = "2001:db8::ffff:0:0:2"  # of IPv6 a host has 64 bits
        answers = [proxy.call("echo", 1, X_Forwarded_For=neighbour)[0] for _ in range(40)]
        assert 429 in answers
        assert proxy.call("echo", 1) == (200, 1)  # and the proxy its own


def test_a_reload_sets_it_and_takes_it_away():
    with serve() as server, Web(server.http, source=OTHER) as web, \
            v1.Conn(server.address) as conn:
        path = os.path.join(server.folder, "dora.json")

        def change(rate):
            with open(path) as file:
                config = json.load(file)
            config["http"] = {"rate_per_address": rate}
            with open(path, "w") as file:
                json.dump(config, file)
            os.kill(server.pid, signal.SIGHUP)
            limits = lambda: conn.command("getStat")["data"]["server"]["limits"]  # noqa: E731
            assert wait_until(lambda: limits()["rate_per_address"] == rate)

        for number in range(60):
            assert web.call("echo", number) == (200, number)
        change(1)
        assert burst(web)[0] >= 1  # without a burst those of a second
        change(0)
        for number in range(60):
            assert web.call("echo", number) == (200, number)
        assert "not in force before the server is restarted" not in server.log()
