"""The benchmark's application in Python."""

import time

import dora

app = dora.App()


@app.api("/bench/hello")
def hello(param):
    return "hello"


@app.api("/bench/get")
def get(param):
    return {"id": param["id"], "ok": True}


@app.api("/bench/echo")
def echo(param):
    return param


@app.api("/bench/parts", time_limit=0)
def parts(param):
    part = "x" * 100
    while True:
        yield part


@app.api("/bench/drips", time_limit=0)
def drips(param):
    part = "x" * 100
    while True:
        time.sleep(0.02)
        yield part


@app.api("/bench/words")
def words(param):
    for _ in range(10):
        yield "x" * 100


@app.api("/bench/size")
def size(param):
    return len(param)
