"""The tasks that processes run in.

To make a task and a cancel scope for each process, and to end them, took half of the time of a
process that does little: 9 of 20 µs. So a task whose process has returned runs the next one.
Nothing of a process is left in it: the next has context variables of its own, and a task whose
process failed, was ended, or left a scope open behind itself is not used again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

import trio
from outcome import Value
from trio.lowlevel import (
    Abort,
    cancel_shielded_checkpoint,
    current_task,
    enable_ki_protection,
    reschedule,
    wait_task_rescheduled,
)

from echosvc._exceptions import begin_in_own_code
from echosvc._runtime.current import current_process
from echosvc._runtime.message import Result
from echosvc._runtime.snapshot import snapshot
from echosvc._tasks import is_thrown_away

if TYPE_CHECKING:
    from echosvc._runtime.host import Host
    from echosvc._runtime.process import Process

MOST_COMING: Final = 64
"""So many tasks are on their way to the first step of a process, while there are processes for
them. When ten thousand are spawned at once, most then run in a task of those before them."""

MOST_WAITING: Final = 64
"""So many tasks of a host wait for processes at most; each is 3 KB."""


class Carriers:
    """The tasks of one host, and the processes that have not had their first step."""

    __slots__ = ("_coming", "_host", "_line", "_waiting")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._line: deque[Process] = deque()
        # As many as are in the line, or MOST_COMING: so whoever is in it has his turn.
        self._coming = 0
        self._waiting: dict[trio.lowlevel.Task, None] = {}

    def __len__(self) -> int:
        """How many tasks wait for a process."""
        return len(self._waiting)

    def run(self, process: Process) -> None:
        """Let a process have its first step soon."""
        self._line.append(process)
        self._call()

    def dismiss(self) -> None:
        """End the tasks that wait for a process."""
        while self._waiting:
            reschedule(self._waiting.popitem()[0], Value(False))

    def _call(self) -> None:
        """Let one more task come, if there are not enough on their way."""
        coming = self._coming
        if coming >= MOST_COMING or coming >= len(self._line):
            return
        self._coming = coming + 1
        if self._waiting:
            reschedule(self._waiting.popitem()[0], Value(True))
        else:
            self._host.start_carrier(self._live)

    @enable_ki_protection
    async def _live(self) -> None:
        """Be a task that runs one process after another."""
        task = current_task()
        process: Process | None = None
        value: object = None
        error: BaseException | None = None
        left_open: BaseException | None = None
        try:
            with trio.CancelScope() as scope:
                scopes = _scopes(task)
                while True:
                    self._coming -= 1
                    if self._line:
                        process = self._line.popleft()
                        self._call()  # nobody knows when this task will be back
                        process.scope = scope
                        process.task = task
                        if process.stop_error is not None:
                            break
                        task.name = process.pid
                        current_process.set(process)
                        try:
                            value = snapshot(await process.main())
                        except BaseException as exc:  # noqa: BLE001 - the process's: `finish`
                            begin_in_own_code(exc)
                            error = exc
                            break
                        if process.leaves_something() or scopes is None:
                            break
                        if scopes is not _scopes(task):
                            break
                        ending, process = process, None
                        ending.end(Result(value))
                        del ending  # nothing of it is kept while the task waits
                        value = None
                    if not await self._come_again(task):
                        break
        except BaseException as exc:
            if process is None:
                raise  # cancelled with the host, between two processes
            left_open = exc  # trio says that the process has left a scope open in ours
        if error is not None and is_thrown_away(error, task):
            raise error
        if process is not None:
            await process.finish(value, error, left_open)

    async def _come_again(self, task: trio.lowlevel.Task) -> bool:
        """Come for the next process; False if there is none, and this task is not to wait."""
        # From the task's next step on: nothing of the last process is left in it, nor kept by it.
        task.context = self._host.runtime.new_context()
        if self._line:
            self._coming += 1
            await cancel_shielded_checkpoint()
            return True
        if self._host.stopping or len(self._waiting) >= MOST_WAITING:
            return False
        self._waiting[task] = None

        def leave(_: object) -> Abort:
            del self._waiting[task]
            return Abort.SUCCEEDED

        return bool(await wait_task_rescheduled(leave))


def _scopes(task: trio.lowlevel.Task) -> object:
    """What tells that a task is in other cancel scopes than before; None when nothing does.

    Only looked at. A process that leaves a scope or a nursery open (an async generator that was not
    closed does) must not get another process into it; where trio has no such attribute any more,
    each process has a task of its own again.
    """
    return getattr(task, "_cancel_status", None)
