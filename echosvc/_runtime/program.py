"""What a process runs: an `async def`, checked before anything starts."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Awaitable, Callable
from types import FunctionType
from typing import Any

from echosvc._checks import given
from echosvc.errors import Invalid

Main = Callable[..., Awaitable[Any]]


class Program:
    """A function to run, and how its processes are to be set up.

    Args:
        name: What it is called in lists and logs: an entry's id; empty for the function's name.
        fn: The `async def`.
        mailbox: How many messages a mailbox of it takes in; 0 for any number, `None` for the
            host's default.
        reload: Reads the source again and gives the new program; `None` when there is none.
    """

    __slots__ = ("_least", "_most", "_name", "fn", "mailbox", "reload")

    def __init__(
        self,
        name: str,
        fn: Main,
        *,
        mailbox: int | None = None,
        reload: Callable[[], Program] | None = None,
    ) -> None:
        self._name = name
        self.fn = fn
        # So many arguments are right, without asking its signature, which takes twenty times as
        # long as all of the check.
        self._least, self._most = _arity(fn)
        self.mailbox = mailbox
        self.reload = reload

    @property
    def name(self) -> str:
        """What it is called; made only for those who want to know."""
        return self._name or name_of(self.fn)

    @classmethod
    def of(cls, fn: Any) -> Program:
        """Make a program of a function.

        Raises:
            Invalid: It is not an `async def`.
        """
        if not _is_async(fn):
            raise Invalid(f"{describe(fn)} is not an async function; a process runs an 'async def'")
        return cls("", fn)

    def check_arguments(self, args: tuple[Any, ...]) -> None:
        """Refuse arguments that the function doesn't take.

        Raises:
            Invalid: Naming the function, its place in its file and what it takes.
        """
        if self._least <= len(args) <= self._most:
            return
        fn = self.fn
        try:
            inspect.signature(fn).bind(*args)
        except TypeError as exc:
            given = f"{len(args)} argument{'' if len(args) == 1 else 's'} given"
            raise Invalid(f"{describe(fn, self.name)}: {exc} ({given})") from None


def _arity(fn: Any) -> tuple[int, float]:
    """How many positional arguments a plain function takes, least and most; else (1, 0)."""
    if type(fn) is not FunctionType or fn.__kwdefaults__ or "__wrapped__" in fn.__dict__:
        return 1, 0
    code = fn.__code__
    if code.co_kwonlyargcount:
        return 1, 0
    most = math.inf if code.co_flags & inspect.CO_VARARGS else code.co_argcount
    return code.co_argcount - len(fn.__defaults__ or ()), most


def _is_async(fn: Any) -> bool:
    if type(fn) is FunctionType:
        return bool(fn.__code__.co_flags & inspect.CO_COROUTINE) or inspect.iscoroutinefunction(fn)
    return callable(fn) and (
        inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)
    )


def name_of(fn: Any) -> str:
    """The name of a function, for lists and logs."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    name = getattr(fn, "__qualname__", None) or type(fn).__qualname__
    return f"{getattr(fn, '__module__', None) or '?'}.{name}"


def describe(fn: Any, name: str = "") -> str:
    """A name, by default the function's, and where it has one its place: ``name (file:line)``."""
    inner = fn
    while isinstance(inner, functools.partial):
        inner = inner.func
    code = getattr(inspect.unwrap(inner) if callable(inner) else inner, "__code__", None)
    if code is None:
        return name or (name_of(fn) if callable(fn) else given(fn))
    return f"{name or name_of(fn)} ({code.co_filename}:{code.co_firstlineno})"
