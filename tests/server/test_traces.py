"""A call's trace: every client may give one, its handler sees it as it came, and what that handler
calls continues it by itself."""

import asyncio
import os
import re
import subprocess

import pytest

import dora
from support import v1
from support.server import HERE, Server, asking, environment, python_pool, wait_until

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("traces") / "dora.sock")
    os.environ["TRACING_NODES"] = "unix:" + path
    pools = {"py": python_pool("tracing.py", workers=2, apis=["/py/*"]),
             "loop": python_pool("tracing_async.py", workers=1, concurrency=4, apis=["/loop/*"]),
             "php": {"runtime": "php", "app": os.path.join(HERE, "apps", "tracing.php"),
                     "workers": 2, "apis": ["/php/*"]}}
    try:
        with Server(pools, log={"format": "json", "requests": "all"},
                    listen={"tcp": "127.0.0.1:0", "unix": path}) as one:
            yield one
    finally:
        del os.environ["TRACING_NODES"]


@pytest.fixture(scope="module")
def client(server):
    with dora.Client(server.address, timeout=20) as one:
        yield one


@pytest.mark.parametrize("name", ["/py/trace", "/php/trace"])
@pytest.mark.parametrize("trace", [PARENT, "any text at all", "x" * 256, None])
def test_a_handler_sees_the_trace_as_it_came(client, name, trace):
    assert client.call(name, trace=trace) == (trace or "")


def test_every_call_takes_one(client):
    both = {"a": ("/py/trace", None), "b": ("/php/trace", None)}
    assert client.call_many(both, trace=PARENT) == {"a": PARENT, "b": PARENT}
    assert client.submit("/py/trace", trace=PARENT).result(20) == PARENT
    assert client.submit_many(both, trace=PARENT).result(20) == {"a": PARENT, "b": PARENT}
    client.send("/py/trace", trace=PARENT)
    client.send_many(both, trace=PARENT)


def test_every_asynchronous_call_takes_one(server):
    async def calls():
        both = {"a": ("/py/trace", None), "b": ("/php/trace", None)}
        async with dora.AsyncClient(server.address, timeout=20) as one:
            await one.send("/py/trace", trace=PARENT)
            await one.send_many(both, trace=PARENT)
            return [await one.call("/py/trace", trace=PARENT),
                    await one.call_many(both, trace=PARENT),
                    await (await one.submit("/py/trace", trace=PARENT)).result(20),
                    await (await one.submit_many(both, trace=PARENT)).result(20),
                    await one.call("/py/trace")]
    many = {"a": PARENT, "b": PARENT}
    assert asyncio.run(calls()) == [PARENT, many, PARENT, many, ""]


@pytest.mark.parametrize("api", ["/py/as", "/php/as"])
def test_a_handler_may_give_another_one(client, api):
    found = client.call(api, "of its own", trace=PARENT)
    assert found in ("of its own", ["of its own"] * 2)


@pytest.mark.parametrize("form", [["--trace", PARENT], ["--trace=" + PARENT]])
def test_the_command_line_gives_one(server, form):
    done = subprocess.run(asking("call", server.address, "/py/trace", *form),
                          capture_output=True, text=True, env=environment(), timeout=30)
    assert done.stdout.strip() == '"%s"' % PARENT, done.stderr


@pytest.mark.parametrize("api", ["/py/on", "/php/on", "/loop/on", "/loop/plain_on"])
def test_what_a_handler_calls_continues_the_trace_under_a_span_of_its_own(client, api):
    seen = set()
    for _ in range(3):
        came, sent = client.call(api, ["/py/trace", None], trace=PARENT)
        assert came == PARENT
        assert re.fullmatch("00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01", sent), sent
        seen.add(sent)
    assert len(seen) == 3 and PARENT not in seen
    assert client.call(api, ["/py/trace", None]) == ["", ""], "the next call has none"


def test_a_trace_goes_on_through_php_and_python(client):
    came, (second, (third, last)) = client.call(
        "/php/on", ["/py/on", ["/loop/on", ["/php/trace", None]]], trace=PARENT)
    chain = [came, second, third, last]
    assert came == PARENT and len(set(chain)) == 4
    assert {one[:36] + one[52:] for one in chain} == {PARENT[:36] + PARENT[52:]}


@pytest.mark.parametrize("trace", [
    "no traceparent", "ff" + PARENT[2:], PARENT + "-more", PARENT.upper(), PARENT[:-1],
    PARENT.replace("-", "_"), "x" * 256])
def test_what_is_no_traceparent_goes_on_as_it_is(client, trace):
    assert client.call("/py/on", ["/py/trace", None], trace=trace) == [trace, trace]


def test_a_later_version_of_the_traceparent_is_continued(client):
    later = "cc" + PARENT[2:] + "-what is new"
    came, sent = client.call("/py/on", ["/py/trace", None], trace=later)
    assert came == later and sent != later and sent[:36] + sent[52:] == later[:36] + later[52:]


def test_requests_in_the_log_have_it(server, client):
    client.call("/py/trace", trace=PARENT)
    for text in ('"api":"/py/trace"', '"trace":"%s"' % PARENT):
        assert wait_until(lambda text=text: text in server.log()), server.log()


@pytest.mark.parametrize("trace, error, said", [
    ("x" * 257, ValueError, "trace has 257 bytes, at most 256 are allowed"),
    (b"00", TypeError, "trace must be str, not bytes"),
    (7, TypeError, "trace must be str, not int")])
def test_a_wrong_trace_is_refused(server, client, trace, error, said):
    with pytest.raises(error, match=said):
        client.call("/py/trace", trace=trace)
    with pytest.raises(error, match=said):
        client.call_many({"a": ("/py/trace", None)}, trace=trace)

    async def call():
        async with dora.AsyncClient(server.address) as one:
            await one.call("/py/trace", trace=trace)
    with pytest.raises(error, match=said):
        asyncio.run(call())
    with v1.Conn(server.address) as conn:  # of a client that does not look, a server takes none
        assert conn.call("/py/trace", trace="x" * 257)["data"]["data"] == ""
