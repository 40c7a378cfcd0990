"""How a task waits for whichever of several things comes first, without a task for each.

A `Waiter` is parked on every place where a partner may look for it. The first partner claims it:
that takes it from all the places at once and hands over the result, in one step that nothing can
come between. A waiter that is cancelled leaves all the places in the same way.
"""

from __future__ import annotations

from collections import OrderedDict
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar, cast

from trio.lowlevel import Abort, current_task, reschedule

from echosvc._channel.alarm import Alarm, unset_alarm

V = TypeVar("V")

NOBODY: Final = cast("dict[Waiter, Any]", MappingProxyType({}))
"""The queue of a place where nobody has waited yet, shared by all of them."""

LONG: Final = 32
"""A queue of more waiters than this is an OrderedDict.

To take the first of a plain dict is to step over all that were taken before: for a hundred
thousand waiters that was 16 µs each. An OrderedDict takes 1 µs, but 160 bytes more when empty, and
most queues are of one waiter.
"""


def enter(queue: dict[Waiter, V], waiter: Waiter, value: V) -> dict[Waiter, V]:
    """Put a waiter at the end of a queue, unless it is there already; return the queue to keep."""
    if queue is NOBODY:
        queue = {}
    elif len(queue) == LONG and not isinstance(queue, OrderedDict):
        queue = OrderedDict(queue)
    # Of several values offered to one channel in one select, the first in argument order goes.
    queue.setdefault(waiter, value)
    return queue


class Place(Protocol):
    """Where a waiter can be parked: one end of a channel."""

    def _park(self, waiter: Waiter) -> None: ...

    def _unpark(self, waiter: Waiter) -> None: ...


class Waiter:
    """One parked task, and what it was woken with.

    A process is parked with the `Seat` that it has in its task, every other task with a new one.
    """

    __slots__ = ("alarm", "channel", "claimed", "ok", "places", "sent", "task", "value")

    # Given by the partner that claims it; what is not claimed has none of these.
    channel: Any
    value: Any
    ok: bool

    def __init__(self, places: tuple[Place, ...]) -> None:
        self.task = current_task()
        self.places = places
        self.alarm: Alarm | None = None
        self.claimed = False
        self.sent = False

    def claim(self, channel: object, value: object, ok: bool) -> None:
        """Wake the task with a result. Called by the partner, once."""
        if self.alarm is None and len(self.places) == 1:  # what most are
            self.places[0]._unpark(self)
            self.places = ()
        else:
            self._leave()
        self.claimed = True
        self.channel = channel
        self.value = value
        self.ok = ok
        self._resume()

    def claim_sent(self, channel: object) -> None:
        """Wake the task with the news that its value was taken."""
        self.sent = True
        self.claim(channel, None, True)

    def wake(self) -> None:
        """Wake the task with nothing, to look again at what it waits for."""
        self._leave()
        self._resume()

    def take(self) -> Any:
        """Give what it was claimed with, and keep it no longer."""
        value, self.value = self.value, None
        return value

    def _resume(self) -> None:
        """Have the task run again; all wake-ups end here."""
        reschedule(self.task)

    def _ring(self) -> None:
        self.alarm = None
        self.wake()

    def _leave(self) -> None:
        for place in self.places:
            place._unpark(self)
        self.places = ()
        if self.alarm is not None:
            unset_alarm(self.alarm)
            self.alarm = None

    def _abort(self, _raise_cancel: object) -> Abort:
        self._leave()
        return Abort.SUCCEEDED
