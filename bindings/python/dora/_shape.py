"""How a handler or hook wants to be called, found out once, when it is registered."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Callable, NamedTuple

REQUEST = "request"  # the parameter that gets the dora.Request, where others are members of a map


class Members(NamedTuple):
    """What a handler takes whose parameters are members of a map."""

    known: frozenset[str]
    required: tuple[str, ...]
    takes_others: bool
    takes_request: bool


def _signature(function: Callable[..., Any]) -> inspect.Signature:
    """Of a wrapper, its own: it may add arguments; where it passes all on, the inner one."""
    outer = inspect.signature(function, follow_wrapped=False)
    kinds = {parameter.kind for parameter in outer.parameters.values()}
    if kinds <= {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}:
        return inspect.signature(function)
    return outer


def _positional(function: Callable[..., Any], what: str, allowed: str) -> list[inspect.Parameter]:
    """The positional parameters of `function`; TypeError for what cannot be called at all."""
    if not callable(function):
        raise TypeError(f"{what} must be callable, not {type(function).__name__}")
    try:
        parameters = list(_signature(function).parameters.values())
    except ValueError:  # a builtin without a signature
        return [inspect.Parameter("param", inspect.Parameter.POSITIONAL_ONLY)]
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"{what} must take {allowed}, or members of the map by keyword-only "
                            f"parameters alone: {parameter.name} is keyword-only")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    fixed = [parameter for parameter in parameters if parameter.kind in kinds]
    if not fixed and any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return [inspect.Parameter("param", inspect.Parameter.POSITIONAL_ONLY)]
    return fixed


def _required(parameters: list[inspect.Parameter]) -> int:
    return sum(1 for parameter in parameters if parameter.default is parameter.empty)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine or an async generator."""
    call = getattr(type(function), "__call__", None)
    return (inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)
            or is_async_generator(function))


def is_async_generator(function: Callable[..., Any]) -> bool:
    """Whether calling it gives an async generator."""
    call = getattr(type(function), "__call__", None)
    return inspect.isasyncgenfunction(function) or inspect.isasyncgenfunction(call)


def is_generator(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a generator, async or not."""
    call = getattr(type(function), "__call__", None)
    return (inspect.isgeneratorfunction(function) or inspect.isgeneratorfunction(call)
            or is_async_generator(function))


def gives_parts(handler: Callable[..., Any]) -> bool:
    """Whether it, or what it wraps, is a generator: what `dora apis` says of it."""
    try:
        return is_generator(handler) or is_generator(inspect.unwrap(handler))
    except ValueError:  # it wraps itself
        return False


def leads_to_async(function: Callable[..., Any]) -> bool:
    """Whether it is async, or wraps what is: its results are awaited on the loop."""
    try:
        return is_async(inspect.unwrap(function, stop=is_async))
    except ValueError:  # it wraps itself
        return False


def _members(function: Callable[..., Any]) -> list[inspect.Parameter] | None:
    """Its parameters, where all of them are keyword-only; else None."""
    if not callable(function):
        return None
    try:
        parameters = list(_signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        return None
    named = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)
    if not parameters or any(parameter.kind not in named for parameter in parameters):
        return None
    return parameters


def members(function: Callable[..., Any]) -> Members:
    """What a function whose parameters are members of a map takes."""
    parameters = _members(function) or []
    plain = [each for each in parameters if each.kind is each.KEYWORD_ONLY]
    return Members(
        known=frozenset(each.name for each in plain if each.name != REQUEST),
        required=tuple(each.name for each in plain
                       if each.default is each.empty and each.name != REQUEST),
        takes_others=len(plain) < len(parameters),
        takes_request=any(each.name == REQUEST for each in plain))


def is_named(handler: Callable[..., Any]) -> bool:
    """Whether its parameters are the members of a map: all of them are keyword-only."""
    return _members(handler) is not None


def may_be_typed(handler: Callable[..., Any]) -> bool:
    """Whether it has annotations at all; what they say is looked at when all is loaded."""
    inner = inspect.unwrap(handler) if callable(handler) else handler
    inner = getattr(inner, "func", inner)  # of a partial
    call = getattr(type(inner), "__call__", None)
    return bool(getattr(inner, "__annotations__", None) or getattr(call, "__annotations__", None))


def check_middleware(function: Callable[..., Any]) -> bool:
    """TypeError for what cannot be called as one. Returns: whether it leads to async."""
    if not callable(function):
        raise TypeError(f"a middleware must be callable, not {type(function).__name__}: "
                        f"{function!r}")
    name = getattr(function, "__qualname__", type(function).__qualname__)
    wanted = f"middleware {name} must take (call_next, param, request)"
    try:
        _signature(function).bind(None, None, None)
    except ValueError:  # a builtin without a signature
        pass
    except TypeError as error:
        raise TypeError(f"{wanted}: {error}") from None
    if is_generator(function):
        raise TypeError(f"{wanted} and return the answer, not yield")
    return leads_to_async(function)


def takes_request(handler: Callable[..., Any]) -> bool:
    """False for (param), True for (param, request).

    A second parameter that has a default counts only when it is named `request`; one of a handler
    whose parameters are members of a map does, too.
    """
    if is_named(handler):
        return members(handler).takes_request
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    parameters = _positional(handler, f"handler {name}", "(param) or (param, request)")
    required = _required(parameters)
    if not parameters or required > 2:
        raise TypeError(f"handler {name} must take (param) or (param, request)")
    return required == 2 or (len(parameters) >= 2 and parameters[1].name == "request")


def takes_worker(hook: Callable[..., Any]) -> bool:
    """False for (), True for (worker), the worker's number."""
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    if is_generator(hook):
        raise TypeError(f"hook {name} is a generator: it must not yield")
    parameters = _positional(hook, f"hook {name}", "() or (worker)")
    required = _required(parameters)
    if required > 1:
        raise TypeError(f"hook {name} must take () or (worker)")
    return required == 1


def summary(handler: Callable[..., Any]) -> str:
    """The first line of its docstring, "" where it has none."""
    while isinstance(handler, functools.partial):  # that has a docstring of its own class
        handler = handler.func
    text = getattr(handler, "__doc__", None)
    if not inspect.isroutine(handler) and not inspect.isclass(handler):  # an object with __call__
        text = getattr(type(handler).__call__, "__doc__", None) or text
    lines = inspect.cleandoc(text).splitlines() if isinstance(text, str) else []
    return lines[0].encode("utf-8", "replace").decode() if lines else ""
