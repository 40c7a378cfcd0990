"""A cancellation at every place where there can be one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.abc
import trio.testing

from tests.handing import told_of_inline_steps

RUNS = 2000
"""More than a small program has steps: who needs more never gets through."""


class _CancelAt:
    """Cancels a scope before the n-th step."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.scope: trio.CancelScope | None = None

    def step(self) -> None:
        if self.scope is None:
            return
        self.left -= 1
        if self.left == 0:
            self.scope.cancel("the sweep has come to this step")


class _TellOfSteps(trio.abc.Instrument):
    """Tells of each step of any task in the run; beside it no seat steps another."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.tell()


class _TellOfPasses(trio.abc.Instrument):
    """Tells of each pass, before any task of it."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def after_io_wait(self, timeout: float) -> None:
        self.tell()


def sweep(
    program: Callable[[], Awaitable[object]], check: Callable[[bool], object] | None = None
) -> int:
    """Run a program again and again, cancelled at its first step, its second, and so on.

    All steps are trio's. It ends with the run that the cancellation comes too late for. Each run
    is a new `trio.run` under an autojump clock; an error in any of them is the test's.

    Args:
        program: An async function that makes all it needs anew each time.
        check: Called after each run, with whether the program got to its end.

    Returns:
        How many runs were cancelled.
    """

    return sweep_part(_whole(program), check)


def sweep_handing_over(
    program: Callable[[], Awaitable[object]], check: Callable[[bool], object] | None = None
) -> int:
    """Do as `sweep` does while processes hand over: at each pass of trio's, and each step between.

    Whoever hears of all steps keeps processes from handing over; so it is the passes that are
    counted here, and the steps that are not trio's.
    """
    return sweep_part(_whole(program), check, handing_over=True)


def sweep_part(
    program: Callable[[trio.CancelScope], Awaitable[object]],
    check: Callable[[bool], object] | None = None,
    *,
    handing_over: bool = False,
) -> int:
    """Do as the others, with a program that enters itself the scope that is cancelled."""
    run = _in_passes if handing_over else _in_steps
    for step in range(1, RUNS):
        cancel_at = _CancelAt(step)

        async def main(cancel_at: _CancelAt = cancel_at) -> bool:
            cancel_at.scope = scope = trio.CancelScope()
            await program(scope)
            cancel_at.scope = None
            return not scope.cancelled_caught

        finished = run(main, cancel_at.step)
        if check is not None:
            check(finished)
        if cancel_at.left > 0:
            assert finished
            return step - 1
    raise AssertionError(f"not at its end after {RUNS} steps")


def _whole(program: Callable[[], Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    async def within(scope: trio.CancelScope) -> None:
        with scope:
            await program()

    return within


def _in_steps(main: Callable[[], Awaitable[bool]], tell: Callable[[], None]) -> bool:
    clock = trio.testing.MockClock(autojump_threshold=0)
    return trio.run(main, clock=clock, instruments=[_TellOfSteps(tell)])


def _in_passes(main: Callable[[], Awaitable[bool]], tell: Callable[[], None]) -> bool:
    clock = trio.testing.MockClock(autojump_threshold=0)
    with told_of_inline_steps(tell):
        return trio.run(main, clock=clock, instruments=[_TellOfPasses(tell)])
