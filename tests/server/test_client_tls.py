"""Clients of every language over TLS: whom they trust, and what they say where they do not."""

import asyncio
import contextlib
import json
import os
import socket
import ssl
import subprocess

import pytest

import dora
from support import tls, v1
from support.door import Door
from support.server import Server, asking, python_pool

try:
    import uvloop
except ImportError:
    uvloop = None  # tests/python/conftest.py says so

POOLS = {"main": python_pool("basic.py", workers=2)}
NOT_RUN = 100010
PHP = """
[$_, $node, $options] = $argv;
try {
    $client = new Dora\\Client($node, json_decode($options, true) + ['timeout' => 60]);
    echo json_encode($client->call('/echo', 7));
} catch (Throwable $e) {
    echo json_encode([$e->getCode(), $e->getMessage()]);
}
"""


# ---- callers: each gives what /echo says to 7, or [code, message] ----


def told(error):
    return [getattr(error, "code", 0), str(error)]


def by_python(node, options):
    try:
        with dora.Client(node, **{"timeout": 60, **options}) as client:
            return client.call("/echo", 7)
    except (dora.Error, ValueError) as error:
        return told(error)


def run(coroutine, new_loop=asyncio.new_event_loop):
    with contextlib.closing(new_loop()) as loop:
        return loop.run_until_complete(coroutine)


def by_asyncio(node, options, new_loop=asyncio.new_event_loop):
    async def call():
        async with dora.AsyncClient(node, **{"timeout": 60, **options}) as client:
            return await client.call("/echo", 7)
    try:
        return run(call(), new_loop)
    except (dora.Error, ValueError) as error:
        return told(error)


def by_uvloop(node, options):
    return by_asyncio(node, options, uvloop.new_event_loop)


def by_php(node, options):
    extension = os.environ.get("DORA_PHP_EXTENSION")
    module = ["-d", "extension=" + extension] if extension else []
    done = subprocess.run([os.environ.get("DORA_PHP", "php"), *module, "-r", PHP, "--", node,
                           json.dumps(options)], capture_output=True, text=True, timeout=60)
    return json.loads(done.stdout) if done.stdout else [0, done.stderr]


def by_program(node, options):
    """`dora call`: flags for what begins with tls_."""
    flags = []
    for name, value in options.items():
        flags += ["--" + name.replace("_", "-"), str(value)]
    done = subprocess.run(asking("call", node, "/echo", "7", *flags),
                          capture_output=True, text=True, timeout=60)
    if done.returncode == 0:
        return json.loads(done.stdout)
    code = done.stderr.removeprefix("dora call: " + node + ": ").split(" ", 1)[0]
    return [int(code) if code.isdigit() else 0, done.stderr]


CALLERS = {"python": by_python, "asyncio": by_asyncio, "php": by_php, "program": by_program}
LOOPS = [asyncio.new_event_loop]
if uvloop:
    CALLERS["uvloop"] = by_uvloop
    LOOPS.append(uvloop.new_event_loop)


@pytest.fixture(params=CALLERS)
def caller(request):
    return CALLERS[request.param]


# ---- servers ----


@pytest.fixture(scope="module")
def server(certificates):
    with Server(POOLS, listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}, linger_ms=50,
                tls=certificates.server()) as made:
        yield made


@pytest.fixture(scope="module")
def strict(certificates):
    """One that wants a certificate."""
    keys = certificates.server(ca=certificates.ca, crl=certificates.crl, verify_client="required")
    with Server(POOLS, listen={"tcp": None, "tls": "127.0.0.1:0"}, linger_ms=50, tls=keys) as made:
        yield made


@contextlib.contextmanager
def peer(meet):
    """`with peer(meet) as node`: `meet(sock)` has each connection, which is open until its client
    goes."""
    def hold(sock):
        meet(sock)
        while sock.recv(65536):
            pass

    with Door(hold) as door:
        yield "tls://" + door.address


def shaker(certificates, name, alpn="dora/1"):
    """Does the handshake with a certificate, and then nothing."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificates.cert(name), certificates.key(name))
    if alpn:
        made.set_alpn_protocols([alpn])

    def meet(sock):
        with made.wrap_socket(sock, server_side=True) as wrapped:
            wrapped.recv(1)
    return meet


# ---- what works ----


def test_a_call_is_answered(server, certificates, caller):
    node = "tls://" + tls.address_of(server)
    assert caller(node, {"tls_ca": certificates.ca}) == 7


def test_a_server_may_want_a_certificate(strict, certificates, caller):
    node = "tls://" + tls.address_of(strict)
    shown = {"tls_cert": certificates.cert("client"), "tls_key": certificates.key("client")}
    assert caller(node, {"tls_ca": certificates.ca, **shown}) == 7


@pytest.mark.parametrize("new_loop", LOOPS)
def test_calls_of_one_loop_share_connections_and_outgrow_records(server, certificates, new_loop):
    """Each parameter and result is larger than a record of TLS, and than what a socket takes."""
    async def ask():
        async with dora.AsyncClient("tls://" + tls.address_of(server), timeout=60,
                                    tls_ca=certificates.ca) as client:
            texts = [chr(97 + i) * 300000 for i in range(16)]
            assert await asyncio.gather(*(client.call("/echo", text) for text in texts)) == texts
            return await asyncio.gather(*(client.call("/echo", i) for i in range(500)))
    with v1.Conn(server.address) as conn:
        before = conn.command("getStat")["data"]["server"]["tls"]["handshakes"]
        assert run(ask(), new_loop) == list(range(500))
        after = conn.command("getStat")["data"]["server"]["tls"]["handshakes"]
    assert 1 <= after - before <= 8


def test_a_name_may_stand_for_that_of_the_address(certificates, server, caller):
    node = "tls://" + tls.address_of(server)
    trust = {"tls_ca": certificates.ca}
    assert caller(node, {**trust, "tls_name": "localhost"}) == 7
    code, text = caller(node, {**trust, "tls_name": "elsewhere.example"})
    assert code == NOT_RUN
    assert "is of localhost, not of elsewhere.example (tls_name)" in text


@pytest.mark.parametrize("by", [by_python, by_asyncio, by_php])
def test_tls_is_for_all_nodes_where_the_client_says_so(server, certificates, by):
    options = {"tls": True, "tls_ca": certificates.ca}
    assert by(tls.address_of(server), options) == 7


@pytest.mark.parametrize("by", [by_python, by_asyncio, by_php])
def test_a_node_file_says_which_nodes_speak_it(server, certificates, by, tmp_path):
    host, port = tls.address_of(server).rsplit(":", 1)
    file = tmp_path / "nodes.json"
    node = {"ip": host, "port": int(port), "tls": True}
    file.write_text(json.dumps({"g": {"a": node}}), encoding="ascii")
    assert by("file:%s" % file, {"tls_ca": certificates.ca}) == 7
    code, text = by("file:%s" % file, {})
    assert code == NOT_RUN and "unknown CA" in text


def test_the_environment_says_what_no_flag_does(server, certificates):
    node = "tls://" + tls.address_of(server)
    done = subprocess.run(asking("stat", "--check", node), capture_output=True, text=True,
                          timeout=60, env={**os.environ, "DORA_TLS_CA": certificates.ca})
    assert (done.returncode, done.stdout) == (0, "ok\n")


# ---- what does not ----


@pytest.mark.parametrize(("name", "words"), [
    ("expired", "the peer's certificate has expired"),
    ("not_yet", "is not valid yet"),
    ("other_host", "is of elsewhere.example, not of 127.0.0.1 (tls_name)"),
    ("unknown", "unknown CA"),
    ("revoked", "is revoked"),
])
def test_a_certificate_that_is_not_good_is_named(certificates, caller, name, words):
    with peer(shaker(certificates, name)) as node:
        code, text = caller(node, {"tls_ca": certificates.ca, "tls_crl": certificates.crl})
    assert code == NOT_RUN
    assert "cannot connect to " + node in text
    assert words in text


def test_whom_the_system_trusts_is_not_everybody(server, caller):
    code, text = caller("tls://" + tls.address_of(server), {})
    assert code == NOT_RUN and "by none that this system trusts; give the ca" in text


def test_a_server_that_wants_a_certificate_refuses_one_without(strict, certificates, caller):
    node = "tls://" + tls.address_of(strict)
    code, text = caller(node, {"tls_ca": certificates.ca})
    assert code == NOT_RUN
    assert "cannot connect to %s: the peer wants a certificate, and got none" % node in text


@pytest.mark.parametrize(("name", "words"), [
    ("revoked", "says that our certificate is revoked"),
    ("expired", "says that our certificate has expired"),
    ("unknown", "does not know the CA of our certificate"),
])
def test_a_server_says_what_it_has_against_a_certificate(strict, certificates, caller, name, words):
    shown = {"tls_cert": certificates.cert(name), "tls_key": certificates.key(name)}
    code, text = caller("tls://" + tls.address_of(strict), {"tls_ca": certificates.ca, **shown})
    assert code == NOT_RUN and words in text


def test_a_plain_port_is_named(server, certificates, caller):
    code, text = caller("tls://" + server.address, {"tls_ca": certificates.ca})
    assert code == NOT_RUN
    assert "does not speak TLS there" in text


def test_a_port_for_tls_is_named(server, caller):
    code, text = caller(tls.address_of(server), {})
    assert code != 0
    assert "tls://" in text


def test_an_alert_says_that_tls_is_spoken(caller):
    def refuse(sock):
        sock.recv(4096)
        sock.sendall(bytes([21, 3, 3, 0, 2, 2, 70]))  # alert: protocol_version
    with peer(refuse) as node:
        plain = node.removeprefix("tls://")
        code, text = caller(plain, {})
    assert code == NOT_RUN
    assert "wants tls://" in text
    assert "an alert of TLS came instead of a frame" in text


def test_a_handshake_has_the_time_of_the_call(certificates):
    with peer(lambda sock: sock.recv(1)) as node:
        for ask in (by_python, by_asyncio, by_php):
            code, text = ask(node, {"tls_ca": certificates.ca, "timeout": 0.3})
            assert code == NOT_RUN
            assert "does not answer the TLS handshake in time" in text


def test_a_handshake_that_is_cut_is_no_call(certificates, caller):
    with peer(lambda sock: (sock.recv(1), sock.shutdown(socket.SHUT_RDWR))) as node:
        code, text = caller(node, {"tls_ca": certificates.ca})
    assert code == NOT_RUN and "TLS" in text


def test_another_protocol_is_refused(certificates, caller):
    def refuse(sock):
        sock.recv(4096)
        sock.sendall(bytes([21, 3, 3, 0, 2, 2, 120]))  # alert: no_application_protocol
    with peer(refuse) as node:
        code, text = caller(node, {"tls_ca": certificates.ca})
    assert code == NOT_RUN and "(ALPN)" in text


# ---- files ----


@pytest.mark.parametrize("by", [by_python, by_asyncio, by_php])
@pytest.mark.parametrize(("options", "words"), [
    ({"tls_ca": "/nowhere.pem"}, "tls_ca: /nowhere.pem: No such file"),
    ({"tls_cert": "client.pem"}, "tls_key is missing"),
    ({"tls_cert": "client.pem", "tls_key": "server.key"}, "is not the key of the certificate"),
    ({"tls_ca": "server.key"}, "tls_ca: "),
])
def test_a_file_that_cannot_be_used_is_named_when_the_client_is_made(certificates, by, options,
                                                                    words):
    given = {name: certificates.at(value) for name, value in options.items()}
    code, text = by("tls://127.0.0.1:1", given)
    assert code == 0 and words in text


@pytest.mark.parametrize("by", [by_python, by_asyncio, by_php])
def test_files_without_a_server_over_tls_are_a_mistake(certificates, by):
    code, text = by("127.0.0.1:1", {"tls_ca": certificates.ca})
    assert code == 0
    assert "write tls://host:port, or set tls" in text
