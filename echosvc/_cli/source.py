"""Where the entries come from: `--src`, or the echosvc.lock of this project."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from echosvc._cli.exits import UsageFault, shown_path
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
    from echosvc._manifest import lock

    found = lock.find(Path.cwd())
    if found is None:
        raise UsageFault(
            "there is no echosvc.lock here or in a folder above; "
            "`echosvc init` makes an application, --src names a folder with manifests"
        )
    return lock.read(found).src


def load(settings: Settings, overrides: Sequence[str] = ()) -> Registry:
    """Return the entries; raises ManifestError with every fault there is."""
    from echosvc._manifest.registry import Registry

    return Registry.load(source_folder(settings), overrides)


def entry_of(registry: Registry, id: str, option: str, *, kinds: Sequence[str] = ()) -> Entry:
    """Return the entry that an option names.

    Raises UsageFault, with the near names, if there is none of one of these kinds.
    """
    if id in registry:
        entry = registry.get(id)
        if not kinds or entry.kind in kinds:
            return entry
        found = [each.id for kind in kinds for each in registry.find(kind=kind)]
        hint = f"of that kind there is {', '.join(found)}" if found else "there is none"
        raise UsageFault(
            f"{option} {id} is a {entry.kind} and should be a {' or '.join(kinds)}; {hint}"
        )
    near = [each for each in registry.near(id) if not kinds or registry.get(each).kind in kinds]
    hint = f"did you mean {' or '.join(near)}?" if near else "`echosvc registry list` shows all"
    raise UsageFault(f"{option} {id}: there is no such entry, {hint}")


__all__ = ["entry_of", "load", "shown_path", "source_folder"]
