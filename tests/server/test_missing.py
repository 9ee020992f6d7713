"""What is missing on a machine is named, with what to do: an interpreter, Dora for it."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from support.server import program

MENDS = {
    "python": ["DORA_PYTHON", "pip install", "interpreter"],
    "php": ["extension=dora", "DORA_PHP_EXTENSION", "DORA_PHP"],
}


def serve(folder, runtime, **env):
    """Starts a server with one pool, which cannot start; what it said."""
    app = os.path.join(folder, "app." + {"python": "py", "php": "php"}[runtime])
    open(app, "w").close()
    path = os.path.join(folder, "dora.json")
    with open(path, "w") as file:
        json.dump({"listen": {"tcp": "127.0.0.1:0"},
                   "pools": {"one": {"runtime": runtime, "app": app, "workers": 1}}}, file)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DORA_")}
    done = subprocess.run([program(), "serve", "--config", path], env=dict(kept, **env),
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1, done.stderr
    assert "dora: ready" not in done.stdout
    return done.stderr


def script(folder, text):
    path = os.path.join(folder, "interpreter")
    with open(path, "w") as file:
        file.write("#!/bin/sh\n" + text)
    os.chmod(path, 0o755)
    return path


@pytest.mark.parametrize("runtime", sorted(MENDS))
def test_an_interpreter_without_dora(tmp_path, runtime):
    """Python without its packages, PHP without its php.ini."""
    python = os.path.realpath(sys.executable)
    found = script(str(tmp_path), 'exec %s "$@"\n' % (
        python + " -E -S" if runtime == "python" else shutil.which("php") + " -n"))
    said = serve(str(tmp_path), runtime, **{"DORA_" + runtime.upper(): found})
    for mend in MENDS[runtime]:
        assert mend in said, said
    assert found in said
    assert "undefined function" not in said


@pytest.mark.parametrize("runtime", sorted(MENDS))
def test_an_interpreter_that_is_not_there(tmp_path, runtime):
    said = serve(str(tmp_path), runtime, PATH=str(tmp_path))
    assert "cannot start %s: No such file" % {"python": "python3", "php": "php"}[runtime] in said
    for mend in MENDS[runtime]:
        assert mend in said, said


def test_a_module_of_php_that_is_not_there(tmp_path):
    said = serve(str(tmp_path), "php", DORA_PHP_EXTENSION=str(tmp_path / "gone.so"))
    assert "gone.so" in said
    assert "this PHP has no extension dora" in said
