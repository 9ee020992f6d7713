"""Typed handlers: a parameter is validated and converted as its annotation says, a result too.

Pydantic 2 does it, the extra `typed`. Annotations that are a plain dict, list, str, int, float,
bool, bytes, object, Any, Mapping or Sequence say nothing here, and cost nothing; a handler without
any other is called as it is.
"""

from __future__ import annotations

import collections.abc
import copy
import functools
import inspect
import json
import logging
import re
import types
import typing
from collections.abc import Iterable
from typing import Any, Callable

from . import _chain, _shape
from ._dora import Misfit

_Function = Callable[..., Any]
_Parameter = inspect.Parameter

_BARE = frozenset({
    Any, object, dict, list, tuple, set, str, int, float, bool, bytes, None, type(None),
    typing.Dict, typing.List, typing.Mapping, typing.Sequence, typing.Tuple, typing.Set,
    collections.abc.Mapping, collections.abc.Sequence, _Parameter.empty})
_UNIONS = (typing.Union, types.UnionType)


class Typed(typing.NamedTuple):
    """What a handler's annotations are to pydantic: adapters, None where one says nothing."""

    param: Any
    members: dict[str, Any]  # of a handler whose parameters are members of a map
    result: Any
    default: Any  # of the parameter, where a call has none
    part: Any = None  # of what a generator yields
    parts: Any = None  # a list of them: what a call gets that is no stream

    def convert(self, members: dict[str, Any], faults: list[str]) -> None:
        """Makes members what their annotations say, or adds what is wrong with them."""
        for name, adapter in self.members.items():
            if name in members:
                members[name], wrong = faults_of(adapter, members[name], _chain.path(name))
                faults += wrong


def _is_rich(annotation: Any) -> bool:
    """Whether an annotation says more than a plain type does."""
    if typing.get_origin(annotation) in _UNIONS:
        return any(_is_rich(each) for each in typing.get_args(annotation))
    try:
        return annotation not in _BARE and not isinstance(annotation, typing.TypeVar)
    except TypeError:  # one that cannot be hashed, as in Annotated[int, [1]]
        return True


_STREAM_TEXT = re.compile(
    r"(?:\w+\.)*(?:Async)?(?:Iterator|Iterable|Generator)(?:\[([\w., ]*)\])?")
_STREAMS = (
    collections.abc.Iterator, collections.abc.Iterable, collections.abc.Generator,
    collections.abc.AsyncIterator, collections.abc.AsyncIterable, collections.abc.AsyncGenerator)


def _of_stream(function: _Function, annotation: Any, names: dict[str, Any]) -> Any:
    """What the result annotation of a handler that may give a generator says: (of a part, of the
    result). None where it is that of a result."""
    found = annotation
    if isinstance(annotation, str) and not _is_plain_text(annotation):
        found = _evaluated(annotation, names, function)
    origin = typing.get_origin(found) or found
    try:
        is_stream = origin in _STREAMS
    except TypeError:  # one that cannot be hashed
        is_stream = False
    if is_stream:
        said = typing.get_args(found)
        is_whole = origin is collections.abc.Generator and len(said) == 3
        return said[0] if said else Any, said[2] if is_whole else Any
    if _shape.is_generator(function) and _may_be_rich(annotation):
        raise TypeError(f"{_place(function)}: result: that of a generator is an Iterator[PART] or "
                        f"Generator[PART, None, RESULT], or async ones, not {annotation!r}")
    return None


def _annotations(function: _Function) -> tuple[list[_Parameter], Any, dict[str, Any]]:
    """Its parameters, its return annotation, and where their names are looked up."""
    inner = inspect.unwrap(function) if callable(function) else function
    inner = getattr(inner, "func", inner)  # of a partial
    if not inspect.isroutine(inner) and not inspect.isclass(inner):
        inner = type(inner).__call__
    names = dict(getattr(inspect.unwrap(inner), "__globals__", {}))
    closure = inspect.getclosurevars(inner).nonlocals if inspect.isfunction(inner) else {}
    signature = _shape._signature(function)
    return list(signature.parameters.values()), signature.return_annotation, {**names, **closure}


def _is_plain_text(annotation: Any) -> bool:
    """Of one that is a string, as all are under `from __future__ import annotations`."""
    return isinstance(annotation, str) and annotation.strip() in (
        "", "Any", "dict", "list", "tuple", "set", "str", "int", "float", "bool", "bytes", "object",
        "None", "typing.Any")


def _resolved(annotation: Any, names: dict[str, Any]) -> Any:
    if _is_plain_text(annotation):
        return Any
    return eval(annotation, names) if isinstance(annotation, str) else annotation  # as Python does


def _place(function: _Function) -> str:
    inner = inspect.unwrap(getattr(function, "func", function))
    code = getattr(getattr(inner, "__func__", inner), "__code__", None)
    name = getattr(function, "__qualname__", type(function).__qualname__)
    at = f"{code.co_filename}:{code.co_firstlineno}: " if code else ""
    return f"{at}handler {name}"


def _evaluated(annotation: Any, names: dict[str, Any], function: _Function,
               what: str = "result") -> Any:
    """What an annotation is that may be written as a string. TypeError where that is nothing."""
    try:
        return _resolved(annotation, names)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise TypeError(f"{_place(function)}: {what}: pydantic does not take the annotation "
                        f"{annotation!r}: {reason}") from error


def _adapter(annotation: Any, what: str, function: _Function, names: dict[str, Any]) -> Any:
    """A TypeAdapter, None where the annotation says nothing. TypeError where it is refused."""
    import pydantic

    found = _evaluated(annotation, names, function, what)
    try:
        return pydantic.TypeAdapter(found) if _is_rich(found) else None
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise TypeError(f"{_place(function)}: {what}: pydantic does not take the annotation "
                        f"{annotation!r}: {reason}") from error


def _may_be_rich(annotation: Any) -> bool:
    """Without looking names up: what may have to be asked."""
    if isinstance(annotation, str):
        return not _is_plain_text(annotation)
    return _is_rich(annotation)


def _may_say_more(result: Any) -> bool:
    """The same of a result's, which may be that of a generator."""
    if isinstance(result, str):
        stream = _STREAM_TEXT.fullmatch(result.strip())
        parts = (stream[1] or "").split(",") if stream else [result]
    else:
        is_stream = typing.get_origin(result) in _STREAMS
        parts = list(typing.get_args(result)) if is_stream else [result]
    return any(_may_be_rich(each) for each in parts)


def _has_pydantic() -> bool:
    try:
        import pydantic
    except ImportError:
        return False
    return hasattr(pydantic, "TypeAdapter")


def prepare(function: _Function, is_wanted: bool | None) -> Typed | None:
    """The adapters of a handler; None where it has none, or there is no pydantic: the log says so,
    once, and where App(typed=True) wants it that is a TypeError."""
    if is_wanted is False or not _wants(function):
        return None
    if _has_pydantic():
        return _of(function)
    if is_wanted:
        raise TypeError(f"{_place(function)}: App(typed=True) wants pydantic 2: "
                        "pip install 'pydantic>=2'")
    _say_missing()
    return None


@functools.cache
def _say_missing() -> None:
    logging.getLogger("dora").warning(
        "annotations of handlers are not looked at: there is no pydantic 2 "
        "(pip install 'pydantic>=2')")


def _wants(function: _Function) -> bool:
    """Whether an annotation of the handler may say more than a plain type."""
    try:
        parameters, result, _ = _annotations(function)
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    asked = parameters if _shape.is_named(function) else parameters[:1]
    return _may_say_more(result) or any(
        _may_be_rich(each.annotation) for each in asked if each.name != _shape.REQUEST)


def _of(function: _Function) -> Typed | None:
    """The adapters of a handler, None where its annotations say nothing after all."""
    parameters, result, names = _annotations(function)
    members = {}
    param = None
    if _shape.is_named(function):
        for each in parameters:
            found = None
            if each.kind is each.KEYWORD_ONLY and each.name != _shape.REQUEST:
                found = _adapter(each.annotation, f"parameter {each.name}", function, names)
            if found is not None:
                members[each.name] = found
    elif parameters and parameters[0].kind is not _Parameter.VAR_POSITIONAL:
        param = _adapter(parameters[0].annotation, f"parameter {parameters[0].name}", function,
                         names)
    default = parameters[0].default if parameters else _Parameter.empty
    part: Any = None
    parts: Any = None
    stream = _of_stream(function, result, names)
    if stream is not None:
        part, result = _adapter(stream[0], "part", function, names), stream[1]
        is_list = part is not None and any(result is each for each in (Any, None, type(None)))
        parts = _adapter(list[stream[0]], "part", function, names) if is_list else None
    made = Typed(param, members, _adapter(result, "result", function, names), default, part, parts)
    return made if made.param or made.members or made.result or made.part else None


# What pydantic calls it where a map is wanted.
_MAP_WANTED = ("dict_type", "mapping_type", "model_type", "model_attributes_type", "dataclass_type")
_KEY = "[key]"  # pydantic's last step, where a key does not fit


def faults_of(adapter: Any, value: Any, at: str) -> tuple[Any, list[str]]:
    """The value as the annotation has it, and what does not fit, each with its path."""
    import pydantic

    try:
        return adapter.validate_python(value), []
    except pydantic.ValidationError as error:
        maps = _with_maps(value, error)
        found, faults = faults_of(adapter, maps, at) if maps is not None else (None, [""])
        if not faults:
            return found, []
        return None, [_fault(each, _steps(each["loc"], value, each["type"] == "missing"), at)
                      for each in _errors(error)]


def _errors(error: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = error.errors(include_url=False, include_input=False,
                                               include_context=False)
    return found


def _fault(error: dict[str, Any], steps: Iterable[int | str], at: str) -> str:
    of_key = "the key: " if error["loc"][-1:] == (_KEY,) else ""
    return at + "".join(map(_step, steps)) + ": " + of_key + error["msg"].replace("; ", ", ")


def _steps(loc: tuple[int | str, ...], value: Any, is_missing: bool) -> list[int | str]:
    """The steps to a place in `value`. Those with which pydantic names a member of a union are
    left out; a last one that leads nowhere is of what is missing."""
    steps = []
    for number, step in enumerate(loc):
        try:
            value = value[step]
        except (LookupError, TypeError):
            if not (is_missing and number == len(loc) - 1):
                continue
        steps.append(step)
    return steps


def _step(step: int | str) -> str:
    return f"[{step}]" if isinstance(step, int) else _chain.path(step)[1:]


def _with_maps(value: Any, error: Any) -> Any:
    """The value with {} for each [] where a map is wanted, since PHP writes an empty map so; None
    where there is none."""
    places = []
    for each in _errors(error):
        steps = _steps(each["loc"], value, False)
        found = functools.reduce(lambda inner, step: inner[step], steps, value)
        if each["type"] in _MAP_WANTED and isinstance(found, list) and not found:
            places.append(steps)
    if not places:
        return None
    made = [copy.deepcopy(value)]
    for steps in places:
        *outer, last = [0, *steps]
        functools.reduce(lambda inner, step: inner[step], outer, made)[last] = {}
    return made[0]


def _returned(adapter: Any, value: Any, what: str = "the result") -> Any:
    """A result as its annotation has it, in types that the wire has."""
    import pydantic

    try:
        found = adapter.validate_python(value)
    except pydantic.ValidationError as error:
        faults = "; ".join(_fault(each, each["loc"], "$") for each in _errors(error))
        raise TypeError(f"{what} is not what its annotation says: {faults}") from None
    return adapter.dump_python(found, by_alias=True)


def _sent(typed: Typed, part: Any) -> Any:
    return _returned(typed.part, part, "a part") if typed.part is not None else part


def _ended(typed: Typed, result: Any) -> Any:
    """What a generator has returned: nothing stays nothing."""
    if typed.result is None or result is None:
        return result
    return _returned(typed.result, result)


def _stream(typed: Typed, generator: Any) -> Any:
    """A generator whose parts and result are as its annotation has them."""
    try:
        while True:
            try:
                part = next(generator)
            except StopIteration as end:
                return _ended(typed, end.value)
            yield _sent(typed, part)
    finally:
        generator.close()


async def _stream_async(typed: Typed, generator: Any) -> Any:
    try:
        async for part in generator:
            yield _sent(typed, part)
    finally:
        await generator.aclose()


def _result(typed: Typed, result: Any) -> Any:
    if isinstance(result, collections.abc.Generator):
        return _stream(typed, result)
    if isinstance(result, collections.abc.AsyncGenerator):
        return _stream_async(typed, result)
    return _returned(typed.result, result) if typed.result is not None else result


def around(function: _Function, typed: Typed) -> _Function:
    """The same handler, called with what its annotation says, its result looked at. What stands in
    members is converted where those are read."""
    def converted(arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        if typed.param is None:
            return arguments
        found, faults = faults_of(typed.param, arguments[0], "$")
        if faults and arguments[0] is None and typed.default is not _Parameter.empty:
            found, faults = typed.default, []
        if faults:
            raise Misfit("; ".join(faults))
        return found, *arguments[1:]

    if typed.result is None and typed.part is None:
        return lambda *arguments, **members: function(*converted(arguments), **members)
    if _shape.is_async(function) and not _shape.is_async_generator(function):
        async def run(*arguments: Any, **members: Any) -> Any:
            return _result(typed, await function(*converted(arguments), **members))

        return run

    def call(*arguments: Any, **members: Any) -> Any:
        result = function(*converted(arguments), **members)
        return result if inspect.isawaitable(result) else _result(typed, result)

    return call


def schemas(function: _Function, typed: Typed) -> tuple[bytes, bytes]:
    """JSON Schema of the parameter and of the result; empty where nothing is said."""
    param = typed.param.json_schema() if typed.param else None
    if _shape.is_named(function):
        param = _members_schema(typed, _shape.members(function))
    answer = typed.result or typed.parts
    result = answer.json_schema(mode="serialization") if answer else None
    return tuple(json.dumps(each).encode() if each else b"" for each in (param, result))


def _members_schema(typed: Typed, shape: _shape.Members) -> dict[str, Any]:
    """Of a map whose members are parameters. What each refers to is named beside it."""
    found: dict[str, Any] = {"type": "object", "properties": {}, "required": list(shape.required)}
    definitions: dict[str, Any] = {}
    for name in sorted(shape.known):
        schema = typed.members[name].json_schema() if name in typed.members else {}
        definitions.update(schema.pop("$defs", {}))
        found["properties"][name] = schema
    if not shape.takes_others:
        found["additionalProperties"] = False
    return {**found, "$defs": definitions} if definitions else found
