"""How entries hang together: references, supervision trees, and what waits for what.

An entry that can be started (one whose kind has a lifecycle) waits for those it names in
`requires` and `depends_on`, and for those it refers to, directly or through entries that are
not started themselves: a service waits for its host, and for the host of its process. A
supervisor waits for its children, and each child for the one before it, because that is the order
in which they are started.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import (
    CHILD_KINDS,
    KINDS,
    Child,
    Kind,
    ProcessPy,
    ProcessSupervisor,
    Reference,
)
from echosvc._manifest.near import did_you_mean, one_of, shown
from echosvc._manifest.node import Path
from echosvc.errors import ManifestError

HINTS = 50
"""So many unknown references get a near name; looking for thousands would take minutes."""


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What has to be up before what.

    Attributes:
        levels: Ids of the entries to start, level by level; those of one level don't wait for
            each other. Entries that a supervisor starts are not among them.
        waits_for: For each id in `levels`, the ids (also in `levels`) that it waits for itself.
        parents: For each entry that a supervisor starts, the supervisor; services and supervisors
            only, as a process may be a child of several.
    """

    levels: tuple[tuple[str, ...], ...]
    waits_for: Mapping[str, frozenset[str]]
    parents: Mapping[str, str]

    def needed(self, ids: Iterable[str]) -> tuple[tuple[str, ...], ...]:
        """Return the levels again with only `ids` and what these wait for, however far."""
        wanted: set[str] = set()
        todo = [self.root(entry) for entry in ids]
        while todo:
            entry = todo.pop()
            if entry in self.waits_for and entry not in wanted:
                wanted.add(entry)
                todo += self.waits_for[entry]
        some = (tuple(entry for entry in level if entry in wanted) for level in self.levels)
        return tuple(level for level in some if level)

    def root(self, entry: str) -> str:
        """Return the topmost supervisor above an entry, or the entry itself."""
        while entry in self.parents:
            entry = self.parents[entry]
        return entry


def references(entry: Entry, kind: Kind) -> Iterator[tuple[Path, str, Reference]]:
    """Yield every id that an entry names, with the path of the field and what it may be."""
    for reference in kind.references:
        for path, value in _at(entry.data, reference.path, ()):
            if isinstance(value, str):
                yield path, value, reference


def allowed(reference: Reference, kinds: Mapping[str, Kind]) -> tuple[str, ...]:
    """Return the kinds that an entry named by this field may be of."""
    return reference.kinds or tuple(kind.name for kind in kinds.values() if kind.startable)


def _at(value: object, steps: tuple[str, ...], path: Path) -> Iterator[tuple[Path, object]]:
    if not steps:
        yield path, value
    elif steps[0] == "*" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _at(item, steps[1:], (*path, index))
    elif isinstance(value, dict) and steps[0] in value:
        yield from _at(value[steps[0]], steps[1:], (*path, steps[0]))


def check_references(
    entries: Iterable[Entry],
    known: Mapping[str, str],
    kinds: Mapping[str, Kind],
    unread: set[str | None],
) -> list[ManifestError]:
    """Return a fault for each reference to nothing, or to an entry of the wrong kind.

    `known` maps the ids of all entries, faulty ones too, to their kinds. A reference into one of
    the `unread` namespaces may be right, and is let be.
    """
    faults: list[ManifestError] = []
    hints: dict[tuple[str, tuple[str, ...]], str] = {}
    for entry in entries:
        for path, target, reference in references(entry, kinds[entry.kind]):
            fitting = allowed(reference, kinds)
            field = field_name(path)
            if target not in known:
                if None in unread or target.partition(":")[0] in unread:
                    continue
                wanted = (target, fitting)
                if wanted not in hints and len(hints) < HINTS:
                    ids = [id_ for id_, kind in known.items() if kind in fitting]
                    hints[wanted] = did_you_mean(target, ids or known)
                hint = hints.get(wanted) or f"name an entry of kind {one_of(fitting)}"
                message = f"{field} names {shown(target)}, and there is no such entry"
                faults.append(entry.fault(message, *path, hint=hint))
            elif known[target] not in fitting and known[target] in kinds:
                message = f"{field} names {target}, which is a {known[target]}"
                hint = f"name an entry of kind {one_of(fitting)}"
                faults.append(entry.fault(message, *path, hint=hint))
    return faults


def field_name(path: Path) -> str:
    """Return the name of a field without its indexes: `lifecycle.requires`, `children.entry`."""
    return ".".join(step for step in path if isinstance(step, str))


def check_supervisors(
    entries: Mapping[str, Entry],
) -> list[ManifestError]:
    """Return the faults of the supervision trees: two parents, one name twice, no host."""
    faults: list[ManifestError] = []
    seen: dict[str, Entry] = {}
    for entry in entries.values():
        if not isinstance(entry.spec, ProcessSupervisor):
            continue
        names: set[str] = set()
        for index, child in enumerate(entry.spec.all_children()):
            path: Path = ("children", index)
            target = entries.get(child.entry)
            if target is None or target.kind not in CHILD_KINDS:
                continue  # said with the references
            is_process = isinstance(target.spec, ProcessPy)
            name = child.name if is_process and child.name else child.entry
            own_name = is_process and child.name is not None
            cure = "give it a name: of its own" if is_process else "leave it with one of them"
            other = seen.setdefault(name, entry) if not own_name else entry
            if name in names:
                message = f"{name} is a child here twice"
                faults.append(entry.fault(message, *path, hint=cure))
            elif other is not entry:
                file, line, _ = other.where()
                place = f" ({file}:{line})" if line else ""
                message = f"{name} is a child of {other.id} already{place}"
                faults.append(entry.fault(message, *path, hint=cure))
            names.add(name)
            faults += _check_child(entry, child, path, is_process, target)
    return faults


def _check_child(
    entry: Entry, child: Child, path: Path, is_process: bool, target: Entry
) -> list[ManifestError]:
    faults = []
    if is_process:
        if not (child.host or entry.spec.host or target.spec.host):
            message = f"the child {child.entry} has no host"
            hint = "add host: to it, or to the supervisor for all its children"
            faults.append(entry.fault(message, *path, hint=hint))
    else:
        for field in ("host", "args", "name"):
            if getattr(child, field):
                message = f"{field} is for processes, and {child.entry} is a {target.kind}"
                faults.append(entry.fault(message, *path, field, hint="leave it out"))
    return faults


def dependencies(entries: Iterable[Entry], kinds: Mapping[str, Kind] = KINDS) -> Dependencies:
    """Return what has to be up before what, among all that can be started.

    Raises:
        ManifestError: Something waits for itself; the message shows the way, ``a → b → a``.
            `faults` has each such circle.
    """
    result, faults = resolve({entry.id: entry for entry in entries}, kinds)
    if faults:
        first = faults[0]
        first.faults = tuple(faults)
        raise first
    return result


_Place = tuple[str, Path]
"""The entry and the field that say so."""
_Edges = dict[str, dict[str, _Place]]
"""From an id to those it waits for."""


def needs(entries: Mapping[str, Entry], kinds: Mapping[str, Kind]) -> dict[str, tuple[str, ...]]:
    """Return for each entry that can be started what it waits for by its own words.

    A supervisor's children are not among what it needs.
    """
    return {
        id_: tuple(
            target
            for target, (says, path) in targets.items()
            if says == id_ and path[:1] != ("children",)
        )
        for id_, targets in _edges(entries, kinds).items()
    }


def resolve(
    entries: Mapping[str, Entry], kinds: Mapping[str, Kind]
) -> tuple[Dependencies, list[ManifestError]]:
    """Return the dependencies, empty when there are circles, and a fault for each circle."""
    edges = _edges(entries, kinds)
    if circles := _circles(edges):
        return _NONE, [_circle_fault(circle, edges, entries) for circle in circles]
    parents: dict[str, str] = {}
    for id_, entry in entries.items():
        if isinstance(entry.spec, ProcessSupervisor):
            for child in entry.spec.all_children():
                if child.entry in edges and entries[child.entry].kind in CHILD_KINDS:
                    parents.setdefault(child.entry, id_)
    draft = Dependencies((), {}, parents)
    # A supervisor and all below it are started as one, so it waits for whatever they wait for.
    whole: _Edges = {id_: {} for id_ in edges if id_ not in parents}
    for id_, targets in edges.items():
        root = draft.root(id_)
        for target, place in targets.items():
            if (other := draft.root(target)) != root:
                whole[root].setdefault(other, place)
    if circles := _circles(whole):
        return _NONE, [_circle_fault(circle, whole, entries) for circle in circles]
    waits_for = {id_: frozenset(targets) for id_, targets in whole.items()}
    return Dependencies(_levels(waits_for), waits_for, parents), []


_NONE = Dependencies((), {}, {})


def _edges(entries: Mapping[str, Entry], kinds: Mapping[str, Kind]) -> _Edges:
    edges: _Edges = {id_: {} for id_, entry in entries.items() if kinds[entry.kind].startable}
    for id_, out in edges.items():
        entry = entries[id_]
        _collect(entry, entries, kinds, out, None, {id_})
        if isinstance(entry.spec, ProcessSupervisor):
            children = [
                (child.entry, (id_, ("children", index)))
                for index, child in enumerate(entry.spec.all_children())
                if child.entry in edges and entries[child.entry].kind in CHILD_KINDS
            ]
            for (before, _), (child_id, place) in pairwise(children):
                if before != child_id:
                    edges[child_id].setdefault(before, place)
    return edges


def _collect(
    entry: Entry,
    entries: Mapping[str, Entry],
    kinds: Mapping[str, Kind],
    out: dict[str, _Place],
    through: _Place | None,
    seen: set[str],
) -> None:
    """Gather what `entry` refers to; entries that are not started are looked through."""
    for path, target, reference in references(entry, kinds[entry.kind]):
        if target not in entries or entries[target].kind not in allowed(reference, kinds):
            continue  # a fault, and said as one
        at = (entry.id, path) if through is None else through
        if kinds[entries[target].kind].startable:
            out.setdefault(target, at)
        elif target not in seen:
            seen.add(target)
            _collect(entries[target], entries, kinds, out, at, seen)


def _circles(edges: _Edges) -> list[list[str]]:
    """Return one circle for each knot of ids that wait for each other, in the order of `edges`."""
    done: set[str] = set()
    circles: list[list[str]] = []
    for start in edges:
        if start in done:
            continue
        way: list[str] = [start]
        on_way = {start: 0}
        todo = [iter(edges[start])]
        while todo:
            target = next(todo[-1], None)
            if target is None:
                todo.pop()
                finished = way.pop()
                del on_way[finished]
                done.add(finished)
            elif target in on_way:
                circle = way[on_way[target] :]
                if not any(set(circle) & set(other) for other in circles):
                    circles.append(circle)
            elif target in edges and target not in done:
                on_way[target] = len(way)
                way.append(target)
                todo.append(iter(edges[target]))
    return circles


def _circle_fault(circle: list[str], edges: _Edges, entries: Mapping[str, Entry]) -> ManifestError:
    ring = " → ".join([*circle, circle[0]])
    says, path = edges[circle[0]][circle[1 % len(circle)]]
    message = f"each waits for the next, so none can start: {ring}"
    return entries[says].fault(message, *path, hint="take one of these out")


def _levels(waits_for: Mapping[str, frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    level: dict[str, int] = {}
    for start in waits_for:
        todo = [start]
        while todo:
            id_ = todo[-1]
            open_ = [other for other in waits_for[id_] if other not in level]
            if open_:
                todo += open_
                continue
            todo.pop()
            level[id_] = 1 + max((level[other] for other in waits_for[id_]), default=-1)
    height = 1 + max(level.values(), default=-1)
    levels: list[list[str]] = [[] for _ in range(height)]
    for id_ in waits_for:  # the order of the manifests, not of the search
        levels[level[id_]].append(id_)
    return tuple(tuple(ids) for ids in levels)
