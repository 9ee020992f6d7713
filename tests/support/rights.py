"""Servers whose processes have users of their own. Only root can start such."""

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import tempfile

import pytest

from .server import HERE, Server, asking, environment, program

needs_root = pytest.mark.skipif(os.geteuid() != 0,
                                reason="only root can start processes as other users")
APP = os.path.join(HERE, "apps", "rights.py")


def uid(name):
    return pwd.getpwnam(name).pw_uid


@contextlib.contextmanager
def folder_for(user=None):
    """A folder in which everybody may look; it belongs to `user`."""
    path = tempfile.mkdtemp(prefix="dora-test-")
    os.chmod(path, 0o755)
    if user is not None:
        os.chown(path, uid(user), -1)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def pool(app=APP, **more):
    return {"runtime": "php" if app.endswith(".php") else "python", "app": app, "workers": 1,
            **more}


def write(folder, pools, **config):
    """The configuration file, which everybody may read."""
    path = os.path.join(folder, "dora.json")
    config.setdefault("listen", {"tcp": "127.0.0.1:0"})
    with open(path, "w") as file:
        json.dump({"linger_ms": 100, **config, "pools": pools}, file)
    os.chmod(path, 0o644)
    return path


def serve(folder, pools, **config):
    return Server(command=[program(), "serve", "--config", write(folder, pools, **config)])


def dora(*argv, as_user=None):
    words = ["setpriv", "--reuid", as_user, "--regid", as_user, "--clear-groups"] if as_user else []
    return subprocess.run([*words, *asking(*argv)], env=environment(), capture_output=True,
                          text=True, timeout=30)


def refused(folder, pools, as_user=None, **config):
    """What a server says that does not start, or `dora check`, which has to say the same."""
    path = write(folder, pools, **config)
    started = dora("serve", "--config", path, as_user=as_user)
    assert (started.returncode, started.stdout) == (1, ""), started
    return started.stderr
