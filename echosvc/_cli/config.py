"""`echosvc.yaml`, `--config` and `--set`: how runs of an application are set up.

The file is optional and stands beside `echosvc.lock`. `--config` names others, which are read
instead of it; what a later one says wins, and `--set section.path=value` wins over all files. An
option of its own (`-v`, `-s`, `--log-format`) wins over that.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from echosvc._cli.exits import UsageFault
from echosvc._cli.settings import Settings
from echosvc._manifest import loader
from echosvc._manifest.check import ordered
from echosvc._manifest.entry import where
from echosvc._manifest.files import read_bytes
from echosvc._manifest.kinds import HOSTS, Count, Seconds, decode
from echosvc._manifest.manifest import what
from echosvc._manifest.near import shown
from echosvc._manifest.node import Node, node_of
from echosvc._manifest.paths import display
from echosvc._manifest.validate import Complaint, validate
from echosvc.errors import ManifestError

FILE: Final = "echosvc.yaml"


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every section is: checked when made, and never changed."""


class Log(_Section, frozen=True, kw_only=True):
    """`log`: what is logged, and how it looks."""

    level: Literal["debug", "info", "warn", "error", "off"] | None = None
    """From where on; by default info, and warn in a run with a terminal process."""
    format: Literal["text", "json"] = "text"


class Shutdown(_Section, frozen=True, kw_only=True):
    """`shutdown`: how the whole is stopped."""

    timeout: Seconds | None = None
    """Seconds for stopping in order, all in all; then the rest is terminated. None is no limit
    but those of the services and hosts."""


class Mailbox(_Section, frozen=True, kw_only=True):
    """`mailbox`: how much an inbox holds."""

    size: Count = 65_536
    """Messages, where neither the host nor the entry says; 0 is no limit."""


class Configuration(_Section, frozen=True, kw_only=True):
    """All of it, by sections."""

    log: Log = Log()
    shutdown: Shutdown = Shutdown()
    mailbox: Mailbox = Mailbox()

    @property
    def defaults(self) -> dict[str, dict[str, Any]]:
        """What entries of a kind say that don't say it themselves."""
        return {host: {"mailbox": self.mailbox.size} for host in HOSTS}


def configure(settings: Settings, folder: Path) -> Configuration:
    """Return what the files and `--set` say, put together; `folder` may have an echosvc.yaml.

    Raises:
        UsageFault: A `--config` that isn't there, or a `--set` that fits nothing.
        ManifestError: A fault in a file; `faults` has all of them.
    """
    sets = [_parsed(text) for text in settings.set or ()]
    merged: dict[str, Any] = {}
    faults: list[ManifestError] = []
    for file in _files(settings, folder):
        faults += _read(file, merged)
    if faults:
        faults[0].faults = tuple(faults)
        raise faults[0]
    for data in sets:
        _merge(merged, data)
    return msgspec.convert(merged, Configuration, dec_hook=decode)


def _files(settings: Settings, folder: Path) -> list[Path]:
    if not settings.config:
        file = folder / FILE
        return [file] if file.exists() else []
    for name in settings.config:
        if not Path(name).is_file():
            wrong = "is not a file" if Path(name).exists() else "is not there"
            raise UsageFault(f"--config {name} {wrong}, name a file like {FILE}")
    return [Path(name) for name in settings.config]


def _read(file: Path, merged: dict[str, Any]) -> list[ManifestError]:
    """Put what a file says over `merged`; return what is wrong with it."""
    name = display(file)
    try:
        document = loader.read(read_bytes(file))
    except OSError as exc:
        return [ManifestError(f"cannot be read: {exc.strerror or exc}", file=name)]
    faults = [
        ManifestError(
            fault.message, file=name, line=fault.line, column=fault.column, hint=fault.hint
        )
        for fault in document.faults
    ]
    root = document.root
    if root is None or root.value is None:  # all of it commented out, say
        return faults
    said = {(fault.line, fault.column) for fault in faults}
    for complaint in _complaints(root):
        _, line, column = where(root, file, complaint.path, key=complaint.at_key)
        if (line, column) in said:
            continue  # of a value that could not be read, say: one fault is enough
        faults.append(
            ManifestError(
                _said(complaint), file=name, line=line, column=column, hint=complaint.hint
            )
        )
    if not faults:
        _merge(merged, root.plain())
    return ordered(faults)


def _complaints(root: Node) -> list[Complaint]:
    if not isinstance(root.value, dict):
        sections = ", ".join(Configuration.__struct_fields__)
        message = f"a configuration is a mapping, and this is {what(root.value)}"
        return [Complaint((), message, f"its sections are {sections}")]
    return validate(root.plain(), Configuration, common=())[1]


def _said(complaint: Complaint) -> str:
    name = ".".join(str(step) for step in complaint.path)
    return complaint.message if complaint.at_key or not name else f"{name}: {complaint.message}"


def _parsed(text: str) -> dict[str, Any]:
    """Return what a `--set` says, as a file would."""
    path, equals, value = text.partition("=")
    steps = path.split(".")
    if not equals or len(steps) < 2 or not all(steps):
        raise UsageFault(f"--set {shown(text)} is malformed, write --set log.level=debug, say")
    document = loader.read(value)
    data: Any = None if document.root is None else document.root.plain()
    for step in reversed(steps):
        data = {step: data}
    wrong = [(fault.message, fault.hint) for fault in document.faults]
    wrong += [(_said(each), each.hint) for each in _complaints(node_of(data))]
    for message, hint in wrong:
        raise UsageFault(f"--set {shown(text)}: {message}{f', {hint}' if hint else ''}")
    return {steps[0]: data[steps[0]]}


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> None:
    """Put `above` over `below`, going down into mappings."""
    for key, value in above.items():
        under = below.get(key)
        if isinstance(value, Mapping) and isinstance(under, dict):
            _merge(under, value)
        else:
            below[key] = value
