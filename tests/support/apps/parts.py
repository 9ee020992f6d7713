"""Handlers that are generators; `param` is what each is told to do."""
import os
import time

import dora

app = dora.App()


@app.api("/count")
def count(param):
    yield from range(param)


@app.api("/sum")
def total(param):
    for i in range(param):
        yield i
    return {"total": sum(range(param))}


@app.api("/progress")
def progress(param, request):
    request.progress(0, param)
    yield "a"
    request.progress(param, param, "done")


@app.api("/fail")
def fail(param):
    try:
        yield 1
        raise dora.HandlerError("enough", code=7)
    finally:
        note(param, "ended")


@app.api("/odd")
def odd(param):
    try:
        yield 1
        yield {"rows": [{"price": object()}]}
    finally:
        note(param, "ended")


@app.api("/large")
def large(param):
    try:
        yield "x" * param["size"]
    finally:
        note(param["path"], "ended")


@app.api("/made")
def made(param):
    return (i * i for i in range(param))


@app.api("/endless")
def endless(param):
    try:
        for i in range(1 << 30):
            note(param, str(i))
            yield i
    except BaseException as error:
        note(param, type(error).__name__)
        raise
    finally:
        note(param, "ended")


@app.api("/wait")
def wait(param):
    try:
        yield os.getpid()
        while not os.path.exists(param + ".gate"):
            time.sleep(0.01)
        yield "last"
    finally:
        note(param, "ended")


@app.api("/echo")
def echo(param):
    return param


def note(path, text):
    if path is not None:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text + "\n")
