"""Warnings: what is no fault, and yet probably not what its author meant.

They are looked for only where there are no faults: half an application would be full of loose
ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from echosvc._manifest import mentions
from echosvc._manifest.check import ordered
from echosvc._manifest.entry import Entry
from echosvc._manifest.graph import references
from echosvc._manifest.kinds import HOSTS, ProcessPy, ProcessService, ProcessSupervisor
from echosvc._manifest.near import did_you_mean
from echosvc._manifest.paths import display
from echosvc._manifest.source import path_of
from echosvc.errors import ManifestError

if TYPE_CHECKING:
    from echosvc._manifest.registry import Registry


def advise(folder: Path | str, registry: Registry) -> list[ManifestError]:
    """Return the warnings about an application without faults, ordered by file and line."""
    entries = list(registry)
    found = mentions.gather(Path(folder).absolute())
    return ordered(
        [
            *_unused(entries, registry, found),
            *_unregistered(entries, found),
            *_without_restart(entries),
            *_without_effect(entries),
        ]
    )


def _unused(
    entries: list[Entry], registry: Registry, found: mentions.Mentions
) -> Iterator[ManifestError]:
    """Find entries that nothing starts.

    A process with `io` is for the command line, and a terminal host is what it is run on. An
    entry may be found by what it notes under `meta`, or be named in the arguments of another.
    """
    named = {
        target for entry in entries for _, target, _ in references(entry, registry.kind(entry))
    }
    named |= {text for entry in entries for text in _texts([entry.data, entry.meta])}
    for entry in entries:
        lifecycle: Any = getattr(entry.spec, "lifecycle", None)
        for_command_line = (
            entry.kind == "terminal.host"
            or "command" in entry.meta
            or not found.texts.isdisjoint(entry.meta)
            or (isinstance(entry.spec, ProcessPy) and "io" in entry.spec.modules)
        )
        starts = lifecycle is not None and lifecycle.auto_start
        if not (starts or for_command_line or entry.id in named or found.names(entry.id)):
            hint = "delete it, or write auto_start: true below its lifecycle:"
            if lifecycle is None:
                hint = "delete it, or give it a command for `echosvc run` (meta: {command: NAME})"
            yield entry.fault("nothing starts it: no entry and no source names it", hint=hint)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)


def _unregistered(entries: list[Entry], found: mentions.Mentions) -> Iterator[ManifestError]:
    """Find names that are sent to, or looked up, and that no source registers."""
    owners: dict[Path, str] = {}
    for entry in entries:
        if isinstance(entry.spec, ProcessPy):
            owners.setdefault(path_of(entry), entry.id)
    known = [pattern.pattern for pattern in found.registered]
    for use in found.used:
        if found.is_registered(use.name):
            continue
        plain = [name.replace("\\", "") for name in known]
        hint = did_you_mean(use.name, plain)
        yield ManifestError(
            f"no source registers the name {use.name}",
            file=display(use.file),
            line=use.line,
            column=use.column,
            entry=owners.get(use.file, ""),
            hint=hint or f"write process.registry.register({use.name!r}) in the process it is for",
        )


def _supervised(entries: list[Entry]) -> set[str]:
    """Return the ids of those that are a supervisor's children."""
    return {
        child.entry
        for entry in entries
        if isinstance(entry.spec, ProcessSupervisor)
        for child in entry.spec.all_children()
    }


def _without_restart(entries: list[Entry]) -> Iterator[ManifestError]:
    """Find services that say nothing about restarts; a supervisor's children needn't."""
    supervised = _supervised(entries)
    for entry in entries:
        if not isinstance(entry.spec, ProcessService) or entry.id in supervised:
            continue
        lifecycle = entry.data.get("lifecycle")
        if isinstance(lifecycle, dict) and "restart" in lifecycle:
            continue
        policy = entry.spec.lifecycle.restart
        usual = f"after {policy.initial_delay:g}s, then ever later up to {policy.max_delay:g}s"
        yield entry.fault(
            f"has no restart policy, and is restarted without an end ({usual})",
            "lifecycle",
            hint="write restart: {initial_delay: 1s, max_attempts: 0}, say, below its lifecycle:",
        )


# What of a lifecycle says nothing about an entry of this kind: a host is up when it is started and
# has a stop_timeout of its own, a supervisor is up when its children are.
_OF_NO_HOST: Final = (
    "ready",
    "restart",
    "stable_threshold",
    "start_timeout",
    "startup",
    "stop_timeout",
)
_NO_EFFECT: Final = {
    **dict.fromkeys(HOSTS, _OF_NO_HOST),
    "process.supervisor": ("ready", "start_timeout"),
}


def _without_effect(entries: list[Entry]) -> Iterator[ManifestError]:
    """Find fields of a lifecycle that do nothing where they stand."""
    supervised = _supervised(entries)
    for entry in entries:
        lifecycle = entry.data.get("lifecycle")
        if not isinstance(lifecycle, dict):
            continue
        hints = dict.fromkeys(_NO_EFFECT.get(entry.kind, ()), "delete it")
        if entry.kind in HOSTS:
            hints["stop_timeout"] = "write it beside lifecycle:, and not below it"
        elif isinstance(entry.spec, ProcessSupervisor):
            if entry.id in supervised:
                hints |= dict.fromkeys(("restart", "stable_threshold", "startup"), "delete it")
            elif entry.spec.lifecycle.startup == "required":
                ends = "delete it, or write startup: optional: the end of a required one ends all"
                hints |= dict.fromkeys(("restart", "stable_threshold"), ends)
        for field in lifecycle:
            if field in hints:
                where = "a supervisor's child" if entry.id in supervised else f"a {entry.kind}"
                yield entry.fault(
                    f"{field} has no effect on {where}", "lifecycle", field, hint=hints[field]
                )
