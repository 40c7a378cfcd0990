"""What the Python files of an application mention: ids of entries, and names of processes.

Found in the text, without running it, and for warnings only: what is made up while a program runs
can't be seen here, so where that is possible nothing is claimed.
"""

from __future__ import annotations

import ast
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from echosvc._manifest.files import read_bytes

PROCESS: Final = "process"
REGISTRY: Final = "registry"
_TO_NAMES: Final = frozenset(
    {"send", "deliver", "call", "monitor", "unmonitor", "link", "unlink", "cancel", "terminate"}
    | {"info"}
)
"""The functions of `process` whose first argument may be the name of a process."""
_FOR_NAMES: Final = frozenset({"lookup", "wait"})
"""The same of `process.registry`."""


@dataclass(frozen=True, slots=True)
class Mention:
    """The name of a process, where a source uses it."""

    name: str
    file: Path
    line: int
    column: int


@dataclass(slots=True)
class Mentions:
    """What the files mention, taken together."""

    texts: set[str] = field(default_factory=set)
    """Every string that stands in them."""
    made: list[re.Pattern[str]] = field(default_factory=list)
    """Ids that are put together while running, as patterns."""
    used: list[Mention] = field(default_factory=list)
    registered: list[re.Pattern[str]] = field(default_factory=list)
    """Names that are registered; those put together while running, as patterns."""

    def names(self, id: str) -> bool:
        """Whether some source may name the entry with this id."""
        return id in self.texts or any(pattern.fullmatch(id) for pattern in self.made)

    def is_registered(self, name: str) -> bool:
        """Whether some process may have this name."""
        return any(pattern.fullmatch(name) for pattern in self.registered)


def gather(folder: Path) -> Mentions:
    """Read the Python files in a folder and below; one that doesn't compile is passed over."""
    found = Mentions()
    for file in _files(folder):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(read_bytes(file), str(file))
        except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # a source with such a fault has had it said
        _read(tree, file, found)
    return found


def _files(folder: Path) -> Iterator[Path]:
    """Yield the Python files of an application, without those of an environment within it."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name != "__pycache__")
        if "pyvenv.cfg" in names:
            folders.clear()
            continue
        yield from (Path(parent, name) for name in sorted(names) if name.endswith(".py"))


def _read(tree: ast.Module, file: Path, found: Mentions) -> None:
    constants = dict(_constants(tree.body))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.texts.add(node.value)
        elif isinstance(node, ast.JoinedStr):
            pattern = _pattern(node, constants)
            if ":" in pattern.pattern:
                found.made.append(pattern)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            *before, owner = _words(node.func.value) or [""]
            name, first = node.func.attr, node.args[0]
            if (owner == REGISTRY and name == "register") or name == "with_name":
                found.registered.append(_pattern(first, constants))
            elif (owner == PROCESS and name in _TO_NAMES) or (
                owner == REGISTRY and before[-1:] == [PROCESS] and name in _FOR_NAMES
            ):
                text = _text(first, constants)
                if text is not None and not text.startswith("{"):  # that would be a PID
                    place = first.lineno, first.col_offset + 1
                    found.used.append(Mention(text, file, *place))


def _constants(body: Iterable[ast.stmt]) -> Iterator[tuple[str, str]]:
    """Yield the names that a module gives to strings at its top."""
    for statement in body:
        if isinstance(statement, ast.Assign):
            targets = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        else:
            continue
        value = statement.value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            for target in targets:
                if isinstance(target, ast.Name):
                    yield target.id, value.value


def _words(node: ast.expr) -> list[str]:
    """Return the words of a dotted name, none for anything else."""
    words: list[str] = []
    while isinstance(node, ast.Attribute):
        words.append(node.attr)
        node = node.value
    return [node.id, *reversed(words)] if isinstance(node, ast.Name) else []


def _text(node: ast.expr, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return constants.get(node.id) if isinstance(node, ast.Name) else None


def _pattern(node: ast.expr, constants: dict[str, str]) -> re.Pattern[str]:
    """Return what an expression may come to: any text at all where that can't be told."""
    if isinstance(node, ast.JoinedStr):
        parts = (_text(part, constants) for part in node.values)
        return re.compile("".join(".*" if part is None else re.escape(part) for part in parts))
    text = _text(node, constants)
    return re.compile(".*" if text is None else re.escape(text))
