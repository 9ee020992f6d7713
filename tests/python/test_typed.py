"""The examples of bindings/python/README.md, and code like them, as mypy and pyright see them."""

import collections
import json
import re
import shutil
import subprocess
import types

import pytest

import dora
from dora_helpers import ROOT
from test_modes import echo

MYPY = shutil.which("mypy")
PYRIGHT = shutil.which("pyright")
MORE = """
import asyncio
from collections.abc import Mapping, Sequence

import dora

numbers: dict[str, int] = {"id": 7}
names: list[str] = ["a", "b"]
groups: dict[str, list[str]] = {"users": ["127.0.0.1:1"]}
client = dora.Client(names)
client = dora.Client(groups, group="users")
client.call("/a", numbers)
client.call("/a", names)
calls: dict[str, tuple[str, dict[str, int]]] = {"a": ("/a", numbers)}
client.call_many(calls)
read_only: Mapping[str, tuple[str, Sequence[int]]] = {"a": ("/a", (1, 2))}
client.send_many(read_only)
pending: dora.PendingResult = client.submit("/a", numbers)
guid: str = pending
found = client.collect(3.0, guids=[pending, guid])
pending.result(timeout=1.0)
is_done: bool = pending.done()


async def main() -> None:
    async with dora.AsyncClient(groups) as many:
        later: dora.AsyncPendingResult = await many.submit_many(calls)
        await later.result(1.0)
        await many.collect(guids=[later])


asyncio.run(main())
"""


def checked(tmp_path, source):
    """What mypy --strict finds, with the package as it is in the sources."""
    (tmp_path / "example.py").write_text(source, encoding="utf-8")
    names = sorted(each.name for each in tmp_path.glob("*.py"))
    done = subprocess.run(
        [MYPY, "--strict", "--cache-dir", str(tmp_path / "cache"), *names],
        cwd=tmp_path, env={"MYPYPATH": str(ROOT / "bindings/python"), "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=120)
    return [line for line in done.stdout.splitlines() if line.split(":")[0] in names], done


def examples(which, tmp_path):
    """The source to check; what stands in a file of its own is written there."""
    text = (ROOT / "bindings/python/README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python(?: file=([^\n]*))?\n(.*?)^```", text, re.M | re.S)
    assert len(blocks) >= 5
    for name, block in blocks if which == "guide" else ():
        if name:
            (tmp_path / name).write_text(block, encoding="utf-8")
    return MORE if which == "more" else "\n\n".join(block for name, block in blocks if not name)


@pytest.mark.skipif(PYRIGHT is None, reason="pyright is not installed")
@pytest.mark.parametrize("which", ["guide", "more"])
def test_pyright_accepts_the_examples(tmp_path, which):
    (tmp_path / "example.py").write_text(examples(which, tmp_path), encoding="utf-8")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({
        "extraPaths": [str(ROOT / "bindings/python")], "typeCheckingMode": "strict",
        "reportDuplicateImport": "none"}))  # each example has its own
    done = subprocess.run([PYRIGHT], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert "0 errors, 0 warnings" in done.stdout, done.stdout


@pytest.mark.skipif(MYPY is None, reason="mypy is not installed (Debian: mypy)")
@pytest.mark.parametrize("which", ["guide", "more"])
def test_mypy_accepts_the_examples(tmp_path, which):
    found, done = checked(tmp_path, examples(which, tmp_path))
    assert found == [], done.stdout
    assert "source file" in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(MYPY is None, reason="mypy is not installed (Debian: mypy)")
def test_mypy_sees_what_is_wrong(tmp_path):
    found, _ = checked(tmp_path, "import dora\n\ndora.Client(5)\ndora.Client('a').colour()\n")
    assert len(found) == 2


def test_what_the_stubs_allow_works(peer):
    """Mappings and sequences that are no dict and no list."""
    node = peer(echo).node
    groups = types.MappingProxyType({"a": collections.UserList([node])})
    with dora.Client(groups, group="a") as client:
        calls = collections.ChainMap({"x": ("/a", 1)}, {"y": ("/a", 2)})
        guid = client.submit_many(calls)
        assert guid.result() == {"x": 1, "y": 2}
        client.send_many(types.MappingProxyType({"x": ("/a",)}))
        with pytest.raises(TypeError, match="calls must be dict, not list"):
            client.call_many([("x", ("/a",))])
