"""The pytest plugin of `echosvc.testing`: its fixtures, and async tests that fail well.

(PYTEST_DONT_REWRITE, as there.)
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import AsyncGenerator, Generator
from typing import Any, Final

import pytest
import trio.testing

from echosvc._exceptions import is_a, leaves
from echosvc._open import open_runtime
from echosvc._runtime.runtime import Runtime
from echosvc._terminal.fake import FakeTerminal
from echosvc._testing.faults import Faults
from echosvc._testing.guard import never_for_ever
from echosvc._testing.probe import Probe, open_probe

HOST: Final = "app:processes"
"""The host of the fixture `runtime`."""
_CLOCKS: Final = frozenset({"autojump_clock", "mock_clock"})


# -- fixtures


@pytest.fixture
async def runtime(autojump_clock: trio.testing.MockClock) -> AsyncGenerator[Runtime]:
    """Give a runtime without manifests, with the host `app:processes`, on a clock that jumps."""
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        yield runtime


@pytest.fixture
async def probe(runtime: Runtime) -> AsyncGenerator[Probe]:
    """Give a process of the fixture `runtime` that sends what you say and expects what you say."""
    async with open_probe(runtime) as probe:
        yield probe


@pytest.fixture
async def faults(runtime: Runtime) -> AsyncGenerator[Faults]:
    """Give crashes, delays and losses in the fixture `runtime`."""
    with Faults(runtime) as faults:
        yield faults


@pytest.fixture
def terminal() -> FakeTerminal:
    """Give a terminal in memory, to type on and to read."""
    return FakeTerminal()


# -- how async tests are run


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run each async test on the clock that its fixtures ask for, and never for ever."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _guarded(item.obj)
            _let_clocks_through(item)


def _guarded(fn: Any) -> Any:
    """Let a deadlock in virtual time fail; it would hang."""

    @functools.wraps(fn)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        return await never_for_ever(functools.partial(fn, *args, **kwargs))

    return guarded


def _let_clocks_through(item: pytest.Function) -> None:
    """Run a test on the clock that its fixtures ask for, though it does not name it itself.

    pytest-trio looks for a clock only among the arguments of the test.
    """
    info = item._fixtureinfo
    hidden = (_CLOCKS & set(info.names_closure)) - set(info.argnames)
    if not hidden:
        return
    item._fixtureinfo = dataclasses.replace(info, argnames=(*info.argnames, *sorted(hidden)))
    fn = item.obj

    @functools.wraps(fn)
    async def without(**kwargs: Any) -> Any:
        __tracebackhide__ = True
        return await fn(**{name: value for name, value in kwargs.items() if name not in hidden})

    item.obj = without


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """Take a lone failure out of the groups that nurseries wrap around it.

    pytest shows its detail only for a bare AssertionError, and a KeyboardInterrupt stops the run
    only when it comes bare.
    """
    try:
        return (yield)
    except BaseExceptionGroup as group:
        found = leaves(group)
        for leaf in found:
            if is_a(leaf, KeyboardInterrupt):
                raise leaf from None
        if len(found) == 1:
            raise found[0] from None
        raise
