"""Entries brought to life: what each kind of entry is in a running system."""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._manifest import source as sources
from echosvc._manifest import variables
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import (
    Child,
    FunctionPy,
    Lifecycle,
    ProcessHost,
    ProcessPy,
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
from echosvc._runtime.startup import Replaced, Startup
from echosvc._runtime.terminal import Terminal
from echosvc._runtime.units import Unit
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
        self._wholes = _wholes(self.registry)
        self._programs: dict[str, Program] = {}

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

    async def start_entries(self, runtime: Runtime, ids: Collection[str]) -> None:
        """Do what `Runtime.start` promises."""
        units = runtime.units
        while True:
            await units.wait_until_settled()
            with suppress(Replaced):
                return await units.wait_until_up(self.begin_entries(runtime, ids))

    @enable_ki_protection
    def begin_entries(self, runtime: Runtime, ids: Iterable[str]) -> list[Unit]:
        """Begin to start these entries and all they wait for; gives what is to be waited for.

        All of it is claimed, or nothing: until this returns nothing else happens.

        Raises:
            NotFound: There is no such entry, and no such child of a supervisor.
            Invalid: It is not started by itself.
            Unavailable: The runtime is stopping.
        """
        units = runtime.units
        units.check_open()
        ids = tuple(ids)
        begun = self._to_begin(runtime, [self._whole(runtime, id) for id in ids])
        new: dict[str, Unit] = {}
        for id in begun:
            if id not in units:
                new[id] = self._unit(runtime, self.registry.get(id))
        for level in self.dependencies.levels:
            rank = units.next_rank()
            for id in level:
                if id in new:
                    units.claim(new[id], rank, self.dependencies.waits_for[id])
                if id in begun and (unit := units.get(id)) is not None:
                    units.begin(unit)
        found = {id: unit for id in (*begun, *ids) if (unit := units.get(id)) is not None}
        for unit in found.values():
            if unit.id in ids and unit.lacks(asked=True):  # a part of what was up before
                units.begin(unit)
        return list(found.values())

    def _whole(self, runtime: Runtime, id: str) -> str:
        """Give the id of what is started for the sake of this one."""
        if id in self._wholes:
            return self.dependencies.root(self._wholes[id])
        if id in runtime.units and id not in self.registry:
            return id  # the program has started it, and no manifest has it
        entry = self.registry.get(id)
        if not self.registry.kind(entry).startable:
            raise Invalid(f"{id} is a {entry.kind}, which is not started")
        return id

    def _to_begin(self, runtime: Runtime, ids: Iterable[str]) -> dict[str, None]:
        """Give what has to be started: what was asked for, and what that waits for, if not up."""
        asked = tuple(ids)
        begun: dict[str, None] = {}
        todo = list(reversed(asked))
        while todo:
            id = todo.pop()
            unit = runtime.units.get(id)
            is_up = unit is not None and not unit.coming and not unit.lacks(asked=id in asked)
            if is_up or id in begun:
                continue
            begun[id] = None
            todo += sorted(self.dependencies.waits_for.get(id, ()))
        return begun

    async def stop_entries(self, runtime: Runtime, ids: Collection[str], reason: str) -> None:
        """Stop these entries, each before what it waits for; all that waits for them is among them.

        Cancelled, it insists.
        """
        for level in reversed(self.dependencies.levels):
            async with trio.open_nursery() as nursery:
                for id in level:
                    if id in ids and (unit := runtime.units.get(id)) is not None:
                        nursery.start_soon(runtime.units.end, unit, reason)

    def use(self, registry: Registry) -> None:
        """Go on with other entries; those that run are not touched."""
        old, self.registry = self.registry, registry
        self.dependencies = registry.dependencies()
        self._wholes = _wholes(registry)
        for id in tuple(self._programs):
            if id not in registry or registry.get(id) is not old.get(id):
                del self._programs[id]

    def started(self, runtime: Runtime) -> frozenset[str]:
        """Give the entries that have been started, or are being started."""
        return frozenset(id for id in self.dependencies.waits_for if id in runtime.units)

    def starts_by_itself(self, entry: Entry) -> bool:
        """Whether an entry is to be started without being asked for."""
        return _lifecycle(entry).auto_start

    def _unit(self, runtime: Runtime, entry: Entry) -> Unit:
        """Make what stands for an entry in a running system."""
        spec = entry.spec
        if isinstance(spec, ProcessHost | TerminalHost):
            return HostUnit(runtime, self._host(runtime, entry.id, spec))
        if isinstance(spec, ProcessService):
            args = tuple(spec.args)
            return self._service(runtime, entry, spec.process, spec.host, args)
        if isinstance(spec, ProcessSupervisor):
            return self._tree(runtime, entry, spec)
        run = self.registry.kind(entry).run
        if run is None:
            raise Invalid(f"{entry.id}: nothing here starts a {entry.kind}")
        host = getattr(spec, "host", None) or own_host(runtime, KINDS_HOST).id
        return self._service(runtime, entry, Program(entry.id, functools.partial(run, entry)), host)

    def _host(self, runtime: Runtime, id: str, spec: ProcessHost | TerminalHost) -> Host:
        terminal = isinstance(spec, TerminalHost)
        options = HostOptions(
            mailbox=spec.mailbox,
            # One keyboard, one reader.
            max_processes=1 if isinstance(spec, TerminalHost) else spec.max_processes,
            allow=tuple(spec.allow),
            stop_timeout=spec.stop_timeout,
        )
        return Host(runtime, id, options, self.terminal if terminal else None)

    def _service(
        self,
        runtime: Runtime,
        entry: Entry,
        target: str | Program,
        host: str,
        args: tuple[Any, ...] = (),
    ) -> Service:
        options = _service_options(_lifecycle(entry), target, host, args)
        return Service(runtime, entry.id, options)

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
        id = _process_id(parent, child)
        return Service(runtime, id, options, parent=parent, kind="process")


class HostUnit(Unit):
    """A host of the manifests."""

    kind = "host"

    def __init__(self, runtime: Runtime, host: Host) -> None:
        super().__init__(host.id)
        self._runtime = runtime
        self._host = host

    async def come_up(self, startup: Startup) -> None:
        """Be there, with its id."""
        await self._runtime.add_host(self._host)
        self._host.on_leave = functools.partial(self._runtime.units.take_off, self)

    async def go_down(self, reason: str) -> None:
        """End its processes, in order."""
        if self.startup is not None:
            await self.startup.wait()
        if self._runtime.hosts.get(self.id) is self._host:
            await self._host.stop(reason)


def _process_id(supervisor: str, child: Child) -> str:
    """Name a process that a supervisor starts.

    A name tells the children of one supervisor apart, an id all that there is.
    """
    return f"{supervisor}/{child.name}" if child.name else child.entry


def _wholes(registry: Registry) -> Mapping[str, str]:
    """Give the supervisor of each child of one, by the id that the child has when it runs."""
    wholes: dict[str, str] = {}
    for entry in registry.find(kind="process.supervisor"):
        spec = entry.spec
        assert isinstance(spec, ProcessSupervisor)
        for child in spec.all_children():
            is_process = isinstance(registry.get(child.entry).spec, ProcessPy)
            id = _process_id(entry.id, child) if is_process else child.entry
            wholes[id] = entry.id
    return wholes


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
