"""The client in Python: client.py ADDRESS FLAGS MARKS; see run.py for what it prints."""

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


def result_of(client, guid):
    found = client.collect(timeout=10)
    if list(found) != [guid]:
        raise RuntimeError("collected %r, not %r" % (list(found), guid))
    if isinstance(found[guid], Exception):
        raise found[guid]
    return found[guid]


def parts_of(client, name, n):
    """The parts of a stream, then its result or the code of its error."""
    said = []
    stream = client.stream(name, param(n))
    try:
        for part in stream:
            said.append(shown(part))
            if n == 12:
                stream.cancel()
        said.append(shown(stream.result))
    except dora.HandlerError as error:
        said.append("!%d" % error.code)
    return " ".join(said)


def cells(client, name):
    yield "W_S", lambda: shown(client.call(name, param(1)))
    yield "W_M", lambda: both(client.call_many(pair(name, 2)))
    yield "AN_S", lambda: "accepted" if client.send(name, param(4)) is None else "?"
    yield "AN_M", lambda: "accepted" if client.send_many(pair(name, 5)) is None else "?"
    yield "AM_S", lambda: shown(result_of(client, client.submit(name, param(7))))
    yield "AM_M", lambda: both(result_of(client, client.submit_many(pair(name, 8))))
    for mode, n in (("ST_S", 10), ("error", 11), ("cancel", 12)):
        yield mode, lambda n=n: parts_of(client, name.replace("/say", "/parts"), n)


def main():
    flags = FLAGS.split(",")
    with dora.Client(ADDRESS, timeout=10, sign="sign" in flags, gzip="gzip" in flags,
                     **TLS) as client:
        for handler in ("c", "php", "python"):
            for mode, ask in cells(client, "/%s/say" % handler):
                try:
                    text = ask()
                except Exception as error:  # whatever it is, it is this cell's result
                    text = "!%s %s" % (type(error).__name__, error)
                print(mode, handler, text, sep="\t")


if __name__ == "__main__":
    main()
