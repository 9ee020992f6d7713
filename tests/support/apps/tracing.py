"""Handlers that say which trace and priority they have, and call on: /py/on calls `param`."""

import os

import dora

app = dora.App()
clients = []


def client(kind):
    """Made at the first call: nodes are known by then."""
    if not any(isinstance(one, kind) for one in clients):
        clients.append(kind(os.environ["TRACING_NODES"], timeout=20))
    return next(one for one in clients if isinstance(one, kind))


@app.api("/py/trace")
def trace(param, request):
    return request.trace


@app.api("/py/on")
def call_on(param, request):
    return [request.trace, client(dora.Client).call(*param)]


@app.api("/py/as")
def call_as(param):
    return client(dora.Client).call("/py/trace", trace=param)


@app.api("/py/priority")
def priority(param, request):
    return request.priority


@app.api("/py/with")
def call_with(param):
    """What is called with a priority of its own, and what a client calls that has one."""
    with dora.Client(os.environ["TRACING_NODES"], timeout=20, priority=param) as one:
        return [client(dora.Client).call("/py/priority", priority=param), one.call("/py/priority")]
