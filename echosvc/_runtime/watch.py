"""Processes that won't end: named in the log every few seconds, with where they are."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from echosvc._channel.alarm import Alarm, set_alarm, unset_alarm
from echosvc._channel.seats import frames_of
from echosvc._exceptions import text_of, words_of
from echosvc._records import write
from echosvc._runtime.crash import WHO, fields_of, who
from echosvc._runtime.watchdog import Watchdog

if TYPE_CHECKING:
    from echosvc._runtime.process import Process
    from echosvc._runtime.runtime import Runtime

log = logging.getLogger("echosvc.process")

PERIOD: Final = 5.0
"""Seconds between two reminders."""

_NOT_ITS_OWN: Final = (
    f"{Path(__file__).parents[1]}{os.sep}",
    f"{Path(trio.__file__).parent}{os.sep}",
)


class Watch:
    """Looks after the processes that are ending.

    Those that wait somewhere for ever are found by an alarm; one that lets nothing else run can
    only be found from outside, by the watchdog.
    """

    __slots__ = ("_alarm", "_runtime", "_watchdog", "due")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.due: dict[Process, float] = {}  # when to remind of each, the next one first
        self._alarm: Alarm | None = None
        self._watchdog = Watchdog(PERIOD)

    def ending(self, process: Process) -> None:
        """Look after a process that is to end now."""
        if process in self.due:
            return
        due = trio.current_time() + PERIOD
        self.due[process] = due
        if self._alarm is None:
            self._alarm = set_alarm(due, self)
        self._watchdog.rouse(self._anything_ending)

    def ended(self, process: Process) -> None:
        """Stop looking after it."""
        if self.due.pop(process, None) is not None and not self.due and self._alarm is not None:
            unset_alarm(self._alarm)
            self._alarm = None

    def close(self) -> None:
        """Look after nothing any more."""
        self._watchdog.close()

    def _anything_ending(self) -> bool:
        return bool(self.due)

    def _ring(self) -> None:
        # The alarm clock's own task must not be kept with writing logs.
        self._alarm = None
        self._runtime.start_own_task(self._remind_all, "echosvc watch")

    async def _remind_all(self) -> None:
        now = trio.current_time()
        for process, due in tuple(self.due.items()):
            if due <= now:
                # Behind the others, so that each is reminded of once in a period.
                del self.due[process]
                self.due[process] = now + PERIOD
                _remind(process)
        if self.due and self._alarm is None:
            self._alarm = set_alarm(next(iter(self.due.values())), self)


def _remind(process: Process) -> None:
    places = list(where(process))
    error = process.stop_error
    fields = {
        **fields_of(process),
        "told": "its main has ended" if error is None else words_of(error) or text_of(error),
        "at": places[-1] if places else "unknown",
    }
    text = f"{who(process)} does not end{as_lines(places)}"
    write(log, logging.WARNING, text, fields, said=WHO)


def as_lines(places: list[str]) -> str:
    """Write places below each other."""
    return "".join(f"\n  {place}" for place in places)


def where(process: Process) -> Iterator[str]:
    """Where a process is in its own code: ``file:line in function``, outermost first.

    First main, then its coroutines. Where none of its own code is waiting, all frames are told.
    """
    tasks = [process.task] if not process.closing else []
    tasks += [coroutine._task for coroutine in process.coroutines or ()]
    for task in tasks:
        if task is not None:
            frames = [
                (frame.f_code.co_filename, line, frame.f_code.co_name)
                for frame, line in frames_of(task)
            ]
            yield from own_places(frames)


def own_places(frames: list[tuple[str, int, str]]) -> Iterator[str]:
    """Of these frames, those that are neither ours nor trio's; all, if none is."""
    own = [place for place in frames if not place[0].startswith(_NOT_ITS_OWN)]
    for file, line, function in own or frames:
        yield f"{file}:{line} in {function}"
