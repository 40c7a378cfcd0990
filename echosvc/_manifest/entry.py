"""An entry: one checked thing of a manifest, and the places of all that it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from echosvc._checks import check_flag, check_instance, check_text
from echosvc._manifest.node import Node, node_of
from echosvc._manifest.paths import display
from echosvc.errors import ManifestError


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One entry, read and checked.

    Attributes:
        id: ``namespace:name``.
        kind: The name of its kind.
        meta: Whatever its author noted under `meta`, as plain data.
        data: Its other fields as they were written, as plain data.
        spec: The same as the kind's Struct, checked, with defaults, and durations in seconds.
        file: The manifest that it stands in; an empty path for one that was made in code.
        root: The folder of the application, below which its sources lie; by default the manifest's.
    """

    namespace: str
    name: str
    kind: str
    spec: Any
    meta: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    file: Path = Path()
    node: Node = field(default_factory=lambda: node_of({}), repr=False)
    root: Path = Path()
    id: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", f"{self.namespace}:{self.name}")
        if self.root == Path():
            object.__setattr__(self, "root", self.folder)

    @property
    def folder(self) -> Path:
        """The folder that the entry's ``file://`` paths start from."""
        return self.file.parent

    def where(self, *path: str | int, key: bool = False) -> tuple[str, int, int]:
        """Return file, line and column of a field; of the entry without a path.

        A field that isn't there is where what should hold it is. `key` asks for the field's name
        rather than its value. A value that an override set has the override for a file; an entry
        made in code has no file. Lines and columns count from 1, and 0 is none.

        Raises:
            Invalid: A part of the path is neither a text nor a whole number, or `key` no bool.
        """
        for part in path:
            check_instance("path", part, (str, int), "str or int")
        check_flag("key", key)
        return where(self.node, self.file, path, key=key)

    def fault(self, message: str, *path: str | int, hint: str = "") -> ManifestError:
        """Return an error about a field of this entry, or about the entry itself.

        Raises:
            Invalid: An argument is of another type.
        """
        check_text("message", message, empty=True)
        check_text("hint", hint, empty=True)
        file, line, column = self.where(*path)
        return ManifestError(message, file=file, line=line, column=column, entry=self.id, hint=hint)


def where(
    node: Node, file: Path, path: tuple[str | int, ...], *, key: bool = False
) -> tuple[str, int, int]:
    """Return file, line and column of what stands at `path` below an entry's node."""
    found = node.find(path)
    if found.origin:
        return found.origin, 0, 0
    line, column = found.line, found.column
    if key and path and isinstance(path[-1], str):
        holder = node.find(path[:-1])
        line, column = holder.keys.get(path[-1], (line, column))
    return (display(file) if line else "", line, column)
