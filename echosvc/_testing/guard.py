"""What makes a test on a virtual clock fail that would otherwise never end."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import trio
import trio.testing

T = TypeVar("T")

_FOR_EVER: Final = 100 * 365 * 86_400
"""Seconds that no test waits for, and that an autojump clock jumps over when nothing can run."""

MOST_JUMPS: Final = 1_000_000
"""How often the clock may jump while the test itself does nothing: half a minute, in real time."""


class _Jumps(trio.abc.Instrument):
    """Counts the jumps of the clock since the test has last done something.

    It hears of passes alone: beside an instrument that hears of each step, no process hands over
    to another.
    """

    def __init__(self, scope: trio.CancelScope, most: int) -> None:
        self._scope = scope
        self._clock = trio.lowlevel.current_clock()
        self._now = self._since = self._clock.current_time()
        self._left = self._most = most
        self.waited: float | None = None  # seconds, once it was too long

    def forget(self) -> None:
        """Count from 0 again."""
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


class _Noticed:
    """Awaited, does what a coroutine does; calls something before each of its steps."""

    __slots__ = ("_coroutine", "_notice")

    def __init__(self, coroutine: Coroutine[Any, Any, T], notice: Callable[[], None]) -> None:
        self._coroutine: Any = coroutine
        self._notice = notice

    # `Task.iter_await_frames` takes this for a generator: it is to see the coroutine in its place.

    @property
    def gi_frame(self) -> Any:
        return self._coroutine.cr_frame

    @property
    def gi_yieldfrom(self) -> Any:
        return self._coroutine.cr_await

    def __await__(self) -> _Noticed:
        return self

    def __iter__(self) -> _Noticed:
        return self

    def __next__(self) -> object:
        __tracebackhide__ = True
        return self.send(None)

    def send(self, value: Any) -> object:
        """Take the next step."""
        __tracebackhide__ = True
        self._notice()
        return self._coroutine.send(value)

    def throw(self, *error: Any) -> object:
        """Take it with an exception."""
        __tracebackhide__ = True
        self._notice()
        return self._coroutine.throw(*error)

    def close(self) -> None:
        """End it."""
        self._coroutine.close()


async def never_for_ever(
    run: Callable[[], Coroutine[Any, Any, T]], most_jumps: int = MOST_JUMPS
) -> T:
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
            value: T = await _Noticed(run(), jumps.forget)
            return value
        finally:
            trio.lowlevel.remove_instrument(jumps)
    if jumps.waited is None:
        raise AssertionError("a deadlock: nothing can run, and no time is waited for")
    raise AssertionError(
        f"a deadlock: the test has waited for {jumps.waited:,.0f} s, in which the clock jumped "
        f"{most_jumps:,} times; something ticks for ever, and wakes nobody"
    )
