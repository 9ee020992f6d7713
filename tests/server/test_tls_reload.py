"""Certificates that change while a server serves, and files that cannot be taken."""

import json
import os
import shutil
import signal
import ssl
import subprocess
import threading

import pytest

from support import tls, v1
from support.reload import reload_wait
from support.server import Server, environment, program, python_pool, wait_until

POOLS = {"main": python_pool("basic.py", workers=1)}
LISTEN = {"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}


class Files:
    """Files that a server reads, and that change."""

    def __init__(self, folder, certificates):
        self.folder, self.certificates = str(folder), certificates
        self.keys = {"cert": self.at("cert.pem"), "key": self.at("key.pem"),
                     "ca": self.at("ca.pem"), "verify_client": "optional"}
        self.put("server")
        shutil.copy(certificates.ca, self.keys["ca"])

    def at(self, name):
        return os.path.join(self.folder, name)

    def put(self, name):
        shutil.copy(self.certificates.cert(name), self.keys["cert"])
        shutil.copy(self.certificates.key(name), self.keys["key"])
        os.chmod(self.keys["key"], 0o600)


@pytest.fixture
def files(tmp_path, certificates):
    return Files(tmp_path, certificates)


def reload(server):
    """Reloads; the code and what is said."""
    reply = reload_wait(server)
    return reply["code"], reply["msg"]


def shown(server, trust):
    """The number of the certificate that a new connection sees."""
    with tls.Conn(tls.address_of(server), trust) as conn:
        assert conn.call("/echo", 1)["data"]["data"] == 1
        return conn.sock.getpeercert()["serialNumber"]


def resumes(server, trust, session):
    with tls.Conn(tls.address_of(server), trust, session=session) as conn:
        assert conn.call("/echo", 1)["data"]["data"] == 1
        return conn.sock.session_reused


def test_a_reload_brings_new_certificates_and_keys_of_tickets_and_keeps_connections(files,
                                                                                   certificates):
    trust = tls.context(certificates, "client")
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=files.keys) as server:
        first = shown(server, trust)
        with tls.Conn(tls.address_of(server), trust) as old:
            old.call("/echo", 1)
            session = old.sock.session
            assert reload(server)[0] == 0
            assert resumes(server, trust, session)  # the certificate is the same
            files.put("server2")
            code, said = reload(server)
            assert code == 0, said
            assert old.call("/echo", 2)["data"]["data"] == 2
        assert wait_until(lambda: shown(server, trust) != first)
        assert not resumes(server, trust, session)


def test_a_session_is_not_resumed_where_the_ca_has_changed(files, certificates):
    trust = tls.context(certificates, "client")
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=files.keys) as server:
        with tls.Conn(tls.address_of(server), trust) as conn:
            conn.call("/echo", 1)
            session = conn.sock.session
        shutil.copy(certificates.cert("other_ca"), files.keys["ca"])
        assert reload(server)[0] == 0
        with pytest.raises(ssl.SSLError, match="(?i)unknown ca"):
            with tls.Conn(tls.address_of(server), trust, session=session) as conn:
                conn.call("/echo", 1)


@pytest.mark.parametrize("spoil, says", [
    (lambda files: os.remove(files.keys["cert"]), "tls.cert: "),
    (lambda files: shutil.copy(files.certificates.key("client"), files.keys["key"]),
     "is not the key of the certificate"),
    (lambda files: os.chmod(files.keys["key"], 0o644), "others than its owner may read this key"),
    (lambda files: open(files.keys["ca"], "w").close(), "tls.ca: "),
], ids=["gone", "another", "open", "empty"])
def test_a_reload_with_files_that_are_wrong_is_refused_and_the_old_serve_on(files, certificates,
                                                                           spoil, says):
    trust = tls.context(certificates)
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=files.keys) as server:
        first = shown(server, trust)
        spoil(files)
        code, said = reload(server)
        assert code == 100209 and says in said, said
        assert wait_until(lambda: says in server.log()), server.log()
        assert shown(server, trust) == first
        files.put("server2")
        shutil.copy(certificates.ca, files.keys["ca"])
        assert reload(server)[0] == 0
        assert wait_until(lambda: shown(server, trust) != first)


def test_reloads_under_load_fail_no_call(files, certificates):
    trust = tls.context(certificates)
    with Server(POOLS, listen=LISTEN, linger_ms=50, tls=files.keys) as server:
        ended = threading.Event()
        done, wrong = [0, 0], []

        def ask(index):
            while not ended.is_set():
                try:
                    with tls.Conn(tls.address_of(server), trust) as conn:
                        for _ in range(20):
                            if conn.call("/echo", "x")["data"]["data"] != "x":
                                wrong.append("reply")
                            done[index] += 1
                except Exception as error:  # pylint: disable=broad-except
                    wrong.append(repr(error))

        threads = [threading.Thread(target=ask, args=(index,)) for index in range(2)]
        for thread in threads:
            thread.start()
        try:
            for name in ("server2", "server", "server2"):
                before = list(done)
                files.put(name)
                assert reload(server)[0] == 0
                assert wait_until(lambda: wrong or all(now > then + 40 for now, then
                                                       in zip(done, before)))
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        assert not wrong


def running(conn):
    """The tasks that run, as getStat has them."""
    return conn.command("getStat")["data"]["server"]["pools"]["main"]["running_tasks"]


def test_a_worker_that_is_killed_costs_its_own_call(files, certificates):
    """And neither its connection nor another's, as in plain."""
    trust = tls.context(certificates)
    with Server({"main": python_pool("basic.py", workers=2)}, listen=LISTEN, linger_ms=50,
                tls=files.keys) as server:
        address = tls.address_of(server)
        with tls.Conn(address, trust) as conn, tls.Conn(address, trust) as other:
            for _ in range(5):
                ident = conn.ask("W_S", {"one": ("/sleep", 60000)})
                os.kill(wait_until(lambda: running(other))[0]["pid"], signal.SIGKILL)
                guid, reply = conn.receive()
                assert guid == ident and v1.code(reply) == 100200
                assert other.call("/echo", 1)["data"]["data"] == 1
                assert conn.call("/echo", 1)["data"]["data"] == 1


def check(tmp_path, **keys):
    """What `dora check` says of a configuration with TLS."""
    path = tmp_path / "dora.json"
    path.write_text(json.dumps({"listen": {"tls": "127.0.0.1:0"}, "tls": keys, "pools": POOLS}))
    done = subprocess.run([program(), "check", str(path)], capture_output=True, text=True,
                          timeout=60, env=environment())
    return done.returncode, done.stdout + done.stderr


def test_check_says_what_is_wrong_with_files(tmp_path, certificates):
    good = certificates.server()
    assert check(tmp_path, **good)[0] == 0
    for keys, says in (
            ({}, 'listen.tls: needs "tls.cert" and "tls.key"'),
            ({**good, "cert": "none.pem"}, "tls.cert: %s/none.pem: No such file" % tmp_path),
            ({**good, "key": certificates.key("client")}, "is not the key of the certificate"),
            ({**good, "key": certificates.at("locked.key")}, "is encrypted"),
            ({**good, "cert": certificates.key("server")}, "has no certificate in it"),
            ({**good, "verify_client": "required"}, 'tls.verify_client: needs "tls.ca"'),
            ({**good, "verify_client": "maybe"}, '"none", "optional" or "required"'),
            ({**good, "min_version": "1.1"}, 'must be "1.2" or "1.3"'),
            ({**good, "ca": certificates.ca, "verify_client": "required",
              "crl": certificates.ca}, "has no list of revoked certificates"),
            ({**good, "crl": certificates.crl}, "tls.crl: has no effect"),
            ({**good, "certificate": "x"}, "unknown key")):
        status, said = check(tmp_path, **keys)
        assert status == 1 and says in said, said
    status, said = check(tmp_path, **certificates.server("expired"))
    assert status == 0 and "note: tls: " in said and "has expired" in said
    status, said = check(tmp_path, ca=certificates.ca, verify_client="required",
                         crl=certificates.at("crl_expired.pem"), **good)
    assert status == 0 and "list of revoked certificates has expired" in said


def test_a_start_with_files_that_are_wrong_is_refused(tmp_path, certificates):
    with pytest.raises(RuntimeError, match="is not the key of the certificate"):
        Server(POOLS, listen=LISTEN,
               tls=certificates.server(key=certificates.key("client"))).close()


def test_tls_alone_is_enough(files, certificates):
    with Server(POOLS, listen={"tcp": None, "tls": "127.0.0.1:0"}, linger_ms=50,
                tls=files.keys) as server:
        assert server.address == "-"
        with tls.Conn(tls.address_of(server), tls.context(certificates)) as conn:
            assert v1.code(conn.call("/echo", 1)) == 0
