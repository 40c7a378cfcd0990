"""Being woken at a time: one alarm clock for a whole run.

trio's own way is a cancel scope around each wait, and to enter and leave one takes longer (4.3 µs)
than all the rest of a wait on a channel (about 1.5 µs). So there is one task a run, which sleeps
in one scope; an alarm is an entry in a heap (0.4 µs), and that scope's deadline is moved only when
a new alarm is the earliest. An alarm that is taken back leaves its time in the heap, where it costs
at most one idle wake-up, until they outnumber the real ones.

The task is a system task: it outlives every nursery of the program, and no deadline of anybody's
applies to it. It is started by the first alarm of a run.
"""

from __future__ import annotations

import heapq
import itertools
import math
from typing import Final, Protocol

import trio
from trio.lowlevel import RunVar, spawn_system_task

SPARE: Final = 64
"""How many times without an alarm the heap may hold before it is cleared of them."""


class Bell(Protocol):
    """What an alarm rings, once. It has to be quick, and must not raise."""

    def _ring(self) -> None: ...


class Alarm:
    """A bell that is to be rung. Once it has rung or was taken back, it has none any more."""

    __slots__ = ("bell", "clock")

    def __init__(self, bell: Bell, clock: AlarmClock) -> None:
        self.bell: Bell | None = bell
        self.clock = clock  # not looked up again to take it back: that took as long as the rest


class AlarmClock:
    """All alarms of one run."""

    __slots__ = ("_entries", "_numbers", "_pending", "_scope")

    def __init__(self) -> None:
        self._numbers = itertools.count()
        # A heap; what is set for the same time rings in the order of setting.
        self._entries: list[tuple[float, int, Alarm]] = []
        self._pending = 0  # how many of them are still to ring
        self._scope = trio.CancelScope()

    def set(self, at: float, bell: Bell) -> Alarm:
        alarm = Alarm(bell, self)
        heapq.heappush(self._entries, (at, next(self._numbers), alarm))
        self._pending += 1
        if at < self._scope.deadline:
            self._scope.deadline = at
        return alarm

    def unset(self, alarm: Alarm) -> None:
        alarm.bell = None
        self._pending -= 1
        if len(self._entries) > 2 * self._pending + SPARE:
            self._entries = [entry for entry in self._entries if entry[2].bell is not None]
            heapq.heapify(self._entries)

    async def run(self) -> None:
        while True:
            with self._scope:
                await trio.sleep_forever()
            self._scope = trio.CancelScope(deadline=self._ring_due(trio.current_time()))

    def _ring_due(self, now: float) -> float:
        """Ring what is due; return when to do so again."""
        while self._entries:
            at, _, alarm = self._entries[0]
            bell = alarm.bell
            if at > now and bell is not None:
                return at
            heapq.heappop(self._entries)
            if bell is not None:
                alarm.bell = None
                self._pending -= 1
                bell._ring()
        return math.inf


_clock: RunVar[AlarmClock] = RunVar("echosvc alarm clock")


def set_alarm(at: float, bell: Bell) -> Alarm:
    """Let a bell be rung once `trio.current_time()` is `at`. Returns what `unset_alarm` takes."""
    try:
        clock = _clock.get()
    except LookupError:
        clock = AlarmClock()
        _clock.set(clock)
        spawn_system_task(clock.run, name="echosvc alarm clock")
    return clock.set(at, bell)


def unset_alarm(alarm: Alarm) -> None:
    """Take back an alarm that has not rung."""
    alarm.clock.unset(alarm)
