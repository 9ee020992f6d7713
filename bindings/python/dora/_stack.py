"""Where a task or a thread is, as the core wants it. Called by the extension."""

from __future__ import annotations

import asyncio
import gc
import sys
import types
from typing import Any

STACK_LINES = 64
STEPS = 4 * STACK_LINES  # to what has a line, through what has none
_STEPPED = (types.CoroutineType, types.GeneratorType, types.AsyncGeneratorType)


def _line(frame: types.FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def _awaited(at: Any) -> Any:
    """What that waits for which is awaited. A step of an async generator does not say whose it is;
    the collector knows."""
    for name in ("cr_await", "gi_yieldfrom", "ag_await"):
        if hasattr(at, name):
            return getattr(at, name)
    return next((each for each in gc.get_referents(at) if isinstance(each, _STEPPED)), None)


def stack(task: asyncio.Task[Any]) -> str:
    """Where a task waits, the innermost call first."""
    lines: list[str] = []
    at: Any = task.get_coro() if hasattr(task, "get_coro") else None
    for _ in range(STEPS):
        if at is None or len(lines) == STACK_LINES:
            break
        frame = next((found for name in ("cr_frame", "gi_frame", "ag_frame")
                      if (found := getattr(at, name, None)) is not None), None)
        if frame is not None:
            lines.append(_line(frame))
        at = _awaited(at)
    return "\n".join(reversed(lines))


def stack_in(thread: int) -> str:
    """Where a thread is, likewise."""
    lines: list[str] = []
    at = sys._current_frames().get(thread)
    while at is not None and len(lines) < STACK_LINES:
        lines.append(_line(at))
        at = at.f_back
    return "\n".join(lines)
