"""Builds the extension dora._dora: the core's C files (core/sources.txt) and the binding's."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
BINDING = "bindings/python"

# pkg-config name: what to link where pkg-config is missing.
LIBRARIES = {
    "libuv": "-luv",
    "jansson": "-ljansson",
    "zlib": "-lz",
    "libmicrohttpd": "-lmicrohttpd",
    "hiredis": "-lhiredis",
}


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
    header = (ROOT / "core/include/dora/dora.h").read_text()
    found = re.search(r'#define DORA_VERSION "([^"]+)"', header)
    if found is None:
        raise SystemExit("core/include/dora/dora.h has no DORA_VERSION")
    return found.group(1)


def pkg_config(option: str, name: str) -> list[str]:
    """The flags of one library, [] without pkg-config."""
    program = shutil.which("pkg-config")
    if program is None:
        return []
    done = subprocess.run([program, option, name], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(
            f"pkg-config does not know {name}; on Debian: "
            "apt-get install libuv1-dev libjansson-dev zlib1g-dev libmicrohttpd-dev "
            "libhiredis-dev python3-dev"
        )
    return shlex.split(done.stdout)


def flags() -> tuple[list[str], list[str]]:
    """What the compiler and the linker get for the libraries."""
    compile_flags: list[str] = []
    link_flags: list[str] = []
    for name, plain in LIBRARIES.items():
        compile_flags += pkg_config("--cflags", name)
        link_flags += pkg_config("--libs", name) or [plain]
    return compile_flags, link_flags


def extension() -> Extension:
    """The one extension module."""
    compile_flags, link_flags = flags()
    binding = sorted(str(path.relative_to(ROOT)) for path in (ROOT / BINDING).glob("*.c"))
    headers = [*ROOT.glob("core/**/*.h"), *ROOT.glob(f"{BINDING}/*.h")]
    return Extension(
        "dora._dora",
        sources=core_sources() + binding,
        depends=sorted(str(path.relative_to(ROOT)) for path in headers) + ["core/sources.txt"],
        include_dirs=["core/include", "core/src"],
        define_macros=[("_GNU_SOURCE", None)],
        extra_compile_args=["-std=c11", "-O2", "-fvisibility=hidden", "-pthread", *compile_flags],
        extra_link_args=["-pthread", *link_flags, "-ldl"],
    )


# setup.cfg sends everything generated there; egg_info wants it to exist.
(ROOT / "out/python").mkdir(parents=True, exist_ok=True)

setup(
    version=version(),
    packages=["dora"],
    package_dir={"dora": f"{BINDING}/dora"},
    package_data={"dora": ["*.pyi", "py.typed"]},
    ext_modules=[extension()],
)
