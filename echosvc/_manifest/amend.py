"""A registry with some entries created, updated or deleted: checked as a whole, as any other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from echosvc._checks import given
from echosvc._manifest.check import build, ordered
from echosvc._manifest.entry import Entry
from echosvc._manifest.manifest import INDEX, Draft, is_name
from echosvc._manifest.node import Node, node_of
from echosvc._manifest.paths import absolute
from echosvc._manifest.registry import Registry
from echosvc.errors import Invalid


def amend(
    registry: Registry,
    created: Iterable[Mapping[str, Any]],
    updated: Mapping[str, Mapping[str, Any]],
    deleted: Iterable[str],
) -> Registry:
    """Return another registry; entries that are the same in both are the same objects.

    Args:
        registry: What to begin with; it stays as it is.
        created: Entries as for `Registry.from_entries`. Their ``file://`` paths start where those
            of their namespace do, or else those of the first entry.
        updated: By id, the fields that take the place of those there are; None takes one away.
        deleted: Ids.

    Raises:
        ManifestError: A fault in what comes out; `faults` has all of them.
        Invalid: What is to be created has no id.
    """
    gone = set(deleted)
    drafts = [
        _updated(entry, updated[entry.id]) if entry.id in updated else _draft(entry, entry.node)
        for entry in registry
        if entry.id not in gone
    ]
    drafts += [_created(registry, fields) for fields in created]
    sound, faults = build(drafts, registry.kinds, set(), sources=True, defaults=registry.defaults)
    if faults := ordered(faults):
        faults[0].faults = tuple(faults)
        raise faults[0]
    return Registry([_same(registry, entry) for entry in sound], registry.kinds, registry.defaults)


def split_id(id: object) -> tuple[str, str]:
    """Return namespace and name of an id; raises `Invalid` for what is none."""
    namespace, _, name = id.partition(":") if isinstance(id, str) else ("", "", "")
    if not is_name(namespace) or not is_name(name):
        raise Invalid(f"an entry needs an id such as 'app:name', and this has {given(id)}")
    return namespace, name


def _draft(entry: Entry, node: Node) -> Draft:
    kind = node.child("kind")
    return Draft(
        entry.namespace,
        entry.name,
        entry.kind if kind is None or not isinstance(kind.value, str) else kind.value,
        node,
        entry.file,
        entry.root,
    )


def _updated(entry: Entry, fields: Mapping[str, Any]) -> Draft:
    old = entry.node
    value = dict(old.value)
    for key, new in fields.items():
        value.pop(key, None)
        if new is not None:
            value[key] = node_of(new)
    node = Node(value, old.line, old.column, old.origin)
    node.keys = {key: place for key, place in old.keys.items() if key not in fields}
    return _draft(entry, node)


def _created(registry: Registry, fields: Mapping[str, Any]) -> Draft:
    own = dict(fields)
    namespace, name = split_id(own.pop("id", None))
    kind = own.get("kind")
    if not isinstance(kind, str) or not kind:
        raise Invalid(f"an entry needs a kind, and {namespace}:{name} has {given(kind)}")
    beside = [*registry.find(namespace=namespace), *registry]
    here = absolute(".")
    file, root = (beside[0].file, beside[0].root) if beside else (here / INDEX, here)
    return Draft(namespace, name, kind, node_of({"name": name, **own}), file, root)


def _same(registry: Registry, entry: Entry) -> Entry:
    """Return the entry that was there before, if it is the same."""
    if entry.id not in registry:
        return entry
    old = registry.get(entry.id)
    unchanged = (old.kind, old.spec, old.meta, old.data) == (
        entry.kind,
        entry.spec,
        entry.meta,
        entry.data,
    )
    return old if unchanged else entry
