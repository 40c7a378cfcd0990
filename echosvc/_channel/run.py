"""One run of trio as the channels see it: who is ready, and how much of the slice is left.

A pass through trio's scheduler costs several times as much as handing over a value, so a receive
that finds a value ready does without, and a process that is woken by another is stepped without
(`seats`). A loop of either would then keep every other task, every socket, every timer and Ctrl-C
waiting for as long as there is work. Therefore all of it shares a slice of time, as Erlang's
processes share reductions: once it is used up, trio makes a pass.

The slice belongs to the run and not to a task: the operation that finds it used up yields, and a
new slice begins, for the others at once and for the one that yielded when it is back, however long
they took: a receiver among busy senders must not get one message a pass. A task can then be asked
to yield on behalf of another's work, which costs it one pass in a slice, and no operation has to
find out which task is running.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from random import Random
from typing import Any, Final

from trio.lowlevel import cancel_shielded_checkpoint

from echosvc._channel.waiting import Waiter

SLICE_SECONDS: Final = 0.0005
"""A run in which somebody is always ready makes a pass through trio this often.

It is what a socket waits for beside processes that keep each other busy. Half of it makes their
messages 6 % dearer, twice as much 1 % cheaper.
"""

SLICE_OPERATIONS: Final = 4096
"""And at least once in so many operations: a virtual clock stands still while a task runs."""

BATCH: Final = 16
"""At most so many operations from one look at the clock to the next.

A look costs a third of a receive. Where an operation comes with real work of its own every one is
followed by a look; only when that work suddenly starts can a slice go over by as many operations
as this.
"""

SHARE: Final = 1 / 16
"""What those that gave way in one pass get of the time it took, together, if that is more than a
slice. A consumer beside ten thousand busy tasks would else get half a millisecond in each pass of
two hundred; and a pass grows by no more than this share of it."""

LONGEST_SLICE: Final = 0.01
"""No share makes a slice longer than this."""


class Run:
    """The budget, the clock and the run queue of one run of trio.

    An operation takes 1 from `left`. When nothing is left it asks `is_used_up`, and if that is so
    it awaits `give_way`.
    """

    __slots__ = (
        "_batch",
        "_ends",
        "_giving",
        "_looked",
        "_operations",
        "behind",
        "driver",
        "instruments",
        "left",
        "now",
        "ready",
        "rests",
        "runnable",
        "seat",
    )

    def __init__(
        self,
        now: Callable[[], float],
        runnable: Collection[object] = (),
        instruments: Collection[object] = (),
    ) -> None:
        self.now = now
        """The time on the run's clock."""
        self.runnable = runnable
        """The tasks that trio has ready, as they are at each moment."""
        self.instruments = instruments
        """The instruments that trio has, likewise."""
        self.seat: Waiter | None = None
        """The seat whose process is being stepped; None in every task that has no seat."""
        self.driver: Any = None
        """The seat that trio has resumed, and that steps the others."""
        self.ready: deque[Any] = deque()
        """Seats whose processes were woken by one that was being stepped, first woken first."""
        self.behind = 0
        """How many seats were ready when a slice ended, and wait for trio's next pass."""
        self.rests = False
        """Whether none of those steps another in that pass; the next pass is for that."""
        self._giving = 0  # tasks that have given way and are not back
        self._begin(now())

    def begin_again(self) -> None:
        """Begin a new slice: trio has made a pass."""
        self._begin(self.now())

    def _begin(self, now: float) -> None:
        self._looked = now
        self._ends = now + SLICE_SECONDS
        self._operations = 0  # counted at the last look
        self._batch = self.left = 1

    def is_used_up(self) -> bool:
        """Look at the clock; tell whether the caller has to yield now."""
        now = self.now()
        self._operations += self._batch
        if now >= self._ends or self._operations >= SLICE_OPERATIONS:
            return True
        # Look half as often as long as a batch takes next to nothing of the slice.
        quick = now - self._looked < SLICE_SECONDS / 4
        batch = min(2 * self._batch, BATCH) if quick else 1
        self._batch = self.left = min(batch, SLICE_OPERATIONS - self._operations)
        self._looked = now
        return False

    async def give_way(self) -> None:
        """Let the others run. Cannot be cancelled: what the caller did has been done."""
        gave = self.now()
        self._begin(gave)
        self._giving += 1
        try:
            await cancel_shielded_checkpoint()
        finally:
            share = SHARE / self._giving
            self._giving -= 1
            now = self.now()
            self._begin(now)
            self._ends = now + min(max(SLICE_SECONDS, (now - gave) * share), LONGEST_SLICE)


class SeededRun(Run):
    """A run whose seats are stepped in an order, and whose slices end, as a seed says.

    For tests: a program that depends on the order in which processes run fails with some seed.
    """

    __slots__ = ("_random",)

    def __init__(
        self,
        now: Callable[[], float],
        runnable: Collection[object] = (),
        instruments: Collection[object] = (),
        *,
        random: Random,
    ) -> None:
        self._random = random
        super().__init__(now, runnable, instruments)
        self.ready = _Shuffled(random)

    def is_used_up(self) -> bool:
        """End a slice anywhere, one time in eight."""
        used_up = super().is_used_up() or self._random.random() < 1 / 8
        self._batch = self.left = 1  # and ask again at the next operation
        return used_up


class _Shuffled(deque[Any]):
    """A queue that gives any of those in it."""

    def __init__(self, random: Random) -> None:
        super().__init__()
        self._random = random

    def popleft(self) -> Any:
        self.rotate(self._random.randrange(len(self)))
        return super().popleft()
