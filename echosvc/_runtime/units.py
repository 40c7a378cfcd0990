"""What has been started: one record for each thing, from the claim of its id until it is gone.

A unit is what is started and stopped by its id: a host of the manifests, a service, a supervision
tree, or one part of a tree. It is claimed, and its start begun, before anything is awaited. So
whoever starts it too finds it, and waits for the same start; and whoever stops it finds that start
and calls it off. A start is a task of the runtime's: who waits for it may be cancelled, and it goes
on.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from heapq import heapify, heappop, heappush
from typing import Final

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._runtime.startup import Replaced, Startup, Waiting, one_of
from echosvc.errors import Unavailable

STOPPING: Final = "the runtime is stopping; it starts nothing any more"


class Unit(ABC):
    """One thing that has been started."""

    kind: str = "unit"

    def __init__(self, id: str, parent: str = "") -> None:
        self.id = id
        self.parent = parent  # the id of the unit that it is a part of; empty for one on its own
        self.needs: tuple[str, ...] = ()  # ids of what is up before it starts, and stopped after it
        self.rank = 0  # what was started later has a higher one, and is stopped before
        self.startup: Startup | None = None  # the one under way, or the last that there was
        self.fresh = True  # no start of it has succeeded
        self.leaving = False  # it is on its way off the record

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def coming(self) -> bool:
        """Whether a start of it is under way."""
        return self.startup is not None and not self.startup.done

    @property
    def has_lived(self) -> bool:
        """Whether there is something of it to keep when a start of it has been called off."""
        return False

    def all(self) -> tuple[Unit, ...]:
        """It, and all below it."""
        return (self,)

    def lacks(self, *, asked: bool) -> bool:
        """Whether a start has anything to do.

        Args:
            asked: It was asked for itself. Where it is only needed for something else, a unit that
                has done its work, or that is restarted by its supervisor, is let be.
        """
        return False

    @abstractmethod
    async def come_up(self, startup: Startup) -> None:
        """Start, and return when it is up; raise if it isn't going to be."""

    @abstractmethod
    async def go_down(self, reason: str) -> None:
        """Stop, and return when it is down. One that is not there is let be.

        Cancelled, it ends all the same; only the waiting stops.
        """

    def startup_begins(self) -> None:
        """Be told that it, or what it is a part of, is being started."""
        return

    async def discard(self) -> None:
        """Let go of what others keep of it, once it is down."""
        await trio.lowlevel.checkpoint()

    def taken_off(self) -> None:
        """Be told that there is no record of it any more."""
        return


class Units:
    """All units of a runtime, those that are being started too.

    Args:
        start_task: Starts a task of the runtime's own, with its context variables.
    """

    def __init__(self, start_task: Callable[[Callable[[], Awaitable[object]], str], None]) -> None:
        self._start_task = start_task
        self._all: dict[str, Unit] = {}  # parts too, each behind the unit that it is a part of
        self._rank = 0
        self._changing: trio.Event | None = None
        self._closed: Unavailable | None = None

    def __iter__(self) -> Iterator[Unit]:
        """Give all, in the order in which they were claimed, parts behind their whole."""
        return iter(tuple(self._all.values()))

    def __contains__(self, id: object) -> bool:
        return id in self._all

    def get(self, id: str) -> Unit | None:
        """Give the unit with this id, if there is one."""
        return self._all.get(id)

    # -- starting

    def next_rank(self) -> int:
        """Give a rank for what is started next; side by side, if several get it."""
        self._rank += 1
        return self._rank

    def check_open(self) -> None:
        """Refuse to start anything while the runtime is stopping."""
        if self._closed is not None:
            raise Unavailable(STOPPING)

    @enable_ki_protection
    def claim(self, unit: Unit, rank: int, needs: Iterable[str] = ()) -> None:
        """Put a unit, with all its parts, on the record."""
        self.check_open()
        unit.rank = rank
        unit.needs = tuple(needs)
        for each in unit.all():
            self._all[each.id] = each

    @enable_ki_protection
    def begin(self, unit: Unit, *, again: bool = False, reason: str = "") -> Startup:
        """Begin a start, or join the one that is under way. Never waits.

        Args:
            unit: One that is on the record.
            again: A unit that is up is to be stopped, and started again.
            reason: Why, for what is stopped.
        """
        self.check_open()
        before = unit.startup
        if before is not None and not before.done:
            joined = before.called_off is None and not (again and before.begun)
            if joined or unit.leaving:
                if again and not before.begun:  # it finds its unit up, perhaps
                    before.again, before.reason = True, reason
                return before
        for each in unit.all():
            each.startup_begins()
        needed = Waiting(each for each in self._needed_by(unit) if each.coming)
        startup = unit.startup = Startup(needed, again, before, reason)
        self._start_task(functools.partial(self._bring_up, unit, startup), f"start of {unit.id}")
        return startup

    async def start(self, units: Sequence[Unit]) -> None:
        """Start units that lack it, and wait until all are up, or one has failed.

        Raises:
            Exception: What the first of them has failed with, or one error for all that have.
        """
        for unit in units:
            if unit.coming or unit.lacks(asked=True):
                self.begin(unit)
        await self.wait_until_up(units)

    async def wait_until_up(self, units: Iterable[Unit]) -> None:
        """Wait for the starts of units, until all have succeeded or one has failed."""
        errors = await Waiting(unit for unit in units if unit.coming).wait()
        if not errors:
            return
        # What waits for what has failed has failed, too: whoever tries again begins anew.
        while doomed := [unit.startup for unit in self if unit.startup and unit.startup.is_doomed]:
            for startup in doomed:
                await startup.wait()
        raise one_of(errors).with_traceback(None)

    def _needed_by(self, unit: Unit) -> list[Unit]:
        if not unit.parent:
            return [self._all[id] for id in unit.needs if id in self._all]
        whole = self._all[unit.parent]
        if whole.lacks(asked=True):
            self.begin(whole)
        return [whole]

    @enable_ki_protection
    async def _bring_up(self, unit: Unit, startup: Startup) -> None:
        """Be the task of one start."""
        error: Exception | None = Unavailable("the runtime has ended")
        try:
            error = await self._outcome(unit, startup)
            if error is not None and self._is_nothing(unit, startup):
                unit.leaving = True
                await unit.discard()
                self.take_off(unit)
        finally:
            unit.fresh = unit.fresh and error is not None
            startup.finish(error)

    async def _outcome(self, unit: Unit, startup: Startup) -> Exception | None:
        """Start a unit when what it needs is up; gives what became of that."""
        try:
            if (before := startup.before) is not None:
                if before.called_off is None and not before.done:
                    before.call_off(Unavailable(f"{unit} is started again"))
                    await unit.go_down(startup.reason)
                await before.wait()
            if not startup.needed.for_nothing:
                with startup.scope:
                    for error in await startup.needed.wait():
                        return error
            if startup.called_off is not None:
                return startup.called_off
            startup.begun = True
            await unit.come_up(startup)
        except Exception as exc:  # noqa: BLE001 - raised to all who wait for this start
            return exc
        return None

    def _is_nothing(self, unit: Unit, startup: Startup) -> bool:
        """Whether a start that has failed was the first, and leaves nothing of its unit."""
        if unit.startup is not startup or unit.parent or not unit.fresh or unit.leaving:
            return False
        return startup.called_off is None or not unit.has_lived

    # -- stopping

    async def stop(self, unit: Unit, reason: str, error: Unavailable | None = None) -> None:
        """Stop a unit, and keep its record.

        Cancelled, it ends all the same; only the waiting stops.

        Args:
            unit: One that is on the record.
            reason: Why, for its processes and the log.
            error: What a start of it that is under way ends with.
        """
        startup = unit.startup
        if startup is not None:
            why = f": {reason}" if reason else ""
            message = f"{unit} was stopped while it was starting{why}"
            startup.call_off(Unavailable(message) if error is None else error)
        await unit.go_down(reason)
        if startup is not None:
            await startup.wait()

    async def end(self, unit: Unit, reason: str) -> None:
        """Stop a unit, and take it off the record, while the units are `held`."""
        unit.leaving = True
        await self.stop(unit, reason, Replaced(f"{unit} was changed while it was starting"))
        await unit.discard()
        self.take_off(unit)

    def close(self) -> Unavailable:
        """Let nothing be started any more; gives what is raised instead."""
        if self._closed is None:
            self._closed = Unavailable(STOPPING)
        return self._closed

    async def stop_all(self, reason: str) -> None:
        """Stop all, and start none any more: each before what it needs, the last started first.

        The records stay, for who looks at them. Cancelled, it can be called again.
        """
        closed = self.close()
        for unit in self._all.values():
            if unit.startup is not None and not unit.startup.begun:
                unit.startup.call_off(closed)
        for side_by_side in self._in_order_of_stopping():
            async with trio.open_nursery() as nursery:
                for unit in side_by_side:
                    nursery.start_soon(self.stop, unit, reason, closed)

    def _in_order_of_stopping(self) -> Iterator[list[Unit]]:
        left = {id: unit for id, unit in self._all.items() if not unit.parent}
        needed = Counter(id for unit in left.values() for id in set(unit.needs))
        free = [(-unit.rank, id) for id, unit in left.items() if not needed[id]]
        heapify(free)
        while free:
            rank, id = heappop(free)
            level = [left[id]]
            while free and free[0][0] == rank:
                level.append(left[heappop(free)[1]])
            yield level
            for id in [id for unit in level for id in set(unit.needs)]:
                needed[id] -= 1
                if not needed[id] and id in left:
                    heappush(free, (-left[id].rank, id))

    @enable_ki_protection
    def take_off(self, unit: Unit) -> None:
        """Take a unit that is gone off the record, with all its parts."""
        for each in unit.all():
            if self._all.get(each.id) is each:
                del self._all[each.id]
                each.taken_off()

    # -- changing

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let nobody start anything while units are stopped for others to take their place."""
        self._changing = changed = trio.Event()
        try:
            yield
        finally:
            self._changing = None
            changed.set()

    async def wait_until_settled(self) -> None:
        """Wait until units are not being changed. A checkpoint only where they are."""
        while self._changing is not None:
            await self._changing.wait()
