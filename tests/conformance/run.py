"""The conformance table: every mode, by clients and to handlers in C, PHP and Python; blocking
clients and, in C and Python, those of event loops.

    python tests/conformance/run.py --work DIR --core DIR

--core is a build of the core. DORA_BIN, DORA_PYTHON and DORA_PHP_EXTENSION name the program, the
Python with the extension and PHP's module. A client asks each handler once in each mode and prints
lines MODE TAB HANDLER TAB RESULT: what came back in hex (of two apis, and of the parts of a
stream, with a space between), "accepted", or !TEXT. A handler leaves a mark in a file, so a cell
holds only when each api ran exactly once, in the right mode, and what came back is the bytes
expected.
"""

import argparse
import collections
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
from support import tls, v1  # noqa: E402
from support.certificates import Certificates  # noqa: E402
from support.server import ROOT, Server, wait_until  # noqa: E402

LANGUAGES = ("c", "php", "python")
# Mode and the numbers its apis are asked with.
MODES = {"W_S": [1], "W_M": [2, 3], "AN_S": [4], "AN_M": [5, 6], "AM_S": [7], "AM_M": [8, 9],
         "ST_S": [10], "error": [11], "cancel": [12]}
# Streams: three parts and a result; two and an error; one, behind which the caller cancels.
STREAMS = {"ST_S": 3, "error": 2, "cancel": 1}
# Name of the row, the flags of the client, the server's settings, and its door.
TRANSPORTS = (
    ("plain TCP", "plain", {}, "tcp"),
    ("signed", "sign", {"sign": True}, "tcp"),
    ("gzip", "gzip", {"gzip": True}, "tcp"),
    ("signed + gzip", "sign,gzip", {"sign": True, "gzip": True}, "tcp"),
    ("Unix socket", "plain", {}, "unix"),
    ("TLS", "plain", {}, "tls"),
    ("mutual TLS", "sign,gzip", {"sign": True, "gzip": True}, "mtls"),
)
FLAGS = ["-std=c11", "-D_GNU_SOURCE", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
         "-I" + os.path.join(ROOT, "core", "include")]


def compile_c(options):
    """The application and the clients in C: the blocking one, and the one on a libuv loop."""
    compiler = os.environ.get("CC", "cc")
    app = os.path.join(options.work, "app.so")
    clients = {}
    subprocess.run([compiler, *FLAGS, "-fPIC", "-fvisibility=hidden", "-shared", "-o", app,
                    os.path.join(HERE, "app.c")], check=True)
    for name, libraries in (("client", []), ("client_uv", ["-luv"])):
        clients[name] = os.path.join(options.work, name)
        subprocess.run([compiler, *FLAGS, "-o", clients[name], os.path.join(HERE, name + ".c"),
                        os.path.join(HERE, "cell.c"),
                        "-L" + options.core, "-Wl,-rpath," + options.core, "-ldora", *libraries],
                       check=True)
    return app, clients


def clients(compiled):
    extension = os.environ.get("DORA_PHP_EXTENSION")
    module = ["-d", "extension=" + extension] if extension else []
    python = os.environ.get("DORA_PYTHON", sys.executable)
    return {
        "c": [compiled["client"]],
        "libuv": [compiled["client_uv"]],
        "php": [os.environ.get("DORA_PHP", "php"), *module, os.path.join(HERE, "client.php")],
        "python": [python, os.path.join(HERE, "client.py")],
        "asyncio": [python, os.path.join(HERE, "client_async.py")],
    }


def expected_result(mode, handler):
    """What the client's line must say."""
    if mode.startswith("AN"):
        return "accepted"
    if mode in STREAMS:
        said = [v1.dump({"part": i, "text": "t" * 2000}).hex() for i in range(STREAMS[mode])]
        result = v1.dump({"from": handler, "type": "ST_S", "double": MODES[mode][0] * 2,
                          "text": "t" * 2000}).hex()
        return " ".join(said + [{"ST_S": result, "error": "!71", "cancel": "!100211"}[mode]])
    return " ".join(v1.dump({"from": handler, "type": mode, "double": n * 2,
                             "text": "t" * 2000}).hex() for n in MODES[mode])


def read_marks(path):
    try:
        with open(path) as file:
            return collections.Counter(file.read().splitlines())
    except FileNotFoundError:
        return collections.Counter()


def run_client(argv, address, flags, marks, files):
    """What the client printed, by cell; and how often each api ran, once all have. `files` is what
    it speaks TLS with."""
    done = subprocess.run([*argv, address, flags, marks], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120, env={**os.environ, **files})
    lines = [line.split("\t", 2) for line in done.stdout.decode(errors="replace").splitlines()]
    found = {(line[0], line[1]): line[2] for line in lines if len(line) == 3}
    complaint = ""
    if done.returncode != 0 or done.stderr:
        complaint = "status %d; %s" % (done.returncode, done.stderr.decode(errors="replace"))
    want = len(LANGUAGES) * sum(len(numbers) for numbers in MODES.values())
    wait_until(lambda: sum(read_marks(marks).values()) >= want, 60)
    return found, read_marks(marks), complaint


def check_cell(mode, handler, found, marks):
    """What is wrong with one cell; empty when nothing is."""
    want = expected_result(mode, handler)
    got = found.get((mode, handler), "no line")
    if got != want:
        return "expected %s..., got %s..." % (want[:120], got[:240])
    for number in MODES[mode]:
        runs = marks["%s %s %d" % (handler, "ST_S" if mode in STREAMS else mode, number)]
        if runs != 1:
            return "number %d ran %d times, expected once" % (number, runs)
    return ""


def pools(app):
    apps = {"c": app, "php": os.path.join(HERE, "app.php"), "python": os.path.join(HERE, "app.py")}
    return {language: {"runtime": language, "app": path, "workers": 2}
            for language, path in apps.items()}


class Door:
    """Where a server listens, and how clients come in."""

    def __init__(self, kind, certificates):
        listens = {"tcp": {"tcp": "127.0.0.1:0"},
                   "unix": {"tcp": "127.0.0.1:0", "unix": "dora.sock"}}
        self.kind, self.settings, self.files = kind, {}, {}
        self.listen = listens.get(kind, {"tcp": None, "tls": "127.0.0.1:0"})
        if kind in ("tls", "mtls"):
            self.settings["tls"] = certificates.server()
            self.files["SAY_TLS_CA"] = certificates.ca
        if kind == "mtls":
            self.settings["tls"].update(ca=certificates.ca, verify_client="required")
            self.files["SAY_TLS_CERT"] = certificates.cert("client")
            self.files["SAY_TLS_KEY"] = certificates.key("client")

    def address(self, server):
        if self.kind == "unix":
            return "unix:" + os.path.join(server.folder, "dora.sock")
        return server.address if self.kind == "tcp" else "tls://" + tls.address_of(server)


def run_transport(name, flags, settings, door, app, argvs):
    """One server, all clients: prints the rows; passed and failed cells."""
    passed = failed = 0
    with Server(pools(app), listen=door.listen, **door.settings, **settings) as server:
        address = door.address(server)
        for client, argv in argvs.items():
            marks = os.path.join(server.folder, "marks-" + client)
            found, ran, complaint = run_client(argv, address, flags, marks, door.files)
            if complaint:
                failed += 1
                print("conformance: FAILED %s client, %s: %s" % (client, name, complaint))
            for handler in LANGUAGES:
                row = []
                for mode in MODES:
                    wrong = check_cell(mode, handler, found, ran)
                    row.append("FAILED" if wrong else "ok")
                    passed += 0 if wrong else 1
                    failed += 1 if wrong else 0
                    if wrong:
                        print("conformance: FAILED %s, %s client, %s handler, %s: %s" %
                              (name, client, handler, mode, wrong))
                print("%-14s %-8s %-8s" % (name, client, handler) +
                      "".join("%8s" % cell for cell in row))
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", required=True, help="folder for what is made")
    parser.add_argument("--core", required=True, help="a build of the core")
    options = parser.parse_args()
    options.work = os.path.abspath(options.work)
    options.core = os.path.abspath(options.core)
    os.makedirs(options.work, exist_ok=True)
    os.environ.setdefault("DORA_BIN", os.path.join(options.core, "dora"))
    app, compiled = compile_c(options)
    passed = failed = 0
    print("%-14s %-8s %-8s" % ("transport", "client", "handler") +
          "".join("%8s" % mode for mode in MODES))
    folder = os.path.join(options.work, "certificates")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    certificates = Certificates(folder)
    for name, flags, settings, kind in TRANSPORTS:
        good, bad = run_transport(name, flags, settings, Door(kind, certificates), app,
                                  clients(compiled))
        passed += good
        failed += bad
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
