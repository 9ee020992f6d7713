"""What a fork copies: the application's own forks, and what it made before the workers' one."""

import asyncio
import os

import dora
from dora_helpers import APP

SHARED_CLIENTS = """
    import asyncio, os
    import dora

    app = dora.App()
    unused = dora.AsyncClient(%(back)r, timeout=10)
    used = dora.AsyncClient(%(back)r, timeout=10)
    plain = dora.Client(%(back)r, timeout=10)
    plain.call("/echo", 0)

    async def use():
        await used.call("/echo", 0)

    asyncio.run(use())

    @app.api("/calls")
    async def calls(param):
        found = [await one.call("/echo", [param, i]) for i in range(3) for one in (unused, used)]
        return found + [plain.call("/echo", param)]
"""


def test_clients_made_while_loading_work_in_each_worker(serve):
    """Of either kind, used before the fork or not; their workers share nothing."""
    back = serve(APP, "--workers", "2", name="back.py")
    one = serve(SHARED_CLIENTS % {"back": back.node}, "--workers", "3")
    with dora.Client(one.node, timeout=20) as client:
        calls = {i: ("/calls", i) for i in range(12)}
        wanted = {i: [[i, n] for n in range(3) for _ in "ab"] + [i] for i in range(12)}
        assert client.call_many(calls) == wanted


def test_an_async_client_in_a_forked_child(serve):
    """It begins anew there, and goes on in the parent; one that was closed stays closed."""
    back = serve(APP)

    async def main():
        client = dora.AsyncClient(back.node, timeout=10)
        closed = dora.AsyncClient(back.node)
        await closed.close()
        assert await client.call("/echo", 1) == 1
        pid = os.fork()
        if pid == 0:
            os._exit(child(client, closed))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert await client.call("/echo", 2) == 2
        await client.close()

    def child(client, closed):
        asyncio.events._set_running_loop(None)
        try:
            asyncio.run(closed.call("/echo", 3))
        except RuntimeError:
            return 0 if asyncio.run(client.call("/echo", 3)) == 3 else 1
        return 2

    asyncio.run(main())
