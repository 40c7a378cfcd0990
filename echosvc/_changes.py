"""A running system whose entries are changed: stopped, swapped and started as one transaction."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Final

import trio

from echosvc._boot import Boot
from echosvc._channel.core import Channel
from echosvc._checks import given
from echosvc._exceptions import text_of
from echosvc._library.versions import Plan, Version
from echosvc._manifest import graph, source, variables
from echosvc._manifest.amend import amend
from echosvc._manifest.registry import Registry
from echosvc._records import write
from echosvc._runtime.runtime import Runtime
from echosvc.errors import Conflict, NotFound, Unavailable

log = logging.getLogger("echosvc.registry")

KEPT: Final = 50
"""So many versions can be gone back to; they share what is the same in them."""


class LiveSystem:
    """What a `Boot` has started, with the way from one version of its entries to the next."""

    def __init__(self, runtime: Runtime, boot: Boot) -> None:
        self._runtime = runtime
        self._boot = boot
        self._one_at_a_time = trio.Lock()
        self._begun: list[str] = []  # what the change that is under way has started
        first = Version(1, runtime.now(), created=tuple(entry.id for entry in boot.registry))
        self._versions: deque[tuple[Version, Registry]] = deque([(first, boot.registry)], KEPT)

    @property
    def registry(self) -> Registry:
        """The entries as they are now."""
        return self._boot.registry

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions that it can go back to, and the current one, which is the last."""
        return tuple(version for version, _ in self._versions)

    async def change(self, base: int, plan: Plan) -> int:
        """Make a change to version `base`, wholly or not at all; gives the new version."""

        def make() -> Registry:
            current = self.versions[-1].number
            if current != base:
                raise Conflict(
                    f"the registry was changed meanwhile: it is at version {current}, and this was "
                    f"made for version {base}; begin again with changes()"
                )
            return amend(self.registry, plan.created, plan.updated, plan.deleted)

        return await self._in_own_task(make)

    async def go_back(self, number: int) -> int:
        """Make a change to what an earlier version was; gives the new version."""

        def make() -> Registry:
            for version, registry in self._versions:
                if version.number == number:
                    return registry
            known = f"{self.versions[0].number} to {self.versions[-1].number}"
            raise NotFound(f"there is no version {given(number)} to go back to (there are {known})")

        return await self._in_own_task(make)

    async def _in_own_task(self, make: Callable[[], Registry]) -> int:
        """Let a task of the runtime's do it: whoever asks may be among those who are stopped."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._runtime.stopping:
            raise Unavailable("the runtime is stopping; its entries are not changed any more")
        outcome: Channel[int | Exception] = Channel(1)

        async def run() -> None:
            try:
                async with self._one_at_a_time:
                    outcome.send_nowait(await self._move(make()))
            except Exception as exc:  # noqa: BLE001  # it is raised where it was asked for
                outcome.send_nowait(exc)
            finally:
                outcome.close()

        self._runtime.start_own_task(run, "echosvc registry change")
        try:
            result = await outcome.receive()
        except trio.EndOfChannel:
            raise Unavailable("the runtime ended while its entries were changed") from None
        if isinstance(result, Exception):
            raise result
        return result

    async def _move(self, new: Registry) -> int:
        """Go over to other entries, or raise and be where one was."""
        boot, runtime = self._boot, self._runtime
        old = boot.registry
        version = self._version(old, new)
        _check(old, new)
        touched = self._touched(old, new, {*version.updated, *version.deleted})
        again = [id for id in touched if id in new]
        fresh = [
            entry.id
            for entry in new
            if boot.starts_by_itself(entry)
            and not (entry.id in old and boot.starts_by_itself(old.get(entry.id)))
        ]
        try:
            await self._go_over(new, version, touched, [*again, *fresh])
        except Exception as exc:
            fields = {"version": version.number, "error": text_of(exc)}
            text = f"a change of the registry failed, and is taken back: {text_of(exc)}"
            write(log, logging.ERROR, text, fields, said=("error",))
            try:
                await self._take_back(old, version, touched)
            except Exception as second:  # noqa: BLE001  # the first is raised
                exc.add_note(f"and what had run before did not start again: {text_of(second)}")
            raise
        self._versions.append((version, new))
        self._forget(old, new)
        runtime.bus.emit(
            "registry",
            "changed",
            "",
            version=version.number,
            created=version.created,
            updated=version.updated,
            deleted=version.deleted,
        )
        return version.number

    async def _go_over(
        self, registry: Registry, version: Version, stop: Collection[str], start: Iterable[str]
    ) -> None:
        """Stop some entries, let others take the place of all, and start some of those."""
        runtime, boot = self._runtime, self._boot
        with runtime.units.held():
            await boot.stop_entries(runtime, stop, f"version {version.number} of the registry")
            boot.use(registry)
            runtime.registry = registry
            before = boot.started(runtime)
            begun = boot.begin_entries(runtime, start)
            self._begun = [unit.id for unit in begun if unit.id not in before]
        await runtime.units.wait_until_up(begun)

    async def _take_back(self, old: Registry, version: Version, stopped: Iterable[str]) -> None:
        """Be where one was. What somebody else has started meanwhile stays, where it can."""
        begun, self._begun = self._begun, []
        gone = {*begun, *self._touched(self.registry, old, {*version.created, *version.updated})}
        dependencies = self._boot.dependencies
        for level in dependencies.levels:  # what others wait for comes first
            gone.update(id for id in level if dependencies.waits_for[id] & gone)
        others = (gone & self._boot.started(self._runtime)).difference(begun)
        again = [*stopped, *(id for id in others if id in old)]
        await self._go_over(old, version, gone, again)

    def _version(self, old: Registry, new: Registry) -> Version:
        return Version(
            self.versions[-1].number + 1,
            self._runtime.now(),
            created=tuple(entry.id for entry in new if entry.id not in old),
            updated=tuple(
                entry.id for entry in new if entry.id in old and old.get(entry.id) is not entry
            ),
            deleted=tuple(entry.id for entry in old if entry.id not in new),
        )

    def _touched(self, old: Registry, new: Registry, changed: Iterable[str]) -> list[str]:
        """Give what runs and cannot stay as it is, with all that stands on it."""
        serious = {
            id
            for id in changed
            if id not in new
            or (new.get(id).kind, new.get(id).spec) != (old.get(id).kind, old.get(id).spec)
        }
        dependencies = self._boot.dependencies
        mentions = {
            id: {target for _, target, _ in graph.references(old.get(id), old.kind(old.get(id)))}
            for id in (entry.id for entry in old)
        }
        touched: set[str] = set()
        for level in dependencies.levels:  # what others wait for comes first
            for id in level:
                if dependencies.waits_for[id] & touched or self._reaches(id, mentions, serious):
                    touched.add(id)
        running = self._boot.started(self._runtime)
        return [id for level in dependencies.levels for id in level if id in touched & running]

    def _reaches(self, start: str, mentions: dict[str, set[str]], serious: set[str]) -> bool:
        """Whether an entry, what it consists of, or what it runs has changed."""
        registry, parents = self.registry, self._boot.dependencies.parents
        seen: set[str] = set()
        todo = [start]
        while todo:
            id = todo.pop()
            if id in serious:
                return True
            if id in seen or id not in registry:
                continue
            seen.add(id)
            # What is started by itself is waited for, and looked at on its own.
            todo += [
                target
                for target in mentions[id]
                if target in registry
                and (not registry.kind(registry.get(target)).startable or target in parents)
            ]
        return False

    def _forget(self, old: Registry, new: Registry) -> None:
        """Let go of what was kept for entries that are gone."""
        for kept in (self._runtime.functions, self._runtime.stores):
            for id in [id for id in kept if id in old and id not in new]:
                kept.pop(id).close()


def _check(old: Registry, new: Registry) -> None:
    """Refuse new entries that would fail once they are needed."""
    fresh = [entry for entry in new if entry.id not in old or old.get(entry.id) is not entry]
    faults = variables.check_values([entry for entry in fresh if entry.kind == variables.KIND])
    if faults:
        faults[0].faults = tuple(faults)
        raise faults[0]
    for entry in fresh:
        if source.has_source(entry):
            source.load(entry)
