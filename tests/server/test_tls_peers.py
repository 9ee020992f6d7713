"""Other programs that speak TLS: openssl, stunnel before a client that knows none, nginx."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from support import ports, streams, tls, v1
from support.server import ROOT, Server, python_pool, wait_until

POOLS = {"main": python_pool("basic.py", workers=1),
         **streams.pools(apis=["/gate", "/endless"])}
LISTEN = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0", "tls": "127.0.0.1:0",
          "admin": "127.0.0.1:0"}


@pytest.fixture(scope="module")
def server(certificates):
    keys = certificates.server(ca=certificates.ca, verify_client="optional")
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=keys) as made:
        yield made


def s_client(server, certificates, *options):
    return tls.s_client(tls.address_of(server), certificates, "-servername", "localhost",
                        "-verify_hostname", "localhost", *options)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_agrees_with_the_server(server, certificates, version):
    said = s_client(server, certificates, version, "-alpn", "dora/1")
    assert "Verify return code: 0 (ok)" in said
    assert "ALPN protocol: dora/1" in said
    assert "Compression: NONE" in said or "Compression" not in said  # newer ones know of none
    assert version == "-tls1_3" or "Secure Renegotiation IS supported" in said
    assert re.search(r"Cipher is (TLS_AES|ECDHE).*(GCM|POLY1305|CHACHA20)", said)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes_its_session(server, certificates, tmp_path, version):
    kept = str(tmp_path / "session")
    tls.keep_session(tls.address_of(server), certificates, version, kept)
    said = s_client(server, certificates, version, "-sess_in", kept)
    assert "Reused, " in said


@pytest.mark.parametrize("options", [["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                                     ["-tls1_2", "-cipher", "AES128-SHA"],
                                     ["-tls1_2", "-cipher", "AES128-GCM-SHA256"]],
                         ids=["1.1", "cbc", "no forward secrecy"])
def test_what_is_not_safe_is_refused(server, certificates, options):
    said = s_client(server, certificates, *options)
    assert "Cipher is (NONE)" in said and "alert" in said, said


def await_port(port):
    def answers():
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False
    assert wait_until(answers)


@contextlib.contextmanager
def program(argv, port):
    """A program that listens there, in front of its terminal, until the block ends."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as process:
        try:
            await_port(port)
            yield
        finally:
            process.terminate()


@pytest.mark.skipif(shutil.which("stunnel") is None, reason="no stunnel")
def test_a_client_that_knows_no_tls_comes_by_stunnel(server, certificates, tmp_path):
    port = ports.take()
    settings = tmp_path / "stunnel.conf"
    settings.write_text(
        "foreground = yes\npid =\n[dora]\nclient = yes\naccept = 127.0.0.1:%d\n"
        "connect = %s\nCAfile = %s\nverifyChain = yes\ncheckIP = 127.0.0.1\n"
        "cert = %s\nkey = %s\n" % (port, tls.address_of(server), certificates.ca,
                                   certificates.cert("client"), certificates.key("client")))
    with program(["stunnel", str(settings)], port):
        with v1.Conn("127.0.0.1:%d" % port) as conn:
            assert conn.call("/echo", {"a": 1})["data"]["data"] == {"a": 1}
            assert len(conn.call("/big", 1 << 20)["data"]["data"]) == 1 << 20


@pytest.fixture(scope="module")
def nginx(server, certificates, tmp_path_factory):
    """nginx with the file of examples/deploy, on ports of its own: HTTP's, the operators'."""
    folder = tmp_path_factory.mktemp("nginx")
    own = [ports.take(), ports.take()]
    with open(os.path.join(ROOT, "examples", "deploy", "nginx-dora.conf"),
              encoding="utf-8") as file:
        site = file.read()
    admin = re.search(r" admin=(\S+)", server.ready_line).group(1)
    for before, now in (("127.0.0.1:9566", server.http), ("127.0.0.1:9568", admin),
                        ("    listen [::]:443 ssl;\n", ""), ("    listen [::]:9443 ssl;\n", ""),
                        ("listen 443 ", "listen 127.0.0.1:%d " % own[0]),
                        ("listen 9443 ", "listen 127.0.0.1:%d " % own[1]),
                        ("/etc/dora/", certificates.folder + "/")):
        assert before in site
        site = site.replace(before, now)
    temporary = "".join("%s_temp_path %s/%s;\n" % (kind, folder, kind) for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        "daemon off;\nworker_processes 1;\npid %s/pid;\nerror_log %s/errors;\nevents {}\n"
        "http {\naccess_log off;\n%s%s}\n" % (folder, folder, temporary, site))
    with program(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], own[0]):
        yield own


def curl(*arguments):
    done = subprocess.run(["curl", "-sS", "-w", "\n%{http_code}", *arguments], timeout=60,
                          capture_output=True, text=True)
    body, _, status = done.stdout.rpartition("\n")
    return status, body, done.stderr


def test_nginx_ends_tls_for_http(nginx, certificates):
    url = "https://localhost:%d" % nginx[0]
    trust = ["--cacert", certificates.ca]
    status, body, said = curl(*trust, "-d", '{"a": [1]}', url + "/call/echo")
    assert status == "200" and json.loads(body) == {"a": [1]}, said
    assert curl(*trust, url + "/server/cmd")[0] == "404"
    assert "certificate" in curl("--cacert", certificates.cert("other_ca"), url + "/call/echo")[2]


def test_nginx_passes_parts_on_as_they_come(server, nginx, certificates, tmp_path):
    def running():
        with v1.Conn(server.address) as conn:
            return conn.command("getStat")["data"]["server"]["tasking_num"]

    url = "https://localhost:%d/stream" % nginx[0]
    command = ["curl", "-sSN", "--max-time", "30", "--cacert", certificates.ca, "-d"]
    with subprocess.Popen([*command, json.dumps(str(tmp_path)), url + "/gate"],
                          stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'{"part":"first"}\n'  # the second is not made yet
        streams.open_gate(tmp_path)
        assert process.stdout.read() == b'{"part":"last"}\n{"result":null}\n'
    with subprocess.Popen([*command, "null", url + "/endless"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b'{"part":0}\n'
        assert wait_until(lambda: running() == 1)
        process.kill()
    assert wait_until(lambda: running() == 0)  # who leaves ends it, through the proxy, too


def test_nginx_lets_operators_in_who_show_a_certificate(nginx, certificates):
    url = "https://localhost:%d/readyz" % nginx[1]
    trust = ["--cacert", certificates.ca]
    shown = ["--cert", certificates.cert("client"), "--key", certificates.key("client")]
    assert curl(*trust, *shown, url)[:2] == ("200", "ok\n")
    assert curl(*trust, url)[0] == "400"  # nginx: no required certificate was sent
