"""The benchmark's application in Python: a handler that does nothing."""

import dora

app = dora.App()


@app.api("/bench/hello")
def hello(param):
    return "hello"
