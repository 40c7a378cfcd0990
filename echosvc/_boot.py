"""Entries brought to life: what each kind of entry is in a running system."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import trio

from echosvc._manifest import source as sources
from echosvc._manifest import variables
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import (
    FunctionPy,
    Lifecycle,
    ProcessHost,
    ProcessService,
    TerminalHost,
)
from echosvc._manifest.registry import Registry
from echosvc._runtime.host import Host, HostOptions
from echosvc._runtime.program import Program
from echosvc._runtime.runtime import Runtime
from echosvc._runtime.services import ServiceOptions, is_final
from echosvc._runtime.stopping import Stop
from echosvc._runtime.terminal import Terminal
from echosvc.errors import Invalid, NotFound
from echosvc.supervision import RestartPolicy


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

        return Program(id, load(entry), mailbox=entry.spec.mailbox, reload=reload)

    async def start(self, runtime: Runtime, *, auto_start: bool = True) -> None:
        """Start everything with ``auto_start``, and what that needs; or let others do so."""
        runtime.registry = self.registry
        runtime.set_starter(functools.partial(self.start_entries, runtime))
        if auto_start:
            wanted = [e.id for e in self.registry if _lifecycle(e).auto_start]
            await self.start_entries(runtime, wanted)

    async def start_entries(self, runtime: Runtime, ids: Iterable[str]) -> None:
        """Start these entries and all they wait for, level by level; what runs is let be."""
        for id in ids:
            if not self.registry.kind(self.registry.get(id)).startable:
                raise Invalid(f"{id} is a {self.registry.get(id).kind}, which is not started")
        for level in self.dependencies.needed(ids):
            new = [id for id in level if id not in self._running]
            if not new:
                continue
            stops = runtime.add_level()
            async with trio.open_nursery() as nursery:
                for id in new:
                    nursery.start_soon(self._start_entry, runtime, self.registry.get(id), stops)

    async def _start_entry(self, runtime: Runtime, entry: Entry, stops: list[Stop]) -> None:
        self._running.add(entry.id)
        spec = entry.spec
        try:
            if isinstance(spec, ProcessHost | TerminalHost):
                stops.append(await self._start_host(runtime, entry.id, spec))
            elif isinstance(spec, ProcessService):
                stops.append(await self._start_service(runtime, entry.id, spec))
            else:
                raise Invalid(f"{entry.id}: nothing here starts a {entry.kind}")
        except BaseException:
            self._running.discard(entry.id)
            raise

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

    async def _start_service(self, runtime: Runtime, id: str, spec: ProcessService) -> Stop:
        lifecycle = spec.lifecycle
        options = ServiceOptions(
            target=spec.process,
            host=spec.host,
            args=tuple(spec.args),
            required=lifecycle.startup == "required",
            explicit_ready=lifecycle.ready == "explicit",
            start_timeout=lifecycle.start_timeout,
            stop_timeout=lifecycle.stop_timeout,
            policy=RestartPolicy(
                initial_delay=lifecycle.restart.initial_delay,
                max_delay=lifecycle.restart.max_delay,
                backoff_factor=lifecycle.restart.backoff_factor,
                jitter=lifecycle.restart.jitter,
                max_attempts=lifecycle.restart.max_attempts,
                stable_threshold=lifecycle.stable_threshold,
                final=is_final,
            ),
        )
        return await runtime.start_service(id, options)


def _lifecycle(entry: Entry) -> Lifecycle:
    return getattr(entry.spec, "lifecycle", None) or Lifecycle()
