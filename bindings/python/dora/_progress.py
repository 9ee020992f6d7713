"""What a handler says of how far it is."""

from __future__ import annotations

from typing import Any, NamedTuple


class Progress(NamedTuple):
    """How far a call is: how much is done, of how much (None: nobody knows), and a note."""

    done: Any
    total: Any
    note: str


Progress.__module__ = "dora"
