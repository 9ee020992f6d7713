"""The soak's handlers in Python. What runs is booked first: who asked, and which handler."""

import os
import time

import dora

app = dora.App()
PARTS = 20
BOOK = os.open(os.environ["DORA_SOAK_BOOK"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def note(param, name):
    os.write(BOOK, ("%s %s\n" % (param["n"], name)).encode())


@app.api("/python/echo")
def echo(param):
    note(param, "/python/echo")
    return param


@app.api("/python/slow")
def slow(param):
    note(param, "/python/slow")
    time.sleep(0.05)  # so that faults find it at work
    return param


@app.api("/python/parts")
def parts(param):
    note(param, "/python/parts")
    try:
        for number in range(PARTS):
            yield [number, param]
            time.sleep(0.002)
        return param
    finally:
        note(param, "closed:/python/parts")


@app.api("/python/over", time_limit=0.1)
def over(param):
    note(param, "/python/over")
    while True:
        time.sleep(0.01)


@app.api("/python/hold")
def hold(param):
    open(param + ".begun.%d" % os.getpid(), "w").close()
    while not os.path.exists(param):
        time.sleep(0.01)
