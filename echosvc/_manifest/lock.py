"""`echosvc.lock`: the file at the top of a project that names the folder of its manifests."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from echosvc._manifest import loader
from echosvc._manifest.files import read_bytes
from echosvc._manifest.manifest import what
from echosvc._manifest.near import did_you_mean, shown
from echosvc._manifest.node import Fault, Node
from echosvc._manifest.paths import absolute, display
from echosvc.errors import ManifestError

LOCK: Final = "echosvc.lock"
DIRECTORIES: Final = ("src",)
EXAMPLE: Final = "write directories: and below it src: ./src"


@dataclass(frozen=True, slots=True)
class Lock:
    """What a lock file says: its own `file` and the folder of the manifests, `src`."""

    file: Path
    src: Path


def find_lock(folder: Path | str = ".") -> Lock | None:
    """Return the lock of a folder, or of the nearest one above it; None when there is none.

    Raises `ManifestError` as `read_lock` does.
    """
    start = absolute(folder)
    for parent in (start, *start.parents):
        # Not only a file: what else has this name is said to be wrong, and not passed over.
        if os.path.exists(file := parent / LOCK):  # noqa: PTH110  # False where it may not look
            return read_lock(file)
    return None


def read_lock(file: Path | str) -> Lock:
    """Read a lock file.

    Raises:
        ManifestError: It can't be read, isn't what a lock is, or names a folder that isn't there;
            `faults` has everything that is wrong.
    """
    file = Path(file)
    try:
        data = read_bytes(file)
    except OSError as exc:
        raise ManifestError(f"cannot be read: {exc.strerror}", file=display(file)) from exc
    document = loader.read(data)
    faults = list(document.faults)
    src = None if document.broken else _src(document.root, file.parent, faults)
    if src is not None and not faults:
        return Lock(file, src)
    errors = [
        ManifestError(
            fault.message, file=display(file), line=fault.line, column=fault.column, hint=fault.hint
        )
        for fault in faults
    ]
    errors[0].faults = tuple(errors)
    raise errors[0]


def _src(root: Node | None, folder: Path, faults: list[Fault]) -> Path | None:
    """Return the folder that `directories.src` names, or None after saying what is wrong."""
    top = _mapping(root, "a lock", ("directories",), faults)
    directories = top and _mapping(top.child("directories"), "directories", DIRECTORIES, faults)
    if not directories:
        return None
    src = directories.child("src")
    assert src is not None  # _mapping saw to that
    if not isinstance(src.value, str) or not src.value:
        faults.append(Fault(f"src is a folder, and this is {what(src.value)}", *_at(src)))
        return None
    path = folder / src.value
    try:
        there = path.is_dir()
    except ValueError:  # a NUL in the name
        there = False
    if not there:
        message = f"there is no folder {display(path)}"
        faults.append(Fault(message, *_at(src), "make it, or correct src:"))
    return path


def _mapping(
    node: Node | None, name: str, fields: tuple[str, ...], faults: list[Fault]
) -> Node | None:
    """Return `node` if it is a mapping that has `fields`, or None; says what is wrong with it."""
    place = _at(node)
    if node is None or not isinstance(node.value, dict):
        found = what(None if node is None else node.value)
        faults.append(Fault(f"{name} is a mapping, and this is {found}", *place, EXAMPLE))
        return None
    for key in node.value:
        if key not in fields:
            hint = did_you_mean(key, fields) or f"there is {', '.join(fields)}"
            faults.append(Fault(f"unknown field {shown(key)}", *node.keys[key], hint))
    for field in fields:
        if field not in node.value:
            faults.append(Fault(f"has no {field}", *place, EXAMPLE))
            return None
    return node


def _at(node: Node | None) -> tuple[int, int]:
    return (node.line, node.column) if node else (1, 1)
