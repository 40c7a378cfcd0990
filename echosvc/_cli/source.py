"""Where a command finds the entries (`--src`, or the nearest echosvc.lock), and loads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from echosvc._cli.exits import UsageFault
from echosvc._cli.settings import Settings
from echosvc.errors import ManifestError

if TYPE_CHECKING:
    from echosvc._cli.config import Configuration
    from echosvc._manifest.entry import Entry
    from echosvc._manifest.registry import Registry


@dataclass(frozen=True)
class Project:
    """Where the entries of a command are, and the folder that belongs to them.

    `folder` is that of the echosvc.lock, or the current one where `--src` names the entries.
    """

    src: Path
    folder: Path


def find_project(settings: Settings) -> Project:
    """Return what the command is about.

    Raises UsageFault if there is nothing to be found, and ManifestError for a bad echosvc.lock.
    """
    if settings.src is not None:
        src = Path(settings.src)
        if not src.is_dir():
            what = "is not a folder" if src.exists() else "is not there"
            raise UsageFault(f"--src {settings.src} {what}, name the folder with _index.yaml")
        return Project(src, _here())
    from echosvc._manifest.lock import find_lock

    lock = find_lock(_here())
    if lock is None:
        raise UsageFault(
            "there is no echosvc.lock here or in a folder above; "
            "`echosvc init` makes an application, --src names a folder with manifests"
        )
    return Project(lock.src, lock.file.parent)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        message = "the current folder has been deleted, change to one that is there"
        raise UsageFault(message) from None


def load(
    settings: Settings, overrides: Sequence[str] | None = None, *, sources: bool = True
) -> tuple[Registry, Configuration]:
    """Return the entries and the configuration.

    Raises ManifestError with every fault there is, those of the configuration first. Without
    `sources` the Python files aren't looked at, which is enough for a listing.
    """
    from echosvc._cli.config import Configuration, configure
    from echosvc._manifest.registry import Registry

    project = find_project(settings)
    configuration = Configuration()
    faults: list[ManifestError] = []
    try:
        configuration = configure(settings, project.folder)
    except ManifestError as error:
        faults += error.faults
    try:
        registry = Registry.load(
            project.src,
            tuple(overrides or ()),
            sources=sources,
            defaults=configuration.defaults,
        )
    except ManifestError as error:
        faults += error.faults
    if faults:
        faults[0].faults = tuple(faults)
        raise faults[0]
    return registry, configuration


def entry_of(registry: Registry, id: str, option: str = "", *, kinds: Sequence[str] = ()) -> Entry:
    """Return the entry that the command line names, by an option or an argument.

    Raises UsageFault, with the near names, if there is none of one of these kinds.
    """
    named = f"{option} {id}".lstrip()
    if id not in registry:
        near = registry.near(id, kinds)
        hint = f"did you mean {' or '.join(near)}?" if near else "`echosvc registry list` shows all"
        raise UsageFault(f"{named} names no entry, {hint}")
    entry = registry.get(id)
    if kinds and entry.kind not in kinds:
        fit = [each.id for kind in kinds for each in registry.find(kind=kind)]
        hint = f"there is {', '.join(fit)}" if fit else "and there is none"
        raise UsageFault(f"{named} is a {entry.kind}, it takes a {' or '.join(kinds)}: {hint}")
    return entry
