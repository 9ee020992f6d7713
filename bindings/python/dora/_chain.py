"""What is called for a handler: itself, and what stands around it. Made once, when the application
is loaded, so that a handler which has nothing of this is called as it is. Called by the extension.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Callable

from . import _shape
from ._dora import Misfit

_Function = Callable[..., Any]


def build(function: _Function, is_named: bool, may_be_typed: bool, is_typed: bool | None,
          middleware: list[_Function]) -> tuple[_Function, bool, bool, Any]:
    """What to call, whether it takes the request, whether that gives a coroutine, and its JSON
    Schemas: (of the parameter, of the result) as bytes, or None. `is_typed` is of the App."""
    registered = function
    takes_request = _shape.takes_request(function)
    is_async = _shape.is_async(function)
    shape = _shape.members(function) if is_named else None
    typed = schemas = None
    if may_be_typed:
        from . import _typed

        typed = _typed.prepare(function, is_typed)
        schemas = _typed.schemas(function, typed) if typed is not None else None
        function = _typed.around(function, typed) if typed is not None else function
    if shape is not None:
        function = _by_members(function, shape, typed)
    if not middleware:
        return function, takes_request, is_async, schemas
    step = function if takes_request else _without_request(function)
    gives = _given if _shape.is_async_generator(registered) else None
    for around in reversed(middleware):
        inner = gives(step) if gives is not None and _shape.is_async(around) else step
        gives = gives if inner is step else None
        step, is_async = _around(around, inner, is_async)
    if is_async and _shape.is_generator(registered):
        step = _sending(step)
    return step, True, is_async, schemas


def _without_request(function: _Function) -> _Function:
    return lambda param, request: function(param)


# ---- members of a map as parameters ----

def _by_members(function: _Function, shape: _shape.Members, typed: Any) -> _Function:
    convert = typed.convert if typed is not None else None

    def enter(param: Any, request: Any = None) -> Any:
        members = members_of(param, shape, convert)
        if shape.takes_request:
            members[_shape.REQUEST] = request
        return function(**members)

    return enter


def members_of(param: Any, shape: _shape.Members,
               convert: Callable[[dict[str, Any], list[str]], None] | None) -> dict[str, Any]:
    """The members of a parameter, as keyword arguments. Misfit names each that does not fit.
    `convert` makes each in place what its annotation says."""
    if param is None or isinstance(param, list) and not param:  # PHP writes an empty array so
        param = {}
    if not isinstance(param, Mapping):
        raise Misfit(f"$: a map is wanted, not {_kind(param)}")
    faults = [f"{path(name)}: missing" for name in shape.required if name not in param]
    for name in param:
        is_taken = shape.takes_request and name == _shape.REQUEST
        if not isinstance(name, str) or is_taken or not (
                shape.takes_others or name in shape.known):
            faults.append(f"{path(name)}: unknown")
    members = dict(param)
    if convert is not None:
        convert(members, faults)
    if faults:
        raise Misfit("; ".join(faults))
    return members


def path(name: Any) -> str:
    """Where a member stands: $.name, $[7], $["a b"]."""
    if isinstance(name, str) and name.isidentifier():
        return f"$.{name}"
    if isinstance(name, str):
        import json

        return f"$[{json.dumps(name, ensure_ascii=False)}]"
    return f"$[{name!r}]"


def _kind(value: Any) -> str:
    names = {list: "a list", str: "a text", bytes: "bytes", bool: "a truth value", int: "a number",
             float: "a number"}
    return names.get(type(value), type(value).__name__)


# ---- middleware ----

def _around(around: _Function, inner: _Function, inner_is_async: bool) -> tuple[_Function, bool]:
    """One middleware and what is inside of it. What a plain one gets from an async def is to be
    awaited: it returns that."""
    if not _shape.is_async(around):
        def step(param: Any, request: Any) -> Any:
            def call_next(param: Any = param, request: Any = request) -> Any:
                return inner(param, request)

            return around(call_next, param, request)

        return step, inner_is_async
    go_on = inner if inner_is_async else _beside(inner)

    async def step_async(param: Any, request: Any) -> Any:
        def call_next(param: Any = param, request: Any = request) -> Any:
            return go_on(param, request)

        return await around(call_next, param, request)

    return step_async, True


def _sending(step: _Function) -> _Function:
    """Async middleware around a generator: its parts are sent in the context in which that ran."""
    from . import _parts

    async def run(param: Any, request: Any) -> Any:
        result = step(param, request)
        return await _parts.through(await result if inspect.isawaitable(result) else result)

    return run


def _given(function: _Function) -> _Function:
    """An async generator function, awaited as an async def is."""
    async def run(param: Any, request: Any) -> Any:
        return function(param, request)

    return run


def _beside(function: _Function) -> _Function:
    """A plain function, awaited: it runs in the thread beside the loop, as without middleware."""
    from . import _threads

    async def run(param: Any, request: Any) -> Any:
        result = await _threads.beside(function, param, request)
        return await result if inspect.isawaitable(result) else result

    return run
