"""How every test here is run: failures with pytest's own detail, deadlocks that fail at once."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Generator
from typing import Any

import pytest
import trio
import trio.testing

REAL_SECONDS = 30
"""What a test on the real clock may take before it is called a deadlock."""
VIRTUAL_SECONDS = 100 * 365 * 86_400
"""The same under a MockClock: an autojump clock gets there at once when nothing can run."""


def _guarded(fn: Any) -> Any:
    @functools.wraps(fn)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        virtual = isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock)
        with trio.fail_after(VIRTUAL_SECONDS if virtual else REAL_SECONDS):
            return await fn(*args, **kwargs)

    return guarded


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put a deadline around each async test, so that a deadlock is a failure and not a hang."""
    for item in items:
        if not isinstance(item, pytest.Function):
            continue
        if inspect.iscoroutinefunction(item.obj):
            item.obj = _guarded(item.obj)
            _let_clocks_through(item)
        elif inspect.iscoroutinefunction(inner := getattr(_hypothesis(item), "inner_test", None)):
            _hypothesis(item).inner_test = _guarded(inner)


def _let_clocks_through(item: pytest.Function) -> None:
    """Run a test on the clock that its fixtures ask for, though it may not name it itself.

    pytest-trio looks for a clock only among the arguments of the test.
    """
    info = item._fixtureinfo
    hidden = {"autojump_clock", "mock_clock"} & set(info.names_closure) - set(info.argnames)
    if not hidden:
        return
    item._fixtureinfo = dataclasses.replace(info, argnames=(*info.argnames, *hidden))
    fn = item.obj

    @functools.wraps(fn)
    async def without(**kwargs: Any) -> Any:
        return await fn(**{name: value for name, value in kwargs.items() if name not in hidden})

    item.obj = without


def _hypothesis(item: pytest.Function) -> Any:
    return getattr(item.obj, "hypothesis", None)


def _leaves(exc: BaseException) -> list[BaseException]:
    if isinstance(exc, BaseExceptionGroup):
        return [leaf for child in exc.exceptions for leaf in _leaves(child)]
    return [exc]


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Generator[None, object, object]:
    """Take a lone failure out of the groups that nurseries wrap around it.

    pytest shows its assertion detail only for a bare AssertionError, and a KeyboardInterrupt
    stops the run only when it comes bare.
    """
    try:
        return (yield)
    except BaseExceptionGroup as group:
        leaves = _leaves(group)
        for leaf in leaves:
            if isinstance(leaf, KeyboardInterrupt):
                raise leaf from None
        if len(leaves) == 1:
            raise leaves[0] from None
        raise
