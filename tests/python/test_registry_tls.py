"""Clients that find their servers in Redis over TLS: blocking, and on a loop."""

import asyncio
import json
import time

import pytest
from support.certificates import Certificates
from support.redis import RedisServer, RedisTls
from support.server import wait_until

import dora

SECRET = "s3cr/et"
WARNED_S = 10.0
LOOK_S = 0.2  # a look at a Redis that does not answer takes at most this
SLACK_S = 1.5  # of a busy machine; what waits for a Redis waits for seconds


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def redis(certificates):
    """One that asks for a certificate."""
    with RedisServer(password=SECRET, tls=RedisTls(certificates)) as one:
        yield one


@pytest.fixture
def trust(certificates):
    return {
        "tls_ca": certificates.ca,
        "tls_cert": certificates.cert("client"),
        "tls_key": certificates.key("client"),
    }


def join(redis, node):
    """What a server writes that comes."""
    ip, _, port = node.rpartition(":")
    entry = {"node": {"ip": ip, "port": int(port)}, "group": ["g"]}
    redis.command("SADD", "dora.serverlist", json.dumps(entry, separators=(",", ":")))
    redis.command("SET", f"dora.node.{ip}.{port}", "1", "EX", "20")
    redis.command("PUBLISH", "dora.nodes", "{}")


def answers_until(client, name):
    return wait_until(lambda: client.call("/who") == name)


def test_a_blocking_client_finds_who_comes(named, redis, trust):
    a, b = named("a"), named("b")
    join(redis, a.node)
    with dora.Client(redis.url, **trust) as client:
        assert client.call("/who") == "a"
        join(redis, b.node)
        assert answers_until(client, "b")


def test_a_client_on_a_loop_hears_who_comes(named, redis, trust, run):
    a, b = named("a"), named("b")
    join(redis, a.node)

    async def main():
        async with dora.AsyncClient(redis.url, **trust) as client:
            assert await client.call("/who") == "a"
            await asyncio.to_thread(join, redis, b.node)
            begun = time.monotonic()
            while await client.call("/who") != "b":
                assert time.monotonic() - begun < WARNED_S

    run(main())


def test_plain_and_tls_count_together(named, redis, trust):
    a, b = named("a"), named("b")
    join(redis, a.node)
    with RedisServer() as plain:
        join(plain, b.node)
        with dora.Client([redis.url, plain.url], **trust) as client:
            assert answers_until(client, "a") and answers_until(client, "b")


@pytest.mark.parametrize(
    ("certificate", "why"),
    [
        ("expired", "expired"),
        ("other_host", "elsewhere.example"),
        ("unknown", "unknown CA"),
    ],
)
def test_a_certificate_that_is_not_good_is_told(certificates, trust, run, certificate, why):
    with RedisServer(password=SECRET, tls=RedisTls(certificates, certificate)) as redis:
        with dora.Client(redis.url, **trust) as client:
            with pytest.raises(dora.ConnectionError, match=why) as caught:
                client.call("/who")
        assert redis.address in str(caught.value) and SECRET not in str(caught.value)

        async def main():
            async with dora.AsyncClient(redis.url, **trust) as client:
                with pytest.raises(dora.ConnectionError, match=why):
                    await client.call("/who")

        run(main())


def test_calls_go_on_when_its_certificate_is_good_no_longer(named, redis, trust, caplog):
    a = named("a")
    join(redis, a.node)
    with dora.Client(redis.url, **trust) as client:
        assert client.call("/who") == "a"
        redis.kill()
        redis.tls.certificate = "expired"
        redis.start()
        end, longest = time.monotonic() + WARNED_S, 0.0
        while "expired" not in caplog.text:
            begun = time.monotonic()
            assert client.call("/who") == "a" and begun < end
            longest = max(longest, time.monotonic() - begun)
            time.sleep(0.01)  # the pace of calls
        assert "the last ones stay" in caplog.text and SECRET not in caplog.text
        assert longest < LOOK_S + SLACK_S


def test_without_a_certificate_of_ones_own_the_reason_is_told(redis, certificates):
    with dora.Client(redis.url, tls_ca=certificates.ca) as client:
        with pytest.raises(dora.ConnectionError, match="certificate"):
            client.call("/who")


def test_each_speaks_what_the_other_does_not(redis, trust):
    with dora.Client(f"redis://{redis.address}") as client:
        with pytest.raises(dora.ConnectionError, match=r"does it want TLS \(rediss://\)\?"):
            client.call("/who")
    with RedisServer() as plain, dora.Client(f"rediss://{plain.address}", **trust) as client:
        begun = time.monotonic()
        with pytest.raises(dora.ConnectionError, match="does it speak TLS there"):
            client.call("/who")
        assert time.monotonic() - begun < 2.0 + SLACK_S


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="none.pem: No such file"):
        dora.Client("rediss://127.0.0.1", tls_ca="none.pem")
