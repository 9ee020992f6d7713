"""The client in Python: client.py ADDRESS FILE; see run.py for what it reads and prints."""

import sys

import dora
from app import kind
from dora import wire

LANGUAGES = ("c", "php", "python")


def show(name, what, give):
    try:
        data = give()
    except Exception as error:  # whatever it is, it is this line's result
        print(name, what, "!%s %s" % (type(error).__name__, error), sep="\t")
    else:
        print(name, what, data.hex(), sep="\t")


def answer(found):
    if isinstance(found, Exception):
        raise found
    return wire.pack(found)


def ask(client, name, value):
    for language in LANGUAGES:
        show(name, "one:" + language, lambda: wire.pack(client.call("/%s/echo" % language, value)))
        show(name, "back:" + language, lambda: kind(
            client.call("/%s/echo" % language, value)).encode())
        show(name, "kind:" + language, lambda: client.call("/%s/kind" % language, value).encode())
    calls = {language: ("/%s/echo" % language, value) for language in LANGUAGES}
    try:
        found = client.call_many(calls)
    except Exception as error:
        found = dict.fromkeys(LANGUAGES, error)
    for language in LANGUAGES:
        show(name, "many:" + language, lambda: answer(found[language]))


def main():
    with dora.Client(sys.argv[1], timeout=20) as client, open(sys.argv[2]) as file:
        for line in file:
            name, digits = line.rstrip("\n").split("\t")
            ask(client, name, wire.unpack(bytes.fromhex(digits)))


if __name__ == "__main__":
    main()
