"""Overrides: `ns:entry:path=value`, put over the entries before they are checked.

The path is dotted (`lifecycle.restart.max_attempts`, `modules.0`, `children.1.restart`); what is
missing on the way is made. The value is YAML: `12` is a number, `'12'` a string, `[a, b]` a list.
A later override of the same field wins.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from echosvc._manifest import loader
from echosvc._manifest.manifest import Draft, what
from echosvc._manifest.near import did_you_mean, shown
from echosvc._manifest.node import Node
from echosvc.errors import ManifestError

FORM = "write ns:entry:path=value, app:relay:mailbox=100, say"


class Override(NamedTuple):
    """One override, taken apart; `text` is how it was written, `node` its value."""

    text: str
    entry: str
    path: tuple[str, ...]
    node: Node

    @property
    def origin(self) -> str:
        """What stands for the file in a fault about the value."""
        return _origin(self.text)


def _origin(text: str) -> str:
    return f"override {text if text.isprintable() and len(text) <= 80 else shown(text, 80)}"


def parse(text: str, env: Mapping[str, str] | None = None) -> Override:
    """Take one override apart; raises `ManifestError` when it isn't one."""
    left, equals, right = text.partition("=")
    namespace, _, rest = left.partition(":")
    name, _, dotted = rest.partition(":")
    path = tuple(dotted.split("."))
    if not equals or not namespace or not name or not all(path):
        raise ManifestError(f"override {shown(text)} is malformed", hint=FORM)
    if path[0] == "name":
        raise ManifestError(f"override {shown(text)} renames an entry", hint="its name is its id")
    document = loader.read(right, env)
    for fault in document.faults:
        hint = fault.hint or "put the value in quotes"
        raise ManifestError(fault.message, file=_origin(text), hint=hint)
    node = _placed(document.root or Node(None), _origin(text))
    return Override(text, f"{namespace}:{name}", path, node)


def _placed(node: Node, origin: str) -> Node:
    """Return a copy of a tree that stands in no file, but in an override."""
    value = node.value
    if isinstance(value, dict):
        value = {key: _placed(item, origin) for key, item in value.items()}
    elif isinstance(value, list):
        value = [_placed(item, origin) for item in value]
    copy = Node(value, origin=origin)
    copy.written = node.written
    return copy


def apply(
    overrides: Iterable[str],
    drafts: Iterable[Draft],
    env: Mapping[str, str] | None = None,
) -> list[ManifestError]:
    """Put the overrides over the drafts' nodes; returns a fault for each that fits nothing."""
    faults: list[ManifestError] = []
    by_id = {draft.id: draft for draft in drafts}
    for text in overrides:
        try:
            override = parse(text, env)
            draft = by_id.get(override.entry)
            if draft is None:
                message = f"there is no entry {override.entry}"
                hint = did_you_mean(override.entry, by_id)
                raise ManifestError(message, file=override.origin, hint=hint)
            draft.node = _put(draft.node, override, override.path)
            if override.path == ("kind",) and isinstance(override.node.value, str):
                draft.kind = override.node.value
        except ManifestError as fault:
            faults.append(fault)
    return faults


def _put(node: Node | None, override: Override, path: tuple[str, ...]) -> Node:
    """Return a copy of `node` with the value at `path`; the rest is shared, as by aliases."""
    if not path:
        return override.node
    step, rest = path[0], path[1:]
    if node is None or node.value is None:
        node = Node({}, origin=override.origin)
    copy = Node(node.value, node.line, node.column, node.origin)
    copy.keys = dict(node.keys)
    if isinstance(node.value, dict):
        copy.value = {**node.value, step: _put(node.value.get(step), override, rest)}
    elif isinstance(node.value, list):
        if not step.isdecimal() or int(step) > len(node.value):
            message = f"{step} is no place in a list of {len(node.value)}"
            raise _misfit(override, message, "count from 0; one past the last adds an item")
        index = int(step)
        below = node.value[index] if index < len(node.value) else None
        copy.value = [*node.value]
        copy.value[index : index + 1] = [_put(below, override, rest)]
    else:
        message = f"there is no {step} in {what(node.value)}"
        raise _misfit(override, message, "shorten the path")
    return copy


def _misfit(override: Override, message: str, hint: str) -> ManifestError:
    return ManifestError(message, file=override.origin, entry=override.entry, hint=hint)
