"""A host: a nursery that runs processes, and what it lets in."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import trio

from echosvc._channel.core import Channel
from echosvc._channel.seats import park
from echosvc._records import write
from echosvc._runtime.carrier import Carriers
from echosvc._runtime.crash import HostCancelled
from echosvc._runtime.pid import Pid
from echosvc._runtime.program import Program
from echosvc._runtime.signals import Cancel
from echosvc.errors import PermissionDenied, RateLimited, Terminated, Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.process import Process
    from echosvc._runtime.runtime import Runtime
    from echosvc._runtime.terminal import Terminal

log = logging.getLogger("echosvc.host")

DEFAULT_MAILBOX: Final = 65_536
DEFAULT_STOP_TIMEOUT: Final = 10.0
OWN: Final = frozenset({"attached", "functions", "kinds", "testing"})
"""The hosts of the runtime's own, each there from its first use on: nobody else's may be called so,
or what runs there by itself would be under that host's rules."""
LAST_DIGITS: Final = tuple(f"{number:02x}}}" for number in range(256))
"""How PIDs end: to write a PID anew each time takes twice as long."""


@dataclass(frozen=True, slots=True)
class HostOptions:
    """What a host lets in, and how it ends it."""

    mailbox: int = DEFAULT_MAILBOX
    """Messages that a mailbox takes in, where the program says nothing else; 0 for any number."""
    max_processes: int = 0
    """How many processes at a time; 0 for any number."""
    allow: tuple[str, ...] = ()
    """Globs of the programs that may run here; empty for any."""
    stop_timeout: float = DEFAULT_STOP_TIMEOUT
    """Seconds between asking its processes to end and ending them."""


class Host:
    """Runs processes as tasks of one nursery.

    A process that fails takes nothing with it: its task ends normally, and what happened is told
    to those who asked. Only what is not for a supervisor to keep, such as Ctrl-C, goes through.
    """

    __slots__ = (
        "_block",
        "_emptied",
        "_nursery",
        "_prefix",
        "_started",
        "carriers",
        "ended",
        "guarded",
        "id",
        "on_leave",
        "options",
        "processes",
        "runtime",
        "stopping",
        "terminal",
        "unread",
    )

    def __init__(
        self, runtime: Runtime, id: str, options: HostOptions, terminal: Terminal | None = None
    ) -> None:
        self.runtime = runtime
        self.id = id
        self.options = options
        self.terminal = terminal
        self.on_leave: Callable[[], None] | None = None
        self.processes: dict[Pid, Process] = {}
        self.carriers = Carriers(self)
        # Whether there is anything to be asked before it lets a process in.
        self.guarded = True
        self._block, self._prefix = -1, ""  # of its last PID: all but the last two digits
        self.stopping = False
        self.ended = 0  # processes that its stopping has ended, and that did not end by themselves
        self.unread = 0  # messages that these left in their mailboxes
        self._nursery: trio.Nursery | None = None
        self._started: Channel[None] = Channel(0)  # closed when processes can be started
        self._emptied: Channel[None] = Channel(0)  # closed when a stopping host has none left

    def __repr__(self) -> str:
        return f"<host {self.id} with {len(self.processes)} processes>"

    async def start(self) -> None:
        """Start the host's task; cancelled, it has ended again or will at once."""
        self.runtime.start_own_task(self._live, f"host {self.id}")
        try:
            await park((self._started,))
        except BaseException:
            self.stopping = True
            self._emptied.close()
            raise

    def borrow(self, nursery: trio.Nursery) -> None:
        """Start at once, and run everything in this nursery."""
        self._open(nursery)
        self.runtime.start_own_task(self._last, f"host {self.id}")

    async def _live(self) -> None:
        """Be the host's task until it is stopped or cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                self._open(nursery)
                self._started.close()
                await self._last()
        finally:
            self._leave()
            self._nursery = None
            self.guarded = True

    async def _last(self) -> None:
        try:
            if not self._emptied._closed:
                await park((self._emptied,))
        except trio.Cancelled:
            self.runtime.cancelled = True  # who stops a host alone does it in another way
            # Attached processes run in tasks that are not cancelled with ours.
            await self._insist(HostCancelled)
            self._leave()
            raise

    def _open(self, nursery: trio.Nursery) -> None:
        """Let processes in."""
        self._nursery = nursery
        options = self.options
        self.guarded = bool(self.terminal is not None or options.max_processes or options.allow)

    def pid(self, number: int) -> Pid:
        """Make the PID of its process with this number."""
        if number >> 8 != self._block:
            self._block = number >> 8
            self._prefix = f"{{{self.id}|0x{number >> 8:03x}"
        return Pid(self._prefix + LAST_DIGITS[number & 255])

    def admit(self, program: Program) -> None:
        """Refuse a process that may not run here, or not now."""
        if self.stopping:
            raise Unavailable(f"host {self.id} is stopping; it starts nothing any more")
        if self._nursery is None:
            raise Unavailable(f"host {self.id} is starting; wait until it is up")
        limit = self.options.max_processes
        if self.terminal is not None and self.processes:
            owner = next(iter(self.processes))
            raise RateLimited(
                f"the terminal of host {self.id} belongs to process {owner}: one at a time"
            )
        if limit and len(self.processes) >= limit:
            raise RateLimited(
                f"host {self.id} runs {len(self.processes)} processes, as many as it may "
                f"(max_processes: {limit})"
            )
        if self.options.allow:
            self.check_allowed(program)

    def check_allowed(self, program: Program) -> None:
        """Refuse a program that is not on the list of those that may run here."""
        allow = self.options.allow
        if allow and not any(fnmatchcase(program.name, glob) for glob in allow):
            raise PermissionDenied(
                f"host {self.id} does not allow {program.name} (allow: {', '.join(allow)})"
            )

    def start_task(self, fn: Callable[[], Awaitable[object]], name: str) -> None:
        """Start a task in the host's nursery, with the context variables of the caller."""
        if self._nursery is None:
            raise Unavailable(f"host {self.id} has stopped")
        self._nursery.start_soon(fn, name=name)

    def start_carrier(self, live: Callable[[], Awaitable[object]]) -> None:
        """Start a task for processes, with the context variables of the runtime."""
        assert self._nursery is not None
        self.runtime.start_task(self._nursery, live, "echosvc carrier")

    def forget(self, process: Process) -> None:
        """Take an ended process off the list."""
        self.processes.pop(process.pid, None)
        if self.stopping and not self.processes:
            self._emptied.close()

    async def stop(self, reason: str = "", timeout: float | None = None) -> None:
        """End its processes, in order: ask, wait, insist.

        Those that have asked for their events get a CANCEL and may take `timeout` seconds; those
        that have not cannot hear it, and are terminated at once. When the time is up the rest is
        terminated, and waited for.

        Cancelled, it insists at once.
        """
        self.stopping = True
        timeout = self.options.stop_timeout if timeout is None else timeout
        for process in tuple(self.processes.values()):
            if process.hears_events:
                self.runtime.route(process.pid, Cancel(None, self.runtime.now(), reason))
            else:
                process.stop(Terminated(reason=reason))
        if not self.processes:
            self._emptied.close()
        try:
            if self.processes:
                await park((self._emptied,), trio.current_time() + timeout)
            else:
                await trio.lowlevel.checkpoint()
        finally:
            await self._insist(lambda: Terminated(reason=reason))
            self._leave()

    async def _insist(self, why: Callable[[], Terminated]) -> None:
        """End what still runs, and wait for it. Also what runs in a task that is not ours."""
        self.stopping = True
        for process in tuple(self.processes.values()):
            process.stop(why())
        if self.processes:
            with trio.CancelScope(shield=True):
                await park((self._emptied,))

    def _leave(self) -> None:
        """Make room for another host with this id."""
        self.stopping = True
        self.carriers.dismiss()
        if self.runtime.hosts.get(self.id) is self:
            del self.runtime.hosts[self.id]
            self.runtime.bus.emit("host", "stopped", self.id)
            self._say_what_it_ended()
            if self.on_leave is not None:
                self.on_leave()

    def _say_what_it_ended(self) -> None:
        """Say in one line what would be one for each process, of which there may be thousands."""
        if (self.ended or self.unread) and log.isEnabledFor(logging.INFO):
            fields = {"host": self.id, "processes": self.ended, "unread": self.unread}
            text = f"host {self.id} has stopped; processes that it ended: {self.ended}"
            if self.unread:
                text += f", messages that these left unread: {self.unread}"
            write(log, logging.INFO, text, fields, said=tuple(fields))


def own_host(runtime: Runtime, id: str) -> Host:
    """Give a host of the runtime's own, which is there from its first use on.

    Raises:
        Unavailable: The runtime is stopping.
    """
    assert id in OWN
    host = runtime.hosts.get(id)
    if host is None and not runtime.stopping:
        host = runtime.hosts[id] = Host(runtime, id, HostOptions())
        host.borrow(runtime.nursery)
    if host is None or host.stopping:
        raise Unavailable("the runtime is stopping; it starts nothing any more")
    return host
