"""Entries for environment variables: where the value of one is found, and what it is."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from echosvc._manifest.files import read_text
from echosvc.errors import Invalid, ManifestError

if TYPE_CHECKING:
    from echosvc._manifest.entry import Entry

KIND: Final = "env.variable"
OS: Final = "os"
SCHEME: Final = "file://"

_WORDS: Final = {
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "duration": "a duration such as 10s or 1m30s",
    "list": "a list, its items set apart by commas",
}
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_LINE: Final = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?P<value>.*)")


class Unset(Exception):
    """The variable is not set, and its entry has no default."""


def check(entry: Entry) -> Iterator[ManifestError]:
    """Yield what is wrong in an entry between its fields."""
    spec = entry.spec
    if spec.storage != OS and not spec.storage.startswith(SCHEME):
        hint = f"write {OS}, or {SCHEME} and a path such as {SCHEME}.env"
        yield entry.fault(f"the storage {spec.storage!r} is unknown", "storage", hint=hint)
    if spec.default is None:
        return
    if spec.required:
        hint = "take one of the two away"
        yield entry.fault("what has a default need not be required", "required", hint=hint)
    try:
        _default(spec)
    except ValueError:
        yield entry.fault(f"the default is not {_WORDS[spec.type]}", "default")


def check_values(entries: Iterable[Entry]) -> list[ManifestError]:
    """Return what is wrong with the environment: what is required and not set, or of no use."""
    faults = []
    for entry in entries:
        try:
            value_of(entry)
        except Unset:
            if entry.spec.required:
                faults.append(unset_fault(entry))
        except ManifestError as fault:
            faults.append(fault)
    return faults


def unset_fault(entry: Entry) -> ManifestError:
    """Return the error that a variable is not set."""
    spec = entry.spec
    where = "" if spec.storage == OS else f", neither in the environment nor in {spec.storage}"
    hint = f"set it to {_WORDS[spec.type]}"
    return entry.fault(f"{spec.variable} is not set{where}", "variable", hint=hint)


def value_of(entry: Entry) -> Any:
    """Return the value of a variable: from the environment, its file, or the default.

    Raises:
        Unset: It has none.
        ManifestError: The value is not of its type (which it does not show: it may be a secret),
            or the file cannot be read.
    """
    spec = entry.spec
    text = os.environ.get(spec.variable)
    place: tuple[str, int] | None = None
    if text is None and spec.storage != OS:
        found = _read(entry).get(spec.variable)
        if found is not None:
            text, place = found[0], found[1]
    if text is None:
        if spec.default is None:
            raise Unset
        return _default(spec)
    try:
        return _convert(text, spec.type)
    except ValueError:
        message = f"{spec.variable} is not {_WORDS[spec.type]}"
        if place is None:
            raise entry.fault(f"{message}, in the environment", "type") from None
        raise ManifestError(message, file=place[0], line=place[1], entry=entry.id) from None


def _read(entry: Entry) -> Mapping[str, tuple[str, tuple[str, int]]]:
    """Read the variables of a file, with their places; a file that is not there has none."""
    from echosvc._manifest.paths import absolute, display

    path: Path = absolute(entry.folder / entry.spec.storage[len(SCHEME) :])
    shown = display(path)
    try:
        text = read_text(path)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or "it is no text in UTF-8"
        raise entry.fault(f"{shown} cannot be read: {why}", "storage") from exc
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        value = None if match is None else _unquoted(match["value"])
        if match is None or value is None:
            raise ManifestError(
                "this is no variable",
                file=shown,
                line=number,
                entry=entry.id,
                hint="write NAME=value, in quotes if it has spaces or a '#' in it",
            )
        found[match["name"]] = (value, (shown, number))
    return found


def _unquoted(text: str) -> str | None:
    """Return what a shell would make of a value, without its variables; None for nonsense."""
    if text[:1] in ("'", '"'):
        end = text.find(text[0], 1)
        rest = text[end + 1 :].strip()
        return None if end < 0 or (rest and not rest.startswith("#")) else text[1:end]
    return re.split(r"\s#", text, maxsplit=1)[0].strip()


def _default(spec: Any) -> Any:
    default = spec.default
    if isinstance(default, str):
        return _convert(default, spec.type)
    if spec.type == "list":
        if isinstance(default, list):
            return list(default)
    elif spec.type == "bool":
        if isinstance(default, bool):
            return default
    elif isinstance(default, int | float) and not isinstance(default, bool):
        if spec.type == "int" and isinstance(default, int):
            return default
        if spec.type in ("float", "duration"):
            return _convert(str(default), spec.type)
    raise ValueError


def _convert(text: str, type_: str) -> Any:
    """Turn a text into a value; raises ValueError for one that is none."""
    word = text.strip()
    if type_ == "str":
        return text
    if type_ == "int":
        return int(word)
    if type_ == "float":
        return float(word)
    if type_ == "list":
        return [item.strip() for item in text.split(",") if item.strip()]
    if type_ == "bool":
        if word.lower() not in _TRUE | _FALSE:
            raise ValueError
        return word.lower() in _TRUE
    # Late: it brings trio, and a listing of entries needs none of it.
    from echosvc.time import parse_duration

    try:
        return parse_duration(float(word) if re.fullmatch(r"[\d.]+", word) else word)
    except (Invalid, OverflowError) as exc:
        raise ValueError from exc
