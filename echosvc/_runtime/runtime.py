"""The whole of one running system: its hosts, its services, what looks at it, and its end."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final

import trio

from echosvc._checks import check_count, check_instance, check_text, given, texts_of
from echosvc._exceptions import is_a, words_of
from echosvc._runtime import attach, exec
from echosvc._runtime.bus import DEFAULT_SIZE, Bus, Subscription
from echosvc._runtime.calls import call as call_process
from echosvc._runtime.current import current_process
from echosvc._runtime.groups import Groups
from echosvc._runtime.host import DEFAULT_MAILBOX, DEFAULT_STOP_TIMEOUT, OWN, Host, HostOptions
from echosvc._runtime.info import ProcessInfo, RuntimeStatistics, info_of
from echosvc._runtime.pid import Pid
from echosvc._runtime.services import ServiceInfo, ServiceOptions, Services, ServiceState
from echosvc._runtime.starting import Resolver, Starting, Target
from echosvc._runtime.stopping import Stopping
from echosvc._runtime.terminal import Terminal
from echosvc._runtime.units import STOPPING, Units
from echosvc._runtime.watch import Watch
from echosvc._tasks import THROUGH
from echosvc.errors import (
    AlreadyExists,
    Invalid,
    NotFound,
    Timeout,
    Unavailable,
)
from echosvc.time import Duration, seconds_of

if TYPE_CHECKING:
    from echosvc._library.versions import System
    from echosvc._manifest.registry import Registry

log = logging.getLogger("echosvc.runtime")

DEFAULT_CALL_TIMEOUT: Final = "5s"
Starter = Callable[[tuple[str, ...]], Awaitable[object]]
"""Starts entries by id, with what they wait for."""


class Runtime(Starting):
    """Processes, their hosts and their names; two runtimes don't see each other.

    Made by `echosvc.open_runtime`.
    """

    def __init__(self, nursery: trio.Nursery, resolve: Resolver | None = None) -> None:
        super().__init__(Bus(trio.current_time), nursery, resolve)
        self.groups: dict[str, Groups] = {}  # by scope
        self.functions: dict[str, Any] = {}  # those that have been called, by entry
        self.stores: dict[str, Any] = {}  # those that are open, by entry
        self.registry: Registry | None = None  # the entries, as they are now
        self.system: System | None = None  # what can change them
        self.fatal: list[BaseException] = []  # what the block of `open_runtime` raises at its end
        self.cancelled = False  # from outside: nothing is stopped in order any more
        self.watch = Watch(self)
        self.units = Units(self.start_own_task)  # what has been started, and is to be stopped
        self.keeper = Services(self, nursery)  # of those that are kept running
        self._starter: Starter | None = None
        self._stopping = Stopping(self)

    def __repr__(self) -> str:
        return f"<runtime with {len(self.processes)} processes on {len(self.hosts)} hosts>"

    # -- hosts

    async def start_host(
        self,
        id: str,
        *,
        mailbox: int = DEFAULT_MAILBOX,
        max_processes: int = 0,
        allow: Iterable[str] = (),
        stop_timeout: Duration = DEFAULT_STOP_TIMEOUT,
        terminal: Terminal | None = None,
    ) -> None:
        """Start a host, on which processes can then be spawned.

        Args:
            id: Its name, and part of its processes' PIDs; not one of the runtime's own hosts
                (attached, functions, kinds, testing).
            mailbox: How many messages a mailbox takes in; 0 for any number.
            max_processes: How many processes it runs at a time; 0 for any number.
            allow: Globs of the entries that may run here; none for any.
            stop_timeout: How long its processes may take to obey a CANCEL when it stops.
            terminal: The terminal that it lends to its process; one process at a time has it.

        Cancelled, it is not started.

        Raises:
            AlreadyExists: There is a host with this id.
            Invalid: It is no id for a host, or an option cannot be meant.
            Unavailable: The runtime is stopping.
        """
        check_count("mailbox", mailbox)
        check_count("max_processes", max_processes)
        options = HostOptions(
            mailbox,
            max_processes,
            texts_of("allow", allow),
            seconds_of("stop_timeout", stop_timeout),
        )
        if terminal is not None:
            check_instance("terminal", terminal, Terminal, "a terminal")
        await self.add_host(Host(self, id, options, terminal))

    async def add_host(self, host: Host) -> None:
        """Start a host that somebody has made."""
        if self.stopping:
            raise Unavailable(STOPPING)
        check_text("id", host.id, empty=True)
        if not host.id or set(host.id) & set("{}|@") or not host.id.isprintable():
            raise Invalid(
                f"not an id for a host: {given(host.id)}; it stands in PIDs like {{host|0x1}}"
            )
        if host.id in OWN:
            raise Invalid(
                f"not an id for a host: {host.id!r} is one of the runtime's own "
                f"({', '.join(sorted(OWN))}); take one with a ':', like 'app:{host.id}'"
            )
        if host.id in self.hosts:
            raise AlreadyExists(f"there is a host {host.id} already")
        self.hosts[host.id] = host
        try:
            await host.start()
        except BaseException:
            self.hosts.pop(host.id, None)
            raise
        self.bus.emit("host", "started", host.id)

    async def stop_host(self, id: str, reason: str = "") -> None:
        """Stop a host: ask its processes to end, and end those that don't within its timeout.

        Cancelled, it ends them at once, and waits for that.

        Raises:
            NotFound: There is no such host.
            Invalid: The id or the reason is no text; or a process of this host asks.
        """
        check_text("id", id)
        check_text("reason", reason, empty=True)
        host = self.hosts.get(id)
        if host is None:
            raise NotFound(f"no host {id}")
        self._refuse_inside(f"stop host {id}", host)
        await host.stop(reason)

    # -- entries and services

    def set_starter(self, starter: Starter) -> None:
        """Say how entries are started."""
        self._starter = starter

    async def start(self, *ids: str) -> None:
        """Start hosts, services and supervisors by id, and what they wait for, until all are up.

        Args:
            ids: Entries of the manifests; also the children of a supervisor, by the ids that
                `services` gives them. A child's supervisor is started with it.

        What is up is let be. What is being started already is waited for: two who start the same
        at once wait for one start, and get the same error. What has been stopped, has ended, or
        waits for its restart is started now. An optional service that fails counts as started; it
        is restarted after its backoff.

        Cancelled, what has been begun is started all the same, and stopped with the runtime; only
        the waiting stops.

        Raises:
            NotFound: There is no such entry; nothing was started.
            Invalid: It is nothing that is started by itself, or no id; nothing was started.
            GaveUp: A required service did not start, and is left so; nor did anything that waits
                for it. `causes` says why. This is raised at the first failure, and names each that
                there is at that moment; what else was begun goes on.
            Unavailable: One of them was stopped meanwhile, or the runtime is stopping.
            AlreadyExists: The program has started a host with the id of one of the manifests.
        """
        for id in ids:
            check_text("id", id)
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._starter is not None:
            await self._starter(ids)
            return
        known = [unit for id in ids if (unit := self.units.get(id)) is not None]
        if len(known) < len(ids):
            missing = ", ".join(id for id in ids if id not in self.units)
            raise NotFound(f"no entry {missing}: this runtime was opened without manifests")
        await self.units.start(known)

    async def start_service(self, id: str, options: ServiceOptions) -> None:
        """Start a service that is in no manifest, and wait until it is up.

        One of this id that is up is let be, and one that has ended is started again as it was.

        Cancelled, it is started all the same, and stopped with the runtime; only the waiting stops.

        Raises:
            GaveUp: It is required, and did not start; it is left so.
            Unavailable: It was stopped meanwhile, or the runtime is stopping.
            AlreadyExists: A host of the manifests has this id.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        await self.keeper.start(id, options)

    async def stop_service(self, id: str, reason: str = "") -> None:
        """Stop a service or supervisor: CANCEL, its `stop_timeout`, then the end.

        What needs it is not stopped. `start` or `restart_service` starts it again. A start of it
        that is under way ends, for who waits for it, with `Unavailable`.

        Cancelled, it ends all the same; only the waiting stops.

        Raises:
            NotFound: No service of this id has been started.
            Invalid: The id or the reason is no text.
        """
        check_text("id", id)
        check_text("reason", reason, empty=True)
        await self.keeper.stop(id, reason)

    async def restart_service(self, id: str, reason: str = "") -> None:
        """Stop a service or supervisor if it runs, start it again, and wait until it is up.

        This is no failure: it counts for no limit, and its backoff begins anew. If it comes while
        the service is being started, those who wait for that wait for the new start. A child's
        supervisor is started with it.

        Cancelled, it is restarted all the same; only the waiting stops.

        Raises:
            NotFound: No service of this id has been started.
            StartFailed: It did not come up, or was stopped meanwhile; `__cause__` says why. What
                its restart policy says of such a failure follows.
            Unavailable: Its supervisor or the runtime is stopping.
            Invalid: The id or the reason is no text.
        """
        check_text("id", id)
        check_text("reason", reason, empty=True)
        await trio.lowlevel.checkpoint_if_cancelled()
        await self.keeper.restart(id, reason)

    async def wait_service(
        self, id: str, *states: ServiceState, timeout: Duration = "10s"
    ) -> ServiceState:
        """Wait until a service is in one of these states; Running with none given.

        A state that it only passes through is seen too.

        Cancelled, only the waiting stops.

        Raises:
            NotFound: No service of this id has been started.
            Timeout: It was in none of them in time.
            Invalid: The id is no text, a state none, or the timeout no duration, or less than
                nothing.
        """
        check_text("id", id)
        for state in states:
            check_instance("state", state, ServiceState, "a ServiceState")
        longest = seconds_of("timeout", timeout)
        with trio.move_on_after(longest):
            return await self.keeper.wait(id, states or (ServiceState.RUNNING,))
        raise Timeout(f"service {id} did not come into the state waited for within {longest:g}s")

    def fail(self, error: BaseException) -> None:
        """Stop everything in order, and raise this out of the block of `open_runtime`."""

        async def end() -> None:
            await self.stop(words_of(error))
            self.fall(error)

        self.start_own_task(end, "echosvc failure")

    def services(self) -> tuple[ServiceInfo, ...]:
        """Look at all services, in the order in which their start was begun."""
        return self.keeper.infos()

    # -- stopping

    async def stop(self, reason: str = "") -> None:
        """Stop everything in order: what was started last goes first.

        Services are asked to end and get their `stop_timeout`; then the hosts end what else they
        run. Whoever calls this while it is under way waits for its end.

        Cancelled, nothing more is waited for: what still runs is cancelled with the block of
        `open_runtime`.

        Raises:
            Invalid: A process of this runtime asks, which would wait for its own end; or the
                reason is no text.
        """
        check_text("reason", reason, empty=True)
        self._refuse_inside("stop the runtime")
        await self._stopping.stop(reason)

    def _refuse_inside(self, what: str, host: Host | None = None) -> None:
        process = current_process.get()
        if process is None or process.runtime is not self or process.ended:
            return
        if host is None or process.host is host:
            raise Invalid(f"process {process.pid} cannot {what}: it would wait for its own end")

    @property
    def stopping(self) -> bool:
        """Whether it has been told to stop, and starts nothing any more."""
        return self._stopping.begun

    def fall(self, error: BaseException) -> None:
        """Cancel everything, and raise this out of the block of `open_runtime`.

        It does not go there through the tasks, whose nurseries would make groups of it, and would
        ask it for its `repr()`.
        """
        # The program ends once, for whichever came first: Ctrl-C may hit main and a coroutine.
        if not any(known is error or is_a(known, THROUGH) for known in self.fatal):
            self.fatal.append(error)
        self.nursery.cancel_scope.cancel("an error ends the runtime")

    def close(self) -> None:
        """Let go of what is left when all tasks have ended."""
        self.units.close()
        for store in self.stores.values():
            store.close()
        self.watch.close()
        self.bus.close()

    # -- spawning

    def spawn(self, target: Target, host: str, *args: Any) -> Pid:
        """Start a process from outside any process. Never waits.

        Args:
            target: An entry's id, or an `async def`.
            host: The id of the host to run it on.
            args: What it is started with, as a snapshot.

        Raises:
            NotFound: There is no such entry, or no such host is running.
            Invalid: It cannot run: no `async def`, wrong arguments, a source that doesn't load; or
                no host is named.
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
        return await exec.run(self, target, host, args)

    def attach(self, name: str | None = None) -> AbstractAsyncContextManager[Pid]:
        """Make the current task a process for the block, with a PID, an inbox and events.

        Args:
            name: Register it under this name.

        All of `echosvc.process` works in the block, for this task and those it starts. The end of
        the block is the end of the process: monitors and links are told. Cancelled, the process
        ends as terminated.

        Raises:
            NameTaken: The name belongs to another process; the block is not entered.
            Invalid: It is no name.
            Terminated, LinkDown: The process was ended from elsewhere; the block was cancelled.
            Exception: What a coroutine of it failed with; the block was cancelled.
            Unavailable: The runtime is stopping.
        """
        return attach.attach(self, name)

    # -- asking

    async def call(
        self, dest: str, topic: str, *payload: Any, timeout: Duration = DEFAULT_CALL_TIMEOUT
    ) -> Any:
        """Ask a process from outside any process, and wait for its answer; see `process.call`.

        Cancelled, the question is withdrawn.
        """
        longest = seconds_of("timeout", timeout)
        async with self.attach():
            process = current_process.get()
            assert process is not None
            return await call_process(process, dest, topic, payload, longest)

    # -- looking

    def events(
        self, system: str = "*", kind: str | None = None, *, size: int = DEFAULT_SIZE
    ) -> Subscription:
        """Listen to what happens in this runtime; gives a channel of `BusEvent`. Never waits.

        Args:
            system: A glob of the part it comes from: process, mailbox, host, service, runtime.
            kind: A glob of what happened: started, ended, dead_letter, …; `None` for all.
            size: How much news is kept while nobody receives, 1 at least. What comes then is
                counted, and told of in a ``gap`` event.

        Close the channel to listen no more; it is closed when the runtime is. Nothing is computed
        for events that nobody listens to.

        Raises:
            Invalid: A pattern is no text, or there is no room for a single event.
        """
        return self.bus.subscribe(system, kind, size)

    def statistics(self) -> RuntimeStatistics:
        """Count what there is."""
        return RuntimeStatistics(
            hosts=len(self.hosts),
            processes=len(self.processes),
            names=len(self.names),
            spawned=self.spawned,
            messages_waiting=sum(
                p.box.waiting for p in self.processes.values() if p.box is not None
            ),
            dead_letters=self.dead_letters.count,
        )

    def info(self, dest: str) -> ProcessInfo:
        """Look at one process.

        Raises:
            ProcessNotFound, NameNotFound: There is none.
            Invalid: It is no PID and no name.
        """
        return info_of(self.find(dest), current_process.get())

    def list(self) -> tuple[Pid, ...]:
        """The PIDs of all processes, oldest first."""
        return tuple(process.pid for process in self.processes.values())

    # -- bookkeeping

    def now(self) -> float:
        """The time on the runtime's clock."""
        return self.clock()
