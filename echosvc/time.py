"""Durations, sleeping and timers on trio's clock; timers are channels, for `select`.

::

    timeout = time.after("2s")
    r = await channel.select(inbox, timeout)
    if r.channel is timeout:
        ...

No timer here is a task: a timer channel is ready when the clock says so, and while somebody waits
on it, the clock is one more sender. A hundred thousand of them cost memory only.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Final, NoReturn, TypeAlias

import trio
from trio.lowlevel import current_clock, enable_ki_protection

from echosvc._channel.alarm import Alarm, set_alarm, unset_alarm
from echosvc._channel.core import Channel
from echosvc._channel.waiting import Waiter
from echosvc._checks import given
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

# As (numerator, denominator), so that only one division rounds: "100ms" is exactly 0.1.
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
_PART: Final = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)")
_LONGEST_TEXT: Final = 200
_SHORTEST_PERIOD: Final = 1e-9


def parse_duration(duration: Duration) -> float:
    """Turn a duration into seconds.

    Args:
        duration: Seconds as a number (`math.inf` is for ever), or Go's notation: decimal numbers,
            each with a unit of ns, us (or µs), ms, s, m or h, largest first by custom:
            ``"300ms"``, ``"1.5h"``, ``"1h30m"``; with a sign in front if need be; ``"0"`` needs
            no unit. What is written is added up exactly and rounded once.

    Raises:
        Invalid: It is neither; the message quotes it.

    Source: Go's `time.ParseDuration`.
    """
    if isinstance(duration, str):
        if len(duration) > _LONGEST_TEXT:
            raise Invalid(f"not a duration: a text of {len(duration)} characters")
        return _parse(duration)
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise Invalid(f"not a duration: {given(duration)}; give seconds or a string like '2s'")
    try:
        seconds = float(duration)
    except OverflowError:
        raise Invalid("not a duration: an integer too large for a float") from None
    if math.isnan(seconds):
        raise Invalid("not a duration: nan")
    return seconds


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> float:
    unsigned = text[1:] if text[:1] in ("+", "-") else text
    if unsigned == "0":
        return 0.0
    total, per = 0, 1  # a fraction, so that the sum of the parts is as exact as its notation
    position = 0
    while part := _PART.match(unsigned, position):
        whole, decimals, unit = part.group(1), part.group(2) or "", part.group(3)
        if not whole + decimals:
            break
        numerator, denominator = _UNITS[unit]
        denominator *= 10 ** len(decimals)
        total = total * denominator + int(whole + decimals) * numerator * per
        per *= denominator
        position = part.end()
    if position == 0 or position < len(unsigned):
        raise Invalid(
            f"not a duration: {text!r}; write numbers with units (ns us ms s m h), like '1h30m'"
        )
    seconds = total / per
    return -seconds if text[0] == "-" else seconds


def seconds_of(what: str, duration: Duration) -> float:
    """Give the seconds of how long something may take: `math.inf` for ever, 0 not at all.

    Args:
        what: The name of the argument.
        duration: As for `parse_duration`.

    Raises:
        Invalid: It is no duration, or less than nothing.
    """
    try:
        seconds = parse_duration(duration)
    except Invalid as exc:
        raise Invalid(f"{what}: {exc}") from None
    if seconds < 0:
        raise Invalid(f"{what}: a duration of {given(duration)} is less than nothing")
    return seconds


def now() -> float:
    """Tell the time on trio's clock: seconds since nothing in particular."""
    return trio.current_time()


async def sleep(duration: Duration) -> None:
    """Pause the current task, for nothing if the duration is negative.

    Cancelled, it ends at once.

    Raises:
        Invalid: It is not a duration.
    """
    await trio.sleep(max(0.0, parse_duration(duration)))


class _ClockChannel(Channel[float]):
    """A channel that the clock fills: it holds one value from `_due` on."""

    __slots__ = ("_alarm", "_clock", "_due", "_turn")

    _takes_turns = True
    _clock: trio.abc.Clock

    def __init__(self, wait: float) -> None:
        super().__init__(1)
        # Asked directly, it answers in half the time of `trio.current_time`.
        self._clock = clock = current_clock()
        self._due = clock.current_time() + wait
        self._turn = 0  # its last one in a select beside others that were ready; 0 is none yet
        # Set exactly while somebody waits and there is something to wait for.
        self._alarm: Alarm | None = None

    def __len__(self) -> int:
        return int(self._due <= self._clock.current_time())

    def _is_ready(self) -> bool:
        return self._closed or self._due <= self._clock.current_time()

    def _take(self) -> tuple[float | None, bool]:
        due = self._due
        if due > self._clock.current_time():
            return None, False  # not due, so it is ready because it was closed
        self._set(self._next_after(due))
        return due, True

    def _next_after(self, due: float) -> float:
        return math.inf

    def _set(self, due: float) -> None:
        self._due = due
        if self._alarm is not None:
            unset_alarm(self._alarm)
            self._alarm = None
        if self._receivers and due < math.inf:
            self._alarm = set_alarm(due, self)

    def _ring(self) -> None:
        # The clock sends to whoever came first; the others wait for the next time, if there is one.
        self._alarm = None
        value, ok = self._take()
        next(iter(self._receivers)).claim(self, value, ok)

    def _park(self, waiter: Waiter) -> None:
        Channel._park(self, waiter)  # super() would take as long as the work itself
        if self._alarm is None and self._due < math.inf:
            self._alarm = set_alarm(self._due, self)

    def _unpark(self, waiter: Waiter) -> None:
        Channel._unpark(self, waiter)
        if self._alarm is not None and not self._receivers:
            unset_alarm(self._alarm)
            self._alarm = None

    def send_nowait(self, value: float) -> NoReturn:
        """Refuse: only the clock sends here."""
        raise Invalid("a timer's channel cannot be sent to: only the clock does that")

    @enable_ki_protection
    def close(self) -> None:
        """End the channel: it yields nothing more, and an `async for` over it ends."""
        self._set(math.inf)
        super().close()


class _TickerChannel(_ClockChannel):
    __slots__ = ("_period",)

    def __init__(self, period: float) -> None:
        super().__init__(period)
        self._period = period

    def _next_after(self, due: float) -> float:
        # Ticks keep their phase; those that nobody took in time are dropped, as Go's are.
        now = self._clock.current_time()
        missed = math.floor((now - due) / self._period)
        # Not now again, should the sum be rounded down to it.
        return max(due + (missed + 1) * self._period, math.nextafter(now, math.inf))


def after(duration: Duration) -> Channel[float]:
    """Make a channel that yields once, after the duration: the time at which it came due.

    Afterwards it is silent for ever, and is not closed: kept in the select of a loop, it wins
    once. It needs no stopping; what nobody holds any more is gone.

    Raises:
        Invalid: It is not a duration.

    Source: Go's `time.After`.
    """
    return _ClockChannel(parse_duration(duration))


class Timer:
    """A single event in the future that can be called off or moved; see `timer`."""

    __slots__ = ("_clock",)

    def __init__(self, duration: Duration) -> None:
        self._clock = _ClockChannel(parse_duration(duration))

    @property
    def channel(self) -> Channel[float]:
        """Yields once: the time at which the timer came due."""
        return self._clock

    @enable_ki_protection
    def stop(self) -> bool:
        """Call it off. True if that was in time: nobody has received its value, and nobody will."""
        in_time = self._clock._due < math.inf
        self._clock._set(math.inf)
        return in_time

    @enable_ki_protection
    def reset(self, duration: Duration) -> bool:
        """Let it come due a duration from now, also when it has already done so or was stopped.

        Who is waiting on the channel waits for the new time, in the same place. A value that has
        come due and that nobody has received is gone. Returns what `stop` would have.

        Raises:
            Invalid: It is not a duration.
            trio.ClosedResourceError: The channel was closed.
        """
        due = trio.current_time() + parse_duration(duration)
        if self._clock._closed:
            raise trio.ClosedResourceError("this timer's channel is closed")
        in_time = self._clock._due < math.inf
        self._clock._set(due)
        return in_time


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

    __slots__ = ("_clock",)

    def __init__(self, period: Duration) -> None:
        seconds = parse_duration(period)
        if not _SHORTEST_PERIOD <= seconds < math.inf:
            raise Invalid(f"a ticker's period must be finite, and at least 1ns: {given(period)}")
        self._clock = _TickerChannel(seconds)

    @property
    def channel(self) -> Channel[float]:
        """Yields the time at which each tick was due."""
        return self._clock

    @enable_ki_protection
    def stop(self) -> None:
        """Let it tick no more. The channel is silent then, not closed: to end a loop, close it."""
        self._clock._set(math.inf)


def ticker(period: Duration) -> Ticker:
    """Make a ticker: a channel that yields once every period, dropping ticks that nobody takes.

    Raises:
        Invalid: It is not a duration, or shorter than a nanosecond.

    Source: Go's `time.NewTicker`.
    """
    return Ticker(period)
