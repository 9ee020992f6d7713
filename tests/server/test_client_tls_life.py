"""Connections of clients over TLS while they live: shared, kept, resumed, forked, and what ends
them."""

import asyncio
import contextlib
import gc
import json
import os
import shutil
import signal
import ssl
import threading
import time

import pytest

import dora
from support import tls, tries, v1
from support.access import TOKENS, access
from support.door import Door
from support.fpm import Fpm
from support.server import Server, python_pool, wait_until
from support.tls_wire import Recorder

POOLS = {"main": python_pool("basic.py", workers=2)}
LISTEN = {"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}
BIG = 2_000_000  # just below what a frame may have


@pytest.fixture(scope="module")
def server(certificates):
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=certificates.server()) as made:
        yield made


@pytest.fixture
def node(server):
    return "tls://" + tls.address_of(server)


@pytest.fixture
def trust(certificates):
    return {"tls_ca": certificates.ca, "timeout": 20.0}


def accepted(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["accept_count"]


# ---- many, and large ----


def test_hundreds_of_calls_at_a_time_share_a_few_connections(server, node, trust):
    async def main():
        async with dora.AsyncClient(node, **trust) as client:
            return await asyncio.gather(*(client.call("/echo", i) for i in range(800)))
    before = accepted(server)
    assert asyncio.run(main()) == list(range(800))
    assert accepted(server) - before <= 4 + 1


@pytest.mark.parametrize("gzip", [False, True])
def test_frames_of_two_megabytes_go_both_ways(certificates, trust, gzip):
    text = "".join("%06d" % i for i in range(BIG // 6))

    async def many(node, options):
        async with dora.AsyncClient(node, **options) as client:
            return await asyncio.gather(*(client.call("/echo", text) for _ in range(4)))
    with Server(POOLS, listen=LISTEN, linger_ms=50, sign=True, gzip=gzip,
                tls=certificates.server()) as one:
        node = "tls://" + tls.address_of(one)
        options = {**trust, "sign": True, "gzip": gzip}
        with dora.Client(node, **options) as client:
            assert client.call("/echo", text) == text
            guids = [client.submit("/echo", text) for _ in range(3)]
            found = client.collect()
        assert [found[guid] == text for guid in guids] == [True] * 3
        assert asyncio.run(many(node, options)) == [text] * 4


# ---- kept, resumed, left ----


def test_a_second_connection_resumes_the_session_of_the_first(server, trust):
    with Recorder(int(tls.address_of(server).rsplit(":", 1)[1])) as recorder:
        with dora.Client("tls://" + recorder.address, **trust) as client:
            assert client.call("/echo", 1) == 1
            recorder.cut()
            assert client.call("/echo", 2, retry=1) == 2
        assert recorder.resumed == [False, True]

        async def main():
            async with dora.AsyncClient("tls://" + recorder.address, **trust) as client:
                assert await client.call("/echo", 1) == 1
                recorder.cut()
                assert await client.call("/echo", 2, retry=1) == 2
        asyncio.run(main())
    assert recorder.resumed == [False, True] * 2


def test_connections_of_a_client_that_is_closed_leave_nothing(server, node, trust):
    def once():
        with dora.Client(node, **trust) as client:
            assert client.call("/echo", 1) == 1

    def left_of(count):
        before = len(os.listdir("/proc/self/fd")), rss_kb()
        for _ in range(count):
            once()
        gc.collect()
        return len(os.listdir("/proc/self/fd")) - before[0], rss_kb() - before[1]

    left_of(30)
    tries.until(lambda left: left[0] <= 0 and left[1] < 1024, lambda: left_of(300), 3)


def rss_kb():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def test_a_child_has_connections_of_its_own_and_leaves_those_of_its_parent(server, node, trust):
    with dora.Client(node, **trust) as client:
        assert client.call("/echo", 1) == 1
        before = accepted(server)
        child = os.fork()
        if child == 0:
            status = 1
            with contextlib.suppress(BaseException):
                status = 0 if client.call("/echo", 2) == 2 else 2
                client.close()
            os._exit(status)
        assert os.waitpid(child, 0)[1] == 0
        assert client.call("/echo", 3) == 3
        assert accepted(server) - before == 1 + 1  # the child's, and that which asks


# ---- ended ----


class Answerer(Door):
    """`with Answerer(certificates, says) as node`: of each connection's requests the first few are
    answered, as many as `says` has for it; then it says goodbye, and closes."""

    def __init__(self, certificates, says):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificates.cert("server"), certificates.key("server"))
        self.says, self.met = says, 0
        super().__init__(self._meet)

    def _meet(self, sock):
        count = self.says[min(self.met, len(self.says) - 1)]
        self.met += 1
        splitter = v1.Splitter()
        with contextlib.suppress(OSError), self.context.wrap_socket(sock, server_side=True) as one:
            answered = 0
            while answered < count and (data := one.recv(65536)):
                for ident, _ in splitter.feed(data):
                    done = {"guid": ident, "code": 0, "msg": "OK", "data": 5}
                    one.sendall(v1.frame(ident, v1.dump({**done, "data": done})))
                    answered += 1
            if count == 0:
                one.recv(1)
            one.unwrap()

    def __enter__(self):
        return self, "tls://" + self.address


def idle():
    time.sleep(1.05)  # so long a connection is not looked at before it is used again


BOTH = pytest.mark.parametrize("kind", ["blocking", "asyncio"])


def calls(kind, node, options, count, between=lambda: None):
    """What one client has for so many calls, one behind the other: data, or the error."""
    def outcome(ask):
        try:
            return ask()
        except dora.Error as error:
            return error

    async def all_of_them():
        found = []
        async with dora.AsyncClient(node, **options) as client:
            for _ in range(count):
                found += await asyncio.gather(client.call("/x"), return_exceptions=True)
                await asyncio.get_running_loop().run_in_executor(None, between)
        return found
    if kind == "asyncio":
        return asyncio.run(all_of_them())
    found = []
    with dora.Client(node, **options) as client:
        for _ in range(count):
            found.append(outcome(lambda: client.call("/x")))
            between()
    return found


@BOTH
def test_after_a_goodbye_the_next_call_has_another_connection(certificates, trust, kind):
    with Answerer(certificates, [1, 9]) as (peer, node):
        found = calls(kind, node, trust, 2, idle)
    assert found == [5] * 2
    assert peer.met == 2


@BOTH
def test_a_goodbye_in_place_of_an_answer_leaves_it_open_whether_it_ran(certificates, trust, kind):
    with Answerer(certificates, [0, 9]) as (_, node):
        found = calls(kind, node, trust, 2)
    assert [type(found[0]), found[0].code] == [dora.ConnectionError, 100009]
    assert found[1] == 5


@BOTH
def test_such_a_call_is_sent_again_where_the_client_may(certificates, trust, kind):
    with Answerer(certificates, [0, 9]) as (peer, node):
        assert calls(kind, node, {**trust, "retry": 1}, 1) == [5]
        assert peer.met == 2


@BOTH
def test_a_node_that_cannot_be_trusted_is_set_aside(server, node, trust, certificates, kind):
    """Its calls go to the other: nothing has run."""
    keys = certificates.server("other_host")
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=keys) as bad:
        nodes = [node, "tls://" + tls.address_of(bad)]

        async def main():
            async with dora.AsyncClient(nodes, **trust) as client:
                return [await client.call("/echo", i) for i in range(20)]
        if kind == "asyncio":
            assert asyncio.run(main()) == list(range(20))
        else:
            with dora.Client(nodes, **trust) as client:
                assert [client.call("/echo", i) for i in range(20)] == list(range(20))
        with v1.Conn(bad.address) as conn:
            assert wait_until(lambda: 1 <= conn.command("getStat")["data"]["server"]["tls"][
                "failed"] <= 6)


# ---- reloads ----


def test_no_call_of_a_client_fails_while_certificates_change(certificates, tmp_path, trust):
    """Old connections go on, new ones meet the new certificate; sessions of both are resumed."""
    keys = {"cert": str(tmp_path / "cert.pem"), "key": str(tmp_path / "key.pem")}
    ended, failed, done = threading.Event(), [], []

    def put(name):
        for kind, of in (("cert", certificates.cert), ("key", certificates.key)):
            shutil.copy(of(name), keys[kind] + ".part")
            os.chmod(keys[kind] + ".part", 0o600)
        for kind in keys:
            os.replace(keys[kind] + ".part", keys[kind])

    def guarded(job):
        def run():
            try:
                while not ended.is_set():
                    done.append(job())
            except Exception as error:
                failed.append(error)
        return threading.Thread(target=run)

    def anew():
        with dora.Client(node, **trust) as client:
            assert client.call("/echo", 1) == 1

    async def several():
        async with dora.AsyncClient(node, **trust) as client:
            found = await asyncio.gather(*(client.call("/echo", i) for i in range(40)))
            assert found == list(range(40))

    put("server")
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=keys) as one, v1.Conn(one.address) as conn:
        node = "tls://" + tls.address_of(one)
        with dora.Client(node, **trust) as kept:
            jobs = [guarded(anew), guarded(lambda: asyncio.run(several())),
                    guarded(lambda: kept.call("/echo", 1))]
            for job in jobs:
                job.start()
            try:
                for i in range(6):
                    put("server2" if i % 2 == 0 else "server")
                    one.signal(signal.SIGHUP)
                    assert wait_until(lambda want=i + 1: one.log().count("reloaded, gen") >= want)
            finally:
                ended.set()
                for job in jobs:
                    job.join(60)
        assert conn.command("getStat")["code"] == 0
    assert not failed
    assert len(done) > 12


PAGE = """<?php
try {
    $options = json_decode($_SERVER['HTTP_OPTIONS'], true) + ['timeout' => 20];
    $client = new Dora\\Client($_SERVER['HTTP_NODE'], $options);
    echo json_encode([getmypid(), $client->call('/public/ping', 7)['caller']]);
} catch (Dora\\Exception $e) {
    echo json_encode([getmypid(), $e->getCode()]);
}
"""


def test_requests_of_fpm_share_a_connection_where_settings_and_identity_are_the_same(certificates,
                                                                                    tmp_path):
    known = access([{"who": "anyone", "apis": "*", "control": True}],
                   first={"cert": "client.example"}, second={"cert": "client_cn"})
    keys = certificates.server(ca=certificates.ca, verify_client="optional")
    (tmp_path / "page.php").write_text(PAGE)
    shown = [{"tls_cert": certificates.cert(name), "tls_key": certificates.key(name)}
             for name in ("client", "client_cn")]
    wanted = [({}, None), (shown[0], "first"), (shown[1], "second"),
              ({"token": TOKENS["shop"]}, "shop"), ({"token": TOKENS["stock"]}, "stock"),
              ({**shown[0], "token": TOKENS["shop"]}, "shop"), ({"tls_name": "localhost"}, None)]
    refused = [({"tls_name": "elsewhere.example"}, 100010),
               ({"tls_ca": certificates.cert("other_ca")}, 100010)]
    with Server({"main": python_pool("access.py", workers=1)}, access=known, tls=keys,
                listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}, linger_ms=50) as server, \
            Fpm(str(tmp_path)) as fpm, v1.Conn(server.address) as conn:
        def handshakes():
            return conn.command("getStat")["data"]["server"]["tls"]["handshakes"]

        def asked(options):
            return json.loads(fpm.page(
                str(tmp_path / "page.php"), HTTP_NODE="tls://" + tls.address_of(server),
                HTTP_OPTIONS=json.dumps({"tls_ca": certificates.ca, **options})))

        children = set()
        counts = []
        for _ in range(2):
            for options, caller in wanted + refused:
                child, said = asked(options)
                children.add(child)
                assert said == caller, options
            counts.append(handshakes())
        assert len(children) == 1
        # What a client refuses may look done to the server, and be counted late.
        assert len(wanted) <= counts[0] <= len(wanted + refused)
        assert counts[1] <= len(wanted + 2 * refused)  # the others were kept, over the requests
