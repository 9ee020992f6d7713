"""Connections over TLS, by Python's own ssl, which judges the server's."""

import re
import socket
import ssl
import subprocess
import time

from . import v1


def context(certificates, client=None, version=None, alpn="dora/1"):
    """What a client trusts and shows: the certificate named `client`, or none."""
    made = ssl.create_default_context(cafile=certificates.ca)
    if client:
        made.load_cert_chain(certificates.cert(client), certificates.key(client))
    if version:
        made.minimum_version = made.maximum_version = version
    if alpn:
        made.set_alpn_protocols([alpn])
    return made


def address_of(server):
    """Where a server says that it listens for TLS."""
    return re.search(r" tls=(\S+)", server.ready_line).group(1)


def plain_socket(address, timeout=10.0):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout)


def s_client(address, certificates, *options, said=""):
    """What `openssl s_client` has to say of a connection."""
    return subprocess.run(["openssl", "s_client", "-connect", address, "-CAfile", certificates.ca,
                           *options], input=said, text=True, errors="replace", timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout


def keep_session(address, certificates, version, path):
    """`openssl s_client` writes its session there. An answer is awaited, and so the ticket of 1.3,
    which comes before it."""
    ident = v1.guid()
    with subprocess.Popen(["openssl", "s_client", "-connect", address, "-CAfile", certificates.ca,
                           version, "-sess_out", path, "-quiet", "-no_ign_eof"],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL) as process:
        process.stdin.write(v1.request(ident, "/echo", "x"))
        process.stdin.flush()
        assert ident.encode() in process.stdout.read(36)
        process.stdin.close()
        process.stdout.read()


class Conn(v1.Conn):
    """v1.Conn over TLS; `session` is one of another connection's, to resume it."""

    def __init__(self, address, trust, timeout=10.0, session=None, name="localhost"):
        plain = plain_socket(address, timeout)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.sock = trust.wrap_socket(plain, server_hostname=name, session=session)
        except BaseException:
            plain.close()
            raise
        self.timeout = timeout
        self.splitter = v1.Splitter()
        self.ready = []

    def receive(self, timeout=None):
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while not self.ready:
            self.sock.settimeout(max(end - time.monotonic(), 0.001))
            try:
                data = self.sock.recv(262144)
            except ConnectionResetError:
                return None
            if not data:
                return None
            self.ready += self.splitter.feed(data)
        return self.ready.pop(0)
