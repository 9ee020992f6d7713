"""What a worker does not share with its zygote, from which it was forked with all that is loaded.

Called by the extension: before_first_fork() in the zygote, in_worker() in each worker.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import sys
import weakref
from collections import Counter
from typing import Any

from . import _dora, _leave, _log

# Random generators of the loaded application: in a worker the collector does not list them.
_generators: list[Any] = []

# What the standard library registers for a process's own end; each worker does it for itself.
_HOUSEKEEPING = (("logging", "shutdown"), ("multiprocessing.util", "_exit_function"))


def before_first_fork() -> None:
    """Leave nothing that a child would write, collect or draw a second time."""
    gc.collect()
    objects = gc.get_objects()
    _leave.before_first_fork(objects)
    _find_generators(objects)
    gc.freeze()


def in_worker() -> None:
    """Draw other numbers than the other workers, and leave to the zygote what is its own."""
    _leave.patience_s = _leave.PATIENCE_S
    for generator in _generators:
        with contextlib.suppress(Exception):
            _seed(generator)
    _own_exit()


# ---- random numbers ----


def _seed(generator: Any) -> None:
    if hasattr(generator, "seed"):  # random.Random, numpy's RandomState
        generator.seed()
    else:  # numpy's bit generators
        generator.state = type(generator)().state


def _find_generators(objects: list[object]) -> None:
    """Remember them, and say which of them the application has made by itself."""
    kinds: list[type] = []
    known: list[object] = []  # those that the libraries make for everybody
    random: Any = sys.modules.get("random")
    if random is not None:  # it seeds its own by itself, and the system's needs none
        kinds.append(random.Random)
        objects = [one for one in objects
                   if one is not random._inst and type(one) is not random.SystemRandom]
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None:
        kinds += [numpy.RandomState, numpy.BitGenerator]
        known += [numpy.mtrand._rand, numpy.mtrand._rand._bit_generator]
    found = [one for one in objects if issubclass(type(one), tuple(kinds))]
    _generators[:] = found
    made = Counter(f"{type(one).__module__}.{type(one).__qualname__}" for one in found
                   if not any(one is other for other in known))
    if made:
        names = ", ".join(f"{count} {name}" for name, count in sorted(made.items()))
        _dora.log(_log.NOTICE, "dora", __file__, 0,
                  f"random generators that were made while loading ({names}) are seeded anew in "
                  "each worker; where numbers should be known, seed them in a worker_start hook")


# ---- the end ----


def _own_exit() -> None:
    """What was registered before the fork runs once, in the zygote, at its end."""
    finalize: Any = weakref.finalize
    for info in finalize._registry.values():
        info.atexit = False
    atexit._clear()
    for module, name in _HOUSEKEEPING:
        function = getattr(sys.modules.get(module), name, None)
        if function is not None:
            atexit.register(function)
    if finalize._registered_with_atexit:  # it is with its first one only
        atexit.register(finalize._exitfunc)
    processes: Any = sys.modules.get("multiprocessing.process")
    if processes is not None:  # they are the zygote's children, not to be ended here
        processes._children = set()
