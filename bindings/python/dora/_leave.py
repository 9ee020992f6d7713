"""How a worker's process ends: what users rely on, and no more.

Python's own end takes every object apart. In a worker that writes to, and so copies, nearly every
page the zygote has loaded for all of them: it cost several times what the rest of a worker's life
costs beside its calls.
"""

from __future__ import annotations

import _io
import atexit
import contextlib
import gc
import os
import sys
import threading
import weakref
from collections.abc import Iterable, Iterator

from . import _dora

# How long a worker waits for threads of the application, in seconds; and a process that loads the
# application only to see what there is.
PATIENCE_S = 2.0
patience_s = 0.2

# The open files of the loaded application. After the fork the collector does not list them.
_inherited: list[weakref.ref[_io._IOBase]] = []


def flush_std() -> None:
    """Write out what Python has buffered for stdout and stderr."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _files(objects: Iterable[object]) -> Iterator[_io._IOBase]:
    # Not isinstance(): that would ask lazy objects what they stand for.
    return (one for one in objects if issubclass(type(one), _io._IOBase))


def _flush(files: Iterable[_io._IOBase]) -> None:
    for file in files:
        with contextlib.suppress(Exception):  # it is closed, say, or its disk is full
            file.flush()


def before_first_fork(objects: Iterable[object]) -> None:
    """Write out files that the application opened while it was loaded, and remember them."""
    flush_std()
    files = list(_files(objects))
    _flush(files)
    _inherited[:] = [weakref.ref(file) for file in files]


def leave(status: int) -> None:
    """End this worker: its threads, what atexit knows, buffered output; then the process.

    A process that a handler has forked ends here, too: it waits for its threads as long as they
    last, as any does.
    """
    if threading.active_count() > 1 and not _dora.is_forked():
        _leave_soon(status)
    with contextlib.suppress(Exception):
        threading._shutdown()  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    _flush(_files(gc.get_objects()))
    _flush(file for file in (one() for one in _inherited) if file is not None)
    with contextlib.suppress(Exception):
        flush_std()
    _dora.leave(status)


def _leave_soon(status: int) -> None:
    """Threads of the application are waited for, but not for ever."""

    def out_of_patience() -> None:
        flush_std()
        os._exit(status)

    timer = threading.Timer(patience_s, out_of_patience)
    timer.daemon = True
    timer.start()
