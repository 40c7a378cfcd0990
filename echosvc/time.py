"""Durations, sleeping and timers on trio's clock; timers are channels, for `select`.

::

    timeout = time.after("2s")
    r = await channel.select(inbox, timeout)
    if r.channel is timeout:
        ...

No timer here is a task or a callback: a timer channel is ready when the clock says so, and who
waits on it sleeps until then. A hundred thousand of them cost memory only.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Final, NoReturn, TypeAlias

import trio

from echosvc._channel.core import Channel
from echosvc.errors import Invalid

__all__ = [
    "Duration",
    "Ticker",
    "Timer",
    "after",
    "now",
    "parse_duration",
    "sleep",
    "ticker",
    "timer",
]

Duration: TypeAlias = float | str
"""Seconds, or a string like ``"100ms"`` or ``"1h30m"``; see `parse_duration`."""

# As (numerator, denominator) so that "100ms" is exactly 0.1: dividing rounds once.
_UNITS: Final = {
    "ns": (1, 1_000_000_000),
    "us": (1, 1_000_000),
    "µs": (1, 1_000_000),  # the micro sign
    "μs": (1, 1_000_000),
    "ms": (1, 1_000),
    "s": (1, 1),
    "m": (60, 1),
    "h": (3600, 1),
}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")


def parse_duration(duration: Duration) -> float:
    """Turn a duration into seconds.

    Args:
        duration: Seconds as a number, or Go's notation: decimal numbers, each with a unit of ns,
            us (or µs), ms, s, m or h, largest first by custom: ``"300ms"``, ``"1.5h"``,
            ``"1h30m"``; with a sign in front if need be; ``"0"`` needs no unit.

    Raises:
        Invalid: It is neither; the message quotes it.

    Source: Go's `time.ParseDuration`.
    """
    if isinstance(duration, str):
        return _parse(duration)
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise Invalid(f"not a duration: {duration!r}; give seconds or a string like '2s'")
    if math.isnan(duration):
        raise Invalid("not a duration: nan")
    return float(duration)


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> float:
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0.0
    total = 0.0
    position = 0
    while position < len(unsigned):
        part = _PART.match(unsigned, position)
        if part is None:
            break
        number, unit = part.groups()
        numerator, denominator = _UNITS[unit]
        total += float(number) * numerator / denominator
        position = part.end()
    if position == 0 or position < len(unsigned):
        raise Invalid(
            f"not a duration: {text!r}; write numbers with units (ns us ms s m h), like '1h30m'"
        )
    return -total if text[0] == "-" else total


def now() -> float:
    """Tell the time on trio's clock: seconds since nothing in particular."""
    return trio.current_time()


async def sleep(duration: Duration) -> None:
    """Pause the current task, for nothing if the duration is negative.

    Raises:
        Invalid: It is not a duration.
    """
    await trio.sleep(max(0.0, parse_duration(duration)))


class _ClockChannel(Channel[float]):
    """A channel that the clock fills: it holds one value from `_wakes_at` on."""

    __slots__ = ("_wakes_at",)

    def __init__(self, wakes_at: float) -> None:
        super().__init__(1)
        self._wakes_at = wakes_at

    def __len__(self) -> int:
        return int(self._wakes_at <= trio.current_time())

    def _is_ready(self) -> bool:
        return self._closed or self._wakes_at <= trio.current_time()

    def _take(self) -> tuple[float | None, bool]:
        due = self._wakes_at
        if due > trio.current_time():
            return None, False  # not due, so it is ready because it was closed
        self._wakes_at = self._next_after(due)
        self._look_again()
        return due, True

    def _next_after(self, due: float) -> float:
        return math.inf

    def _set(self, wakes_at: float) -> None:
        self._wakes_at = wakes_at
        self._look_again()

    def _look_again(self) -> None:
        # Whoever waits here sleeps until an instant that is no longer the right one.
        for waiter in tuple(self._receivers):
            waiter.wake()

    def send_nowait(self, value: float) -> NoReturn:
        """Refuse: only the clock sends here."""
        raise trio.ClosedResourceError("a timer's channel cannot be sent to")

    def close(self) -> None:
        """End the channel: it yields nothing more."""
        self._wakes_at = math.inf
        super().close()


class _TickerChannel(_ClockChannel):
    __slots__ = ("_period",)

    def __init__(self, period: float) -> None:
        super().__init__(trio.current_time() + period)
        self._period = period

    def _next_after(self, due: float) -> float:
        # Ticks keep their phase; those that nobody took in time are dropped, as Go's are.
        missed = math.floor((trio.current_time() - due) / self._period)
        return due + (missed + 1) * self._period


def after(duration: Duration) -> Channel[float]:
    """Make a channel that yields once, after the duration: the time at which it came due.

    Afterwards it is silent for ever, and is not closed: kept in the select of a loop, it wins
    once. It needs no stopping; what nobody holds any more is gone.

    Raises:
        Invalid: It is not a duration.

    Source: Go's `time.After`.
    """
    return _ClockChannel(trio.current_time() + parse_duration(duration))


class Timer:
    """A single event in the future that can be called off or moved; see `timer`."""

    __slots__ = ("channel",)

    def __init__(self, duration: Duration) -> None:
        self.channel: Channel[float] = _ClockChannel(trio.current_time() + parse_duration(duration))
        """Yields once: the time at which the timer came due."""

    def stop(self) -> bool:
        """Call it off. True if it was still to come; what has come due and not been taken goes."""
        was_pending = self._pending()
        self._clock()._set(math.inf)
        return was_pending

    def reset(self, duration: Duration) -> bool:
        """Let it come due a duration from now, also when it has already done so or was stopped.

        Whoever is waiting on the channel waits for the new time. True if it was still to come.
        """
        wakes_at = trio.current_time() + parse_duration(duration)
        was_pending = self._pending()
        self._clock()._set(wakes_at)
        return was_pending

    def _pending(self) -> bool:
        return trio.current_time() < self._clock()._wakes_at < math.inf

    def _clock(self) -> _ClockChannel:
        assert isinstance(self.channel, _ClockChannel)
        return self.channel


def timer(duration: Duration) -> Timer:
    """Make a timer: like `after`, and it can be stopped or set anew.

    Raises:
        Invalid: It is not a duration.

    Source: Go's `time.NewTimer`, with the meaning it has had since Go 1.23: after `stop` or
    `reset` no stale value is received.
    """
    return Timer(duration)


class Ticker:
    """A regular event; see `ticker`."""

    __slots__ = ("channel",)

    def __init__(self, period: Duration) -> None:
        seconds = parse_duration(period)
        if not 0 < seconds < math.inf:
            raise Invalid(f"a ticker's period must be positive: {period!r}")
        self.channel: Channel[float] = _TickerChannel(seconds)
        """Yields the time at which each tick was due."""

    def stop(self) -> None:
        """Let it tick no more. The channel stays open and silent."""
        assert isinstance(self.channel, _ClockChannel)
        self.channel._set(math.inf)


def ticker(period: Duration) -> Ticker:
    """Make a ticker: a channel that yields once every period, dropping ticks that nobody takes.

    Raises:
        Invalid: It is not a duration, or not positive.

    Source: Go's `time.NewTicker`.
    """
    return Ticker(period)
