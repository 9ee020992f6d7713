"""Who attacks the port for TLS hurts nobody else: each call beside it is answered."""

import concurrent.futures
import random
import socket
import ssl
import subprocess
import sys

import pytest

from support import tls, v1
from support.server import Server, python_pool, wait_until

HANDSHAKES_MAX = 1024  # of a reactor: DR_TLS_HANDSHAKES_MAX
CROWD = 1500
FLOOD = 400
FLOODERS = 4
HANDSHAKE_MS = 60000

# A crowd that connects, and says little or nothing; in a process of its own, for its many
# descriptors.
SILENT = """
import resource, select, socket, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
crowd = [socket.socket() for _ in range(int(sys.argv[2]))]
for one in crowd:
    one.setblocking(False)
    one.connect_ex(("127.0.0.1", int(sys.argv[1])))
print("there", flush=True)
for byte in bytes.fromhex(sys.argv[3]):
    if select.select([sys.stdin], [], [], 0.1)[0]:
        break
    for one in crowd:
        try:
            one.send(bytes([byte]))
        except OSError:
            pass
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def server(certificates):
    with Server({"main": python_pool("basic.py", workers=1)}, reactors=1, linger_ms=50,
                listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"},
                tls={**certificates.server(ca=certificates.ca, verify_client="optional"),
                     "handshake_ms": HANDSHAKE_MS}) as made:
        yield made


@pytest.fixture
def address(server):
    return tls.address_of(server)


@pytest.fixture
def neighbour(certificates, address):
    """A connection that was there before the attack; it and a new one are answered after it."""
    trust = tls.context(certificates)
    with tls.Conn(address, trust) as conn:
        assert conn.call("/echo", 1)["data"]["data"] == 1
        yield conn
        assert conn.call("/echo", 2)["data"]["data"] == 2
    with tls.Conn(address, trust) as conn:
        assert conn.call("/echo", 3)["data"]["data"] == 3


def numbers(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["tls"]


def hello_of(certificates, name="localhost", alpn="dora/1"):
    """The bytes that a client begins with."""
    out = ssl.MemoryBIO()
    half = tls.context(certificates, alpn=alpn).wrap_bio(ssl.MemoryBIO(), out,
                                                         server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        half.do_handshake()
    return out.read()


def said_to(address, *pieces):
    """What the server says until it ends the connection, or to a whole hello."""
    with tls.plain_socket(address) as sock:
        for piece in pieces:
            sock.sendall(piece)
        return sock.recv(65536)


def is_alert(answer):
    return answer == b"" or answer[0] == 0x15


@pytest.mark.parametrize("says", ["", "160301020001" + "0001fc0303" + "00" * 400],
                         ids=["silent", "slow"])
def test_a_silent_crowd_keeps_nobody_out(server, address, certificates, neighbour, says):
    port = address.rsplit(":", 1)[1]
    with subprocess.Popen([sys.executable, "-c", SILENT, port, str(CROWD), says],
                          text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as crowd:
        assert crowd.stdout.readline() == "there\n"
        assert wait_until(lambda: numbers(server)["open"] >= HANDSHAKES_MAX)
        with tls.Conn(address, tls.context(certificates)) as conn:  # before their time is over
            assert conn.call("/echo", "in")["data"]["data"] == "in"
        assert crowd.poll() is None
        crowd.stdin.close()
    assert wait_until(lambda: numbers(server)["open"] == 1)


def test_a_flood_of_handshakes_leaves_calls_their_turn(server, address, certificates, neighbour):
    before = numbers(server)

    def shake():
        trust = tls.context(certificates)
        for _ in range(FLOOD // FLOODERS):
            with tls.plain_socket(address) as plain:
                trust.wrap_socket(plain, server_hostname="localhost").close()

    with concurrent.futures.ThreadPoolExecutor(FLOODERS) as pool:
        floods = [pool.submit(shake) for _ in range(FLOODERS)]
        while not all(flood.done() for flood in floods):
            assert neighbour.call("/echo", "on")["data"]["data"] == "on"
        assert [flood.result() for flood in floods] == [None] * FLOODERS
    assert wait_until(lambda: numbers(server)["handshakes"] == before["handshakes"] + FLOOD)
    assert numbers(server)["failed"] == before["failed"]


def test_a_hello_may_come_byte_by_byte(address, certificates, neighbour):
    hello = hello_of(certificates)
    with tls.plain_socket(address) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(hello)):
            sock.sendall(hello[i:i + 1])
            if i % 64 == 0:
                assert neighbour.call("/echo", i)["data"]["data"] == i
        assert sock.recv(1) == b"\x16"


@pytest.mark.parametrize("name", [b"localho\0t", b"\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7",
                                  b"..........."[:9]])
def test_a_name_that_is_none_is_refused_or_passed_over(address, certificates, neighbour, name):
    hello = hello_of(certificates).replace(b"localhost", name)
    answer = said_to(address, hello)
    assert is_alert(answer) or answer[0] == 0x16


def test_a_name_of_255_bytes_is_taken(address, certificates, neighbour):
    label = "a" * 62
    name = ".".join([label] * 4)
    assert said_to(address, hello_of(certificates, name=name))[0] == 0x16


@pytest.mark.parametrize("protocol", [b"\xff" * 6, b"dora/2", b"DORA/1", b"dora/\0"])
def test_another_protocol_is_refused(address, certificates, neighbour, protocol):
    assert is_alert(said_to(address, hello_of(certificates).replace(b"dora/1", protocol)))


def test_a_thousand_damaged_hellos_end_each_its_own(server, address, certificates, neighbour):
    chance = random.Random(19)
    whole = hello_of(certificates)
    before = numbers(server)
    for _ in range(1000):
        hello = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            hello[chance.randrange(len(hello))] = chance.randrange(256)
        with tls.plain_socket(address) as sock:
            sock.sendall(hello)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
    assert wait_until(lambda: numbers(server)["failed"] >= before["failed"] + 1000)
    assert wait_until(lambda: numbers(server)["open"] == 1)


@pytest.mark.parametrize("records", [
    b"\x15\x03\x03\x00\x02\x01\x5a" * 5000,  # warnings
    b"\x15\x03\x03\x00\x02\x02\x28",  # a fatal one
    b"\x15\x03\x03\x00\x00" * 5000,  # empty ones
    b"\x14\x03\x03\x00\x01\x01" * 5000,  # changes of cipher
    b"\x17\x03\x03\x00\x00" * 5000,  # bytes before there is a key for them
    b"\x18\x03\x02\x00\x03\x01\x40\x00",  # a heartbeat
    b"\x16\x03\x01\x40\x01" + bytes(16385),  # a record that is too long
    b"\x16\x03\x01\x00\x04\x01\xff\xff\xff" + b"\x16\x03\x03\x40\x00" + bytes(16384) * 20,
    b"\x80\x2e\x01\x00\x02",  # SSL 2
])
def test_records_that_make_no_sense_end_their_connection(server, address, neighbour, records):
    failed = numbers(server)["failed"]
    with tls.plain_socket(address) as sock:
        try:
            sock.sendall(records)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass  # it did not read to the end
    assert wait_until(lambda: numbers(server)["failed"] == failed + 1)


@pytest.mark.parametrize("records", [
    b"\x15\x03\x03\x00\x02\x01\x00", b"\x16\x03\x03\x00\x04\0\0\0\0",
    b"\x17\x03\x03\x40\x00" + bytes(16384), b"plain bytes",
])
def test_what_is_not_encrypted_ends_an_open_connection(address, certificates, neighbour, records):
    with tls.plain_socket(address) as plain:
        sock = tls.context(certificates).wrap_socket(plain, server_hostname="localhost",
                                                     do_handshake_on_connect=True)
        with socket.socket(fileno=sock.detach()) as raw:
            raw.settimeout(10)
            raw.sendall(records)
            while raw.recv(65536):
                pass


def s_client(address, certificates, *options, said=""):
    return tls.s_client(address, certificates, "-alpn", "dora/1", *options, said=said)


def test_a_renegotiation_is_refused(address, certificates, neighbour):
    text = s_client(address, certificates, "-tls1_2", said="R\nR\nR\n")
    assert "RENEGOTIATING" in text and "no renegotiation" in text


def test_early_data_is_not_taken(address, certificates, neighbour, tmp_path):
    early = tmp_path / "early"
    early.write_bytes(v1.request(v1.guid(), "/echo", 1))
    session = str(tmp_path / "session")
    tls.keep_session(address, certificates, "-tls1_3", session)
    text = s_client(address, certificates, "-tls1_3", "-sess_in", session,
                    "-early_data", str(early))
    assert "Early data was not sent" in text or "Early data was rejected" in text


def test_a_change_of_keys_is_followed(address, certificates, neighbour):
    text = s_client(address, certificates, "-tls1_3", said="K\n")
    assert "KEYUPDATE" in text and "error" not in text


def said(server, words):
    return wait_until(lambda: words in server.log())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_chain_of_a_hundred_is_refused(certificates, tmp_path, version):
    chain = tmp_path / "chain.pem"
    with open(certificates.cert("client")) as leaf, open(certificates.ca) as ca:
        chain.write_text(leaf.read() + ca.read() * 100)
    refused(certificates, chain, "client", version)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_of_64_kib_is_refused(certificates, version):
    hosts = ",".join("DNS:host%05d.example" % i for i in range(3300))
    certificates.client_of("huge", hosts)
    refused(certificates, certificates.cert("huge"), "huge", version)


def refused(certificates, shown, key, version):
    """A server of its own: what its log says of the first that is refused."""
    context = tls.context(certificates, version=version)
    context.load_cert_chain(shown, certificates.key(key))
    with Server({"main": python_pool("basic.py", workers=1)}, reactors=1, linger_ms=50,
                listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"},
                tls=certificates.server(ca=certificates.ca, verify_client="optional")) as server:
        with pytest.raises(OSError):
            with tls.Conn(tls.address_of(server), context) as conn:
                conn.call("/echo", 1)  # with 1.3 the client's handshake is done before it is judged
        assert said(server, "the peer's certificate, or its chain, is too large")
        with tls.Conn(tls.address_of(server), tls.context(certificates, "client")) as conn:
            assert conn.call("/echo", 1)["data"]["data"] == 1
