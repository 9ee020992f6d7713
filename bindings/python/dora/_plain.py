"""Values that Python programs have beyond those of the wire, one step nearer to it.

The core's own types never come here: the first value of another type loads this module. Source:
the table of PROTOCOL.md, section "Conversion table".
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import functools
import sys
from collections.abc import Mapping
from typing import Any, Callable

_Convert = Callable[[Any], Any]


_PYDANTIC = ("pydantic", "pydantic_core", "pydantic_extra_types")


def _loaded(module: str, name: str) -> tuple[type, ...]:
    """A class of a module that only those programs have loaded which have values of it."""
    found = getattr(sys.modules.get(module), name, None)
    return (found,) if isinstance(found, type) else ()


def _named(names: tuple[str, ...]) -> _Convert:
    return lambda value: {name: getattr(value, name) for name in names}


def _of_pydantic(kind: type) -> _Convert | None:
    """Its models are maps, by alias, as they are read; its other types what they are in JSON."""
    models = _loaded("pydantic", "BaseModel") + _loaded("pydantic.v1", "BaseModel")
    if issubclass(kind, models):
        name = "model_dump" if hasattr(kind, "model_dump") else "dict"
        return lambda value: getattr(value, name)(by_alias=True)
    if kind.__module__.partition(".")[0] in _PYDANTIC:
        core = sys.modules.get("pydantic_core")
        return getattr(core, "to_jsonable_python", None)
    return None


def _of_record(kind: type) -> _Convert | None:
    """What has named members is a map of them."""
    if dataclasses.is_dataclass(kind):
        return _named(tuple(field.name for field in dataclasses.fields(kind)))
    if isinstance(getattr(kind, "__attrs_attrs__", None), tuple):
        names = tuple(field.name for field in kind.__attrs_attrs__)  # type: ignore[attr-defined]
        return _named(names)
    if issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple):
        return lambda value: dict(zip(value._fields, value))
    return None


# What a subclass of each of these becomes; the first that fits counts.
def _kinds() -> list[tuple[tuple[type, ...], _Convert]]:
    return [
        ((enum.Enum,), lambda value: value.value),
        ((datetime.date, datetime.time), lambda value: value.isoformat()),  # datetime is a date
        (_loaded("decimal", "Decimal") + _loaded("uuid", "UUID") + _loaded("pathlib", "PurePath"),
         str),
        ((set, frozenset, collections.deque), list),
        ((Mapping,), dict),
        (_loaded("numpy", "generic") + _loaded("numpy", "ndarray"), lambda value: value.tolist()),
    ]


@functools.lru_cache(maxsize=1024)
def _convert_for(kind: type) -> _Convert | None:
    special = None if issubclass(kind, enum.Enum) else _of_record(kind) or _of_pydantic(kind)
    if special is not None:
        return special
    return next((convert for kinds, convert in _kinds() if issubclass(kind, kinds)), None)


def plain(value: Any) -> Any:
    """What stands for `value` on the wire, or is nearer to it; NotImplemented where nothing is."""
    convert = _convert_for(type(value))
    if convert is None:
        return NotImplemented
    made = convert(value)
    return NotImplemented if type(made) is type(value) else made
