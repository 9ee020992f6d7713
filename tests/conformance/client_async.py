"""The asyncio client: client_async.py ADDRESS FLAGS MARKS; see run.py for what it prints."""

import asyncio
import os
import sys

import dora
from dora import wire

ADDRESS, FLAGS, MARKS = sys.argv[1:]
TLS = {name: os.environ.get("SAY_" + name.upper()) for name in ("tls_ca", "tls_cert", "tls_key")}
TEXT = "t" * 2000


def param(n):
    return {"n": n, "marks": MARKS, "text": TEXT}


def pair(name, n):
    return {"a": (name, param(n)), "b": (name, param(n + 1))}


def shown(found):
    if isinstance(found, Exception):
        raise found
    return wire.pack(found).hex()


def both(found):
    return shown(found["a"]) + " " + shown(found["b"])


async def result_of(client, guid):
    found = await client.collect(timeout=10)
    if list(found) != [guid]:
        raise RuntimeError("collected %r, not %r" % (list(found), guid))
    if isinstance(found[guid], Exception):
        raise found[guid]
    return found[guid]


async def parts_of(client, name, n):
    """The parts of a stream, then its result or the code of its error."""
    said = []
    stream = client.stream(name, param(n))
    try:
        async for part in stream:
            said.append(shown(part))
            if n == 12:
                stream.cancel()
        said.append(shown(stream.result))
    except dora.HandlerError as error:
        said.append("!%d" % error.code)
    return " ".join(said)


STREAMS = {"ST_S": 10, "error": 11, "cancel": 12}


async def cell(client, name, mode):
    if mode in STREAMS:
        return await parts_of(client, name.replace("/say", "/parts"), STREAMS[mode])
    if mode == "W_S":
        return shown(await client.call(name, param(1)))
    if mode == "W_M":
        return both(await client.call_many(pair(name, 2)))
    if mode == "AN_S":
        return "accepted" if await client.send(name, param(4)) is None else "?"
    if mode == "AN_M":
        return "accepted" if await client.send_many(pair(name, 5)) is None else "?"
    if mode == "AM_S":
        return shown(await result_of(client, await client.submit(name, param(7))))
    return both(await result_of(client, await client.submit_many(pair(name, 8))))


async def main():
    flags = FLAGS.split(",")
    async with dora.AsyncClient(ADDRESS, timeout=10, sign="sign" in flags,
                                gzip="gzip" in flags, **TLS) as client:
        for handler in ("c", "php", "python"):
            for mode in ("W_S", "W_M", "AN_S", "AN_M", "AM_S", "AM_M", *STREAMS):
                try:
                    text = await cell(client, "/%s/say" % handler, mode)
                except Exception as error:  # whatever it is, it is this cell's result
                    text = "!%s %s" % (type(error).__name__, error)
                print(mode, handler, text, sep="\t")


if __name__ == "__main__":
    asyncio.run(main())
