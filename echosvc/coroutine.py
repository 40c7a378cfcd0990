"""Tasks inside a process.

They share its memory and its mailbox; all of `echosvc.process` works in them. An exception that
escapes one ends the process with that error, and when main ends, they end.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, TypeVarTuple, Unpack

from echosvc._runtime.coroutines import Coroutine, start
from echosvc._runtime.current import current

__all__ = ["Coroutine", "spawn"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def spawn(fn: Callable[[Unpack[Ts]], Awaitable[T]], *args: *Ts) -> Coroutine[T]:
    """Start a task of the current process. Never waits.

    Args:
        fn: An `async def`.
        args: What it is called with, shared and not copied.

    Gives a handle: ``handle.cancel()``, ``await handle.result()``.

    Raises:
        Invalid: It is no `async def`, or doesn't take these arguments.
        Unavailable: Outside a process, or in one whose main has ended.
    """
    return start(current(), fn, args)
