"""How processes come into the world: what runs, where, and in a task of whose context."""

from __future__ import annotations

import contextvars
import itertools
import threading
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._channel.seats import current_run
from echosvc._checks import check_text
from echosvc._runtime import attach
from echosvc._runtime.bus import Bus
from echosvc._runtime.current import current_process
from echosvc._runtime.message import Result
from echosvc._runtime.process import Process
from echosvc._runtime.program import Main, Program
from echosvc._runtime.relations import link as link_processes
from echosvc._runtime.relations import monitor as monitor_process
from echosvc._runtime.relations import unlink as unlink_processes
from echosvc._runtime.relations import unmonitor as unmonitor_process
from echosvc._runtime.routes import Routes
from echosvc._runtime.snapshot import IMMUTABLE, snapshot
from echosvc.errors import Invalid, NotFound, Terminated

if TYPE_CHECKING:
    from echosvc._runtime.host import Host

Target = str | Main
"""What a process runs: an entry's id, or an `async def`."""

Resolver = Callable[[str], Program]
"""Finds the program of an entry."""


class Starting(Routes):
    """All hosts, and how processes are started on them."""

    def __init__(self, bus: Bus, nursery: trio.Nursery, resolve: Resolver | None) -> None:
        super().__init__(bus)
        self.hosts: dict[str, Host] = {}
        self.nursery = nursery  # of the hosts' tasks, and of the runtime's own
        self.clock = current_run().now
        """The time on the runtime's clock."""
        self.thread = threading.get_ident()  # in which all of its processes run
        self.spawned = 0  # processes that were ever started
        self._resolve = resolve
        self._last_program = attach.PROGRAM
        self._context = contextvars.copy_context()
        self._context.run(current_process.set, None)
        self._next_pid = itertools.count(1)

    def program(self, target: Target) -> Program:
        """Find what to run.

        Raises:
            NotFound: There is no such entry.
            Invalid: It is no `async def`, or (ManifestError) its source doesn't load.
        """
        if not isinstance(target, str):
            # Whoever spawns ten thousand of one function has one program.
            if target is not self._last_program.fn:
                self._last_program = Program.of(target)
            return self._last_program
        if self._resolve is None:
            raise NotFound(f"no entry {target}: this runtime was opened without manifests")
        return self._resolve(target)

    def host_for(self, host: str | None, parent: Process | None) -> Host:
        """Find where to run it: on this host or, with none named, on the parent's."""
        if host is None:
            if parent is None:
                raise Invalid("outside a process a host must be named")
            return parent.host
        try:
            found = self.hosts.get(host)
        except TypeError:  # it is not even hashable
            found = None
        if found is None:
            check_text("host", host)
            known = ", ".join(id for id in self.hosts if id != attach.HOST) or "none"
            raise NotFound(f"no host {host} is running (running: {known})")
        return found

    @enable_ki_protection
    def start_process(
        self,
        target: Target | Program,
        host: str | None,
        args: tuple[Any, ...],
        *,
        parent: Process | None = None,
        monitor: bool = False,
        link: bool = False,
        name: str | None = None,
        context: dict[str, Any] | None = None,
        on_end: Callable[[Result], None] | None = None,
        waited_for: bool = False,
    ) -> Process:
        """Start a process, or start nothing and raise why not.

        All that can be refused is refused here; what the parent asked for is in place before the
        process takes its first step.
        """
        program = self._last_program
        if target is not program.fn:
            program = target if isinstance(target, Program) else self.program(target)
        on = parent.host if host is None and parent is not None else self.host_for(host, parent)
        if on.guarded or on.stopping:
            on.admit(program)
        program.check_arguments(args)
        if args:
            args = tuple([v if type(v) in IMMUTABLE else snapshot(v) for v in args])
        process = self.enter(program, on, args, parent, name)
        if context:
            process.context = {**(process.context or {}), **context}
        process.on_end = on_end
        process.waited_for = waited_for
        if parent is not None:
            if monitor:
                monitor_process(parent, process.pid)
            if link:
                link_processes(parent, process.pid)
        try:
            on.carriers.run(process)
        except BaseException:
            if parent is not None:
                unmonitor_process(parent, process.pid)
                unlink_processes(parent, process.pid)
            self._take_back(process)
            raise
        return process

    @enable_ki_protection
    def enter(
        self,
        program: Program,
        host: Host,
        args: tuple[Any, ...] = (),
        parent: Process | None = None,
        name: str | None = None,
    ) -> Process:
        """Bring a process into the world, under its name if it is to have one.

        Raises:
            NameTaken: Another process has it; nothing was done.
            Invalid: It is no name.
        """
        limit = host.options.mailbox if program.mailbox is None else program.mailbox
        pid = host.pid(next(self._next_pid))
        process = Process(
            self,  # type: ignore[arg-type]  # the only kind of this that there is is a Runtime
            host,
            pid,
            program,
            args,
            limit,
            None if parent is None else parent.pid,
            None if parent is None else parent.context,
            self.thread,
            self.clock(),
        )
        if name is not None:
            self.names.register(name, process)
        self.processes[pid] = host.processes[pid] = process
        try:
            if self.bus.listening:
                self.bus.emit("process", "started", pid, entry=program.name, parent=process.parent)
        except BaseException:
            self._take_back(process)
            raise
        self.spawned += 1
        return process

    def _take_back(self, process: Process) -> None:
        """Undo what `enter` has done: nobody waits for a process that was never started."""
        process.ended = True  # should a task have it in its line: there is nothing to be done
        process.stop_error = Terminated(reason="it could not be started")
        self.processes.pop(process.pid, None)
        process.host.forget(process)
        self.names.release(process)

    def start_task(
        self, nursery: trio.Nursery, fn: Callable[[], Awaitable[object]], name: str
    ) -> None:
        """Start a task with the runtime's context variables, whoever calls this."""
        start: Callable[..., None] = nursery.start_soon
        self._context.run(start, fn, name=name)

    def new_context(self) -> contextvars.Context:
        """Give the runtime's context variables for a task, which may change its own."""
        return self._context.copy()

    def start_own_task(self, fn: Callable[[], Awaitable[object]], name: str) -> None:
        """Start a task that belongs to the runtime, and to no host."""
        self.start_task(self.nursery, fn, name)
