"""Runs the README's examples: its applications are served, its clients call them.

    python tests/readme.py --core BUILD --work DIR

BUILD holds the `dora` program and libdora.so. DORA_PHP_EXTENSION names PHP's module; the Python
with the extension in it is the one that runs this file.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
from support.redis import RedisServer, free_port  # noqa: E402
from support.server import Server  # noqa: E402

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
passed = failed = 0


def check(what, is_good, detail=""):
    global passed, failed
    passed += bool(is_good)
    failed += not is_good
    print("readme: %s %s%s" % ("ok    " if is_good else "FAILED", what,
                               "" if is_good else ": %s" % (detail,)))


def blocks(text, heading, language):
    """The fenced blocks of one language under a heading."""
    part = text.split("## %s\n" % heading, 1)[1].split("\n## ", 1)[0]
    return [body for kind, body in FENCE.findall(part) if kind == language]


def run(argv, **more):
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, **more)


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


class Started:
    """A command of the README, running until the block ends; `line` is what it said first."""

    def __init__(self, command, cwd):
        argv = [os.environ["DORA_BIN"] if each == "dora" else each for each in command.split()]
        self.process = subprocess.Popen(argv, cwd=cwd, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)

    def __enter__(self):
        self.line = self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()


def check_discovery(text, work):
    """The commands and the page's client of the README, with two Redis of our own."""
    serve, monitor = (each.strip() for each in
                      blocks(text, "Servers that come and go", "sh"))
    site = blocks(text, "A web site with PHP-FPM", "php")[0]
    nodes = os.path.join(work, "run", "nodes.json")
    os.makedirs(os.path.dirname(nodes))
    with RedisServer() as one, RedisServer() as two:
        def ours(line):
            line = line.replace("10.0.0.21:6379", one.address).replace("/run/dora", work + "/run")
            return line.replace("10.0.0.22:6379", two.address)

        local = " --host 127.0.0.1 --port %d" % free_port()
        with Started(ours(serve).replace(" --host 0.0.0.0", local), work) as server:
            check("dora serve with Redis", server.line.startswith("dora: ready"), server.line)
            with Started(ours(monitor), work) as watching:
                check("dora monitor", "ready" in watching.line, watching.line)
                until = time.monotonic() + 10
                while not os.path.exists(nodes) and time.monotonic() < until:
                    time.sleep(0.02)
                check("the node file", os.path.exists(nodes), "none after 10 s")
            for name in ("redis://" + one.address, "file:" + nodes):
                done = run([sys.executable, "-c", "import dora; print(dora.Client(%r).call("
                            "'/user/get', {'id': 7})['name'])" % name])
                check("a client of %s" % name.split(":")[0], done.stdout == "Ann\n", done.stderr)
            page = site.replace("/run/dora/nodes.json", nodes).replace("/product/get", "/user/get")
            path = write(work, "page.php", page + "echo $answers['product']['name'], ' ', "
                         "get_class($answers['reviews']), ' ', $answers['reviews']->getCode();\n")
            done = run(["php", "-d", "extension=" + os.environ["DORA_PHP_EXTENSION"], path])
            check("the page's client", done.stdout == "Ann Dora\\NotRunException 100204",
                  done.stdout + done.stderr)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--core", required=True)
    parser.add_argument("--work", required=True)
    options = parser.parse_args()
    shutil.rmtree(options.work, ignore_errors=True)
    os.makedirs(options.work)
    work = os.path.abspath(options.work)
    core = os.path.abspath(options.core)
    os.environ.setdefault("DORA_BIN", os.path.join(core, "dora"))
    with open(os.path.join(ROOT, "README.md")) as file:
        text = file.read()

    users, waiting = blocks(text, "Write a handler in Python", "python")
    write(work, "users.py", users.replace("if __name__", waiting + "\n\nif __name__"))
    write(work, "products.php", blocks(text, "Write a handler in PHP", "php")[0])
    write(work, "hello.c", blocks(text, "Write a handler in C", "c")[0])
    built = run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-I" + os.path.join(
        ROOT, "core", "include"), "-o", "hello.so", "hello.c", "-L" + core, "-ldora"], cwd=work)
    check("hello.c compiles", built.returncode == 0, built.stderr)

    # What run() is given, in programs that serve.
    run_python = blocks(text, "Configuration", "python")[0].replace("port=9567", "port=0")
    run_php = blocks(text, "Configuration", "php")[0].replace("'port' => 9567", "'port' => 0")
    write(work, "run.py", users.replace("    app.run()", "    " + run_python))
    products = blocks(text, "Write a handler in PHP", "php")[0]
    write(work, "run.php", products.replace("$app->run();", run_php.replace("<?php\n", "")))
    php = "php -d extension=" + os.environ["DORA_PHP_EXTENSION"]
    for command in (sys.executable + " run.py", php + " run.php"):
        with Started(command, work) as server:
            check("run() of %s" % command.split()[-1], server.line.startswith("dora: ready"),
                  server.line)

    config = json.loads(blocks(text, "Configuration", "json")[0])
    path = write(work, "dora.json", json.dumps(config))
    done = run([os.environ["DORA_BIN"], "check", path])
    check("the configuration is valid", done.returncode == 0, done.stdout + done.stderr)

    pools = {name: {"runtime": runtime, "app": os.path.join(work, app), "workers": 2}
             for name, runtime, app in (("users", "python", "users.py"),
                                        ("products", "php", "products.php"),
                                        ("hello", "c", "hello.so"))}
    listen = {"tcp": "127.0.0.1:0", "http": "127.0.0.1:0"}
    with Server(pools, listen=listen) as server:
        for name, param, expected in (("/user/get", {"id": 7}, {"id": 7, "name": "Ann"}),
                                      ("/user/wait", [1], [1]),
                                      ("/product/get", {"id": 7},
                                       {"id": 7, "name": "Coffee mill"}),
                                      ("/hello", None, "hello")):
            done = run([os.environ["DORA_BIN"], "call", server.address, name, json.dumps(param)])
            answer = json.loads(done.stdout) if done.returncode == 0 else done.stderr
            check("dora call %s" % name, answer == expected, answer)
        python = blocks(text, "Call it", "python")[0].replace("127.0.0.1:9567", server.address)
        done = run([sys.executable, "-c", python + "print(user['name'], found['b']['id'])"])
        check("the Python client", done.stdout == "Ann 2\n", done.stdout + done.stderr)
        names = blocks(text, "Call it", "python")[1].replace("127.0.0.1:9567", server.address)
        done = run([sys.executable, "-c", "import dora\n" + names + "print(asyncio.run(names()))"])
        check("the client for asyncio", done.stdout == "{'Ann'}\n", done.stdout + done.stderr)
        web = re.search(r"http=(\S+)", server.ready_line).group(1)
        command = blocks(text, "HTTP", "sh")[0].splitlines()[1].partition("#")
        done = run(["sh", "-c", command[0].replace("127.0.0.1:8080", web)])
        check("curl", done.stdout == command[2].strip(), done.stdout + done.stderr)
        later = blocks(text, "Work that is not waited for", "python")[0]
        done = run([sys.executable, "-c", python + later +
                    "print(user['id'], later[second]['b']['id'])"])
        check("results that come later", done.stdout == "1 3\n", done.stdout + done.stderr)
        php = blocks(text, "Call it", "php")[0].replace("127.0.0.1:9567", server.address)
        client = write(work, "client.php", php + "echo $product['name'], ' ', $found['b']['id'];\n")
        done = run(["php", "-d", "extension=" + os.environ["DORA_PHP_EXTENSION"], client])
        check("the PHP client", done.stdout == "Coffee mill 2", done.stdout + done.stderr)
        php = blocks(text, "Work that is not waited for", "php")[0]
        client = write(work, "results.php", php.replace("127.0.0.1:9567", server.address) +
                       "echo $product['id'], count($others), $others[$guids[1]]['id'];\n")
        done = run(["php", "-d", "extension=" + os.environ["DORA_PHP_EXTENSION"], client])
        check("results that come later in PHP", done.stdout == "112", done.stdout + done.stderr)
    check_discovery(text, work)
    for linked in re.findall(r"\]\(([^)#:]+)\)", text):
        check("link %s" % linked, os.path.exists(os.path.join(ROOT, linked)), "no such file")
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
