"""_dora.pyi says what the extension has: the same names, the same parameters, and docstrings."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import dora
from dora import _dora
from dora_helpers import ROOT

STUB = ROOT / "bindings/python/dora/_dora.pyi"
TREE = ast.parse(STUB.read_text(encoding="utf-8"))
CLASSES = {node.name: node for node in TREE.body if isinstance(node, ast.ClassDef)}
FUNCTIONS = {node.name: node for node in TREE.body if isinstance(node, ast.FunctionDef)}
ERRORS = ("Error", "TimeoutError", "ConnectionError", "HandlerError", "NotRunError",
          "Interrupted", "TimeLimit", "Cancelled",
          "Misfit")


def members(node):
    """The functions and properties of a class in the stub."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {item.name: item for item in node.body if isinstance(item, kinds)}


def is_property(node):
    """A setter is one, too."""
    return any(getattr(each, "id", "") == "property" or getattr(each, "attr", "") == "setter"
               for each in node.decorator_list)


def parameters(node):
    """[(name, kind)] of a function in the stub, without self and cls."""
    args = node.args
    found = [(arg.arg, "positional only") for arg in args.posonlyargs]
    found += [(arg.arg, "either") for arg in args.args]
    found += [(arg.arg, "keyword only") for arg in args.kwonlyargs]
    return [each for each in found if each[0] not in ("self", "cls")]


KINDS = {
    inspect.Parameter.POSITIONAL_ONLY: "positional only",
    inspect.Parameter.POSITIONAL_OR_KEYWORD: "either",
    inspect.Parameter.KEYWORD_ONLY: "keyword only",
}


def real_parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(each.name, KINDS[each.kind]) for each in found
            if each.name not in ("self", "module", "$self")]


def test_the_same_names():
    public = {name for name in vars(_dora) if not name.startswith("__")}
    assert public == set(CLASSES) | set(FUNCTIONS)
    for name, node in CLASSES.items():
        if name not in ERRORS:
            real = {each for each in vars(getattr(_dora, name)) if not each.startswith("__")}
            assert real == {each for each in members(node) if not each.startswith("__")}, name


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_agree_with_the_stub(name):
    assert getattr(_dora, name).__doc__
    assert real_parameters(getattr(_dora, name)) == parameters(FUNCTIONS[name])


@pytest.mark.parametrize("name", sorted(set(CLASSES) - set(ERRORS)))
def test_methods_agree_with_the_stub(name):
    kind = getattr(_dora, name)
    for member, node in members(CLASSES[name]).items():
        real = getattr(kind, member)
        if is_property(node):
            assert inspect.isgetsetdescriptor(real) and real.__doc__, member
        elif member == "run":  # any option: dora._run names the wrong ones
            assert [kind for _, kind in parameters(node)] == ["keyword only"] * 10
        elif not member.startswith("__"):
            assert real.__doc__ and real_parameters(real) == parameters(node), member
    made = members(CLASSES[name]).get("__new__")
    if made is not None:
        assert real_parameters(kind) == parameters(made)


def with_defaults(node):
    """[(name, kind, default)], the default as it is written; None where there is none."""
    args = node.args
    missing = len(args.posonlyargs + args.args) - len(args.defaults)
    defaults = [None] * missing + args.defaults
    given = [each.arg for each in args.posonlyargs + args.args]
    values = dict(zip(given + [each.arg for each in args.kwonlyargs],
                      defaults + args.kw_defaults))
    return [(name, kind, values[name] and ast.unparse(values[name]))
            for name, kind in parameters(node)]


SYNC = {name: node for name, node in members(CLASSES["Client"]).items()
        if name == "__new__" or not name.startswith("_")}
ASYNC = members(next(
    node for node in ast.parse((STUB.parent / "_async.py").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef) and node.name == "AsyncClient"))


@pytest.mark.parametrize("name", sorted(SYNC))
def test_the_client_for_asyncio_takes_what_the_other_takes(name):
    own = with_defaults(ASYNC["__init__" if name == "__new__" else name])
    more = [("connections", "keyword only", "4")] if name == "__new__" else []
    assert own == with_defaults(SYNC[name]) + more


def test_the_package_is_marked_as_typed():
    assert (Path(dora.__file__).parent / "py.typed").exists()
    assert (Path(dora.__file__).parent / "_dora.pyi").exists()


def test_asyncio_is_loaded_when_it_is_needed():
    """It is a third of the memory that a worker would have of the package."""
    lines = (
        "import sys, dora; assert 'asyncio' not in sys.modules; assert 'AsyncClient' in dir(dora)",
        "from dora import *; assert AsyncClient is dora.AsyncClient",
    )
    subprocess.run([sys.executable, "-c", "\n".join(lines)], check=True)
