"""Exceptions as bad as they can be made: composed of what a class, a group and a chain can do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import trio
from hypothesis import strategies as st

from echosvc import errors

KEPT = "a kept trio.Cancelled"

BASES: dict[str, type[BaseException]] = {
    kind.__name__: kind
    for kind in (
        Exception,
        ValueError,
        KeyError,
        OSError,
        MemoryError,
        RecursionError,
        StopAsyncIteration,
        trio.EndOfChannel,
        errors.Error,
        errors.Invalid,
        BaseException,
        GeneratorExit,
        asyncio.CancelledError,
        KeyboardInterrupt,
        SystemExit,
    )
}
THROUGH = ("KeyboardInterrupt", "SystemExit")


def _raises(error: type[BaseException]) -> Callable[..., Any]:
    def method(*_: Any) -> NoReturn:
        raise error("of a method that should not raise")

    return method


def _recurses(self: Any) -> str:
    return _recurses(self)


class _Text(str):
    __slots__ = ()
    __format__ = __str__ = __repr__ = __len__ = __bool__ = _raises(RuntimeError)


class _Name(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]  # broken on purpose
        raise RuntimeError("no name")


BROKEN: dict[str, dict[str, Any]] = {
    "str raises": {"__str__": _raises(RuntimeError)},
    "str raises SystemExit": {"__str__": _raises(SystemExit)},
    "str raises KeyboardInterrupt": {"__str__": _raises(KeyboardInterrupt)},
    "str is no str": {"__str__": lambda self: 5},
    "str is of a bad class": {"__str__": lambda self: _Text("t")},
    "str recurses": {"__str__": _recurses},
    "repr raises": {"__repr__": _raises(RuntimeError)},
    "repr raises GeneratorExit": {"__repr__": _raises(GeneratorExit)},
    "repr recurses": {"__repr__": _recurses},
    "notes raise": {"__notes__": property(_raises(RuntimeError))},
    "notes are no strings": {"__notes__": [object(), None, _Text("t")]},
    "bool raises": {"__bool__": _raises(RuntimeError)},
    "is false": {"__bool__": lambda self: False},
    "is empty": {"__len__": lambda self: 0},
    "eq raises": {"__eq__": _raises(RuntimeError), "__hash__": None},
    "hash raises": {"__hash__": _raises(RuntimeError)},
    "class raises": {"__class__": property(_raises(RuntimeError))},
    "traceback raises": {"__traceback__": property(_raises(RuntimeError))},
    "cause raises": {"__cause__": property(_raises(RuntimeError))},
    "context raises": {"__context__": property(_raises(RuntimeError))},
    "nothing can be set": {"__setattr__": _raises(RuntimeError)},
    "has no name": {},
}


class BadGroup(BaseExceptionGroup[Any]):
    """A group that cannot be taken apart by asking it."""

    derive = split = subgroup = _raises(RuntimeError)
    __str__ = __repr__ = _raises(RuntimeError)

    @property
    def exceptions(self) -> tuple[Any, ...]:  # type: ignore[override]  # broken on purpose
        raise RuntimeError("no members")


def _deep(error: BaseException) -> BaseException:
    for _ in range(2000):
        error = BaseExceptionGroup("deep", [error])
    return error


def _shared(error: BaseException) -> BaseException:
    for _ in range(40):  # a million million leaves, if each were counted
        error = BaseExceptionGroup("shared", [error, error])
    return error


AROUND: dict[str, Callable[[BaseException], BaseException]] = {
    "group": lambda error: BaseExceptionGroup("group", [error]),
    "group with another": lambda error: BaseExceptionGroup("group", [KeyError("k"), error]),
    "bad group": lambda error: BadGroup("bad", [error, ValueError("v")]),
    "deep group": _deep,
    "shared group": _shared,
    "group of very many": lambda error: BaseExceptionGroup("g", [error, *map(OSError, range(500))]),
    "message of a bad class": lambda error: BaseExceptionGroup(_Text("m"), [error]),
}


def _set(name: str, error: BaseException, value: BaseException) -> None:
    vars(BaseException)[name].__set__(error, value)


def _cause(error: BaseException) -> None:
    _set("__cause__", error, _deep(_class(ValueError, ("str raises", "repr raises"))()))


def _cycle(error: BaseException) -> None:
    other = ValueError("other")
    _set("__context__", error, other)
    _set("__context__", other, error)


def _own_cause(error: BaseException) -> None:
    _set("__cause__", error, error)


CHAINS: dict[str, Callable[[BaseException], None]] = {
    "cause": _cause,
    "cycle": _cycle,
    "its own cause": _own_cause,
}


def _class(base: type[BaseException], broken: tuple[str, ...]) -> type[BaseException]:
    namespace: dict[str, Any] = {}
    for name in broken:
        namespace |= BROKEN[name]
    meta = _Name if "has no name" in broken else type
    return meta("Hostile", (base,), namespace)


@dataclass(frozen=True)
class Recipe:
    """How to make an exception. What fails is shown as this: the exception cannot be."""

    base: str
    broken: tuple[str, ...] = ()
    around: tuple[str, ...] = ()
    chain: str = ""

    @property
    def goes_through(self) -> bool:
        return self.base in THROUGH

    async def throw(self) -> NoReturn:
        """Make it, and raise it."""
        leaf = await _kept() if self.base == KEPT else None
        raise self.make(leaf)

    def make(self, leaf: BaseException | None = None) -> BaseException:
        """Make it of this leaf, or of one of its own class."""
        error = leaf
        if error is None:
            error = _class(BASES[self.base], self.broken)("words")
        for name in self.around:
            error = AROUND[name](error)
        if self.chain:
            CHAINS[self.chain](error)
        return error


async def _kept() -> trio.Cancelled:
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as cancelled:
            kept = cancelled
            raise
    return kept


def _recipes(bases: list[str]) -> st.SearchStrategy[Recipe]:
    return st.builds(
        Recipe,
        base=st.sampled_from(bases),
        broken=st.lists(st.sampled_from(list(BROKEN)), max_size=4, unique=True).map(tuple),
        around=st.lists(st.sampled_from(list(AROUND)), max_size=3).map(tuple),
        chain=st.sampled_from(["", *CHAINS]),
    ).filter(_can_be_made)


def _can_be_made(recipe: Recipe) -> bool:
    if recipe.base == KEPT:
        return not recipe.broken
    if "nothing can be set" in recipe.broken and issubclass(BASES[recipe.base], errors.Error):
        return False
    # A group asks its members for their class, if they are not plainly exceptions.
    exception = issubclass(BASES[recipe.base], Exception)
    return exception or "class raises" not in recipe.broken or not recipe.around


def recipes() -> st.SearchStrategy[Recipe]:
    """Errors that are a process's own, whatever they are."""
    return _recipes([*(name for name in BASES if name not in THROUGH), KEPT])


def recipes_through() -> st.SearchStrategy[Recipe]:
    """Errors that end the program."""
    return _recipes([*THROUGH])


def plain_recipes() -> st.SearchStrategy[Recipe]:
    """Errors that are an `Exception`, as a log filter or a library raises them."""
    return _recipes([name for name, kind in BASES.items() if issubclass(kind, Exception)])
