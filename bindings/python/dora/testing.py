"""Tests of applications: a real server on a free port, and pytest's fixture `dora_server`.

    def test_user(dora_server):
        server = dora_server("users.py", workers=1)
        assert server.call("/user/get", {"id": 7})["name"] == "Ann"

pytest finds the fixture by itself. Elsewhere `with dora.testing.Server("users.py") as server:`.
What needs no server is quicker with App.call().
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from . import _dora, _run

READY_S = 60.0  # an application may import a lot
STOP_S = 30.0

# What the server's process runs: it ends with this one, however that ends. A descriptor of this
# process tells, not prctl(PR_SET_PDEATHSIG): to that the thread that starts a server is the parent.
_CODE = """
import json, os, select, signal, sys, threading
flags, target, settings, parent = json.loads(sys.argv[1])
watched = os.pidfd_open(parent)
if os.getppid() != parent:
    sys.exit(1)
def end_with_parent():
    select.select([watched], [], [])
    os.kill(os.getpid(), signal.SIGTERM)
threading.Thread(target=end_with_parent, daemon=True).start()
from dora import _dora, _run
os.environ["DORA_PYTHON"] = sys.executable
own = {}
if target and not target.endswith((".php", ".so")):
    own = {"again": _run.ZYGOTE, "again_app": target}
argv = ["dora", "serve", *flags, "--", *([target] if target else [])]
sys.exit(_dora.main(argv, _run.ZYGOTE, options=settings, **own))
"""


class Server:
    """A server of an application, on a free port of 127.0.0.1, until stop() or the end of `with`.

    `app` is a file as `dora serve` takes it, or an App that is a global of a module; None: what
    config="dora.json" has. The options are those of App.run() (the pool's own not for PHP and C),
    and http=True. The methods of dora.Client are here, too: those of `client`.
    """

    def __init__(self, app: _dora.App | str | os.PathLike[str] | None = None,
                 **options: Any) -> None:
        target = _target(app)
        options = {"port": 0, **options}
        if isinstance(options.get("http"), bool):
            options["http"] = 0 if options["http"] else None
        flags, settings = _run.arguments(options), _run.settings(options)
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
        paths = [path or os.getcwd() for path in sys.path]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _CODE, json.dumps([flags, target, settings, os.getpid()])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
        self._where = self._wait_ready()
        self.address = self._where["tcp"]
        self.client = _dora.Client(self.address)

    def __getattr__(self, name: str) -> Any:
        if name == "client" or name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.client, name)

    @property
    def port(self) -> int:
        """That of the TCP listener."""
        return int(self.address.rpartition(":")[2])

    @property
    def http(self) -> str:
        """http://host:port, where the option `http=True` was given."""
        if self._where.get("http", "-") == "-":
            raise LookupError("the server has no HTTP listener: give it http=True")
        return "http://" + self._where["http"]

    def log(self) -> str:
        """What server and workers have written so far."""
        self._log.seek(0)
        return self._log.read()

    def _wait_ready(self) -> dict[str, str]:
        import threading

        assert self.process.stdout is not None
        late = threading.Timer(READY_S, self.process.kill)
        late.start()
        try:
            for line in self.process.stdout:
                if line.startswith("dora: ready "):
                    return dict(word.split("=", 1) for word in line.split()[2:] if "=" in word)
        finally:
            late.cancel()
        self._end(signal.SIGKILL)
        raise RuntimeError(f"the server did not start:\n{self.log()}")

    def _end(self, sent: signal.Signals) -> int:
        assert self.process.stdout is not None
        self.process.send_signal(sent)
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
        finally:
            self.process.stdout.close()

    def stop(self) -> None:
        """End the server, once. RuntimeError where it did not end in good order."""
        if self.process.returncode is not None:
            return
        self.client.close()
        status = self._end(signal.SIGTERM)
        if status != 0:
            raise RuntimeError(f"the server ended with status {status}:\n{self.log()}")

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 traceback: TracebackType | None) -> None:
        self.stop()


def _target(app: _dora.App | str | os.PathLike[str] | None) -> str | None:
    """What `dora serve` is given for it."""
    if app is None:
        return None
    if not isinstance(app, _dora.App):
        name = os.fspath(app)
        if not Path(name).is_file() and ":" not in name:
            raise FileNotFoundError(f"no application: {name} (looked in {os.getcwd()})")
        return str(Path(name).resolve()) if Path(name).is_file() else name
    for name, module in list(sys.modules.items()):
        for attribute, value in list(getattr(module, "__dict__", {}).items()):
            if value is app and name != "__main__":
                return f"{name}:{attribute}"
    raise LookupError("this dora.App is no global of an imported module, which the server's "
                      "processes could import, too: give the file's name, or app.call() its calls")

