"""The tree that a YAML text is read into: plain values that know their line and column."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]
"""The way from an entry to a field: keys of mappings and indexes of lists."""


class Node:
    """A value and where it stands.

    `value` is a scalar, a ``list[Node]`` or a ``dict[str, Node]``; `keys` holds the places of a
    mapping's keys. Lines and columns count from 1; 0 is a value that stands in no file. `origin`
    is the override that put the node there, if one did. `written` is the text of a scalar that has
    references to the environment in it; `value` is what came of that, and may be a secret.
    """

    __slots__ = ("column", "keys", "line", "origin", "value", "written")

    def __init__(self, value: Any, line: int = 0, column: int = 0, origin: str = "") -> None:
        self.value = value
        self.line = line
        self.column = column
        self.origin = origin
        self.keys: dict[str, tuple[int, int]] = {}
        self.written = ""

    def plain(self) -> Any:
        """Return the value as plain Python data, a fresh copy each time."""
        value = self.value
        if isinstance(value, dict):
            return {key: node.plain() for key, node in value.items()}
        if isinstance(value, list):
            return [node.plain() for node in value]
        return value

    def as_written(self, value: Any) -> Any:
        """Return plain data that came of this node, to be shown: references instead of values."""
        if self.written:
            return self.written
        if isinstance(value, Mapping):
            steps = ((key, item, self.child(key)) for key, item in value.items())
            return {key: node.as_written(item) if node else item for key, item, node in steps}
        if isinstance(value, list | tuple):
            nodes = ((item, self.child(index)) for index, item in enumerate(value))
            return [node.as_written(item) if node else item for item, node in nodes]
        return value

    def child(self, step: str | int) -> Node | None:
        """Return the node under a key of a mapping or at an index of a list, if there is one."""
        value = self.value
        if isinstance(value, dict):
            found = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and 0 <= step < len(value):
            found = value[step]
        else:
            return None
        return found if isinstance(found, Node) else None

    def find(self, path: Path) -> Node:
        """Return the node at `path`, or the last one on the way that exists."""
        node = self
        for step in path:
            below = node.child(step)
            if below is None:
                break
            node = below
        return node


def node_of(value: Any, origin: str = "") -> Node:
    """Return plain data as a tree of nodes that stand in no file."""
    if isinstance(value, Mapping):
        return Node({key: node_of(item, origin) for key, item in value.items()}, origin=origin)
    if isinstance(value, list | tuple):
        return Node([node_of(item, origin) for item in value], origin=origin)
    return Node(value, origin=origin)


class Fault:
    """What is wrong in a text, and where; whoever knows the file and the entry adds them."""

    __slots__ = ("column", "hint", "line", "message")

    def __init__(self, message: str, line: int = 0, column: int = 0, hint: str = "") -> None:
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint


class Document:
    """What one text holds: its `root` (None when there is none to be had) and its `faults`.

    `broken` says that reading stopped before the text's end: what is not in `root` may well be
    in the text.
    """

    __slots__ = ("broken", "faults", "root")

    def __init__(self, root: Node | None, faults: list[Fault], broken: bool = False) -> None:
        self.root = root
        self.faults = faults
        self.broken = broken
