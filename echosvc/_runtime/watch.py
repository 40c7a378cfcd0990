"""Processes that won't end: named in the log every few seconds, with where they are."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

log = logging.getLogger("echosvc.process")

PERIOD: Final = 5.0
"""Seconds between two reminders."""

_NOT_ITS_OWN: Final = (
    f"{Path(__file__).parents[1]}{os.sep}",
    f"{Path(trio.__file__).parent}{os.sep}",
)


class Watch:
    """Looks after the processes that have been told to end.

    One task for all of them, which exists only while there are any.
    """

    __slots__ = ("_due", "_nursery", "_scope")

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._due: dict[Process, float] = {}  # when to remind of each, the next one first
        self._scope: trio.CancelScope | None = None  # of the task, while there is one

    def ending(self, process: Process) -> None:
        """Look after a process that has just been told to end."""
        self._due[process] = process.stopped_at + PERIOD
        if self._scope is None:
            self._scope = trio.CancelScope()
            process.runtime.start_task(self._nursery, self._look, "echosvc watch")

    def ended(self, process: Process) -> None:
        """Stop looking after it."""
        if self._due.pop(process, None) is not None and not self._due and self._scope is not None:
            self._scope.cancel()
            self._scope = None

    async def _look(self) -> None:
        scope = self._scope
        if scope is None:
            return
        with scope:
            while self._due:
                await trio.sleep_until(next(iter(self._due.values())))
                now = trio.current_time()
                for process, due in tuple(self._due.items()):
                    if due <= now:
                        # Behind the others, so that each is reminded of once in a period.
                        del self._due[process]
                        self._due[process] = now + PERIOD
                        self._remind(process)

    def _remind(self, process: Process) -> None:
        places = list(where(process))
        fields = {
            "pid": process.pid,
            "entry": process.program.name,
            "told": str(process.stop_error),
            "at": places[-1] if places else "unknown",
        }
        stack = "".join(f"\n  {place}" for place in places)
        log.warning("process does not end%s", stack, extra={"fields": fields})


def where(process: Process) -> Iterator[str]:
    """Where a process is in its own code: ``file:line in function``, outermost first.

    Where none of its own code is waiting, all frames are told.
    """
    task = process.task
    if task is None:
        return
    frames = [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in task.iter_await_frames()
    ]
    own = [place for place in frames if not place[0].startswith(_NOT_ITS_OWN)]
    for file, line, function in own or frames:
        yield f"{file}:{line} in {function}"
