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
    """A task that waits for a process."""

    __slots__ = ("process", "scope", "task")

    def __init__(self, task: trio.lowlevel.Task, scope: trio.CancelScope) -> None:
        self.task = task
        self.scope = scope
        self.process: Process | None = None

    def carry(self, process: Process) -> None:
        """Run the next process in this task."""
        self.process = process
        process.scope = self.scope
        self.task.context = process.runtime.new_context()
        self.task.name = process.pid
        reschedule(self.task)

    def dismiss(self) -> None:
        """End the task."""
        reschedule(self.task)


@enable_ki_protection
async def carry(host: Host, process: Process | None) -> None:
    """Be a task of a host that runs one process after another, and begin with this one."""
    task = current_task()
    value: object = None
    error: BaseException | None = None
    try:
        # Made here: ten thousand that wait for their first step would make the garbage collector
        # slower by a third of all that is to be done.
        with trio.CancelScope() as scope:
            scopes = _scopes(task)
            while process is not None:
                current_process.set(process)
                process.task = task
                process.scope = scope
                if process.stop_error is not None:
                    break
                value = snapshot(await process.main())
                if process.leaves_something() or scopes is None or scopes is not _scopes(task):
                    break
                ending, process = process, None
                ending.end(Result(value))
                del ending, value  # nothing of it is kept while the task waits
                process, value = await _wait(host, Carrier(task, scope)), None
    except BaseException as exc:  # noqa: BLE001 - the process's, or raised again
        error = exc
    if process is not None:
        await process.finish(value, error)
    elif error is not None:
        raise error


async def _wait(host: Host, carrier: Carrier) -> Process | None:
    """Wait for the next process, if this task is to have one."""
    waiting = host.carriers
    if host.stopping or len(waiting) >= MOST_WAITING:
        return None
    waiting[carrier] = None

    def leave(_: object) -> Abort:
        del waiting[carrier]
        return Abort.SUCCEEDED

    await wait_task_rescheduled(leave)
    return carrier.process


def _scopes(task: trio.lowlevel.Task) -> object:
    """What tells that a task is in other cancel scopes than before; None when nothing does.

    Only looked at. A process that leaves a scope or a nursery open (an async generator that was not
    closed does) must not get another process into it; where trio has no such attribute any more,
    each process has a task of its own again.
    """
    return getattr(task, "_cancel_status", None)
