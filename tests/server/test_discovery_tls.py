"""A server registers in real Redis over TLS; what is wrong with one is told and hurts no call."""

import json
import os
import shutil
import signal
import socket
import subprocess

import pytest

from support import v1
from support.certificates import Certificates
from support.monitor import Monitor, wait_for
from support.redis import RedisServer, RedisTls
from support.server import Server, environment, program, python_pool, wait_until
from support.tls_wire import Recorder

SECRET = "s3cr/et"
TOLD_S = 30.0


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def redis(certificates):
    """One that asks for a certificate, as Redis does where nobody says otherwise."""
    with RedisServer(password=SECRET, tls=RedisTls(certificates)) as one:
        yield one


def trust(certificates, **more):
    """discovery.tls of who may come."""
    return {"ca": certificates.ca, "cert": certificates.cert("client"),
            "key": certificates.key("client"), **more}


def serve(urls, tls=None, **config):
    discovery = {"redis": urls, **({"tls": tls} if tls else {})}
    return Server({"py": python_pool("basic.py", workers=1)}, discovery=discovery, linger_ms=50,
                  **config)


def states(server):
    with v1.Conn(server.address) as conn:
        return conn.command("getStat")["data"]["server"]["discovery"]["redis"]


def wait_state(server, state, error="", index=0):
    def is_so():
        found = states(server)[index]
        return found["state"] == state and error in found["error"]
    assert wait_until(is_so, TOLD_S), (states(server), server.log())


def wait_log(server, text):
    """States are known a moment before their line is written."""
    assert wait_until(lambda: text in server.log(), TOLD_S), server.log()


def calls_are_answered(server, count=20):
    with v1.Conn(server.address) as conn:
        for number in range(count):
            assert conn.call("/echo", number)["data"]["data"] == number


def test_one_that_asks_for_a_certificate_is_joined(redis, certificates):
    with serve([redis.url], trust(certificates)) as server:
        wait_state(server, "joined")
        known = "rediss://" + redis.address
        assert states(server)[0]["url"] == known
        assert server.address.split(":")[1] in redis.command("SMEMBERS", "dora.serverlist")[0]
        wait_log(server, "%s: joined as %s" % (known, server.address))
        assert server.stop() == 0
        assert redis.command("SMEMBERS", "dora.serverlist") == []
        assert SECRET not in server.log() and "s3cr%2Fet" not in server.log()


def test_plain_and_tls_stand_in_one_list(redis, certificates):
    with RedisServer() as plain, serve([plain.url, redis.url], trust(certificates)) as server:
        wait_state(server, "joined", index=0)
        wait_state(server, "joined", index=1)


def test_one_that_was_emptied_or_restarted_is_joined_again(certificates):
    tls = RedisTls(certificates, clients="no")
    with RedisServer(tls=tls) as redis, \
            serve([redis.url], {"ca": certificates.ca}) as server:
        wait_state(server, "joined")
        redis.command("FLUSHALL")
        assert wait_until(lambda: redis.command("SMEMBERS", "dora.serverlist"), TOLD_S)
        redis.kill()
        wait_state(server, "joining")
        redis.start()
        assert wait_until(lambda: redis.command("SMEMBERS", "dora.serverlist"), TOLD_S)
        wait_state(server, "joined")


@pytest.mark.parametrize("certificate, why", [
    ("expired", "the peer's certificate has expired"),
    ("not_yet", "the peer's certificate is not valid yet"),
    ("other_host", "elsewhere.example"),
    ("unknown", "unknown CA"),
    ("revoked", "the peer's certificate is revoked"),
])
def test_a_certificate_that_is_not_good_is_told_with_its_redis(certificates, certificate, why):
    tls = RedisTls(certificates, certificate, clients="no")
    with RedisServer(tls=tls, password=SECRET) as redis, \
            serve([redis.url], {"ca": certificates.ca, "crl": certificates.crl}) as server:
        wait_state(server, "joining", why)
        wait_log(server, "rediss://%s: down: cannot connect: " % redis.address)
        calls_are_answered(server)
        assert SECRET not in server.log()


def test_a_name_may_stand_in_place_of_the_host(certificates):
    tls = RedisTls(certificates, "other_host", clients="no")
    with RedisServer(tls=tls) as redis, \
            serve([redis.url], {"ca": certificates.ca,
                                "name": "elsewhere.example"}) as server:
        wait_state(server, "joined")


def test_a_redis_that_wants_a_certificate_says_so(redis, certificates):
    with serve([redis.url], {"ca": certificates.ca}) as server:
        wait_state(server, "joining", "certificate")
        calls_are_answered(server)


def test_each_speaks_what_the_other_does_not(redis, certificates):
    with RedisServer() as plain, \
            serve(["rediss://" + plain.address, "redis://" + redis.address],
                  trust(certificates)) as server:
        wait_state(server, "joining", "does it speak TLS there?", index=0)
        wait_state(server, "joining", "does it want TLS (rediss://)?", index=1)
        calls_are_answered(server)


def test_a_handshake_that_never_ends_is_given_up(certificates):
    with socket.create_server(("127.0.0.1", 0)) as silent, \
            serve(["rediss://127.0.0.1:%d" % silent.getsockname()[1]],
                  {"ca": certificates.ca}) as server:
        wait_state(server, "joining", "no connection within 1 s")
        calls_are_answered(server)
        assert server.stop() == 0


def test_files_are_read_again_by_a_reload(redis, certificates, tmp_path):
    ca = tmp_path / "ca.pem"
    shutil.copy(certificates.cert("other_ca"), ca)
    with serve([redis.url], trust(certificates, ca=str(ca))) as server:
        wait_state(server, "joining", "unknown CA")
        shutil.copy(certificates.ca, ca)
        reload(server)
        wait_state(server, "joined")
        ca.write_text("no certificate")
        reload(server)
        wait_log(server, "%s: has no certificate in it" % ca)
        assert "its settings stay as they were" not in server.log()  # but for discovery.tls
        redis.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        wait_state(server, "joined")
        assert "discovery.tls: changed and not in force" not in server.log()


def reload(server):
    with v1.Conn(server.address) as conn:
        assert conn.command("reloadWait", 60)["code"] == 0


def test_a_session_is_resumed(redis, certificates):
    with Recorder(redis.port) as recorder, \
            serve([redis.url.replace(redis.address, recorder.address)],
                  trust(certificates)) as server:
        wait_state(server, "joined")
        assert recorder.resumed == [False]
        recorder.cut()
        assert wait_until(lambda: len(recorder.resumed) > 1, TOLD_S)
        wait_state(server, "joined")
        assert recorder.resumed[-1]


def test_files_that_are_wrong_are_told_before_the_start(redis, certificates, tmp_path):
    config = tmp_path / "dora.json"
    app = os.path.join(os.path.dirname(__file__), "..", "support", "apps", "basic.py")
    shutil.copy(certificates.key("client"), tmp_path / "open.key")
    os.chmod(tmp_path / "open.key", 0o644)
    for tls, why in (
            ({"ca": "none.pem"}, "none.pem: No such file or directory"),
            ({"cert": certificates.cert("client"), "key": "open.key"}, "chmod 600"),
            ({"cert": certificates.cert("client"), "key": certificates.key("server")},
             "is not the key of the certificate")):
        config.write_text(json.dumps({
            "discovery": {"redis": [redis.url], "tls": tls},
            "pools": {"py": {"runtime": "python", "app": app}}}))
        done = subprocess.run([program(), "check", str(config)], env=environment(), text=True,
                              stderr=subprocess.PIPE, stdout=subprocess.PIPE)
        assert done.returncode == 1 and "discovery.tls: " in done.stderr, done
        assert why in done.stderr and SECRET not in done.stderr


def test_a_monitor_watches_over_tls(redis, certificates, tmp_path):
    file = tmp_path / "nodes.json"
    ca = tmp_path / "ca.pem"
    shutil.copy(certificates.cert("other_ca"), ca)
    flags = ["--tls-ca", str(ca), "--tls-cert", certificates.cert("client"),
             "--tls-key", certificates.key("client")]
    with serve([redis.url], trust(certificates)) as server:
        wait_state(server, "joined")
        with Monitor([redis.url], [file], *flags) as monitor:
            monitor.wait_log("unknown CA")
            assert not file.exists()
            shutil.copy(certificates.ca, ca)
            monitor.process.send_signal(signal.SIGHUP)
            wait_for(file.exists, monitor.log)
            assert server.address.replace(":", "_") in file.read_text()
            assert SECRET not in monitor.log()
            assert monitor.stop() == 0


def php(*words):
    return [os.environ.get("DORA_PHP", "php"), "-n", "-d",
            "extension=" + os.environ["DORA_PHP_EXTENSION"], *words]


PHP_CLIENT = """<?php
$client = new Dora\\Client($argv[1], ['timeout' => 5, 'tls_ca' => $argv[2], 'tls_cert' => $argv[3],
    'tls_key' => $argv[4]]);
echo $client->call('/echo', 'found');
"""
PHP_MONITOR = """<?php
$tls = ['ca' => $argv[2], 'cert' => $argv[3], 'key' => $argv[4]];
$redis = ['ip' => '127.0.0.1', 'port' => (int)$argv[1], 'password' => 's3cr/et', 'tls' => $tls];
$monitor = new DoraRPC\\Monitor('127.0.0.1', 0, ['discovery' => [[$redis]], 'config' => $argv[5]]);
$monitor->start();
"""


def test_a_php_client_finds_servers_over_tls(redis, certificates, tmp_path):
    with serve([redis.url], trust(certificates)) as server:
        wait_state(server, "joined")
        done = subprocess.run(php("-r", PHP_CLIENT.replace("<?php", ""), redis.url, certificates.ca,
                                  certificates.cert("client"), certificates.key("client")),
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.stdout == "found"


def test_the_originals_monitor_takes_a_redis_with_tls(redis, certificates, tmp_path):
    file, program_file = tmp_path / "nodes.php", tmp_path / "monitor.php"
    program_file.write_text(PHP_MONITOR)
    command = php(str(program_file), str(redis.port), certificates.ca, certificates.cert("client"),
                  certificates.key("client"), str(file))
    with serve([redis.url], trust(certificates)) as server:
        wait_state(server, "joined")
        with Monitor([], [file], command=command) as monitor:
            port = server.address.split(":")[1]
            wait_for(lambda: file.exists() and port in file.read_text(), monitor.log)
            assert monitor.stop() == 0


PHP_SERVER = """<?php
class Server extends DoraRPC\\BackEndServer
{
    function initServer($server) {}
    function initTask($server, $worker_id) {}
    function doWork($param) { return null; }
}
$tls = ['ca' => '%(ca)s', 'cert' => '%(cert)s', 'key' => '%(key)s'];
$server = new Server('127.0.0.1', 0, 0);
$server->configure(['http' => ['task_worker_num' => 1],
    'dora' => ['pid_path' => __DIR__, 'log_path' => __DIR__]]);
$server->discovery(['a'], [[['ip' => '127.0.0.1', 'port' => %(port)d, 'password' => 's3cr/et',
    'tls' => $tls]]]);
$server->start();
"""


def test_the_originals_server_registers_in_a_redis_with_tls(redis, certificates, tmp_path):
    file = tmp_path / "server.php"
    file.write_text(PHP_SERVER % {**trust(certificates), "port": redis.port})
    with Server(command=php(str(file))) as server:
        assert wait_until(lambda: server.address.split(":")[1] in "".join(
            redis.command("SMEMBERS", "dora.serverlist")), TOLD_S), server.log()


@pytest.mark.parametrize("tls, why", [
    ("'yes'", '"tls" of a Redis is true, or an array'),
    ("['cafile' => '/x']", '"tls" of a Redis is true, or an array'),
    ("['ca' => '/none'], ], ['ip' => 'h', 'port' => 1, 'tls' => ['ca' => '/other']",
     '"tls" of all Redis must have the same files'),
])
def test_what_is_wrong_with_tls_of_the_originals_lists_is_told(tls, why):
    program_text = "new DoraRPC\\Monitor('127.0.0.1', 0, ['discovery' => [['ip' => 'h', 'port' " \
        "=> 2, 'tls' => %s]], 'config' => '/x.php']);" % tls
    done = subprocess.run(php("-r", program_text), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert why in done.stdout
