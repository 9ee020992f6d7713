"""Frames over TLS, as Python's ssl sees them."""

import json
import os
import resource
import ssl
import struct

import pytest

from support import tls, v1
from support.server import Server, python_pool, wait_until

POOLS = {"main": python_pool("basic.py", workers=2)}
LISTEN = {"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}


def start(certificates, listen=None, linger_ms=50, name="server", tls_keys=None, **config):
    keys = certificates.server(name, ca=certificates.ca, verify_client="optional")
    return Server(POOLS, listen=listen or LISTEN, linger_ms=linger_ms,
                  tls={**keys, **(tls_keys or {})}, **config)


@pytest.fixture(scope="module")
def server(certificates):
    with start(certificates) as made:
        yield made


@pytest.fixture
def address(server):
    return tls.address_of(server)


@pytest.fixture
def trust(certificates):
    return tls.context(certificates)


def numbers(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["tls"]


def said(server, *words):
    """Whether a line of the log has all these words, once it is there."""
    def has_line():
        return any(all(word in line for word in words) for line in server.log().splitlines())
    return wait_until(has_line)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_calls_are_answered_over_both_versions(certificates, address, version):
    with tls.Conn(address, tls.context(certificates, version=version)) as conn:
        assert conn.call("/echo", {"a": [1, "b"]})["data"]["data"] == {"a": [1, "b"]}
        assert conn.sock.selected_alpn_protocol() == "dora/1"
        assert len(conn.call("/big", 1 << 20)["data"]["data"]) == 1 << 20
        conn.send(b"".join(v1.request(v1.guid(), "/echo", i) for i in range(500)))
        assert sorted(conn.receive()[1]["data"]["data"] for _ in range(500)) == list(range(500))


def test_bytes_may_come_one_by_one(address, trust):
    ident = v1.guid()
    with tls.Conn(address, trust) as conn:
        for byte in v1.request(ident, "/echo", "slow"):
            conn.send(bytes([byte]))
        assert conn.receive()[1]["data"]["data"] == "slow"


def test_large_requests_come_whole(address, trust):
    text = "x" * 1500000
    with tls.Conn(address, trust) as conn:
        assert conn.call("/echo", text)["data"]["data"] == text


def test_json_frames_are_answered_too(address, trust):
    ident = v1.guid()
    body = json.dumps({"type": "W_S", "guid": ident,
                       "api": {"one": {"name": "/echo", "param": [1]}}}).encode()
    with tls.Conn(address, trust) as conn:
        conn.splitter.decode = json.loads
        conn.send(struct.pack(">I", 32 + len(body)) + ident.encode() + body)
        assert conn.receive()[1]["data"]["data"] == [1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_sessions_are_resumed(certificates, server, address, version):
    trust = tls.context(certificates, version=version)
    with tls.Conn(address, trust) as conn:
        conn.call("/echo", 1)
        session = conn.sock.session
    before = numbers(server)["resumed"]
    with tls.Conn(address, trust, session=session) as conn:
        assert conn.call("/echo", 1)["data"]["data"] == 1
        assert conn.sock.session_reused
    assert numbers(server)["resumed"] == before + 1


def test_a_peer_without_alpn_is_served_and_one_of_another_protocol_is_not(certificates, server,
                                                                         address):
    with tls.Conn(address, tls.context(certificates, alpn=None)) as conn:
        assert conn.call("/echo", 1)["data"]["data"] == 1
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        tls.Conn(address, tls.context(certificates, alpn="h2"))
    assert said(server, "TLS connection of 127.0.0.1:", "another protocol than dora/1")


def test_the_end_is_said_by_both(address, trust):
    with tls.Conn(address, trust) as conn:
        conn.call("/echo", 1)
        conn.sock.settimeout(20)
        plain = conn.sock.unwrap()  # an exception unless the server's close_notify comes
        assert plain.recv(1) == b""
        plain.close()


@pytest.mark.parametrize("shown, problem, alert", [
    ("expired", "has expired", "CERTIFICATE_EXPIRED"),
    ("not_yet", "is not valid yet", "BAD_CERTIFICATE"),
    ("unknown", "unknown CA", "UNKNOWN_CA"),
    ("revoked", "is revoked", "CERTIFICATE_REVOKED"),
    (None, "showed no certificate", "CERTIFICATE_REQUIRED"),
])
def test_a_client_is_refused_with_the_reason(certificates, shown, problem, alert):
    keys = {"verify_client": "required", "crl": certificates.crl}
    with start(certificates, tls_keys=keys) as server:
        with pytest.raises(ssl.SSLError, match=alert):
            # With 1.3 the client has shown its certificate before the server has judged it.
            with tls.Conn(tls.address_of(server), tls.context(certificates, shown)) as conn:
                conn.call("/echo", 1)
        assert said(server, "TLS connection of 127.0.0.1:", problem)
        with tls.Conn(tls.address_of(server), tls.context(certificates, "client")) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
        assert wait_until(lambda: numbers(server)["failed"] == 1), numbers(server)


def test_only_1_3_is_spoken_where_that_is_the_oldest(certificates):
    with start(certificates, tls_keys={"min_version": "1.3"}) as server:
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            tls.Conn(tls.address_of(server),
                     tls.context(certificates, version=ssl.TLSVersion.TLSv1_2))
        assert said(server, "version of TLS is too old")


def test_plain_frames_at_the_port_for_tls_are_answered_in_plain(server, address):
    with v1.Conn(address) as conn:
        ident = v1.guid()
        conn.send(v1.request(ident, "/echo", 1))
        guid, reply = conn.receive()
        assert guid == ident and reply["code"] == 100205
        assert "the port for TLS" in reply["msg"] and "tls://" in reply["msg"]
        assert conn.receive() is None
    assert said(server, "TLS connection of 127.0.0.1:", "plain bytes")


def test_an_http_request_at_the_port_for_tls_is_named(server, address):
    with tls.plain_socket(address) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    assert b"an HTTP request came to the port for TLS" in answer
    assert said(server, "TLS connection of 127.0.0.1:", "an HTTP request")


def test_a_handshake_at_the_plain_port_is_named(server, trust):
    with pytest.raises(ssl.SSLError):
        tls.Conn(server.address, trust)
    assert said(server, "connection of 127.0.0.1:", "a TLS handshake came to the port for plain")


@pytest.mark.parametrize("rubbish", [b"\x16\x03\x01\x00\x05hello", b"\x16\x03\x01\xff\xff" * 9000,
                                     b"\x16\x03\x01\x00\x00" * 100])
def test_garbage_ends_its_connection_alone(server, address, trust, rubbish):
    with tls.Conn(address, trust) as good, tls.plain_socket(address) as sock:
        failed = numbers(server)["failed"]
        sock.sendall(rubbish)
        while sock.recv(65536):
            pass
        assert wait_until(lambda: numbers(server)["failed"] == failed + 1), numbers(server)
        assert good.call("/echo", 1)["data"]["data"] == 1


def test_a_handshake_that_is_cut_leaves_nothing(server, address, trust):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    half = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    hello = outgoing.read()
    failed = numbers(server)["failed"]
    for cut in (1, 4, 5, 60, len(hello) - 1):
        with tls.plain_socket(address) as sock:
            sock.sendall(hello[:cut])
    assert wait_until(lambda: numbers(server)["failed"] == failed + 5)
    assert wait_until(lambda: numbers(server)["open"] == 0)


def test_a_handshake_has_a_time_limit(certificates):
    with start(certificates, tls_keys={"handshake_ms": 100}) as server:
        with tls.plain_socket(tls.address_of(server)) as sock:
            assert sock.recv(1) == b""
        assert said(server, "TLS connection of 127.0.0.1:", "tls.handshake_ms")


@pytest.mark.parametrize("part", [b"\x17\x03", b"\x17\x03\x03\x01\x00",
                                  b"\x17\x03\x03\x01\x00" + bytes(200)],
                         ids=["header begun", "header", "body begun"])
def test_a_record_that_stands_still_ends_its_connection(certificates, trust, part):
    with start(certificates, stall_ms=300) as server:
        with tls.Conn(tls.address_of(server), trust) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
            os.write(conn.sock.fileno(), part)
            assert conn.receive() is None


@pytest.fixture
def many_files():
    """Descriptors for more connections than a shell allows by itself."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_handshakes_beyond_the_most_wait_to_be_accepted(certificates, trust, many_files):
    """More than a reactor has under way (DR_TLS_HANDSHAKES_MAX) begin none: a good one behind them
    has its turn when their time is over."""
    keys = {"handshake_ms": 1000}
    with start(certificates, tls_keys=keys, reactors=1) as server, \
            v1.Conn(server.address) as asker:
        def told(key):
            return asker.command("getStat")["data"]["server"]["tls"][key]

        address = tls.address_of(server)
        idle = [tls.plain_socket(address) for _ in range(1032)]
        with tls.Conn(address, trust, timeout=30) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
            assert told("failed") >= 1
        for sock in idle:
            sock.close()
        assert wait_until(lambda: told("open") == 0)
        assert server.log().count("tls.handshake_ms") <= 20  # and not 1032


def test_records_that_were_changed_end_the_connection(certificates, server, address, trust):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = trust.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with tls.plain_socket(address) as sock:
        while True:
            try:
                inner.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
                incoming.write(sock.recv(65536))
        inner.write(v1.request(v1.guid(), "/echo", 1))
        record = bytearray(outgoing.read())
        record[-1] ^= 1
        sock.sendall(record)
        while sock.recv(65536):
            pass
    assert said(server, "TLS connection of 127.0.0.1:", "bad record mac"), server.log()


def test_idle_connections_are_small(server, address, trust):
    with tls.Conn(address, trust) as first:
        first.call("/big", 100000)
        before = server.own_memory()
        conns = [tls.Conn(address, trust) for _ in range(200)]
        for conn in conns:
            conn.call("/big", 30000)
        each = (server.own_memory() - before) / len(conns)
        for conn in conns:
            conn.close()
    assert each < 56 * 1024, "%d bytes" % each  # OpenSSL 3.0 takes 35 KiB, 3.5 takes 50


def test_a_slow_reader_does_not_fill_the_memory(server, address, trust):
    with tls.Conn(address, trust) as conn:
        for _ in range(100):
            conn.send(v1.request(v1.guid(), "/big", 200000))
        total = 0
        for _ in range(100):
            total += len(conn.receive()[1]["data"]["data"])
        assert total == 100 * 200000
