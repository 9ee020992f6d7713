"""Loading an application in a zygote. Called by the extension."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import os
import sys
import types

from . import _dora, _files, _log


class _Loaded(BaseException):
    """Ends a file whose last line is app.run(), while it is being loaded."""


class _Source(importlib.machinery.SourceFileLoader):
    """Reads the file, never its compiled twin: that one knows its age in whole seconds, and a
    reload may come sooner."""

    def get_code(self, fullname: str) -> types.CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


# What is being loaded: [] while a file runs, [app] once it called app.run(). None: nothing.
_loading: list[_dora.App] | None = None


def take_over(app: _dora.App) -> None:
    """Called by run(): while a file is being loaded, `app` is what it was loaded for."""
    if _loading is not None:
        _loading[:] = [app]
        raise _Loaded


def load(target: str, given: _dora.App | None) -> _dora.App:
    """Return the application of `target`, a file or module:attr; `given` called run() itself."""
    # Programs that a handler starts are no zygotes.
    os.environ.pop("DORA_ZYGOTE", None)
    _log.before_load()
    try:
        app = given or _load_target(target)
    except BaseException as error:
        _files.failed(error)
        _drop_own(error)
        raise
    _log.after_load()
    return app


def _drop_own(error: BaseException) -> None:
    """Let the traceback begin where the application does."""
    trace = error.__traceback__
    while trace is not None and (trace.tb_frame.f_code.co_filename == __file__ or
                                 trace.tb_frame.f_code.co_filename.startswith("<frozen importlib")):
        trace = trace.tb_next
    error.__traceback__ = trace


def _load_target(target: str) -> _dora.App:
    if target.endswith(".py") or os.path.isfile(target):
        return _load_file(target)
    return _load_attribute(target)


def _load_file(target: str) -> _dora.App:
    path = os.path.abspath(target)
    folder, base = os.path.split(path)
    sys.path.insert(0, folder)
    # The file's own name, so that other modules may import it and get this very module.
    name = os.path.splitext(base)[0]
    if not name.isidentifier() or name in sys.modules:
        name = "__dora_app__"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, path))
    if spec is None or spec.loader is None:
        raise ImportError(f"{target}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    return _execute(target, module, lambda: spec.loader.exec_module(module))


def _load_attribute(target: str) -> _dora.App:
    module_name, _, attribute = target.partition(":")
    if not module_name or not attribute:
        raise ImportError(f"{target}: expected a file or module:attr")

    def run_module() -> None:
        importlib.import_module(module_name)

    module = types.ModuleType(module_name)
    try:
        app: object = _execute(target, module, run_module, attribute)
    except AttributeError as error:
        raise ImportError(f"{target}: {error}") from error
    if not isinstance(app, _dora.App):
        raise TypeError(f"{target} is no dora.App but {type(app).__name__}")
    return app


def _execute(target, module, execute, attribute=None):
    """Run the module's code and return its application."""
    global _loading
    _loading = found = []
    try:
        execute()
    except _Loaded:
        return found[0]
    except SystemExit as error:
        if _dora.is_forked():
            raise
        raise RuntimeError(f"{target} called exit({error.code!r}) while loading") from error
    finally:
        _loading = None
    if found:  # run() was called, and its end swallowed by an `except:`
        return found[0]
    if attribute is None:
        return _find(target, module)
    app = sys.modules[module.__name__]
    for part in attribute.split("."):
        app = getattr(app, part)
    return app


def _find(target: str, module: types.ModuleType) -> _dora.App:
    """The App named `app`, else the only App of the file."""
    app = getattr(module, "app", None)
    if isinstance(app, _dora.App):
        return app
    apps = {id(value): (name, value) for name, value in vars(module).items()
            if isinstance(value, _dora.App)}
    if len(apps) == 1:
        return next(iter(apps.values()))[1]
    names = ", ".join(sorted(name for name, _ in apps.values()))
    if names:
        raise LookupError(f"{target} has several dora.App ({names}): name one of them `app`")
    raise LookupError(f"{target} has no dora.App: it needs `app = dora.App()`")
