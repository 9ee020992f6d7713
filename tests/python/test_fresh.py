"""What the zygote does of imports: whose compiled files count, and which are written anew."""

import py_compile
import sys
import types
from importlib.machinery import ModuleSpec, SourceFileLoader, SourcelessFileLoader
from importlib.util import cache_from_source

import pytest

from dora import _fresh


class Loader(SourceFileLoader):
    path_stats = _fresh._path_stats


@pytest.fixture
def doubtful(tmp_path, monkeypatch):
    """A source of long ago, with a compiled file of another one written in the same second."""
    source = tmp_path / "inner.py"
    source.write_text("VALUE = 1\n")
    py_compile.compile(str(source), doraise=True)
    source.write_text("VALUE = 2\n")
    later = types.SimpleNamespace(time=lambda: source.stat().st_ctime + 1000)
    monkeypatch.setattr(_fresh, "time", later)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    return source


def value_of(code):
    found = {}
    exec(code, found)
    return found["VALUE"]


def test_a_compiled_file_in_doubt_is_written_anew(doubtful):
    assert value_of(Loader("inner", str(doubtful)).get_code("inner")) == 2
    kept = SourcelessFileLoader("inner", cache_from_source(str(doubtful)))
    assert value_of(kept.get_code("inner")) == 2


def test_one_in_doubt_stays_where_none_may_be_written(doubtful, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert value_of(Loader("inner", str(doubtful)).get_code("inner")) == 2
    kept = SourcelessFileLoader("inner", cache_from_source(str(doubtful)))
    assert value_of(kept.get_code("inner")) == 1


def test_a_module_without_a_file(monkeypatch):
    module = types.ModuleType("made")
    module.__spec__ = ModuleSpec("made", SourceFileLoader("made", "/nowhere/made.py"))
    assert module.__spec__.origin is None
    monkeypatch.delenv("DORA_FRESH", raising=False)
    monkeypatch.setitem(sys.modules, "made", module)
    asked = []
    monkeypatch.setattr(_fresh, "_is_removed", lambda path: asked.append(path) or False)
    _fresh._look_back()
    assert None not in asked
