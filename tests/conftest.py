"""How every test here is run: on top of the test kit, with deadlocks that fail at once."""

from __future__ import annotations

import functools
import inspect
import signal
from collections.abc import Iterator
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, settings

from echosvc._channel import seats
from echosvc._channel.run import Run

pytest_plugins = ["echosvc.testing"]

# What an example takes says more about the machine than about the code.
settings.register_profile("echosvc", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("echosvc")

# What a shell's script starts in the background ignores these two, and so do its children: a test
# that sends one would wait for ever.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)

REAL_SECONDS = 30
"""What a test on the real clock may take before it is called a deadlock."""


def _guarded(fn: Any) -> Any:
    @functools.wraps(fn)
    async def guarded(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock):
            return await fn(*args, **kwargs)  # the test kit's guard knows about this one
        with trio.fail_after(REAL_SECONDS):
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
        elif inspect.iscoroutinefunction(inner := getattr(_hypothesis(item), "inner_test", None)):
            _hypothesis(item).inner_test = _guarded(inner)


def _hypothesis(item: pytest.Function) -> Any:
    return getattr(item.obj, "hypothesis", None)


@pytest.fixture(autouse=True)
def no_seat_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Run]]:
    """Look after each test whether a run was left with a process that is ready, and never runs."""
    made: list[Run] = []
    new = seats._new_run

    def keep() -> Run:
        run = new()
        made.append(run)
        return run

    monkeypatch.setattr(seats, "_new_run", keep)
    yield made
    for run in made:
        assert (run.seat, run.driver, list(run.ready), run.behind) == (None, None, [], 0)
