"""The whole of one running system, and the one route by which everything reaches a process."""

from __future__ import annotations

import contextvars
import itertools
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import trio

from echosvc._channel.core import Channel
from echosvc._channel.waiting import park
from echosvc._runtime.bus import Bus
from echosvc._runtime.calls import call as call_process
from echosvc._runtime.coroutines import end_all as end_coroutines
from echosvc._runtime.current import current_process
from echosvc._runtime.host import DEFAULT_MAILBOX, DEFAULT_STOP_TIMEOUT, Host, HostOptions
from echosvc._runtime.info import ProcessInfo, info_of
from echosvc._runtime.mailbox import Mailbox
from echosvc._runtime.message import Message, Result, check_topic
from echosvc._runtime.names import Names
from echosvc._runtime.pid import Pid, looks_like_pid
from echosvc._runtime.process import Process
from echosvc._runtime.program import Main, Program
from echosvc._runtime.relations import link as link_processes
from echosvc._runtime.relations import monitor as monitor_process
from echosvc._runtime.services import Service, ServiceInfo, ServiceOptions, Services
from echosvc._runtime.signals import Cancel, Signal, Terminate
from echosvc._runtime.snapshot import snapshot, snapshot_payload
from echosvc._runtime.terminal import Terminal
from echosvc._runtime.watch import Watch
from echosvc.errors import (
    AlreadyExists,
    Invalid,
    MailboxFull,
    NameNotFound,
    NotFound,
    ProcessNotFound,
    Terminated,
    Unavailable,
)
from echosvc.time import Duration, parse_duration

log = logging.getLogger("echosvc.runtime")

Target = str | Main
"""What a process runs: an entry's id, or an `async def`."""

DEFAULT_CALL_TIMEOUT: Final = "5s"
ATTACHED: Final = "attached"
"""The host of those tasks that `attach` made processes."""

Resolver = Callable[[str], Program]
Stop = Callable[[str], Awaitable[object]]
"""Stops one thing that was started, in order; gets the reason. Cancelled, it insists."""

Starter = Callable[[tuple[str, ...]], Awaitable[object]]
"""Starts entries by id, with what they wait for."""


@dataclass(frozen=True, slots=True)
class RuntimeStatistics:
    """A runtime at one moment."""

    hosts: int
    processes: int
    names: int
    spawned: int
    """Processes that were ever started."""
    messages_waiting: int
    dead_letters: int
    """Messages that were delivered and never received, and replies that nobody waited for."""


class Runtime:
    """Processes, their hosts and their names; two runtimes don't see each other.

    Made by `echosvc.open_runtime`.
    """

    def __init__(self, nursery: trio.Nursery, resolve: Resolver | None = None) -> None:
        self.bus = Bus(trio.current_time)
        self.hosts: dict[str, Host] = {}
        self.names = Names()
        self.processes: dict[str, Process] = {}
        self.watch = Watch(nursery)
        self.stopping = False
        self._nursery = nursery
        self._resolve = resolve
        self._context = contextvars.copy_context()
        self._context.run(current_process.set, None)
        self._next_pid = itertools.count(1)
        self._next_call = itertools.count(1)
        self._spawned = 0
        self._dead_letters = 0
        self._services = Services(self, nursery)
        self._starter: Starter | None = None
        self._levels: list[list[Stop]] = []  # how to stop what was started, level by level
        self._stopped: Channel[None] = Channel(0)  # closed when all has stopped

    def __repr__(self) -> str:
        return f"<runtime with {len(self.processes)} processes on {len(self.hosts)} hosts>"

    # -- hosts

    async def start_host(
        self,
        id: str,
        *,
        mailbox: int = DEFAULT_MAILBOX,
        max_processes: int = 0,
        allow: tuple[str, ...] = (),
        stop_timeout: Duration = DEFAULT_STOP_TIMEOUT,
        terminal: Terminal | None = None,
    ) -> None:
        """Start a host, on which processes can then be spawned.

        Args:
            id: Its name, and part of its processes' PIDs.
            mailbox: How many messages a mailbox takes in; 0 for any number.
            max_processes: How many processes it runs at a time; 0 for any number.
            allow: Globs of the entries that may run here; none for any.
            stop_timeout: How long its processes may take to obey a CANCEL when it stops.
            terminal: The terminal that it lends to its process; one process at a time has it.

        Cancelled, it is not started.

        Raises:
            AlreadyExists: There is a host with this id.
            Invalid: It is no id for a host.
        """
        options = HostOptions(mailbox, max_processes, allow, parse_duration(stop_timeout))
        await self.add_host(Host(self, id, options, terminal))

    async def add_host(self, host: Host) -> None:
        """Start a host that somebody has made."""
        if self.stopping:
            raise Unavailable("the runtime is stopping; it starts nothing any more")
        if not host.id or set(host.id) & set("{}|@"):
            raise Invalid(f"not an id for a host: {host.id!r}; it stands in PIDs like {{host|0x1}}")
        if host.id in self.hosts:
            raise AlreadyExists(f"there is a host {host.id} already")
        self.hosts[host.id] = host
        try:
            await self._nursery.start(host.live)
        except BaseException:
            self.hosts.pop(host.id, None)
            raise
        self.bus.emit("host", "started", host.id)

    async def stop_host(self, id: str, reason: str = "") -> None:
        """Stop a host: ask its processes to end, and end those that don't within its timeout.

        Cancelled, it ends them at once, and waits for that.

        Raises:
            NotFound: There is no such host.
        """
        host = self.hosts.get(id)
        if host is None:
            raise NotFound(f"no host {id}")
        await host.stop(reason)
        self.bus.emit("host", "stopped", id)

    # -- entries and services

    def set_starter(self, starter: Starter) -> None:
        """Say how entries are started."""
        self._starter = starter

    async def start(self, *ids: str) -> None:
        """Start hosts and services of the manifests, and what they wait for.

        What runs already is let be.

        Raises:
            NotFound: There is no such entry.
            Invalid: It is nothing that is started by itself.
            GaveUp: A required service did not start.
        """
        if self._starter is None:
            raise NotFound(f"no entry {', '.join(ids)}: this runtime was opened without manifests")
        await self._starter(ids)

    async def start_service(self, id: str, options: ServiceOptions) -> Stop:
        """Start a service; gives what stops it.

        Raises:
            GaveUp: It is required, and its first start failed.
        """
        if self.stopping:
            raise Unavailable("the runtime is stopping; it starts nothing any more")
        return await self._services.start(Service(self, id, options))

    def services(self) -> tuple[ServiceInfo, ...]:
        """Look at all services, in the order in which they were started."""
        return self._services.infos()

    # -- stopping

    def add_level(self) -> list[Stop]:
        """Begin a level of things that are started side by side, above those there are.

        Who starts something puts into the list how to stop it.
        """
        level: list[Stop] = []
        self._levels.append(level)
        return level

    async def stop(self, reason: str = "") -> None:
        """Stop everything in order: what was started last goes first.

        Services are asked to end and get their `stop_timeout`; then the hosts end what else they
        run. Whoever calls this while it is under way waits for its end.

        Cancelled, nothing more is waited for: what still runs is cancelled with the block of
        `open_runtime`.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.stopping:
            if not self._stopped._closed:
                await park((self._stopped,))
            return
        self.stopping = True
        self.bus.emit("runtime", "stopping", "", reason=reason)
        while self._levels:
            async with trio.open_nursery() as nursery:
                for stop in self._levels.pop():
                    nursery.start_soon(stop, reason)
        for host in reversed(tuple(self.hosts.values())):
            await host.stop(reason)
        self.bus.emit("runtime", "stopped", "", reason=reason)
        self.bus.close()
        self._stopped.close()

    # -- spawning

    def program(self, target: Target) -> Program:
        """Find what to run.

        Raises:
            NotFound: There is no such entry.
            Invalid: It is no `async def`, or (ManifestError) its source doesn't load.
        """
        if not isinstance(target, str):
            return Program.of(target)
        if self._resolve is None:
            raise NotFound(f"no entry {target}: this runtime was opened without manifests")
        return self._resolve(target)

    def host_for(self, host: str | None, parent: Process | None) -> Host:
        """Find where to run it: on this host or, with none named, on the parent's."""
        if host is None:
            if parent is None:
                raise Invalid("outside a process a host must be named")
            return parent.host
        found = self.hosts.get(host)
        if found is None:
            known = ", ".join(id for id in self.hosts if id != ATTACHED) or "none"
            raise NotFound(f"no host {host} is running (running: {known})")
        return found

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
        program = target if isinstance(target, Program) else self.program(target)
        on = self.host_for(host, parent)
        on.admit(program)
        program.check_arguments(args)
        if name is not None:
            owner = self.names.get(name)
            if owner is not None:
                raise AlreadyExists(f"the name {name!r} belongs to {owner.pid}")
        if args:
            args = tuple([snapshot(value) for value in args])
        limit = on.options.mailbox if program.mailbox is None else program.mailbox
        pid = Pid.make(on.id, next(self._next_pid))
        process = Process(self, on, pid, program, args, Mailbox(limit), parent)
        if name is not None:
            self.names.register(name, process)  # refuses what is no name, so before the rest
        if context:
            process.context = {**(process.context or {}), **context}
        process.on_end = on_end
        process.waited_for = waited_for
        self.processes[pid] = on.processes[pid] = process
        self._spawned += 1
        if parent is not None:
            if monitor:
                monitor_process(parent, pid)
            if link:
                link_processes(parent, pid)
        on.start_process(process)
        if self.bus.listening:
            self._announce(process)
        return process

    def _announce(self, process: Process) -> None:
        process.mailbox.on_alarm = lambda: self.bus.emit(
            "mailbox",
            "filling",
            process.pid,
            waiting=process.mailbox.waiting,
            limit=process.mailbox.limit,
        )
        self.bus.emit(
            "process", "started", process.pid, entry=process.program.name, parent=process.parent
        )

    def start_task(
        self, nursery: trio.Nursery, fn: Callable[[], Awaitable[object]], name: str
    ) -> None:
        """Start a task with the runtime's context variables, whoever calls this."""
        self._context.run(lambda: nursery.start_soon(fn, name=name))

    def spawn(self, target: Target, host: str, *args: Any) -> Pid:
        """Start a process from outside any process. Never waits.

        Args:
            target: An entry's id, or an `async def`.
            host: The id of the host to run it on.
            args: What it is started with, as a snapshot.

        Raises:
            NotFound: There is no such entry, or no such host is running.
            Invalid: It cannot run: no `async def`, wrong arguments, a source that doesn't load.
            RateLimited, PermissionDenied, Unavailable: The host refuses it.
        """
        return self.start_process(target, host, args).pid

    async def run(self, target: Target, host: str, *args: Any) -> Any:
        """Start a process, wait for its end, and give its result.

        Cancelled, the process is terminated, and its end waited for.

        Raises:
            Exception: What the process ended with; `Terminated` if it was terminated.
            NotFound, Invalid, RateLimited, PermissionDenied, Unavailable: As for `spawn`.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self.run_process(target, host, args)

    async def run_process(
        self,
        target: Target | Program,
        host: str | None,
        args: tuple[Any, ...],
        parent: Process | None = None,
        name: str | None = None,
        context: dict[str, Any] | None = None,
    ) -> Any:
        """Start a process and wait for its result; see `run`."""
        results: Channel[Result] = Channel(1)
        process = self.start_process(
            target,
            host,
            args,
            parent=parent,
            name=name,
            context=context,
            on_end=results.send_nowait,
            waited_for=True,
        )
        try:
            result = await results.receive()
        except trio.Cancelled:
            process.stop(Terminated(reason="who waited for its result was cancelled"))
            with trio.CancelScope(shield=True):
                await results.receive()
            raise
        if result.error is not None:
            raise result.error
        return result.value

    @asynccontextmanager
    async def attach(self, name: str | None = None) -> AsyncGenerator[Pid]:
        """Make the current task a process for the block, with a PID, an inbox and events.

        Args:
            name: Register it under this name.

        All of `echosvc.process` works in the block, for this task and those it starts. The end of
        the block is the end of the process: monitors and links are told.

        Raises:
            NameTaken: The name belongs to another process; the block is not entered.
            Terminated, LinkDown: The process was ended from elsewhere; the block was cancelled.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        host = self.hosts.get(ATTACHED)
        if host is None:
            host = Host(self, ATTACHED, HostOptions())
            await self.add_host(host)
        if host.stopping:
            raise Unavailable("the runtime is stopping; nobody can attach any more")
        program = Program("attached", _no_main)
        pid = Pid.make(host.id, next(self._next_pid))
        process = Process(self, host, pid, program, (), Mailbox(host.options.mailbox), None)
        if name is not None:
            self.names.register(name, process)
        self.processes[pid] = host.processes[pid] = process
        self._spawned += 1
        process.task = trio.lowlevel.current_task()
        process.waited_for = True  # the block's exception goes to whoever wrote the block
        token = current_process.set(process)
        error: BaseException | None = None
        try:
            with process.scope:
                yield pid
            if process.scope.cancelled_caught and process.stop_error is not None:
                raise process.stop_error
        except BaseException as exc:
            error = exc
            raise
        finally:
            # An async generator may be closed in another context than the one that entered it.
            if current_process.get() is process:
                current_process.reset(token)
            process.closing = True
            if process.coroutines:
                await end_coroutines(process)
            if isinstance(error, trio.Cancelled):
                error = Terminated(reason="its task was cancelled")
            process.end(Result(error=process.failure or error))

    # -- the way of a message, and of everything else

    def send(
        self,
        dest: str,
        topic: str,
        payload: tuple[Any, ...],
        sender: Pid | None,
        call: int = 0,
    ) -> None:
        """Bring a message to a process: topic, then address, then payload are checked."""
        if type(topic) is not str or topic[:1] == "@":
            check_topic(topic)
        process = self.processes.get(dest)
        if process is None:
            process = self.find(dest, topic, payload)
        message = Message(topic, sender, snapshot_payload(payload))
        message._call = call
        if not process.accept(message):
            raise MailboxFull(pid=process.pid, topic=topic, undelivered=message)

    def find(self, dest: Any, topic: str = "", payload: tuple[Any, ...] = ()) -> Process:
        """Give the process with this PID or name.

        Raises:
            ProcessNotFound: The process with this PID has ended, or never was.
            NameNotFound: Nobody has this name.
            Invalid: It is neither.
        """
        process = self.processes.get(dest) or self.names.get(dest)
        if process is not None:
            return process
        if not isinstance(dest, str) or not dest:
            raise Invalid(f"not a PID or a name: {dest!r}")
        undelivered = payload[0] if len(payload) == 1 else payload or None
        if looks_like_pid(dest):
            raise ProcessNotFound(pid=dest, topic=topic, undelivered=undelivered)
        raise NameNotFound(name=dest, topic=topic, undelivered=undelivered)

    def address(self, dest: Any) -> Pid:
        """Give the PID that is meant: a name is looked up, a PID is taken as it is.

        Raises:
            NameNotFound: Nobody has this name.
        """
        process = self.processes.get(dest) or self.names.get(dest)
        if process is not None:
            return process.pid
        if isinstance(dest, str) and looks_like_pid(dest):
            return Pid(dest)
        return self.find(dest).pid

    def route(self, dest: str, signal: Signal) -> bool:
        """Bring a signal to the process with this PID; False when it has ended."""
        process = self.processes.get(dest)
        if process is None:
            return False
        signal.arrive(process)
        return True

    async def call(
        self, dest: str, topic: str, *payload: Any, timeout: Duration = DEFAULT_CALL_TIMEOUT
    ) -> Any:
        """Ask a process from outside any process, and wait for its answer; see `process.call`."""
        seconds = parse_duration(timeout)
        async with self.attach():
            process = current_process.get()
            assert process is not None
            return await call_process(process, dest, topic, payload, seconds)

    def cancel(self, dest: str, reason: str = "", sender: Pid | None = None) -> None:
        """Ask a process to end: a CANCEL among its events, which it may ignore."""
        self.route(self.find(dest).pid, Cancel(sender, self.now(), reason))

    def terminate(self, dest: str, reason: str = "") -> None:
        """End a process at its next checkpoint."""
        self.route(self.find(dest).pid, Terminate(reason))

    # -- bookkeeping

    def now(self) -> float:
        """The time on the runtime's clock."""
        return trio.current_time()

    def next_call(self) -> int:
        """A number for a call that no other has."""
        return next(self._next_call)

    def forget(self, process: Process) -> None:
        """Let nothing reach a process any more."""
        self.processes.pop(process.pid, None)
        process.host.forget(process)
        self.watch.ended(process)

    def dead_letter(self, dest: str, sender: str | None, topic: str, why: str) -> None:
        """Count a message that nobody will receive, and leave a trace of it."""
        self._dead_letters += 1
        self.bus.emit("process", "dead_letter", dest, sender=sender, topic=topic, why=why)
        if log.isEnabledFor(logging.INFO):
            fields = {"to": dest, "from": sender, "topic": topic, "why": why}
            log.info("dead letter", extra={"fields": fields})

    def dead_letters(self, pid: Pid, messages: list[Message]) -> None:
        """Count what an ended process left in its mailbox, and leave a trace of it."""
        self._dead_letters += len(messages)
        if self.bus.listening:
            for message in messages:
                self.bus.emit(
                    "process",
                    "dead_letter",
                    pid,
                    sender=message.sender,
                    topic=message.topic,
                    why="the process ended before it received this",
                )
        if log.isEnabledFor(logging.INFO):
            topics = ", ".join(sorted({message.topic for message in messages})[:5])
            fields = {"to": pid, "count": len(messages), "topics": topics}
            log.info(
                "dead letters: a process ended before it received these", extra={"fields": fields}
            )

    def statistics(self) -> RuntimeStatistics:
        """Count what there is."""
        return RuntimeStatistics(
            hosts=len(self.hosts),
            processes=len(self.processes),
            names=len(self.names),
            spawned=self._spawned,
            messages_waiting=sum(p.mailbox.waiting for p in self.processes.values()),
            dead_letters=self._dead_letters,
        )

    def info(self, dest: str) -> ProcessInfo:
        """Look at one process.

        Raises:
            ProcessNotFound, NameNotFound: There is none.
        """
        return info_of(self.find(dest), current_process.get())

    def list(self) -> tuple[Pid, ...]:
        """The PIDs of all processes, oldest first."""
        return tuple(process.pid for process in self.processes.values())


async def _no_main() -> None:
    """Stand where an attached process has no main of its own."""
    await trio.lowlevel.checkpoint()
