"""A certificate's name is whole, and exact: no odd one of the same CA is taken for another's."""

import pytest

from support import tls, v1
from support.odd_certificates import forge
from support.server import Server, python_pool

ADMIN = "admin.example"
REFUSED = 100205


@pytest.fixture(scope="module")
def server(certificates):
    access = {"identities": {"admin": {"cert": ADMIN}},
              "rules": [{"who": "admin", "apis": ["/echo"]}]}
    with Server({"main": python_pool("basic.py", workers=1)}, reactors=1, linger_ms=50,
                listen={"tcp": None, "tls": "127.0.0.1:0"}, access=access,
                tls=certificates.server(ca=certificates.ca, verify_client="required")) as made:
        yield made


def code_for(server, certificates, cert, key=None):
    """What a call is answered that shows a certificate."""
    context = tls.context(certificates)
    context.load_cert_chain(certificates.cert(cert), certificates.key(key or cert))
    with tls.Conn(tls.address_of(server), context) as conn:
        reply = conn.call("/echo", 1)
        return v1.code(reply)


def test_the_first_dns_name_is_it(server, certificates):
    certificates.client_of("right", "DNS:admin.example,DNS:other.example")
    assert code_for(server, certificates, "right") == 0


@pytest.mark.parametrize("hosts", [
    "DNS:other.example,DNS:admin.example",
    "DNS:*.example",
    "DNS:admin.example.",
    "DNS:xn--dmin-moa0i.example",
    pytest.param("DNS:" + "a" * 10240, id="10 KiB"),
    "email:admin.example,URI:admin.example",
    "IP:127.0.0.1",
])
def test_another_name_is_another(server, certificates, hosts):
    certificates.client_of("another", hosts)
    assert code_for(server, certificates, "another") == REFUSED


@pytest.mark.parametrize("new", [
    b"admin.example\0x", b"admin.example\nx", b"admin.example x", b"admin.exampl\xc3\xa9x",
    b"admin.example\xff\xff", b"\0admin.example\0", b"\0" * 15,
])
def test_an_odd_dns_name_is_none(server, certificates, new):
    certificates.client_of("plain", "DNS:admin.examplexx")
    forge(certificates, "odd", "plain", b"admin.examplexx", new)
    assert code_for(server, certificates, "odd", "plain") == REFUSED


def test_an_odd_common_name_is_none(server, certificates):
    certificates.client_of("admin.examplexx", None)
    for new in (b"admin.example\0x", b"admin.example\nx", b"admin.example x"):
        forge(certificates, "odd", "admin.examplexx", b"admin.examplexx", new)
        assert code_for(server, certificates, "odd", "admin.examplexx") == REFUSED


def test_a_common_name_counts_where_no_dns_name_stands(server, certificates):
    certificates.client_of(ADMIN, None)
    assert code_for(server, certificates, ADMIN) == 0
    certificates.client_of(ADMIN, "DNS:other.example")
    assert code_for(server, certificates, ADMIN) == REFUSED
