"""Seats that are stepped without a pass of trio's: counted, watched and interrupted."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from random import Random
from typing import Any, TypeVar

import pytest
import trio
import trio.abc

from echosvc._channel import seats
from echosvc._channel.run import Run, SeededRun, _Shuffled

T = TypeVar("T")

SEEDED = seats.HANDS_OVER and seats.make_run is not Run
"""Whether the whole suite runs with a seed for the order."""

needs_handover = pytest.mark.skipif(not seats.HANDS_OVER, reason="hand-over is turned off")
needs_order = pytest.mark.skipif(
    SEEDED or not seats.HANDS_OVER, reason="hand-over is turned off, or in a random order"
)


async def sit(fn: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Run a function in a seat, as processes run: for `Nursery.start_soon`."""

    async def main() -> T:
        return await fn(*args)

    return await seats.seated(main())


class Passes(trio.abc.Instrument):
    """Counts the passes of trio's scheduler. It hears of nothing else, and so is in no way."""

    def __init__(self, tell: Callable[[], object] | None = None) -> None:
        self.count = 0
        self._tell = tell

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1
        if self._tell is not None:
            self._tell()


@contextlib.contextmanager
def passes(tell: Callable[[], object] | None = None) -> Iterator[Passes]:
    """Count the passes in this block."""
    counting = Passes(tell)
    trio.lowlevel.add_instrument(counting)
    try:
        yield counting
    finally:
        trio.lowlevel.remove_instrument(counting)


class Steps(trio.abc.Instrument):
    """Is told of each step: (whether it begins, of which task)."""

    def __init__(self) -> None:
        self.told: list[tuple[bool, trio.lowlevel.Task]] = []

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.told.append((True, task))

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self.told.append((False, task))


class _Told(_Shuffled):
    """A queue of seats that are ready, which tells before each that is stepped from it."""

    def __init__(self, random: Random | None, tell: Callable[[], object]) -> None:
        super().__init__(random or Random(0))
        self._shuffles = random is not None
        self._tell = tell

    def popleft(self) -> Any:
        self._tell()
        if self._shuffles:
            return super().popleft()
        seat = self[0]
        del self[0]
        return seat


@contextlib.contextmanager
def told_of_inline_steps(tell: Callable[[], object]) -> Iterator[None]:
    """Have this called before each step that a seat of another takes."""
    before = seats.make_run

    def make(*args: Any) -> Run:
        run = before(*args)
        tells = [tell, run.ready._tell] if isinstance(run.ready, _Told) else [tell]
        random = run._random if isinstance(run, SeededRun) else None
        run.ready = _Told(random, lambda: [each() for each in tells])
        return run

    seats.make_run = make
    try:
        yield
    finally:
        seats.make_run = before


class Inline:
    """How many steps were taken by a seat of another."""

    def __init__(self) -> None:
        self.count = 0

    def step(self) -> None:
        self.count += 1
