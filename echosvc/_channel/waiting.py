"""How a task waits for whichever of several things comes first, without a task for each.

A `Waiter` is parked on every place where a partner may look for it. The first partner claims it:
that takes it from all the places at once and hands over the result, in one step that nothing can
come between. A waiter that is cancelled leaves all the places in the same way.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import trio


class Place(Protocol):
    """Where a waiter can be parked: one end of a channel."""

    def _park(self, waiter: Waiter) -> None: ...

    def _unpark(self, waiter: Waiter) -> None: ...


class Waiter:
    """One parked task, and what it was woken with."""

    __slots__ = ("channel", "claimed", "ok", "places", "task", "value")

    def __init__(self, places: tuple[Place, ...]) -> None:
        self.task = trio.lowlevel.current_task()
        self.places = places
        self.claimed = False
        self.channel: Any = None
        self.value: Any = None
        self.ok = True

    def claim(self, channel: object, value: object, ok: bool) -> None:
        """Wake the task with a result. Called by the partner, once."""
        self._leave()
        self.claimed = True
        self.channel = channel
        self.value = value
        self.ok = ok
        trio.lowlevel.reschedule(self.task)

    def wake(self) -> None:
        """Wake the task with nothing, to look again at what it waits for."""
        self._leave()
        trio.lowlevel.reschedule(self.task)

    def _leave(self) -> None:
        for place in self.places:
            place._unpark(self)

    def _abort(self, _raise_cancel: object) -> trio.lowlevel.Abort:
        self._leave()
        return trio.lowlevel.Abort.SUCCEEDED


async def park(places: tuple[Place, ...], deadline: float = math.inf) -> Waiter:
    """Wait on all the places until a partner claims the waiter or the deadline comes.

    Returns the waiter; if it is not `claimed`, the caller has to look again. Cancelled, it has
    left every place and nobody has handed it anything.
    """
    waiter = Waiter(places)
    for place in places:
        place._park(waiter)
    if deadline == math.inf:
        await trio.lowlevel.wait_task_rescheduled(waiter._abort)
    else:
        # A scope is the price of a deadline, and only a wait that really parks pays it.
        with trio.CancelScope(deadline=deadline):
            await trio.lowlevel.wait_task_rescheduled(waiter._abort)
    return waiter
