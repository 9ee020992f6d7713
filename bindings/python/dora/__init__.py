"""Dora: call services written in Python, PHP or C, and serve them.

    import dora

    app = dora.App()

    @app.api("/user/get")
    def user_get(param):
        return {"id": param["id"], "name": "Ann"}

Serve it with ``dora serve users.py`` and call it with
``dora.Client("127.0.0.1:9567").call("/user/get", {"id": 7})``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import _dora
from ._dora import App as App
from ._dora import Cancelled as Cancelled
from ._dora import Client as Client
from ._dora import ConnectionError as ConnectionError
from ._dora import Error as Error
from ._dora import HandlerError as HandlerError
from ._dora import Interrupted as Interrupted
from ._dora import NotRunError as NotRunError
from ._dora import Request as Request
from ._dora import Stream as Stream
from ._dora import TimeLimit as TimeLimit
from ._dora import TimeoutError as TimeoutError
from ._dora import __version__ as __version__
from ._log import LogHandler as LogHandler
from ._progress import Progress as Progress

if TYPE_CHECKING:
    from ._async import AsyncClient as AsyncClient
    from ._pending import AsyncPendingResult as AsyncPendingResult
    from ._pending import PendingResult as PendingResult
    from ._stream import AsyncStream as AsyncStream

__all__ = [
    "App",
    "AsyncClient",
    "AsyncPendingResult",
    "AsyncStream",
    "Cancelled",
    "Client",
    "ConnectionError",
    "Error",
    "HandlerError",
    "Interrupted",
    "LogHandler",
    "NotRunError",
    "PendingResult",
    "Progress",
    "Request",
    "Stream",
    "TimeLimit",
    "TimeoutError",
    "__version__",
]

if _dora.is_zygote():
    from . import _fresh

    _fresh.watch()

_LATER = {
    "AsyncClient": "_async",
    "AsyncPendingResult": "_pending",
    "AsyncStream": "_stream",
    "PendingResult": "_pending",
}


def __getattr__(name: str) -> object:
    """What few programs use, when it is first asked for: asyncio is a third of this package."""
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    found = getattr(importlib.import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
