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


def _duration(count: int, digits: int) -> str:
    """Of so many seconds by ten to the power of digits, as ISO 8601 has it: -P1DT2H3M4.5S."""
    whole, fraction = divmod(abs(count), 10**digits)
    minutes, seconds = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    second = f"{seconds}.{fraction:0{digits}}".rstrip("0").rstrip(".") if fraction else seconds
    date = f"{days}D" if days else ""
    time = "".join(f"{each}{unit}" for each, unit in ((hours, "H"), (minutes, "M"), (second, "S"))
                   if each)
    time = time or ("" if date else "0S")
    return f"{'-' if count < 0 else ''}P{date}{'T' if time else ''}{time}"


def _of_timedelta(value: datetime.timedelta) -> str:
    micros = value // datetime.timedelta(microseconds=1)
    nanos = getattr(value, "nanoseconds", 0)  # of pandas
    return _duration(micros * 1000 + nanos, 9)


def _of_date(value: datetime.date | datetime.time) -> str | None:
    """Its text; None for the NaT of pandas, which is one and equals nothing."""
    return value.isoformat() if value == value else None


def _of_numpy_time(value: Any) -> Any:
    """A date or a duration of numpy is one of Python's where its unit allows."""
    made = value.item()
    if not isinstance(made, int):
        return made
    if value.dtype.kind == "M":
        return str(value)
    unit = sys.modules["numpy"].datetime_data(value.dtype)[0]
    if unit in ("Y", "M"):
        return f"{'-' if made < 0 else ''}P{abs(value.astype('m8[' + unit + ']').item())}{unit}"
    digits = {"ns": 9, "ps": 12, "fs": 15, "as": 18}.get(unit)
    return _duration(int(value.astype(f"m8[{unit}]").item()), digits) if digits else made


def _of_numpy(value: Any) -> Any:
    """Numbers and lists; where tolist() would lose what an item is, the items are looked at."""
    kind, names = value.dtype.kind, value.dtype.names
    if kind in "mM" or names:
        one = value[()] if value.ndim == 0 else value
        return _of_numpy_time(one) if one.ndim == 0 and not names else list(one)
    if kind == "f" and value.dtype.itemsize > 8:  # longdouble
        return value.astype("f8").tolist()
    return value.tolist()


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


def _of_ipaddress() -> tuple[type, ...]:
    names = ("Address", "Network", "Interface")
    return tuple(each for name in names for version in "46"
                 for each in _loaded("ipaddress", f"IPv{version}{name}"))


# What a subclass of each of these becomes; the first that fits counts.
def _kinds() -> list[tuple[tuple[type, ...], _Convert]]:
    return [
        ((enum.Enum,), lambda value: value.value),
        ((datetime.date, datetime.time), _of_date),  # datetime is a date
        ((datetime.timedelta,), _of_timedelta),
        (_loaded("decimal", "Decimal") + _loaded("uuid", "UUID") + _loaded("pathlib", "PurePath")
         + _of_ipaddress(), str),
        ((set, frozenset, collections.deque), list),
        ((Mapping,), dict),
        (_loaded("numpy", "generic") + _loaded("numpy", "ndarray"), _of_numpy),
        (_loaded("pandas._libs.missing", "NAType"), lambda value: None),
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
