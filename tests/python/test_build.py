"""What the builds say of a machine that has not what they want, and what the package says."""

import os
import re
import shutil
import subprocess
import sys

import pytest

from dora_helpers import ROOT

LIBRARIES = [line.split() for line in (ROOT / "core/libraries.txt").read_text().splitlines()
             if line and not line.startswith("#")]


def setup_py(folder, env):
    return [sys.executable, str(ROOT / "setup.py"), "-q", "--version"]


def cmake(folder, env):
    return ["cmake", "-S", str(ROOT), "-B", str(folder / "build")]


def build(which, folder, pc_folder):
    """Runs the first step of a build where pkg-config knows only what lies in a folder."""
    env = dict(os.environ, PKG_CONFIG_LIBDIR=str(pc_folder))
    env.pop("PKG_CONFIG_PATH", None)
    done = subprocess.run(which(folder, env), cwd=ROOT, env=env, capture_output=True, text=True,
                          timeout=120)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def package(folder, name, version):
    (folder / f"{name}.pc").write_text(
        f"Name: {name}\nDescription: {name}\nVersion: {version}\nLibs: -lnothing\n")


@pytest.mark.parametrize("which", [setup_py, cmake])
def test_libraries_that_are_missing_are_named_with_their_packages(tmp_path, which):
    empty = tmp_path / "pc"
    empty.mkdir()
    status, said = build(which, tmp_path, empty)
    assert status != 0
    for name, oldest, debian in LIBRARIES:
        assert f"{name} is missing: Dora needs {oldest} or newer" in said, said
        assert debian in said


@pytest.mark.parametrize("which", [setup_py, cmake])
def test_a_library_that_is_too_old_is_named_with_both_versions(tmp_path, which):
    folder = tmp_path / "pc"
    folder.mkdir()
    for name, oldest, _ in LIBRARIES:
        package(folder, name, oldest)
    package(folder, "libuv", "1.30.0")
    status, said = build(which, tmp_path, folder)
    assert status != 0
    assert "libuv 1.30.0 is too old: Dora needs 1.43 or newer" in said
    assert said.count("Dora needs") == 1  # the others are as old as they may be


def test_ubuntu_22_04_is_new_enough(tmp_path):
    folder = tmp_path / "pc"
    folder.mkdir()
    for name, version in (("libuv", "1.43.0"), ("jansson", "2.13.1"), ("zlib", "1.2.11"),
                          ("libmicrohttpd", "0.9.75"), ("hiredis", "0.14.1"),
                          ("openssl", "3.0.2")):
        package(folder, name, version)
    status, said = build(setup_py, tmp_path, folder)
    assert status == 0, said


def test_without_pkg_config(tmp_path):
    env = dict(os.environ, PATH=str(tmp_path))
    done = subprocess.run(setup_py(tmp_path, env), cwd=ROOT, env=env, capture_output=True,
                          text=True, timeout=120)
    assert done.returncode != 0
    assert ("pkg-config is missing: Dora finds its libraries by it (Debian's package pkg-config)"
            in done.stderr)


def test_setuptools_has_nothing_to_say(tmp_path):
    """Its warnings are what stops working next, as the licence's table does."""
    for name in ("setup.py", "setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("core", "bindings"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "metadata").mkdir()
    code = ("import sys, warnings\nwarnings.simplefilter('always')\n"
            "from setuptools import build_meta\n"
            "print(build_meta.prepare_metadata_for_build_wheel(sys.argv[1]))\n")
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "metadata")], cwd=tmp_path,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ours = [line for line in done.stderr.splitlines()
            if re.search(r"Setuptools\w*Warning", line)]
    assert ours == []
    metadata = (tmp_path / "metadata" / done.stdout.split()[-1] / "METADATA").read_text()
    assert "Apache-2.0" in metadata.split("\n\n")[0]
