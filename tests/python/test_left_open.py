"""An AsyncClient that nobody closed, or that is closed from elsewhere; methods that are patched."""

import asyncio
import gc
import threading
import warnings
from unittest import mock

import pytest

import dora
from dora_helpers import APP, DEADLINE_S


def left_open(make, call):
    """Runs `call` on a client that `make` gives, and lets go of it. Returns what warned of it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")

        async def main():
            await call(make())

        asyncio.run(main())
        gc.collect()
    return [str(each.message) for each in caught
            if each.category is ResourceWarning and "AsyncClient" in str(each.message)]


def test_one_left_open_is_named(serve):
    server = serve(APP)
    found = left_open(lambda: dora.AsyncClient({"users": [server.node]}),
                      lambda client: client.call("/echo", 1))
    assert len(found) == 1
    assert f"unclosed <dora.AsyncClient of {{'users': ['{server.node}']}}>" in found[0]


def test_no_other_is(serve):
    server = serve(APP)

    async def closed(client):
        await client.call("/echo")
        await client.close()

    async def unused(client):
        pass

    for call in (closed, unused):
        assert left_open(lambda: dora.AsyncClient(server.node), call) == []


def test_its_name_has_no_password():
    client = dora.AsyncClient("redis://user:secret@127.0.0.1:1/0")
    assert repr(client) == "<dora.AsyncClient of 'redis://***@127.0.0.1:1/0'>"


def test_close_on_another_loop_after_its_own_has_ended(serve):
    client = dora.AsyncClient(serve(APP).node)
    assert asyncio.run(client.call("/echo", 1)) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(client.close())
        asyncio.run(client.close())
        del client
        gc.collect()


def test_close_while_its_loop_runs_in_another_thread(serve):
    client = dora.AsyncClient(serve(APP).node, timeout=DEADLINE_S)
    ready, done, outcome = threading.Event(), threading.Event(), []

    def work():
        async def main():
            await client.call("/echo", 1)
            waiting = asyncio.ensure_future(client.call("/sleep", 2))
            await asyncio.sleep(0)
            ready.set()
            try:
                await waiting
            except dora.ConnectionError as error:
                outcome.append(error)
            await asyncio.to_thread(done.wait)
        asyncio.run(main())

    thread = threading.Thread(target=work)
    thread.start()
    assert ready.wait(DEADLINE_S)
    asyncio.run(client.close())
    done.set()
    thread.join(DEADLINE_S)
    assert len(outcome) == 1
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(client.call("/echo"))


def test_close_where_its_loop_stands_still(serve):
    client = dora.AsyncClient(serve(APP).node)
    loop = asyncio.new_event_loop()
    assert loop.run_until_complete(client.call("/echo", 1)) == 1
    asyncio.run(client.close())
    loop.close()


def test_a_loop_that_goes_on_after_a_close_from_elsewhere(serve):
    client = dora.AsyncClient(serve(APP).node, timeout=DEADLINE_S)
    loop = asyncio.new_event_loop()
    complaints = []
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    assert loop.run_until_complete(client.call("/echo", 1)) == 1
    waiting = loop.create_task(client.call("/sleep", 2))
    loop.run_until_complete(asyncio.sleep(0))
    asyncio.run(client.close())
    with pytest.raises(dora.ConnectionError):
        loop.run_until_complete(asyncio.wait_for(waiting, 1.0))
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert complaints == []


@pytest.mark.parametrize("name", ["call", "call_many", "submit", "collect", "close"])
def test_methods_can_be_patched(name):
    with mock.patch.object(dora.Client, name, return_value="doubled") as doubled:
        assert getattr(dora.Client("127.0.0.1:1"), name)() == "doubled"
        doubled.assert_called_once()
    with mock.patch.object(dora.AsyncClient, name):
        pass
    with mock.patch.object(dora.App, "run"):
        dora.App().run()
    assert "doubled" not in repr(getattr(dora.Client, name))
