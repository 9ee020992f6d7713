"""Servers that are reloaded: their applications, which are rewritten, and what is left of them."""

import collections
import os
import signal
import subprocess

from . import processes, v1
from .server import ROOT, wait_until

PYTHON = "import dora\napp = dora.App()\n"
RELOADED = "reloaded, generation %d"
LOADING = "loading the applications again"

# Books every run under its guid.
BOOK = """
import os
BOOK = os.open(%r, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
@app.api('/book')
def book(param, request):
    os.write(BOOK, (request.guid + '\\n').encode())
    return VERSION
"""
# Runs until the file `go` is there, and says by another that it has begun.
SLOW = """
import os, time
@app.api('/slow')
def slow(param):
    open(os.path.join(%r, 'begun.%%s' %% VERSION), 'w').close()
    while not os.path.exists(os.path.join(%r, 'go')):
        time.sleep(0.005)
    return VERSION
"""
# Does not load before the file `go` is there.
GATE = """
import os, time
while not os.path.exists(os.path.join(%r, 'go')):
    time.sleep(0.005)
"""


class Site:
    """Applications in a folder of the test, rewritten between reloads."""

    def __init__(self, folder):
        self.folder = folder
        self.generation = 1
        self.book = BOOK % str(folder / "book")
        self.slow = SLOW % (str(folder), str(folder))
        self.gate = GATE % str(folder)

    def path(self, name):
        return str(self.folder / name)

    def write(self, name, text):
        """In one step, as a careful deployment does it."""
        part = self.path(name + ".part")
        with open(part, "w") as file:
            file.write(text)
        os.replace(part, self.path(name))
        return self.path(name)

    def python(self, version, more="", name="app.py"):
        """An application whose /version answers `version`."""
        return self.write(name, PYTHON + "VERSION = %r\n@app.api('/version')\n"
                          "def version(param): return VERSION\n%s" % (version, more))

    def php(self, version, more=""):
        return self.write("app.php", "<?php\n$app = new Dora\\App();\n%s\n"
                          "$app->api('/version', fn($param) => '%s');\nreturn $app;\n"
                          % (more, version))

    def c(self, version, more=""):
        source = self.write("app.c", """
            #include <dora/handler.h>
            #include <string.h>
            static dora_err version(const dora_request *request, dora_reply *reply, void *user)
            {
                (void)request;
                (void)user;
                return dora_write_string(dora_reply_writer(reply), "%s", strlen("%s"));
            }
            DORA_API dora_err dora_app_init(dora_app *app, dora_error *error)
            {
                %s
                (void)error;
                return dora_app_api(app, "/version", version, NULL);
            }
            """ % (version, version, more))
        part = self.path("app.so.part")
        subprocess.run(["cc", "-shared", "-fPIC", "-I" + os.path.join(ROOT, "core", "include"),
                        "-o", part, source], check=True)
        os.replace(part, self.path("app.so"))
        return self.path("app.so")

    def pool(self, app, **more):
        runtime = {"py": "python", "php": "php", "so": "c"}[app.rsplit(".", 1)[1]]
        return {"runtime": runtime, "app": app, "workers": 2, **more}

    def go(self):
        self.write("go", "")

    def call_slow(self, server, version):
        """A connection whose call to /slow has begun in a worker of this version."""
        conn = v1.Conn(server.address)
        conn.send(v1.request(v1.guid(), "/slow"))
        assert wait_until(lambda: os.path.exists(self.path("begun.%s" % version)))
        return conn

    def reload(self, server, number=signal.SIGHUP, seconds=30):
        """A reload that succeeds."""
        self.generation += 1
        server.signal(number)
        assert wait_until(lambda: RELOADED % self.generation in server.log(), seconds), server.log()

    def refused(self, server, *texts):
        """A reload that does not; the log says why."""
        seen = server.log().count("reload refused, generation %d " % self.generation)
        server.signal(signal.SIGHUP)
        assert wait_until(lambda: server.log().count("reload refused, generation %d serves on"
                                                     % self.generation) > seen), server.log()
        said = server.log().rsplit("reload refused", 1)[1]
        for text in texts:
            assert text in said, said


def ask(server, name, param=None):
    """The envelope of one call, made on a connection of its own."""
    with v1.Conn(server.address) as conn:
        return conn.call(name, param)["data"]


def value(server, name, param=None):
    envelope = ask(server, name, param)
    assert envelope["code"] == 0, envelope
    return envelope["data"]


def command(conn, name="reloadTask"):
    """Sends a control command."""
    ident = v1.guid()
    body = {"api": {"cmd": {"name": name, "param": None}}, "guid": ident, "type": "SC"}
    conn.send(v1.frame(ident, v1.dump(body)))
    return ident


def reload_task(server, name="reloadTask"):
    """The reply to reloadTask, which comes within two seconds, loaded or not."""
    with v1.Conn(server.address) as conn:
        return conn.command(name, 60)


def reload_wait(server):
    """The reply to reloadWait: it comes when all is loaded, or refused."""
    return reload_task(server, "reloadWait")


def titles(server):
    return collections.Counter(processes.title(pid) for pid in server.everyone())


def zygotes(server, pool):
    return [pid for pid in server.everyone() if processes.title(pid) == "dora: zygote " + pool]


def zygote_of(server, pool, *others):
    """The zygote of a pool, beside `others`; a worker forked just now has its title yet."""
    found = []

    def is_one():
        found[:] = set(zygotes(server, pool)) - set(others)
        return len(found) == 1

    assert wait_until(is_one), titles(server)
    return found[0]


def is_alone(server, pool="p", workers=2):
    """Whether exactly one generation of a pool is left, with its numbers from 0."""
    expected = {"dora: worker %s %d" % (pool, number): 1 for number in range(workers)}
    expected["dora: zygote " + pool] = 1
    found = {title: count for title, count in titles(server).items()
             if title.startswith(("dora: zygote " + pool, "dora: worker %s " % pool))}
    return found == expected


def stop(server):
    """The server ends well, and nobody is left."""
    family = server.everyone()
    assert server.stop() == 0
    assert not [pid for pid in family if processes.is_alive(pid)]
