"""How a handler or hook wants to be called, found out once, when it is registered."""

from __future__ import annotations

import inspect
from typing import Any, Callable


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
    call = getattr(type(function), "__call__", None)
    for one in (function, call):
        if inspect.isasyncgenfunction(one):
            raise TypeError(f"{what} is an async generator: it must return its result, not yield")
    try:
        parameters = list(_signature(function).parameters.values())
    except ValueError:  # a builtin without a signature
        return [inspect.Parameter("param", inspect.Parameter.POSITIONAL_ONLY)]
    for parameter in parameters:
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            raise TypeError(f"{what} must take {allowed}: {parameter.name} is keyword-only")
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    fixed = [parameter for parameter in parameters if parameter.kind in kinds]
    if not fixed and any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return [inspect.Parameter("param", inspect.Parameter.POSITIONAL_ONLY)]
    return fixed


def _required(parameters: list[inspect.Parameter]) -> int:
    return sum(1 for parameter in parameters if parameter.default is parameter.empty)


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine."""
    call = getattr(type(function), "__call__", None)
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(call)


def leads_to_async(function: Callable[..., Any]) -> bool:
    """Whether it is async, or wraps what is: its results are awaited on the loop."""
    try:
        return is_async(inspect.unwrap(function, stop=is_async))
    except ValueError:  # it wraps itself
        return False


def takes_request(handler: Callable[..., Any]) -> bool:
    """False for (param), True for (param, request).

    A second parameter that has a default counts only when it is named `request`.
    """
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    parameters = _positional(handler, f"handler {name}", "(param) or (param, request)")
    required = _required(parameters)
    if not parameters or required > 2:
        raise TypeError(f"handler {name} must take (param) or (param, request)")
    return required == 2 or (len(parameters) >= 2 and parameters[1].name == "request")


def takes_worker(hook: Callable[..., Any]) -> bool:
    """False for (), True for (worker), the worker's number."""
    name = getattr(hook, "__qualname__", type(hook).__qualname__)
    parameters = _positional(hook, f"hook {name}", "() or (worker)")
    required = _required(parameters)
    if required > 1:
        raise TypeError(f"hook {name} must take () or (worker)")
    return required == 1
