"""The registry of a running system as a process sees it: snapshots, changes and versions."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from echosvc._checks import check_dict, check_text
from echosvc._manifest.amend import split_id
from echosvc._manifest.entry import Entry
from echosvc._manifest.registry import Registry, check_find
from echosvc._runtime.snapshot import snapshot
from echosvc.errors import AlreadyExists, Conflict, Invalid, Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime


@dataclasses.dataclass(frozen=True, slots=True)
class Version:
    """One state that the registry has been in."""

    number: int
    """1 is what was read at the start; each change is one more."""
    at: float
    """When it came to be, on trio's clock."""
    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What is to be changed."""

    created: tuple[Mapping[str, Any], ...] = ()
    updated: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    deleted: tuple[str, ...] = ()


class System(Protocol):
    """A running system whose registry can be changed."""

    @property
    def registry(self) -> Registry:
        """The entries as they are now."""

    @property
    def versions(self) -> tuple[Version, ...]:
        """The versions that it can go back to, and the current one, which is the last."""

    async def change(self, base: int, plan: Plan) -> int:
        """Make a change to version `base`, wholly or not at all; gives the new version."""

    async def go_back(self, number: int) -> int:
        """Make a change to what an earlier version was; gives the new version."""


def system_of(runtime: Runtime) -> System:
    """Give the running system.

    Raises:
        Unavailable: The runtime was opened without manifests.
    """
    if runtime.system is None:
        raise Unavailable("this runtime was opened without manifests; it has no registry")
    return runtime.system


class Snapshot:
    """All entries at one moment. What comes later changes nothing in it."""

    __slots__ = ("_registry", "version")

    def __init__(self, registry: Registry, version: int) -> None:
        self._registry = registry
        self.version = version

    def __repr__(self) -> str:
        return f"<version {self.version} of the registry, {len(self)} entries>"

    def get(self, id: str) -> Entry:
        """Give the entry with this id; see `registry.get`."""
        return _own(self._registry.get(id))

    def find(
        self,
        *,
        kind: str | None = None,
        namespace: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> list[Entry]:
        """Give the entries that fit all that is asked for; see `registry.find`."""
        check_find(kind, namespace, meta)
        return [
            _own(entry)
            for entry in self._registry.find(meta=meta)
            if (kind is None or fnmatchcase(entry.kind, kind))
            and (namespace is None or fnmatchcase(entry.namespace, namespace))
        ]

    def __iter__(self) -> Iterator[Entry]:
        return (_own(entry) for entry in self._registry)

    def __len__(self) -> int:
        return len(self._registry)

    def __contains__(self, id: object) -> bool:
        return id in self._registry


def _own(entry: Entry) -> Entry:
    return dataclasses.replace(entry, meta=snapshot(entry.meta), data=snapshot(entry.data))


class Changes:
    """Changes to the registry that happen as one, when they are applied; made by `changes`."""

    __slots__ = ("_created", "_deleted", "_runtime", "_snapshot", "_updated")

    def __init__(self, runtime: Runtime) -> None:
        system = system_of(runtime)
        self._runtime = runtime
        self._snapshot = Snapshot(system.registry, system.versions[-1].number)
        self._created: dict[str, dict[str, Any]] = {}
        self._updated: dict[str, dict[str, Any]] = {}
        self._deleted: dict[str, None] = {}

    def __repr__(self) -> str:
        return (
            f"<changes to version {self._snapshot.version}: {len(self._created)} created, "
            f"{len(self._updated)} updated, {len(self._deleted)} deleted>"
        )

    def create(self, entry: Mapping[str, Any]) -> Changes:
        """Add an entry.

        Args:
            entry: Its `id`, its `kind` and its fields, as a manifest has them. Its ``file://``
                paths start in the folder of the manifest of its namespace.

        Raises:
            AlreadyExists: There is an entry with this id, or one was added here.
            Invalid: It is no dict with texts for keys, has no id, or cannot be copied.
        """
        check_dict("entry", entry, Mapping)
        fields = snapshot(dict(entry))
        id = ":".join(split_id(fields.get("id")))
        if id in self._created or (id in self._snapshot and id not in self._deleted):
            raise AlreadyExists(f"there is an entry {id} already")
        self._created[id] = fields
        return self

    def update(self, id: str, fields: Mapping[str, Any]) -> Changes:
        """Give an entry other fields.

        Args:
            id: The entry.
            fields: They take the place of those there are, each as a whole; `None` takes one away.

        Raises:
            NotFound: There is no such entry.
            Invalid: An entry has its id and its name for ever; or the id is no text, or the fields
                are no dict with texts for keys.
            Conflict: It is deleted here.
        """
        check_text("id", id)
        check_dict("fields", fields, Mapping)
        new = snapshot(dict(fields))
        if fixed := {"id", "name", "namespace"} & new.keys():
            raise Invalid(f"the {min(fixed)} of {id} is not to be changed: delete and create")
        if id in self._created:
            self._created[id] |= new
            return self
        if id in self._deleted:
            raise Conflict(f"{id} is deleted here, and cannot be updated")
        self._snapshot.get(id)
        self._updated[id] = self._updated.get(id, {}) | new
        return self

    def delete(self, id: str) -> Changes:
        """Take an entry away.

        Raises:
            NotFound: There is no such entry.
            Invalid: The id is no text.
        """
        check_text("id", id)
        if id in self._created:
            del self._created[id]
            return self
        self._snapshot.get(id)
        self._updated.pop(id, None)
        self._deleted[id] = None
        return self

    async def apply(self) -> int:
        """Let all of it happen; gives the number of the new version.

        What runs and was deleted, was changed, or stands on such a thing is stopped in order, and
        what is still to run is started again, as after a failure it would be. It is done in a task
        of the runtime's, so a process may change the entry that it runs itself.

        Cancelled, it happens wholly, or, before it has begun, not at all.

        Raises:
            ManifestError: A fault in what would come out; `faults` has all of them. Nothing was
                touched.
            Conflict: The registry has been changed since `changes()`.
            GaveUp: A required service did not start. Everything was put back: what had been
                stopped was started again.
            Unavailable: The runtime is stopping.
        """
        plan = Plan(tuple(self._created.values()), self._updated, tuple(self._deleted))
        return await system_of(self._runtime).change(self._snapshot.version, plan)
