"""The tasks that processes run in.

To make a task and a cancel scope for each process, and to end them, took half of the time of a
process that does little: 9 of 20 µs. So a task whose process has returned normally waits for the
next one. Nothing of a process is left in it: the next has context variables of its own, and a task
whose process failed, was ended, or left a scope open behind itself is not used again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from trio.lowlevel import (
    Abort,
    current_task,
    enable_ki_protection,
    reschedule,
    wait_task_rescheduled,
)

from echosvc._runtime.current import current_process
from echosvc._runtime.message import Result
from echosvc._runtime.snapshot import snapshot

if TYPE_CHECKING:
    from echosvc._runtime.host import Host
    from echosvc._runtime.process import Process

MOST_WAITING: Final = 64
"""So many tasks of a host wait for processes at most; each is 3 KB."""


class Carrier:
    """A task that runs one process after another."""

    __slots__ = ("_host", "_process", "_scope", "_task")

    def __init__(self, host: Host, process: Process) -> None:
        self._host = host
        self._process: Process | None = process
        self._scope = process.scope = trio.CancelScope()
        self._task: trio.lowlevel.Task | None = None

    def carry(self, process: Process) -> None:
        """Run the next process in the task that waits for one."""
        assert self._task is not None
        self._process = process
        process.scope = self._scope
        self._task.context = self._host.runtime.new_context()
        self._task.name = process.pid
        reschedule(self._task)

    def dismiss(self) -> None:
        """End the task, which waits for a process."""
        assert self._task is not None
        reschedule(self._task)

    @enable_ki_protection
    async def live(self) -> None:
        """Be the task."""
        self._task = task = current_task()
        value: object = None
        error: BaseException | None = None
        try:
            with self._scope:
                scopes = _scopes(task)
                while (process := self._process) is not None:
                    current_process.set(process)
                    process.task = task
                    if process.stop_error is not None:
                        break
                    value = snapshot(await process.main())
                    if process.leaves_something() or scopes is None or scopes is not _scopes(task):
                        break
                    self._process = None
                    process.end(Result(value))
                    value = process = None
                    await self._wait()
        except BaseException as exc:  # noqa: BLE001 - the process's, or raised again
            error = exc
        process, self._process = self._process, None
        if process is not None:
            await process.finish(value, error)
        elif error is not None:
            raise error

    async def _wait(self) -> None:
        """Wait for the next process, if this task is to have one."""
        waiting = self._host.carriers
        if self._host.stopping or len(waiting) >= MOST_WAITING:
            return
        waiting[self] = None

        def leave(_: object) -> Abort:
            del waiting[self]
            return Abort.SUCCEEDED

        await wait_task_rescheduled(leave)


def _scopes(task: trio.lowlevel.Task) -> object:
    """What tells that a task is in other cancel scopes than before; None when nothing does.

    Only looked at. A process that leaves a scope or a nursery open (an async generator that was not
    closed does) must not get another process into it; where trio has no such attribute any more,
    each process has a task of its own again.
    """
    return getattr(task, "_cancel_status", None)
