"""Where the entries come from: `--src`, or the echosvc.lock of this project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from echosvc._cli.exits import UsageFault
from echosvc._cli.settings import Settings

if TYPE_CHECKING:
    from echosvc._manifest.entry import Entry
    from echosvc._manifest.registry import Registry


def source_folder(settings: Settings) -> Path:
    """Return the folder with the manifests.

    Raises UsageFault if there is none to be found, and ManifestError for a bad echosvc.lock.
    """
    if settings.src is not None:
        folder = Path(settings.src)
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "is not there"
            raise UsageFault(f"--src {settings.src} {what}, name the folder with _index.yaml")
        return folder
    from echosvc._manifest.lock import find_lock

    lock = find_lock(Path.cwd())
    if lock is None:
        raise UsageFault(
            "there is no echosvc.lock here or in a folder above; "
            "`echosvc init` makes an application, --src names a folder with manifests"
        )
    return lock.src


def load(
    settings: Settings, overrides: Sequence[str] | None = None, *, sources: bool = True
) -> Registry:
    """Return the entries; raises ManifestError with every fault there is.

    Without `sources` the Python files aren't looked at, which is enough for a listing.
    """
    from echosvc._manifest.registry import Registry

    return Registry.load(source_folder(settings), tuple(overrides or ()), sources=sources)


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
