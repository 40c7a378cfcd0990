"""How long a task may go on receiving before it lets the others run.

A pass through trio's scheduler costs several times as much as handing over a value, so a receive
that finds a value ready does without. A loop of them would then keep every other task, every
timer and Ctrl-C waiting for as long as there are values. Therefore such operations share a slice
of time, as Erlang's processes share reductions: once it is used up, the next one yields.

The slice belongs to the run and not to the task: whoever finds it used up yields, and a new one
begins, for the others at once and for him when he is back, however long they took: a receiver among
busy senders must not get one message a pass. A task can then be asked to yield on behalf of
another's work, which costs it one pass in a millisecond, and no operation has to find out who is
running.
"""

from __future__ import annotations

from typing import Final

import trio
from trio.lowlevel import RunVar, cancel_shielded_checkpoint

SLICE_SECONDS: Final = 0.001
"""A task that never waits lets others run this often."""

SLICE_OPERATIONS: Final = 4096
"""And at least once in so many operations: a virtual clock stands still while a task runs."""

BATCH: Final = 16
"""
At most so many operations from one look at the clock to the next. Each look costs 0.13 µs, a third
of a whole receive. Where an operation comes with real work of its own every one is followed by a
look; only when that work suddenly starts can a slice go over by as many operations as this.
"""


class Slice:
    """What is left of the slice that the operations of one run share.

    Whoever does one takes 1 from `left`. When nothing is left he asks `is_used_up`, and if it is,
    he awaits `give_way`.
    """

    __slots__ = ("_batch", "_ends", "_looked", "_operations", "left")

    def __init__(self) -> None:
        self._begin(trio.current_time())

    def _begin(self, now: float) -> None:
        self._looked = now
        self._ends = now + SLICE_SECONDS
        self._operations = 0  # counted at the last look
        self._batch = self.left = 1

    def is_used_up(self) -> bool:
        """Look at the clock; tell whether the caller has to yield now."""
        now = trio.current_time()
        self._operations += self._batch
        if now >= self._ends or self._operations >= SLICE_OPERATIONS:
            return True
        # Look half as often as long as a batch takes next to nothing of the slice.
        quick = now - self._looked < SLICE_SECONDS / BATCH
        batch = min(2 * self._batch, BATCH) if quick else 1
        self._batch = self.left = min(batch, SLICE_OPERATIONS - self._operations)
        self._looked = now
        return False

    async def give_way(self) -> None:
        """Let the others run. Cannot be cancelled: what the caller did has been done."""
        self._begin(trio.current_time())
        await cancel_shielded_checkpoint()
        self._begin(trio.current_time())


_slice: RunVar[Slice] = RunVar("echosvc slice")


def current_slice() -> Slice:
    """Give the slice of the current run."""
    try:
        return _slice.get()
    except LookupError:
        made = Slice()
        _slice.set(made)
        return made
