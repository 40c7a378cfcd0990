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
from trio.lowlevel import current_task, enable_ki_protection

from echosvc._channel.seats import begin_again, current_run, enter_all, scopes_of, seated, wait
from echosvc._channel.waiting import Waiter
from echosvc._exceptions import begin_in_own_code
from echosvc._runtime.current import current_process
from echosvc._runtime.message import Result
from echosvc._runtime.snapshot import IMMUTABLE, snapshot
from echosvc._tasks import is_thrown_away

if TYPE_CHECKING:
    from echosvc._runtime.host import Host
    from echosvc._runtime.process import Process

LEAST_COMING: Final = 4
MOST_COMING: Final = 64
"""So many tasks are on their way to the first step of a process, while there are processes for
them: few where each ends at once, and then most run in a task of those before them; twice as many
for each task that finds out that those before it are still busy."""

MOST_WAITING: Final = 64
"""So many tasks of a host wait for processes at most; each is 3 KB."""


class Carriers:
    """The tasks of one host, and the processes that have not had their first step."""

    __slots__ = ("_coming", "_host", "_line", "_most", "_waiting")

    def __init__(self, host: Host) -> None:
        self._host = host
        self._line: deque[Process] = deque()
        # As many as are in the line, or `_most`: so every process in it has its turn.
        self._coming = 0
        self._most = LEAST_COMING
        self._waiting: dict[Waiter, None] = {}

    def __len__(self) -> int:
        """How many tasks wait for a process."""
        return len(self._waiting)

    def run(self, process: Process) -> None:
        """Let a process have its first step soon."""
        line = self._line
        line.append(process)
        if self._coming < self._most and self._coming < len(line):
            self._call()

    def dismiss(self) -> None:
        """End the tasks that wait for a process."""
        while self._waiting:
            next(iter(self._waiting)).claim(self, None, False)

    def _call(self) -> None:
        """Let one more task come."""
        self._coming += 1
        if self._waiting:
            waiter = next(reversed(self._waiting))  # the one that did something last
            waiter.claim(self, None, True)
        else:
            self._host.start_carrier(self._sit)

    def _next(self) -> Process | None:
        """Give a task that has come the process that it is to run."""
        self._coming -= 1
        line = self._line
        if not line:
            return None
        process = line.popleft()
        if line:
            # Nobody knows when this task will be back. If those before it had been, the line would
            # be shorter.
            self._most = min(2 * self._most, MOST_COMING)
            while self._coming < self._most and self._coming < len(line):
                self._call()
        return process

    # A carrier that waits for a process is parked here.

    def _park(self, waiter: Waiter) -> None:
        self._waiting[waiter] = None

    def _unpark(self, waiter: Waiter) -> None:
        del self._waiting[waiter]

    @enable_ki_protection
    async def _sit(self) -> None:
        await seated(self._live())

    @enable_ki_protection
    async def _live(self) -> None:
        """Be a task that runs one process after another."""
        task = current_task()
        run = current_run()
        host = self._host
        process: Process | None = None
        value: object = None
        error: BaseException | None = None
        left_open: BaseException | None = None
        try:
            with trio.CancelScope() as scope:
                scopes = scopes_of(task)
                while True:
                    process = self._next()
                    if process is not None:
                        process.scope = scope
                        process.task = task
                        if process.stop_error is not None:
                            break
                        task.name = process.pid
                        current_process.set(process)
                        try:
                            value = await process.main()
                            if type(value) not in IMMUTABLE:
                                value = snapshot(value)
                        except BaseException as exc:  # noqa: BLE001 - the process's: `finish`
                            begin_in_own_code(exc)
                            error = exc
                            break
                        if process.leaves_something() or scopes is None:
                            break
                        if scopes is not scopes_of(task):
                            break
                        ending, process = process, None
                        ending.end(Result(value))
                        del ending  # nothing of it is kept while the task waits
                        value = None
                        self._most = LEAST_COMING
                    # From the task's next step on: nothing of the last process is left in it, nor
                    # kept by it. What follows is no function, which would be a coroutine for each.
                    task.context = host.runtime.new_context()
                    if self._line:
                        self._coming += 1
                        await begin_again(run)
                    elif host.stopping or len(self._waiting) >= MOST_WAITING:
                        break
                    else:
                        waiter = enter_all((self,), run)
                        await wait(waiter)
                        if not waiter.ok:
                            break
        except BaseException as exc:
            if process is None:
                raise  # cancelled with the host, between two processes
            left_open = exc  # trio says that the process has left a scope open in ours
        if error is not None and is_thrown_away(error, task):
            raise error
        if process is not None:
            await process.finish(value, error, left_open)
