#!/usr/bin/env python3
"""Other compilers read the C files, with every warning an error: clang those of the core and its
tests, musl's those of the core. For a person to start; no part of tests/run.sh.

    tests/compilers.py [FOLDER]      out/compilers

Nothing is linked: the libraries of the core are not to be had for musl from Debian. Their headers
are glibc's, which say nothing that musl's do not. The last line is "N passed, N failed", of files.
"""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SYSTEM = Path("/usr/include")
HEADERS = ("uv", "uv.h", "jansson.h", "jansson_config.h", "microhttpd.h", "hiredis", "zlib.h",
           "zconf.h", "linux", "asm-generic")


def commands(folder, compiler):
    """(file, the words of its compilation without an output) for each file, once."""
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, "-DDORA_TESTS=ON",
                    f"-DCMAKE_C_COMPILER={compiler}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"],
                   check=True, stdout=subprocess.DEVNULL)
    found = {}
    for entry in json.loads((folder / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        output = words.index("-o")
        found[entry["file"]] = words[:output] + words[output + 2:]
    return sorted(found.items())


def headers(folder):
    """A folder with the libraries' headers and Linux's, and nothing of glibc's."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "openssl").mkdir(parents=True)
    own = next(path.parent for path in SYSTEM.glob("*/asm"))
    for path in [SYSTEM / name for name in HEADERS] + [own / "asm"]:
        (folder / path.name).symlink_to(path)
    for path in [*SYSTEM.glob("openssl/*.h"), *own.glob("openssl/*.h")]:
        (folder / "openssl" / path.name).symlink_to(path)
    return folder


def without_system(words):
    """The words of a compilation without folders of the system's."""
    kept = []
    for word in words:
        if kept and kept[-1] == "-isystem":
            kept.pop()
        elif not word.startswith("-I/usr"):
            kept.append(word)
    return kept


def reads(words):
    """Whether a compiler has nothing to say of a file."""
    done = subprocess.run([*words, "-fsyntax-only"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode != 0 or done.stderr:
        print(done.stderr, end="")
        return False
    return True


def main():
    """Each compiler on each file."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "out/compilers").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    files = commands(folder / "clang", "clang")
    results = [reads(words) for _, words in files]
    print(f"clang: {len(results)} files")
    # musl's CMSG_NXTHDR mixes numbers with and without a sign.
    others = ["-isystem", str(headers(folder / "musl")), "-Wno-sign-conversion"]
    core = [["musl-gcc", *without_system(words[1:]), *others] for file, words in files
            if "/core/src/" in file]
    results += [reads(words) for words in core]
    print(f"musl-gcc: {len(core)} files")
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
