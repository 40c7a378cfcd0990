"""From an entry's fields to its kind's spec, with every fault of the entry and its place.

msgspec checks a whole entry in one call, which is what nearly every entry costs. It stops at the
first fault, so an entry that fails is walked again field by field.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from echosvc._manifest.kinds import decode
from echosvc._manifest.near import did_you_mean, one_of, shown
from echosvc._manifest.node import Path

COMMON = ("name", "kind", "meta")
"""The fields that an entry of any kind has; they are no part of its spec."""


class Complaint:
    """One fault in the fields: where, what, and whether it is the key that is wrong."""

    __slots__ = ("at_key", "hint", "message", "path")

    def __init__(self, path: Path, message: str, hint: str = "", at_key: bool = False) -> None:
        self.path = path
        self.message = message
        self.hint = hint
        self.at_key = at_key


def validate(
    data: Mapping[str, Any], spec: type[msgspec.Struct], *, common: tuple[str, ...] = COMMON
) -> tuple[msgspec.Struct | None, list[Complaint]]:
    """Return the spec that `data` makes, and everything that is wrong with it.

    `common` are fields that may stand beside the spec's own, and are not in `data`.

    With faults, the spec is what the sound fields make, for further checks only; None when they
    make none.
    """
    try:
        return msgspec.convert(data, spec, dec_hook=decode), []
    except (msgspec.ValidationError, OverflowError) as exc:
        complaints: list[Complaint] = []
        _struct(dict(data), spec, (), complaints, common)
        for complaint in complaints:
            if complaint.at_key:
                complaint.hint = _place_of(complaint.path, spec, common) or complaint.hint
        if not complaints:  # a rule of the spec's own (__post_init__) that no single field breaks
            complaints.append(Complaint((), _words(exc)))
        wrong = {complaint.path[0] for complaint in complaints if complaint.path}
        try:
            sound = {key: value for key, value in data.items() if key not in wrong}
            return msgspec.convert(sound, spec, dec_hook=decode), complaints
        except (msgspec.ValidationError, OverflowError):
            return None, complaints


def _struct(
    value: Any,
    spec: type[msgspec.Struct],
    path: Path,
    complaints: list[Complaint],
    common: tuple[str, ...] = (),
) -> None:
    if not isinstance(value, Mapping):
        complaints.append(Complaint(path, f"expected a mapping, got {_type(value)}"))
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(spec)}
    for key in value:
        if key not in fields:
            # An entry's top level also has the common fields: `knid` means `kind`.
            known = [name for name in (*fields, *common) if name not in value]
            hint = did_you_mean(str(key), known)
            hint = hint or f"there {'is' if len(fields) == 1 else 'are'} {', '.join(fields)}"
            complaints.append(Complaint((*path, key), f"unknown field {shown(key)}", hint, True))
    for name, field in fields.items():
        if name in value:
            _value(value[name], field.type, (*path, name), complaints)
        elif field.required:
            complaints.append(Complaint(path, f"has no {name}", f"add {name}:"))


def _place_of(path: Path, spec: type[msgspec.Struct], common: tuple[str, ...]) -> str:
    """Return where to write a field that is unknown at `path`, if there is a place for it."""
    *above, key = path
    if any(isinstance(step, int) for step in above):
        return ""  # an item of a list: what the entry says of itself may not be what is meant
    places = [
        f"beside {above[len(place)]}:, and not below it"
        if list(place) == above[: len(place)]
        else f"below {'.'.join(place)}:"
        for place in _holders(key, spec, common)
    ]
    return f"write it {one_of(places)}" if places else ""


def _holders(
    key: object, spec: type[msgspec.Struct], common: tuple[str, ...], *above: type[msgspec.Struct]
) -> Iterator[tuple[str, ...]]:
    """Yield the ways from the top of a spec to the mappings that have a field of this name."""
    fields = msgspec.structs.fields(spec)
    if key in common or any(field.encode_name == key for field in fields):
        yield ()
    for field in fields:
        for option in _options(field.type):
            if _is_struct(option) and option not in (spec, *above):  # it may be a tree
                for below in _holders(key, option, (), spec, *above):
                    yield (field.encode_name, *below)


def _options(wanted: Any) -> tuple[Any, ...]:
    """Return the types that a value may have."""
    origin = typing.get_origin(wanted)
    return typing.get_args(wanted) if origin in (typing.Union, types.UnionType) else (wanted,)


def _value(value: Any, wanted: Any, path: Path, complaints: list[Complaint]) -> None:
    """Check a value against a field's type, going down where the value's shape allows it."""
    options = _options(wanted)
    for option in options:
        if isinstance(value, Mapping) and _is_struct(option):
            _struct(value, option, path, complaints)
            return
        if isinstance(value, list) and typing.get_origin(option) is list:
            for index, item in enumerate(value):
                _value(item, typing.get_args(option)[0], (*path, index), complaints)
            return
    words = [
        word
        for option in options
        if typing.get_origin(option) is typing.Literal
        for word in typing.get_args(option)
    ]
    if words and value is not None:
        if value not in words:
            hint = did_you_mean(value, words) if isinstance(value, str) else ""
            message = f"expected {one_of(words)}, got {shown(value)}"
            complaints.append(Complaint(path, message, hint))
        return
    try:
        msgspec.convert(value, wanted, dec_hook=decode)
    except (msgspec.ValidationError, OverflowError) as exc:
        message = _words(exc)
        if message.startswith("expected ") and ", got " not in message:
            message += f", got {shown(value) if _is_plain(value) else _type(value)}"
        complaints.append(Complaint(path, message))


def _is_struct(wanted: Any) -> bool:
    return isinstance(wanted, type) and issubclass(wanted, msgspec.Struct)


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _type(value: Any) -> str:
    """Return a value's type as msgspec names it, in the words of a manifest."""
    if isinstance(value, Mapping):
        return "a mapping"
    return {"list": "a list", "NoneType": "nothing"}.get(type(value).__name__, type(value).__name__)


_PLAIN = (
    ("`object`", "a mapping"),
    ("`array`", "a list"),
    ("`null`", "nothing"),
    ("object", "a mapping"),
    ("array", "a list"),
    (" | null", ""),
    (" | ", " or "),
    ("`", ""),
)


def _words(exc: Exception) -> str:
    """Return msgspec's message in a manifest's words, without the path, which the place says."""
    message = str(exc).rpartition(" - at `$")[0] or str(exc)
    if not message.startswith("Expected "):
        return message
    for technical, plain in _PLAIN:
        message = message.replace(technical, plain)
    return message[0].lower() + message[1:]
