"""The entries of an application by id, checked as a whole or not there at all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from echosvc._checks import check_dict, check_text
from echosvc._manifest import graph
from echosvc._manifest.check import NO_DEFAULTS, Defaults, build, gather, ordered
from echosvc._manifest.entry import Entry
from echosvc._manifest.graph import Dependencies, dependencies
from echosvc._manifest.kinds import Kind
from echosvc._manifest.manifest import INDEX, Draft, is_name
from echosvc._manifest.near import did_you_mean, near
from echosvc._manifest.node import node_of
from echosvc._manifest.paths import absolute
from echosvc._manifest.plugins import ALL_KINDS
from echosvc.errors import ManifestError, NotFound


class Registry:
    """Entries by id, in the order of their files. It does not change once it is made.

    Made by `load` from a folder or by `from_entries` in code; both check everything first.
    """

    def __init__(
        self,
        entries: Iterable[Entry] = (),
        kinds: Mapping[str, Kind] = ALL_KINDS,
        defaults: Defaults = NO_DEFAULTS,
    ) -> None:
        self._entries = {entry.id: entry for entry in entries}
        self._kinds = kinds
        self.defaults = defaults

    @classmethod
    def load(
        cls,
        folder: Path | str,
        overrides: Iterable[str] = (),
        *,
        kinds: Mapping[str, Kind] = ALL_KINDS,
        env: Mapping[str, str] | None = None,
        sources: bool = True,
        defaults: Defaults = NO_DEFAULTS,
    ) -> Registry:
        """Read and check a folder's manifests.

        Args:
            folder: Where the manifests are; folders below it are read too.
            overrides: ``ns:entry:path=value``, put over the entries before they are checked.
            kinds: The kinds of entries there are.
            env: What ``${env:NAME}`` is taken from; by default `os.environ`.
            sources: Whether to check the Python files too; a listing needs no such thing.
            defaults: By kind, the fields of entries that don't say them.

        Raises:
            ManifestError: The first fault; `faults` has all of them, by file and line.
        """
        entries, faults = gather(
            folder, overrides, kinds=kinds, env=env, sources=sources, defaults=defaults
        )
        _refuse(faults)
        return cls(entries, kinds, defaults)

    @classmethod
    def from_entries(
        cls,
        entries: Iterable[Mapping[str, Any]],
        folder: Path | str = ".",
        *,
        kinds: Mapping[str, Kind] = ALL_KINDS,
    ) -> Registry:
        """Make a registry in code, from entries as a manifest has them.

        Args:
            entries: Mappings with `id` (``ns:name``) and `kind`, and the fields of that kind.
            folder: Where ``file://`` paths start from, and what sources lie below.
            kinds: The kinds of entries there are.

        Raises:
            ManifestError: As `load`, without file and line.
        """
        root = absolute(folder)
        drafts = []
        faults = []
        for fields in entries:
            own = dict(fields)
            id_ = own.pop("id", None)
            namespace, _, name = id_.partition(":") if isinstance(id_, str) else ("", "", "")
            kind = own.get("kind")
            if not is_name(namespace) or not is_name(name) or not (kind and isinstance(kind, str)):
                message = (
                    f"an entry needs an id 'ns:name' and a kind, and this has {id_!r}, {kind!r}"
                )
                faults.append(ManifestError(message))
                continue
            node = node_of({"name": name, **own})
            drafts.append(Draft(namespace, name, kind, node, root / INDEX, root))
        sound, more = build(drafts, kinds, set(), sources=True)
        _refuse(ordered([*faults, *more]))
        return cls(sound, kinds)

    def get(self, id: str) -> Entry:
        """Return the entry with this id; raises `NotFound`, with near ids in the message.

        What is no text is `Invalid`.
        """
        try:
            return self._entries[id]
        except (KeyError, TypeError):  # unknown, or nothing that could be an id
            check_text("id", id, empty=True)
            hint = did_you_mean(id, self._entries)
            raise NotFound(f"no entry {id}{f', {hint}' if hint else ''}") from None

    def find(
        self,
        kind: str | None = None,
        namespace: str | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> list[Entry]:
        """Return the entries that fit all that is asked for; `meta` must have these values.

        What cannot be asked for is `Invalid`.
        """
        check_find(kind, namespace, meta)
        wanted = {} if meta is None else dict(meta)
        return [
            entry
            for entry in self
            if (kind is None or entry.kind == kind)
            and (namespace is None or entry.namespace == namespace)
            and all(key in entry.meta and entry.meta[key] == wanted[key] for key in wanted)
        ]

    def near(self, id: str, kinds: Iterable[str] = ()) -> list[str]:
        """Return the ids that look like this one, the nearest first, of some kinds if given."""
        wanted = tuple(kinds)
        return near(id, [e.id for e in self if not wanted or e.kind in wanted])

    @property
    def kinds(self) -> Mapping[str, Kind]:
        """The kinds of entries there are, by name."""
        return self._kinds

    def kind(self, entry: Entry) -> Kind:
        """Return the kind of an entry."""
        return self._kinds[entry.kind]

    def dependencies(self) -> Dependencies:
        """Return what has to be up before what."""
        return dependencies(self, self._kinds)

    def needs(self) -> dict[str, tuple[str, ...]]:
        """Return for each entry that can be started what it waits for by its own words."""
        return graph.needs(self._entries, self._kinds)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, id: object) -> bool:
        return id in self._entries

    def __repr__(self) -> str:
        return f"<Registry of {len(self)} entries>"


def check_find(kind: object, namespace: object, meta: object) -> None:
    """Refuse what entries cannot be looked for by."""
    for what, value in (("kind", kind), ("namespace", namespace)):
        if value is not None:
            check_text(what, value)
    if meta is not None:
        check_dict("meta", meta, Mapping)


def _refuse(faults: list[ManifestError]) -> None:
    if faults:
        faults[0].faults = tuple(faults)
        raise faults[0]
