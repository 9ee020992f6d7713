"""The guide's FastAPI application: requests share one client, errors have their status."""

import asyncio
import json
import re
import socket
from pathlib import Path

import pytest

from dora_helpers import ROOT
from test_async import echo

fastapi = pytest.importorskip("fastapi")
USERS = """
    import dora
    app = dora.App()

    @app.api("/user/get")
    def user_get(param):
        if param["id"] == 0:
            raise ValueError("no user 0")
        return {"id": param["id"], "name": "Ann"}
"""
REDIS = '["redis://10.0.0.21:6379", "redis://10.0.0.22:6379"]'


def guide(nodes):
    """The guide's program, with servers in place of its Redis."""
    text = Path(ROOT / "bindings/python/README.md").read_text(encoding="utf-8")
    source = re.search(r"^```python file=api.py\n(.*?)^```", text, re.M | re.S).group(1)
    assert source.count(REDIS) == 1
    names = {"__name__": "api"}
    exec(compile(source.replace(REDIS, repr({"users": nodes})), "api.py", "exec"), names)
    api = names["api"]
    api.router.lifespan_context = names["lifespan"]  # FastAPI before 0.93 does not take it
    return api


async def get(api, path):
    """What an ASGI server would send for GET. Returns: (status, body)."""
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
             "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": b"",
             "root_path": "", "headers": [], "client": ("127.0.0.1", 1), "server": ("api", 80)}
    sent = []

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message):
        sent.append(message)

    await api(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent))


def test_all_requests_share_the_connections(peer, run):
    server = peer(echo)
    api = guide(server.node)

    async def main():
        async with api.router.lifespan_context(api):
            found = await asyncio.gather(*(get(api, f"/users/{i}") for i in range(40)))
        assert found == [(200, {"id": i}) for i in range(40)]

    run(main())
    assert 1 <= server.connections <= 4


def test_what_a_handler_raises_is_502(serve, run):
    api = guide(serve(USERS).node)

    async def main():
        async with api.router.lifespan_context(api):
            assert await get(api, "/users/7") == (200, {"id": 7, "name": "Ann"})
            status, body = await get(api, "/users/0")
            assert (status, body["code"]) == (502, 100208) and "no user 0" in body["msg"]

    run(main())


def test_a_server_that_is_not_there_is_503(run):
    with socket.create_server(("127.0.0.1", 0)) as bound:
        node = "127.0.0.1:%d" % bound.getsockname()[1]
    api = guide(node)

    async def main():
        async with api.router.lifespan_context(api):
            status, body = await get(api, "/users/1")
            assert status == 503 and body["code"] == 100010

    run(main())
