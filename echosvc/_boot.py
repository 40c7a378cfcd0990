"""Entries brought to life: what each kind of entry is in a running system."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final

import trio

from echosvc._manifest import source as sources
from echosvc._manifest import variables
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import (
    Child,
    FunctionPy,
    Lifecycle,
    ProcessHost,
    ProcessService,
    ProcessSupervisor,
    TerminalHost,
)
from echosvc._manifest.registry import Registry
from echosvc._runtime.host import Host, HostOptions, own_host
from echosvc._runtime.program import Program
from echosvc._runtime.runtime import Runtime
from echosvc._runtime.services import (
    Service,
    ServiceOptions,
    Supervised,
    Tree,
    TreeOptions,
    is_final,
)
from echosvc._runtime.stopping import Stop
from echosvc._runtime.terminal import Terminal
from echosvc.errors import Invalid, NotFound
from echosvc.supervision import RestartPolicy

CHILD_STOP_TIMEOUT: Final = 5.0
"""Seconds that a process below a supervisor may take to obey a CANCEL, where nothing else is said;
OTP's shutdown time."""

KINDS_HOST: Final = "kinds"
"""The host of what entries of an application's own kinds do, where they name none."""


class Boot:
    """Starts what a registry describes, each thing after what it waits for.

    Args:
        source: A folder of manifests, or a registry.
        overrides: Fields to change before the entries are checked.
        terminal: What terminal hosts lend to their process.

    Raises:
        ManifestError: A fault in a manifest.
        Invalid: Overrides for a registry, which has been checked already.
    """

    def __init__(
        self,
        source: str | Path | Registry,
        overrides: Iterable[str],
        terminal: Terminal | None,
    ) -> None:
        if isinstance(source, Registry):
            if tuple(overrides):
                raise Invalid("overrides go with a folder; a registry has been checked already")
            self.registry = source
        else:
            self.registry = Registry.load(source, overrides)
        faults = variables.check_values(self.registry.find(kind=variables.KIND))
        if faults:
            faults[0].faults = tuple(faults)
            raise faults[0]
        self.dependencies = self.registry.dependencies()
        self.terminal = terminal
        self._programs: dict[str, Program] = {}
        self._running: set[str] = set()
        self._stops: dict[str, tuple[Stop, list[Stop]]] = {}  # with the level that they stand in

    def program(self, id: str) -> Program:
        """Give the program of an entry; its source is loaded the first time.

        Raises:
            NotFound: There is no such entry.
            ManifestError: Its source doesn't load.
        """
        program = self._programs.get(id)
        if program is None:
            program = self._programs[id] = self._program(id, sources.load)
        return program

    def _program(self, id: str, load: Any) -> Program:
        entry = self.registry.get(id)
        if isinstance(entry.spec, FunctionPy):
            raise NotFound(f"{id} is a {entry.kind}, and no process: call it with funcs.call")
        if not sources.has_source(entry):
            raise NotFound(f"{id} is a {entry.kind}, and nothing to run")

        def reload() -> Program:
            program = self._programs[id] = self._program(id, sources.reload)
            return program

        return Program(id, load(entry), mailbox=getattr(entry.spec, "mailbox", None), reload=reload)

    async def start(self, runtime: Runtime, *, auto_start: bool = True) -> None:
        """Start everything with ``auto_start``, and what that needs; or let others do so."""
        runtime.registry = self.registry
        runtime.set_starter(functools.partial(self.start_entries, runtime))
        if auto_start:
            wanted = [e.id for e in self.registry if _lifecycle(e).auto_start]
            await self.start_entries(runtime, wanted)

    async def start_entries(self, runtime: Runtime, ids: Iterable[str]) -> None:
        """Start these entries and all they wait for, level by level; what runs is let be.

        A service that is asked for and has ended is started again.
        """
        ids = tuple(ids)
        for id in ids:
            if not self.registry.kind(self.registry.get(id)).startable:
                raise Invalid(f"{id} is a {self.registry.get(id).kind}, which is not started")
        stopped = [id for id in ids if self.dependencies.root(id) in self._running]
        for level in self.dependencies.needed(ids):
            new = [id for id in level if id not in self._running]
            if not new:
                continue
            stops = runtime.add_level()
            async with trio.open_nursery() as nursery:
                for id in new:
                    nursery.start_soon(self._start_entry, runtime, self.registry.get(id), stops)
        for id in stopped:
            await runtime.start_again(id)

    async def stop_entries(self, runtime: Runtime, ids: Collection[str], reason: str) -> None:
        """Stop these entries, each before what it waits for; all that waits for them is among them.

        Cancelled, it insists.
        """
        for level in reversed(self.dependencies.levels):
            async with trio.open_nursery() as nursery:
                for id in level:
                    if id in ids and id in self._stops:
                        nursery.start_soon(self._stop_entry, runtime, id, reason)

    async def _stop_entry(self, runtime: Runtime, id: str, reason: str) -> None:
        stop, level = self._stops.pop(id)
        await stop(reason)
        if stop in level:
            level.remove(stop)
        self._running.discard(id)
        await runtime.forget_service(id)

    def use(self, registry: Registry) -> None:
        """Go on with other entries; those that run are not touched."""
        old, self.registry = self.registry, registry
        self.dependencies = registry.dependencies()
        for id in tuple(self._programs):
            if id not in registry or registry.get(id) is not old.get(id):
                del self._programs[id]

    @property
    def running(self) -> frozenset[str]:
        """The entries that have been started."""
        return frozenset(self._running)

    def starts_by_itself(self, entry: Entry) -> bool:
        """Whether an entry is to be started without being asked for."""
        return _lifecycle(entry).auto_start

    async def _start_entry(self, runtime: Runtime, entry: Entry, level: list[Stop]) -> None:
        self._running.add(entry.id)
        try:
            stop = await self._start(runtime, entry)
        except BaseException:
            self._running.discard(entry.id)
            raise
        level.append(stop)
        self._stops[entry.id] = (stop, level)

    async def _start(self, runtime: Runtime, entry: Entry) -> Stop:
        spec = entry.spec
        if isinstance(spec, ProcessHost | TerminalHost):
            return await self._start_host(runtime, entry.id, spec)
        if isinstance(spec, ProcessService):
            args = tuple(spec.args)
            return await self._start_service(runtime, entry, spec.process, spec.host, args)
        if isinstance(spec, ProcessSupervisor):
            return await runtime.start_supervised(self._tree(runtime, entry, spec))
        run = self.registry.kind(entry).run
        if run is None:
            raise Invalid(f"{entry.id}: nothing here starts a {entry.kind}")
        host = getattr(spec, "host", None) or own_host(runtime, KINDS_HOST).id
        program = Program(entry.id, functools.partial(run, entry))
        return await self._start_service(runtime, entry, program, host)

    async def _start_host(
        self, runtime: Runtime, id: str, spec: ProcessHost | TerminalHost
    ) -> Stop:
        terminal = isinstance(spec, TerminalHost)
        options = HostOptions(
            mailbox=spec.mailbox,
            # One keyboard, one reader.
            max_processes=1 if isinstance(spec, TerminalHost) else spec.max_processes,
            allow=tuple(spec.allow),
            stop_timeout=spec.stop_timeout,
        )
        host = Host(runtime, id, options, self.terminal if terminal else None)
        await runtime.add_host(host)
        return host.stop

    async def _start_service(
        self,
        runtime: Runtime,
        entry: Entry,
        target: str | Program,
        host: str,
        args: tuple[Any, ...] = (),
    ) -> Stop:
        options = _service_options(_lifecycle(entry), target, host, args)
        return await runtime.start_service(entry.id, options)

    def _tree(
        self,
        runtime: Runtime,
        entry: Entry,
        spec: ProcessSupervisor,
        parent: str = "",
        as_child: Child | None = None,
    ) -> Tree:
        """Make a supervisor of all below it, as the manifests describe it."""
        lifecycle = spec.lifecycle
        timeout = None if as_child is None else as_child.stop_timeout
        options = TreeOptions(
            strategy=spec.strategy,
            max_restarts=spec.max_restarts,
            within=spec.within,
            required=lifecycle.startup == "required",
            stop_timeout=lifecycle.stop_timeout if timeout is None else timeout,
            policy=_policy(lifecycle, None),
            restart="permanent" if as_child is None else as_child.restart,
        )
        parts = [self._part(runtime, entry.id, spec, child) for child in spec.all_children()]
        return Tree(runtime, entry.id, options, parts, parent=parent)

    def _part(
        self, runtime: Runtime, parent: str, spec: ProcessSupervisor, child: Child
    ) -> Supervised:
        entry = self.registry.get(child.entry)
        below = entry.spec
        if isinstance(below, ProcessSupervisor):
            return self._tree(runtime, entry, below, parent, child)
        if isinstance(below, ProcessService):
            options = _service_options(
                below.lifecycle, below.process, below.host, tuple(below.args), child
            )
            return Service(runtime, entry.id, options, parent=parent)
        options = ServiceOptions(
            target=child.entry,
            host=child.host or spec.host or below.host,
            args=tuple(child.args),
            stop_timeout=CHILD_STOP_TIMEOUT if child.stop_timeout is None else child.stop_timeout,
            policy=None,  # restarted at once, as in OTP
            restart=child.restart,
        )
        # A name tells the children of one supervisor apart, an id all that there is.
        id = f"{parent}/{child.name}" if child.name else child.entry
        return Service(runtime, id, options, parent=parent, kind="process")


def _service_options(
    lifecycle: Lifecycle,
    target: str | Program,
    host: str,
    args: tuple[Any, ...],
    as_child: Child | None = None,
) -> ServiceOptions:
    timeout = None if as_child is None else as_child.stop_timeout
    return ServiceOptions(
        target=target,
        host=host,
        args=args,
        required=lifecycle.startup == "required",
        explicit_ready=lifecycle.ready == "explicit",
        start_timeout=lifecycle.start_timeout,
        stop_timeout=lifecycle.stop_timeout if timeout is None else timeout,
        policy=_policy(lifecycle, is_final),
        restart="transient" if as_child is None else as_child.restart,
    )


def _policy(lifecycle: Lifecycle, final: Callable[[BaseException], bool] | None) -> RestartPolicy:
    restart = lifecycle.restart
    return RestartPolicy(
        initial_delay=restart.initial_delay,
        max_delay=restart.max_delay,
        backoff_factor=restart.backoff_factor,
        jitter=restart.jitter,
        max_attempts=restart.max_attempts,
        stable_threshold=lifecycle.stable_threshold,
        final=final,
    )


def _lifecycle(entry: Entry) -> Lifecycle:
    return getattr(entry.spec, "lifecycle", None) or Lifecycle()
