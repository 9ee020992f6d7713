"""Builds the extension dora._dora: the core's C files (core/sources.txt) and the binding's."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import setuptools
from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
BINDING = "bindings/python"
PYTHON_OLDEST = (3, 10)  # as pyproject.toml has it


def core_sources() -> list[str]:
    """The core's files; every one of them must exist."""
    lines = (ROOT / "core/sources.txt").read_text().splitlines()
    sources = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    missing = [source for source in sources if not (ROOT / source).is_file()]
    if missing:
        raise SystemExit(f"core/sources.txt names files that are missing: {', '.join(missing)}")
    return sources


def version() -> str:
    """The one version, as C has it."""
    header = (ROOT / "core/include/dora/version.h").read_text()
    found = re.search(r'#define DORA_VERSION "([^"]+)"', header)
    if found is None:
        raise SystemExit("core/include/dora/version.h has no DORA_VERSION")
    return found.group(1)


def libraries() -> list[tuple[str, str, str]]:
    """(pkg-config's name, the oldest version that will do, Debian's package) of each library."""
    lines = (ROOT / "core/libraries.txt").read_text().splitlines()
    found = [line.split() for line in lines if line and not line.startswith("#")]
    return [(name, oldest, package) for name, oldest, package in found]


def pkg_config(*arguments: str) -> str | None:
    """What pkg-config prints, None where it says no."""
    done = subprocess.run(["pkg-config", *arguments], capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def missing() -> list[str]:
    """What the build wants and this machine has not, a line each."""
    lines = []
    python = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < PYTHON_OLDEST:
        lines.append(f"Python {python} is too old: Dora needs {'.'.join(map(str, PYTHON_OLDEST))} "
                     "or newer (Debian's package python3-dev)")
    if sys.maxsize < 2**63 - 1:
        lines.append(f"{sys.executable} is a program of 32 bits: Dora needs 64")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        lines.append(f"Python.h is missing: Dora needs the headers of Python {python} "
                     "(Debian's package python3-dev)")
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        lines.append(f"{compiler} is missing: Dora needs a C compiler (Debian's package gcc)")
    if shutil.which("pkg-config") is None:
        return [*lines, "pkg-config is missing: Dora finds its libraries by it "
                        "(Debian's package pkg-config)"]
    for name, oldest, package in libraries():
        version = pkg_config("--modversion", name)
        if version is None:
            lines.append(f"{name} is missing: Dora needs {oldest} or newer, with its headers "
                         f"(Debian's package {package})")
        elif pkg_config("--exists", f"{name} >= {oldest}") is None:
            lines.append(f"{name} {version} is too old: Dora needs {oldest} or newer "
                         f"(Debian's package {package})")
    return lines


def flags() -> tuple[list[str], list[str]]:
    """What the compiler and the linker get for the libraries."""
    lines = missing()
    if lines:
        raise SystemExit("Dora cannot be built here:\n  " + "\n  ".join(lines))
    names = [name for name, _, _ in libraries()]
    return tuple(shlex.split(pkg_config(option, *names) or "") for option in ("--cflags", "--libs"))


def licence() -> dict[str, str]:
    """The licence, in the form that this setuptools has: a text became an expression in 77."""
    major = int(setuptools.__version__.split(".")[0])
    return {"license_expression" if major >= 77 else "license": "Apache-2.0"}


def readme() -> str:
    """README.md for a package index: links into the sources have no place there but their words.
    What stands in a fence is code."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    parts = re.split(r"(^```.*?^```$)", text, flags=re.M | re.S)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(r"^!\[[^\]]*\]\((?!https?:)[^)]*\)\n+", "", parts[i], flags=re.M)
        parts[i] = re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", parts[i])
    return "".join(parts)


def extension() -> Extension:
    """The one extension module."""
    compile_flags, link_flags = flags()
    binding = sorted(str(path.relative_to(ROOT)) for path in (ROOT / BINDING).glob("*.c"))
    headers = [*ROOT.glob("core/**/*.h"), *ROOT.glob(f"{BINDING}/*.h")]
    return Extension(
        "dora._dora",
        sources=core_sources() + binding,
        depends=sorted(str(path.relative_to(ROOT)) for path in headers)
        + ["core/sources.txt", "core/libraries.txt"],
        include_dirs=["core/include", "core/src"],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", "-pthread", *compile_flags],
        extra_link_args=["-pthread", *link_flags, "-ldl"],
    )


# setup.cfg sends everything generated there; egg_info wants it to exist.
(ROOT / "out/python").mkdir(parents=True, exist_ok=True)

setup(
    version=version(),
    **licence(),
    long_description=readme(),
    long_description_content_type="text/markdown",
    packages=["dora"],
    py_modules=["dora_pytest"],
    package_dir={"": BINDING, "dora": f"{BINDING}/dora"},
    package_data={"dora": ["*.pyi", "py.typed"]},
    ext_modules=[extension()],
)
