"""All of a folder's manifests and sources, read and checked in one go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from echosvc._exceptions import text_of
from echosvc._manifest import graph, manifest, overrides, source
from echosvc._manifest.entry import Entry, where
from echosvc._manifest.kinds import Kind, Lifecycle, ProcessPy
from echosvc._manifest.manifest import Draft
from echosvc._manifest.near import did_you_mean, shown
from echosvc._manifest.plugins import ALL_KINDS
from echosvc._manifest.validate import COMMON, validate
from echosvc.errors import ManifestError

Defaults = Mapping[str, Mapping[str, Any]]
"""By kind, fields and their values, for entries that don't say them."""
NO_DEFAULTS: Final[Defaults] = {}

_OF_SERVICES: Final = ("lifecycle", *Lifecycle.__struct_fields__)
"""What a process cannot say of itself, as it is a service that is started and stopped."""


def check(
    folder: Path | str,
    overrides: Iterable[str] = (),
    *,
    kinds: Mapping[str, Kind] = ALL_KINDS,
    env: Mapping[str, str] | None = None,
    defaults: Defaults = NO_DEFAULTS,
) -> list[ManifestError]:
    """Return every fault of a folder's manifests and sources, ordered by file and line.

    Nothing is run: sources are compiled only. Never raises for what is found in the folder.
    """
    return gather(folder, overrides, kinds=kinds, env=env, defaults=defaults)[1]


def gather(
    folder: Path | str,
    texts: Iterable[str] = (),
    *,
    kinds: Mapping[str, Kind] = ALL_KINDS,
    env: Mapping[str, str] | None = None,
    sources: bool = True,
    defaults: Defaults = NO_DEFAULTS,
) -> tuple[list[Entry], list[ManifestError]]:
    """Return the entries of a folder, and every fault; `texts` are overrides.

    The entries are good for use only when there are no faults. Without `sources` the Python files
    aren't looked at, which is enough for a listing.
    """
    found = manifest.read_folder(folder, env)
    faults = found.faults
    faults += overrides.apply(texts, found.drafts, env)
    entries, more = build(found.drafts, kinds, found.unread, sources=sources, defaults=defaults)
    return entries, ordered([*faults, *more])


def build(
    drafts: Iterable[Draft],
    kinds: Mapping[str, Kind],
    unread: set[str | None],
    *,
    sources: bool,
    defaults: Defaults = NO_DEFAULTS,
) -> tuple[list[Entry], list[ManifestError]]:
    """Return the entries that `drafts` make, and every fault in and between them.

    An entry with a fault is made of what is sound in it, so that the rest is checked as well.
    """
    faults: list[ManifestError] = []
    first: dict[str, Draft] = {}
    entries: dict[str, Entry] = {}
    for draft in drafts:
        if (other := first.setdefault(draft.id, draft)) is not draft:
            file, line, _ = where(other.node, other.file, ("name",))
            place = f"first in {file}:{line}" if line else "given twice"
            hint = "rename one of them"
            message = f"the id {draft.id} is taken, {place}"
            faults.append(_fault(draft, ("name",), message, hint))
        entry = _entry(draft, kinds, faults, defaults.get(draft.kind, {}))
        if entry is not None and other is draft:
            entries[entry.id] = entry
    known = {id_: draft.kind for id_, draft in first.items()}
    faults += graph.check_references(entries.values(), known, kinds, unread)
    faults += graph.check_supervisors(entries)
    faults += graph.resolve(entries, kinds)[1]
    for entry in entries.values():
        faults += _check_own(entry, kinds[entry.kind])
    if sources:
        for entry in entries.values():
            if source.has_source(entry):
                faults += source.check(entry)
    return list(entries.values()), faults


def _entry(
    draft: Draft,
    kinds: Mapping[str, Kind],
    faults: list[ManifestError],
    defaults: Mapping[str, Any],
) -> Entry | None:
    """Return the entry that a draft makes, None for an unknown kind; adds what is wrong with it."""
    data: dict[str, object] = draft.node.plain()
    meta = data.get("meta")
    if "meta" in data and not isinstance(meta, dict):
        message = f"meta is a mapping, and this is {manifest.what(meta)}"
        faults.append(_fault(draft, ("meta",), message, "write key: value below it"))
    for name in COMMON:
        data.pop(name, None)
    try:
        kind = kinds.get(draft.kind)
    except ManifestError as fault:  # it is there, and of no use
        faults.append(_fault(draft, ("kind",), fault.message, fault.hint))
        return None
    if kind is None:
        if draft.kind:  # a missing one has been said
            hint = did_you_mean(draft.kind, kinds) or f"there are {', '.join(kinds)}"
            message = f"unknown kind {shown(draft.kind)}"
            faults.append(_fault(draft, ("kind",), message, hint))
        return None
    spec, complaints = validate({**defaults, **data}, kind.spec)
    for complaint in complaints:
        path, message = complaint.path, complaint.message
        if path and not complaint.at_key:
            message = f"{graph.field_name(path)}: {message}"
        hint = complaint.hint
        if kind.spec is ProcessPy and complaint.at_key and path[0] in _OF_SERVICES:
            where = "in" if path[0] == "lifecycle" else "below lifecycle: in"
            hint = f"write it {where} the process.service that runs this"
        faults.append(_fault(draft, path, message, hint, key=complaint.at_key))
    return Entry(
        draft.namespace,
        draft.name,
        draft.kind,
        spec,
        meta if isinstance(meta, dict) else {},
        data,
        draft.file,
        draft.node,
        draft.root,
    )


def _check_own(entry: Entry, kind: Kind) -> list[ManifestError]:
    """Return what the kind itself finds wrong in an entry; the entry may have other faults."""
    if kind.check is None or entry.spec is None:
        return []
    try:
        return list(kind.check(entry))
    except Exception as exc:  # noqa: BLE001  # somebody else's code
        message = f"the check of {kind.name} failed: {text_of(exc)}"
        return [entry.fault(message, hint="that is a fault of the kind, not of the entry")]


def _fault(
    draft: Draft, path: tuple[str | int, ...], message: str, hint: str = "", key: bool = False
) -> ManifestError:
    file, line, column = where(draft.node, draft.file, path, key=key)
    return ManifestError(message, file=file, line=line, column=column, entry=draft.id, hint=hint)


def ordered(faults: Iterable[ManifestError]) -> list[ManifestError]:
    """Return the faults by file, line and column, each once.

    Several entries may share a source, and what is wrong in it is then found for each of them:
    the first is kept.
    """
    unique: dict[tuple[str, int, int, str], ManifestError] = {}
    for fault in faults:
        key = (fault.file, fault.line, fault.column, fault.message)
        if not fault.line:
            key = (*key[:3], f"{fault.entry} {fault.message}")
        unique.setdefault(key, fault)
    return sorted(unique.values(), key=lambda fault: (fault.file, fault.line, fault.column))
