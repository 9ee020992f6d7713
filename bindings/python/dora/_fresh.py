"""Imports in a zygote: no compiled file is taken for a source that may have changed since.

Python knows a compiled file's source by its size and the whole second of its change, and a reload
may come twice within one. So of the application's own modules a compiled file counts only when it
was written well after its source, and none is written for a source that has just changed. One in
doubt is removed once its source is old enough, so that it is written anew.
"""

from __future__ import annotations

import os
import sys
import time
from importlib.machinery import SourceFileLoader
from importlib.util import cache_from_source

YOUNG_S = 2.0  # the second that counts, and file systems that know no finer time than two

_LIBRARY = os.path.dirname(os.__file__) + os.sep
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")


def _is_own(path: str) -> bool:
    """Whether it is the application's, not installed for it: that does not change by the second."""
    return not path.startswith(_LIBRARY) and not any(part in path for part in _INSTALLED)


def _changed_s(found: os.stat_result) -> float:
    return max(found.st_mtime, found.st_ctime)


def _is_doubtful(path: str, changed_s: float) -> bool:
    """Whether its compiled file may be older than the source."""
    try:
        return os.stat(cache_from_source(path)).st_mtime < changed_s + YOUNG_S
    except (OSError, NotImplementedError):  # there is none
        return False


def _is_replaceable(path: str) -> bool:
    """Remove a compiled file where a better one is written next; whether that is so."""
    if sys.dont_write_bytecode:
        return False
    try:
        os.unlink(cache_from_source(path))
    except FileNotFoundError:  # somebody else has begun the same
        return True
    except OSError:
        return False
    return True


def _path_stats(self: SourceFileLoader, path: str) -> dict[str, float]:
    """SourceFileLoader.path_stats(). Where it raises OSError nothing is read or written beside the
    source."""
    found = os.stat(path)
    changed_s = _changed_s(found)
    if _is_own(path):
        is_young = time.time() < changed_s + YOUNG_S
        if is_young or (_is_doubtful(path, changed_s) and not _is_replaceable(path)):
            raise OSError(f"{path}: no compiled file is sure to be of it")
    return {"mtime": found.st_mtime, "size": found.st_size}


def watch() -> None:
    """Begin, in a zygote, as early as Dora is imported."""
    SourceFileLoader.path_stats = _path_stats  # type: ignore[method-assign]
    _look_back()


def _look_back() -> None:
    """A program that is run again may have imported before it came to Dora: it begins once more
    where that may have been out of date."""
    if os.environ.pop("DORA_FRESH", None) is not None:
        sys.dont_write_bytecode = False
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        return
    doubtful = False
    for module in list(sys.modules.values()):
        spec = getattr(module, "__spec__", None)
        path = getattr(spec, "origin", None)
        is_source = isinstance(getattr(spec, "loader", None), SourceFileLoader)
        if is_source and isinstance(path, str) and _is_own(path):  # one made by hand may have none
            doubtful |= _is_removed(path)
    if doubtful:
        if not sys.dont_write_bytecode:  # else what is there is not what this one has written
            os.environ.update(DORA_FRESH="1", PYTHONDONTWRITEBYTECODE="1")
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _is_removed(path: str) -> bool:
    """Remove a compiled file that is in doubt; whether there was one."""
    try:
        if not _is_doubtful(path, _changed_s(os.stat(path))):
            return False
        os.unlink(cache_from_source(path))
    except OSError:
        return False
    return True
