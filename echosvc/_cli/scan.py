"""Entries found by a glance at the manifests, for Tab.

A shell waits for each Tab, and a YAML parser alone takes longer to import than this takes in
all. So the lines are read for what completion needs, and what is written in a way that this
doesn't see is merely not completed. Everything else reads manifests through `_manifest`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from echosvc._manifest.files import read_text

_KEY: Final = re.compile(r"^(?P<indent>\s*(?:-\s+)?)(?P<key>[\w-]+):\s*(?P<value>.*?)\s*$")
_COMMAND: Final = re.compile(r"\bcommand:\s*(?:\{.*?\bname:\s*)?['\"]?([\w-]+)")
_NAMED: Final = re.compile(r"\bname:\s*['\"]?([\w.-]+)")


@dataclass
class Seen:
    """An entry as far as a glance tells."""

    id: str
    kind: str = ""
    command: str = ""


def source_folder(given: str | None) -> Path | None:
    """Return the manifests' folder that `--src` or the nearest echosvc.lock names, if any."""
    if given:
        return Path(given)
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it has been deleted
        return None
    for folder in (here, *here.parents):
        try:
            lines = read_text(folder / "echosvc.lock").splitlines()
        except (OSError, UnicodeDecodeError):
            continue
        for line in lines:
            match = _KEY.match(line)
            if match and match["key"] == "src":
                return folder / match["value"].strip("'\"")
        return None
    return None


def entries(folder: Path | None) -> list[Seen]:
    """Return the entries of every manifest below `folder`; none where it can't be read."""
    found: list[Seen] = []
    for path in _manifests(folder) if folder is not None else ():
        try:
            text = read_text(path)
        except (OSError, UnicodeDecodeError):
            continue
        found.extend(_glance(text))
    return found


def _manifests(folder: Path) -> Iterator[Path]:
    for base, folders, files in os.walk(folder):
        folders.sort()
        if "_index.yaml" in files:
            yield Path(base) / "_index.yaml"


def _glance(text: str) -> Iterator[Seen]:
    namespace = ""
    width = -1  # how far an entry's own keys are indented
    seen: Seen | None = None
    in_command = False
    for line in text.splitlines():
        match = _KEY.match(line)
        if match is None:
            continue
        indent, key = len(match["indent"]), match["key"]
        value = match["value"].split(" #")[0].strip().strip("'\"")
        if indent == 0:
            namespace = value if key == "namespace" else namespace
            continue
        begins = "-" in match["indent"]
        if begins and width in {-1, indent}:
            if seen is not None and not seen.id.endswith(":"):
                yield seen
            seen, width = Seen(f"{namespace}:"), indent
        if seen is None:
            continue
        if indent == width:
            in_command = False
            if key == "name":
                seen.id = f"{namespace}:{value}"
            elif key == "kind":
                seen.kind = value
        if (found := _COMMAND.search(line)) and key in {"meta", "command"}:
            seen.command = found[1]
        elif key == "command":
            in_command = True
        elif in_command and (found := _NAMED.search(line)):
            seen.command, in_command = found[1], False
    if seen is not None and not seen.id.endswith(":"):
        yield seen
