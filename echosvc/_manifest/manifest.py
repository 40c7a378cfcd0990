"""A folder of `_index.yaml` files as drafts: entries that have an id, a kind and a node.

A manifest is a mapping::

    version: "1.0"
    namespace: app
    entries:
      - name: relay
        kind: process.py
        ...

The folder and everything below it is read, in the order of the paths; hidden folders and
`__pycache__` are passed over, and links to folders are not followed (they could lead in circles).
Several files may share a namespace.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from echosvc._manifest import loader
from echosvc._manifest.files import read_bytes
from echosvc._manifest.kinds import Lifecycle
from echosvc._manifest.near import did_you_mean, shown
from echosvc._manifest.node import Node
from echosvc._manifest.paths import absolute, display
from echosvc.errors import ManifestError

INDEX: Final = "_index.yaml"
VERSION: Final = "1.0"
FIELDS: Final = ("version", "namespace", "entries")

NAME_HINT: Final = "use letters, digits, '_', '-' and '.'"
_NAME = re.compile(r"\w[\w.-]*\Z")
_NAMESPACE_LINE = re.compile(rb"^namespace:[ \t]*[\"']?([\w.-]+)", re.MULTILINE)
_MISNAMED = ("_index.yml", "index.yaml", "index.yml")


@dataclass(slots=True)
class Draft:
    """An entry that has a name and a place, and is not checked further.

    `root` is the folder of the application, below which its sources lie; by default its file's.
    """

    namespace: str
    name: str
    kind: str
    node: Node
    file: Path
    root: Path = Path()

    @property
    def id(self) -> str:
        return f"{self.namespace}:{self.name}"


@dataclass(slots=True)
class Folder:
    """What a folder's manifests hold.

    `unread` are the namespaces of which some entry could not be read, so that a reference into
    them may be right; None among them stands for a namespace that isn't known.
    """

    drafts: list[Draft] = field(default_factory=list)
    faults: list[ManifestError] = field(default_factory=list)
    unread: set[str | None] = field(default_factory=set)


def is_name(text: str) -> bool:
    """Whether a namespace or an entry may be called this."""
    return _NAME.match(text) is not None


def read_folder(folder: Path | str, env: Mapping[str, str] | None = None) -> Folder:
    """Read every manifest in `folder` and below. Never raises for what is found there."""
    result = Folder()
    root = absolute(folder)
    for file in _find(root, result.faults):
        _read_file(file, root, env, result)
    return result


def _find(folder: Path, faults: list[ManifestError]) -> list[Path]:
    shown_folder = display(folder)
    try:
        mode = folder.stat().st_mode
    except (OSError, ValueError) as exc:
        why = "there is no such folder" if isinstance(exc, FileNotFoundError) else _why(exc)
        hint = did_you_mean(folder.name, _names(folder.parent, folders=True))
        faults.append(ManifestError(why, file=shown_folder, hint=hint))
        return []
    if not stat.S_ISDIR(mode):
        faults.append(ManifestError("is no folder", file=shown_folder, hint="name its folder"))
        return []

    def unreadable(exc: OSError) -> None:
        faults.append(ManifestError(_why(exc), file=display(exc.filename or folder)))

    found: list[Path] = []
    misnamed: list[str] = []
    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if name[0] != "." and name != "__pycache__"]
        if INDEX in files or INDEX in folders:
            found.append(Path(parent, INDEX))
        misnamed += [display(Path(parent, name)) for name in _MISNAMED if name in files]
    if not found and not faults:
        hint = f"rename {misnamed[0]} to {INDEX}" if misnamed else "name the folder that has one"
        message = f"no {INDEX} in this folder or below"
        faults.append(ManifestError(message, file=shown_folder, hint=hint))
    return sorted(found)


def _names(folder: Path, folders: bool = False) -> list[str]:
    try:
        return [path.name for path in folder.iterdir() if path.is_dir() or not folders]
    except (OSError, ValueError):
        return []


def _why(exc: Exception) -> str:
    reason = getattr(exc, "strerror", None) or str(exc)
    return f"cannot be read: {reason}"


def _read_file(file: Path, root: Path, env: Mapping[str, str] | None, result: Folder) -> None:
    shown_file = display(file)
    try:
        data = read_bytes(file)
    except (OSError, ValueError) as exc:
        result.faults.append(ManifestError(_why(exc), file=shown_file))
        result.unread.add(None)
        return
    document = loader.read(data, env)
    for fault in document.faults:
        result.faults.append(
            ManifestError(
                fault.message,
                file=shown_file,
                line=fault.line,
                column=fault.column,
                entry=_entry_at(document.root, fault.line),
                hint=fault.hint,
            )
        )
    if document.broken:
        said = _NAMESPACE_LINE.search(data)
        result.unread.add(said.group(1).decode("utf-8", "replace") if said else None)
        return
    _Reader(file, root, shown_file, result).read(document.root)


def _entry_at(root: Node | None, line: int) -> str:
    """Return the name of the entry that a line belongs to, or an empty string."""
    name = ""
    entries = root.child("entries") if root else None
    for item in entries.value if entries and isinstance(entries.value, list) else ():
        if item.line > line:
            break
        named = item.child("name")
        name = named.value if named and isinstance(named.value, str) else ""
    namespace = root.child("namespace") if root else None
    if name and namespace and isinstance(namespace.value, str):
        return f"{namespace.value}:{name}"
    return name


class _Reader:
    """Reads one manifest's tree into drafts."""

    def __init__(self, file: Path, root: Path, shown_file: str, result: Folder) -> None:
        self.file = file
        self.root = root
        self.shown_file = shown_file
        self.result = result

    def fault(self, at: Node | tuple[int, int], message: str, hint: str = "", **more: Any) -> None:
        line, column = (at.line, at.column) if isinstance(at, Node) else at
        error = ManifestError(
            message, file=self.shown_file, line=line, column=column, hint=hint, **more
        )
        self.result.faults.append(error)

    def read(self, root: Node | None) -> None:
        if root is None or root.value is None:
            self.fault((1, 1), "is empty", "a manifest has version, namespace and entries")
            self.result.unread.add(None)
            return
        if not isinstance(root.value, dict):
            message = f"a manifest is a mapping, and this is {what(root.value)}"
            self.fault(root, message, "begin with version, namespace and entries")
            self.result.unread.add(None)
            return
        for key in root.value:
            if key not in FIELDS:
                hint = did_you_mean(key, FIELDS) or f"a manifest has {', '.join(FIELDS)}"
                if key in Lifecycle.__struct_fields__:
                    hint = "write it below lifecycle: of an entry"
                self.fault(root.keys[key], f"unknown field {shown(key)}", hint)
        self._check_version(root.child("version"))
        namespace = self._namespace(root)
        entries = root.child("entries")
        if entries is None:
            self.fault(root, "has no entries", "write entries: and list them below")
        elif isinstance(entries.value, list):
            for item in entries.value:
                self._entry(item, namespace)
            return
        elif entries.value is not None:
            self.fault(entries, f"entries is a list, and this is {what(entries.value)}")
        else:
            return  # `entries:` with nothing below: none yet
        self.result.unread.add(namespace)

    def _check_version(self, node: Node | None) -> None:
        # Absent is 1.0: a later format can't leave its version out. Unquoted, 1.0 is a float.
        if node is not None and (node.value is True or node.value not in (VERSION, 1.0)):
            message = f"version {shown(node.plain())} is unknown"
            self.fault(node, message, f'write version: "{VERSION}"')

    def _namespace(self, root: Node) -> str | None:
        node = root.child("namespace")
        if node is None:
            self.fault(root, "has no namespace", "write namespace: app, say, at the top")
        elif not isinstance(node.value, str):
            self.fault(node, f"a namespace is a string, and this is {what(node.value)}")
        else:
            if not is_name(node.value):
                self.fault(node, f"{shown(node.value)} is no namespace", NAME_HINT)
            return node.value
        self.result.unread.add(None)
        return None

    def _entry(self, node: Node, namespace: str | None) -> None:
        if not isinstance(node.value, dict):
            message = f"an entry is a mapping, and this is {what(node.value)}"
            self.fault(node, message, "write - name: … and kind: … below it")
            return
        name = self._string(node, "name", "")
        label = f"{namespace}:{name}" if namespace and name else (name or "")
        kind = self._string(node, "kind", label)
        if name is None or namespace is None:
            return
        if not is_name(name):
            message = f"{shown(name)} is no name"
            self.fault(node.child("name") or node, message, NAME_HINT, entry=label)
        self.result.drafts.append(Draft(namespace, name, kind or "", node, self.file, self.root))

    def _string(self, node: Node, key: str, label: str) -> str | None:
        found = node.child(key)
        if found is None:
            near_key = next((k for k in node.value if k.casefold() == key), None)
            hint = f"write {key}: instead of {near_key}:" if near_key else f"add {key}:"
            self.fault(node, f"has no {key}", hint, entry=label)
        elif not isinstance(found.value, str):
            message = f"{key} is a string, and this is {what(found.value)}"
            self.fault(found, message, entry=label)
        elif not found.value:
            self.fault(found, f"{key} is empty", entry=label)
        else:
            return found.value
        return None


def what(value: object) -> str:
    """Return what a value is, in a person's words."""
    names = {dict: "a mapping", list: "a list", str: "a string", bool: "a truth value"}
    names |= {int: "a number", float: "a number", type(None): "nothing"}
    return names.get(type(value), type(value).__name__)
