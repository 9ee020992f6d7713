"""Calls handlers in C, PHP and Python by clients in C, PHP and Python with every kind of value.

    python tests/interop/run.py --work DIR --core DIR

--core is a build of the core. DORA_BIN, DORA_PYTHON and DORA_PHP_EXTENSION name the program, the
Python with the extension and PHP's module. A client reads a file of lines NAME TAB HEX, makes its
language's value of each and prints lines NAME TAB WHAT:HANDLER TAB HEX, or !TEXT for HEX:

    one    the bytes of what the echo handler gave back, read and written again
    many   the same, all three handlers called at once
    kind   what the handler's language calls the value it got
    back   what the client's language calls the value it got back
"""

import argparse
import os
import subprocess
import sys

import values

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support.server import ROOT, Server  # noqa: E402

WHATS = ("one", "many", "kind", "back")
SHOWN_MAX = 160
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
         "-I" + os.path.join(ROOT, "core", "include")]


def compile_c(options):
    """The application and the client in C."""
    copy = os.path.join(HERE, "copy.c")
    compiler = os.environ.get("CC", "cc")
    app = os.path.join(options.work, "app.so")
    client = os.path.join(options.work, "client")
    subprocess.run([compiler, *FLAGS, "-fPIC", "-fvisibility=hidden", "-shared", "-o", app,
                    os.path.join(HERE, "app.c"), copy], check=True)
    subprocess.run([compiler, *FLAGS, "-o", client, os.path.join(HERE, "client.c"), copy,
                    "-L" + options.core, "-Wl,-rpath," + options.core, "-ldora"], check=True)
    return app, client


def run_client(argv, address, path):
    """What a client found: {(name, what): bytes or the text of an error}, and its complaint."""
    done = subprocess.run([*argv, address, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=300)
    found = {}
    for line in done.stdout.decode(errors="replace").splitlines():
        name, _, rest = line.partition("\t")
        what, _, data = rest.partition("\t")
        try:
            found[name, what] = bytes.fromhex(data) if data[:1] != "!" else data[1:]
        except ValueError:
            found[name, what] = "no hex: " + data
    complaint = ""
    if done.returncode != 0 or done.stderr:
        complaint = "status %d; %s" % (done.returncode, done.stderr.decode(errors="replace"))
    return found, complaint


def expected(value, client, handler, what):
    if what in ("one", "many"):
        return value.through(client, handler)
    reader = handler if what == "kind" else client
    return values.kind(reader, value.through(client, handler)).encode()


def shown(data):
    text = repr(data)
    if len(text) > SHOWN_MAX:
        text = "%s... (%d bytes)" % (text[:SHOWN_MAX], len(data))
    return text


def compare(found, client, handler):
    """One cell of the table: passed and failed checks; each failure is printed."""
    passed = failed = 0
    for value in values.ALL:
        for what in WHATS:
            want = expected(value, client, handler, what)
            got = found.get((value.name, what + ":" + handler), "no line")
            if got == want:
                passed += 1
                continue
            failed += 1
            print("interop: FAILED %s client, %s handler, %s, %s\n  expected %s\n  got      %s" %
                  (client, handler, value.name, what, shown(want), shown(got)))
    return passed, failed


def pools(app):
    apps = {"c": app, "php": os.path.join(HERE, "app.php"), "python": os.path.join(HERE, "app.py")}
    return {language: {"runtime": language, "app": path, "workers": 2}
            for language, path in apps.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, help="folder for what is made")
    parser.add_argument("--core", required=True, help="a build of the core")
    options = parser.parse_args()
    options.work = os.path.abspath(options.work)
    options.core = os.path.abspath(options.core)
    os.makedirs(options.work, exist_ok=True)
    os.environ.setdefault("DORA_BIN", os.path.join(options.core, "dora"))
    app, client_c = compile_c(options)
    path = os.path.join(options.work, "values")
    with open(path, "w") as file:
        for value in values.ALL:
            file.write("%s\t%s\n" % (value.name, value.data.hex()))
    extension = os.environ.get("DORA_PHP_EXTENSION")
    clients = {
        "c": [client_c],
        "php": [os.environ.get("DORA_PHP", "php"), *(["-d", "extension=" + extension]
                if extension else []), os.path.join(HERE, "client.php")],
        "python": [os.environ.get("DORA_PYTHON", sys.executable),
                   os.path.join(HERE, "client.py")],
    }
    cells = {}
    broken = 0
    with Server(pools(app)) as server:
        for client, argv in clients.items():
            found, complaint = run_client(argv, server.address, path)
            if complaint:
                broken += 1
                print("interop: FAILED %s client: %s" % (client, complaint))
            for handler in values.LANGUAGES:
                cells[client, handler] = compare(found, client, handler)
    print("%d values, %d checks each; passed/all" % (len(values.ALL), len(WHATS)))
    print("%-14s" % "client" + "".join("%14s" % ("to " + each) for each in values.LANGUAGES))
    for client in clients:
        row = [cells[client, handler] for handler in values.LANGUAGES]
        print("%-14s" % client + "".join("%14s" % ("%d/%d" % (good, good + bad))
                                         for good, bad in row))
    passed = sum(good for good, _ in cells.values())
    failed = sum(bad for _, bad in cells.values()) + broken
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
