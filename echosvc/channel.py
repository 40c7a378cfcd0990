"""Go's channels with trio's manners: plain trio, useful with no runtime at all.

::

    numbers = channel.new(size=10)
    await numbers.send(1)
    r = await channel.select(numbers, quit, default=True)
    if r.channel is numbers:
        print(r.value)

A channel has one object for both ends. Errors are trio's own: `trio.WouldBlock`,
`trio.EndOfChannel`, `trio.ClosedResourceError`.

Cancellation: each operation here takes effect wholly or not at all. Each `await` is a
cancellation point. One that has to wait passes the scheduler; one that needn't does so only when
the running task has gone on for a millisecond (or 4,096 operations, under a clock that stands
still), so that a busy loop of receives starves nobody.
"""

from __future__ import annotations

from typing import Any

from echosvc._channel.core import Channel, ChannelStatistics, Selected, SendCase
from echosvc._channel.racing import CallCase, case_call
from echosvc._channel.select import Case, select

__all__ = [
    "CallCase",
    "Case",
    "Channel",
    "ChannelStatistics",
    "Selected",
    "SendCase",
    "case_call",
    "new",
    "select",
]


def new(size: float = 0) -> Channel[Any]:
    """Make a channel; see `Channel`. `Channel[int](size)` makes one that type checkers know.

    Raises:
        Invalid: The size is neither a whole number from 0 on nor `math.inf`.
    """
    return Channel(size)


# Tracebacks, reprs and help() name things where they are to be imported from.
for _public in (CallCase, Channel, ChannelStatistics, Selected, SendCase):
    _public.__module__ = __name__
case_call.__module__ = select.__module__ = __name__
