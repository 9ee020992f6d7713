"""`wait` of dora.Client and dora.AsyncClient where a registry knows no server yet."""

import asyncio
import threading

import pytest
from test_registry import write_nodes

import dora

APP = """
    import dora
    app = dora.App()

    @app.api("/who")
    def who(param):
        return "here"
"""


def call(client, begun, **options):
    async def run():
        async with client as one:
            begun.set()
            return await one.call("/who", **options)

    def run_plain():
        with client as one:
            begun.set()
            return one.call("/who", **options)

    return asyncio.run(run()) if isinstance(client, dora.AsyncClient) else run_plain()


@pytest.fixture(params=[dora.Client, dora.AsyncClient], ids=["Client", "AsyncClient"])
def kind(request):
    return request.param


@pytest.mark.parametrize("group", [None, "shop"])
def test_a_call_waits_for_the_first_node_of_a_file(kind, serve, tmp_path, group):
    server = serve(APP)
    nodes = tmp_path / "nodes.json"
    write_nodes(nodes, "other", *([] if group is None else [server.node]))
    begun, found = threading.Event(), []

    def wait():
        client = kind(f"file:{nodes}", timeout=20)
        found.append(call(client, begun, wait=20, group=group))

    thread = threading.Thread(target=wait)
    thread.start()
    assert begun.wait(10)
    write_nodes(nodes, group or "other", server.node)
    thread.join(20)
    assert found == ["here"]


def test_a_wait_that_finds_nobody_says_so(kind, tmp_path):
    nodes = tmp_path / "nodes.json"
    write_nodes(nodes, "other")
    for options in ({"wait": 0.05}, {"wait": 20, "timeout": 0.15}):
        with pytest.raises(dora.ConnectionError, match="no server is known") as info:
            call(kind(f"file:{nodes}"), threading.Event(), **options)
        assert info.value.code == 100010


def test_a_call_may_wait_less_than_its_client(kind):
    with pytest.raises(dora.ConnectionError, match="cannot connect"):
        call(kind("127.0.0.1:1", wait=1000, timeout=1000), threading.Event(), wait=0)


def test_a_name_that_does_not_resolve_is_waited_for(kind):
    with pytest.raises(dora.ConnectionError, match="cannot connect to nowhere.invalid:1"):
        call(kind("nowhere.invalid:1", timeout=5), threading.Event(), wait=0.05)


def test_an_async_call_that_waits_can_be_cancelled_and_closed():
    async def main():
        client = dora.AsyncClient("127.0.0.1:1", wait=1000, timeout=1000)
        waiting = [asyncio.ensure_future(client.call("/who")) for _ in range(2)]
        await asyncio.sleep(0.05)  # nothing ends them meanwhile
        assert client.outstanding == 2
        waiting[0].cancel()
        await client.close()
        with pytest.raises(dora.ConnectionError, match="closed before"):
            await waiting[1]
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]

    asyncio.run(main())
