"""Which files an application consists of, for a server that loads what was saved (dev)."""

from __future__ import annotations

import os
import sys
import types

_STDLIB = os.path.dirname(os.__file__) + os.sep
_told: set[str] = set()
_failed: set[str] = set()  # of what did not load: they are no modules


def failed(error: BaseException | None) -> None:
    """Note the files through which an exception came, while the application was loaded."""
    while error is not None:
        trace: types.TracebackType | None = error.__traceback__
        while trace is not None:
            _failed.add(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename:
            _failed.add(error.filename)
        error = error.__cause__ or error.__context__


def new() -> list[bytes]:
    """The files that were not told yet. Those of Python itself do not count."""
    found = set(_failed)
    for module in list(sys.modules.values()):
        file = getattr(module, "__dict__", {}).get("__file__")
        if isinstance(file, str):
            found.add(file)
    found -= _told
    _told.update(found)
    return [os.fsencode(os.path.abspath(file)) for file in found
            if not file.startswith((_STDLIB, "<")) or "-packages" in file]
