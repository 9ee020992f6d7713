"""Handlers that say who calls them."""

import dora

app = dora.App()


def say(param, request):
    """The caller's identity and the parameter."""
    return {"caller": request.caller, "param": param}


for name in ("/shop/list", "/shop/reset", "/stock/count", "/public/ping"):
    app.api(name)(say)
