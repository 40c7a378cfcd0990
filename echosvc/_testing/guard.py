"""What makes a test on a virtual clock fail that would otherwise never end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio
import trio.testing

T = TypeVar("T")

_FOR_EVER: Final = 100 * 365 * 86_400
"""Seconds that no test waits for, and that an autojump clock jumps over when nothing can run."""

MOST_JUMPS: Final = 1_000_000
"""How often the clock may jump while the test itself does nothing: half a minute, in real time."""


class _Jumps(trio.abc.Instrument):
    """Counts the jumps of the clock since the test's own task has last run."""

    def __init__(self, scope: trio.CancelScope, most: int) -> None:
        self._scope = scope
        self._task = trio.lowlevel.current_task()
        self._clock = trio.lowlevel.current_clock()
        self._now = self._since = self._clock.current_time()
        self._left = self._most = most
        self.waited: float | None = None  # seconds, once it was too long

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self._task:
            self._left = self._most
            self._since = self._clock.current_time()

    def after_io_wait(self, timeout: float) -> None:
        now = self._clock.current_time()
        if now != self._now:
            self._now = now
            self._left -= 1
            if self._left == 0 and self.waited is None:
                self.waited = now - self._since
                self._scope.cancel("the test would never end")


async def never_for_ever(run: Callable[[], Awaitable[T]], most_jumps: int = MOST_JUMPS) -> T:
    """Fail when this can't end: when nothing can run, or only what ticks for ever.

    Only calls it where the clock is not trio's `MockClock`.

    Raises:
        AssertionError: It would not have ended. It was cancelled.
    """
    __tracebackhide__ = True
    if not isinstance(trio.lowlevel.current_clock(), trio.testing.MockClock):
        return await run()
    with trio.move_on_after(_FOR_EVER) as scope:
        jumps = _Jumps(scope, most_jumps)
        trio.lowlevel.add_instrument(jumps)
        try:
            return await run()
        finally:
            trio.lowlevel.remove_instrument(jumps)
    if jumps.waited is None:
        raise AssertionError("a deadlock: nothing can run, and no time is waited for")
    raise AssertionError(
        f"a deadlock: the test has waited for {jumps.waited:,.0f} s, in which the clock jumped "
        f"{most_jumps:,} times; something ticks for ever, and wakes nobody"
    )
