"""As tracing.py, on an event loop: a plain function and an async one call on."""

import os

import dora

app = dora.App()
clients = []


@app.api("/loop/on")
async def call_on(param, request):
    if not clients:
        clients.append(dora.AsyncClient(os.environ["TRACING_NODES"], timeout=20))
    return [request.trace, await clients[0].call(*param)]


@app.api("/loop/plain_on")
def plain_on(param, request):
    with dora.Client(os.environ["TRACING_NODES"], timeout=20) as client:
        return [request.trace, client.call(*param)]
