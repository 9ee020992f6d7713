"""Handlers that run another application's by App.call(). `param` names a file that `finally`
makes, and with .begun behind it one that is made before."""

import asyncio
import os
import time

import dora

app = dora.App()
inner = dora.App()


def made(param):
    with open(param, "w"):
        pass


def begun(param):
    made(param + ".begun")


@inner.api("/wait")
async def wait(param):
    begun(param)
    try:
        await asyncio.sleep(60)
    finally:
        made(param)


@inner.api("/turn")
async def turn(param):
    """The loop does nothing else than turn."""
    begun(param)
    try:
        while True:
            await asyncio.sleep(0)
    finally:
        made(param)


@inner.api("/loop")
async def loop(param):
    begun(param)
    try:
        while True:
            pass
    finally:
        made(param)


@inner.api("/parts")
async def parts(param):
    begun(param)
    try:
        yield 1
        await asyncio.sleep(60)
    finally:
        made(param)


@inner.api("/plain")
def plain(param):
    begun(param)
    try:
        while True:
            time.sleep(0.001)
    finally:
        made(param)


@inner.api("/plain/parts")
def plain_parts(param):
    begun(param)
    try:
        yield 1
        while True:
            time.sleep(0.001)
    finally:
        made(param)


@inner.api("/echo")
async def echo(param):
    return param


@app.api("/pid")
def pid(param):
    return os.getpid()


@app.api("/stream")
def stream(param):
    """Parts of its own, beside an inner call for each."""
    try:
        for number in range(1 << 30):
            yield inner.call("/echo", number)
    finally:
        made(param)


def outer(name):
    def run(param):
        assert inner.call("/echo", 7) == 7
        return inner.call(name, param)

    app.api(name, time_limit=0.15)(run)
    app.api("/unlimited" + name, time_limit=0)(run)


for each in inner.apis:
    outer(each)
