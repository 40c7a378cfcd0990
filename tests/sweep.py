"""A cancellation at every place where there can be one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.abc
import trio.testing

RUNS = 2000
"""More than a small program has steps: who needs more never gets through."""


class _CancelAt(trio.abc.Instrument):
    """Cancels a scope before the n-th step of any task in the run."""

    def __init__(self, step: int) -> None:
        self.left = step
        self.scope: trio.CancelScope | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.scope is None:
            return
        self.left -= 1
        if self.left == 0:
            self.scope.cancel("the sweep has come to this step")


def sweep(
    program: Callable[[], Awaitable[object]], check: Callable[[bool], object] | None = None
) -> int:
    """Run a program again and again, cancelled at its first step, its second, and so on.

    It ends with the run that the cancellation comes too late for. Each run is a new `trio.run`
    under an autojump clock; an error in any of them is the test's.

    Args:
        program: An async function that makes all it needs anew each time.
        check: Called after each run, with whether the program got to its end.

    Returns:
        How many runs were cancelled.
    """

    async def within(scope: trio.CancelScope) -> None:
        with scope:
            await program()

    return sweep_part(within, check)


def sweep_part(
    program: Callable[[trio.CancelScope], Awaitable[object]],
    check: Callable[[bool], object] | None = None,
) -> int:
    """Do as `sweep`, with a program that enters itself the scope that is cancelled."""
    for step in range(1, RUNS):
        cancel_at = _CancelAt(step)

        async def main(cancel_at: _CancelAt = cancel_at) -> bool:
            cancel_at.scope = scope = trio.CancelScope()
            await program(scope)
            cancel_at.scope = None
            return not scope.cancelled_caught

        clock = trio.testing.MockClock(autojump_threshold=0)
        finished = trio.run(main, clock=clock, instruments=[cancel_at])
        if check is not None:
            check(finished)
        if cancel_at.left > 0:
            assert finished
            return step - 1
    raise AssertionError(f"not at its end after {RUNS} steps")
