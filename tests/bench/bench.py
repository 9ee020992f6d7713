"""What scenarios are made of: the echo, Dora's servers, and runs of the load generator."""

import contextlib
import os
import sys

import measure
import tools
from support.server import Server, wait_until

RUNTIMES = ("c", "python", "php")
NAMES = {"c": "Dora, C", "python": "Dora, Python", "php": "Dora, PHP"}


class Bench:
    """The options of a run, and servers for as long as a `with` block lasts."""

    def __init__(self, build, runtimes=RUNTIMES, quick=False):
        self.programs = os.path.join(build, "tests", "bench")
        self.runtimes = [each for each in RUNTIMES if each in runtimes]
        self.quick = quick
        self.python = os.environ.get("DORA_PYTHON", sys.executable)
        self.php = os.environ.get("DORA_PHP", "php")
        self.php_module = os.environ.get("DORA_PHP_EXTENSION")

    def program(self, name):
        return os.path.join(self.programs, name)

    def app(self, runtime):
        return {"c": self.program("bench_app.so"), "php": os.path.join(tools.HERE, "app.php"),
                "python": os.path.join(tools.HERE, "app.py")}[runtime]

    @contextlib.contextmanager
    def server(self, runtime, workers=None):
        """A server with all its workers; it is ready to serve with the first of them."""
        count = workers or 2 * os.cpu_count()
        pool = {"runtime": runtime, "app": self.app(runtime), "workers": count}
        with Server({runtime: pool}) as server:
            if not wait_until(lambda: len(server.workers()) >= count):
                raise RuntimeError("%s: not all workers started: %s" % (runtime, server.log()))
            yield server

    @contextlib.contextmanager
    def tls_server(self, runtime, certificates):
        """One that is spoken to in plain, over TLS, and with certificates of both."""
        count = 2 * os.cpu_count()
        pool = {"runtime": runtime, "app": self.app(runtime), "workers": count}
        keys = certificates.server(ca=certificates.ca, verify_client="optional")
        with Server({runtime: pool}, tls=keys,
                    listen={"tcp": "127.0.0.1:0", "tls": "127.0.0.1:0"}) as server:
            if not wait_until(lambda: len(server.workers()) >= count):
                raise RuntimeError("%s: not all workers started: %s" % (runtime, server.log()))
            yield server

    @contextlib.contextmanager
    def servers(self, runtimes=None):
        """{runtime: server}."""
        with contextlib.ExitStack() as stack:
            yield {runtime: stack.enter_context(self.server(runtime))
                   for runtime in runtimes or self.runtimes}

    def echo(self, reply_bytes):
        """The floor: a libuv server that answers with as many bytes as Dora would."""
        return tools.Tool(self.program("bench_echo"), str(reply_bytes))

    def reply_bytes(self, address, **load):
        """How long the reply to a request is."""
        return self.drive(address, [], 0.05, warm_up=0, **load)["reply_bytes"]

    def drive(self, address, pids, seconds, **load):
        if self.quick:
            load.setdefault("warm_up", 0.02)
        return tools.drive(self.programs, address, pids, seconds, **load)

    def run(self, server, **load):
        """A row's `run`: the load generator against this server."""
        return lambda seconds: self.drive(server.address, [server.pid], seconds, **load)

    @contextlib.contextmanager
    def beside_echo(self, load_text, targets, runtimes=None, **load):
        """Rows of the echo, and of each runtime under the same load."""
        with contextlib.ExitStack() as stack:
            servers = stack.enter_context(self.servers(runtimes))
            probe = {name: value for name, value in load.items() if name != "connections"}
            size = self.reply_bytes(next(iter(servers.values())).address, **probe)
            echo = stack.enter_context(self.echo(size))
            floor = measure.Row("libuv echo", load_text, self.run(echo, **load))
            yield [floor] + [
                measure.Row(NAMES[runtime], load_text, self.run(server, **load), floor, targets)
                for runtime, server in servers.items()]
