"""The entries of the running system: found, and changed while it runs.

::

    for entry in registry.find(kind="process.*", meta={"role": "worker"}):
        process.spawn(entry.id)

    changes = registry.changes()
    changes.create({"id": "app:new", "kind": "process.py", "source": "file://new.py"})
    changes.update("app:pool", {"args": [8]})
    changes.delete("app:old")
    version = await changes.apply()

A change happens wholly or not at all, and is checked as a manifest is. It lives as long as the
runtime: the files stay as they are. Names for PIDs are in `process.registry`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from echosvc._checks import check_count
from echosvc._library.versions import Changes, Snapshot, Version, system_of
from echosvc._manifest.entry import Entry
from echosvc._runtime.current import current

__all__ = [
    "Changes",
    "Entry",
    "Snapshot",
    "Version",
    "changes",
    "find",
    "get",
    "go_back",
    "snapshot",
    "version",
    "versions",
]


def get(id: str) -> Entry:
    """Give an entry as it is now: `id`, `kind`, `meta`, `data` (its other fields), `spec`.

    Raises:
        NotFound: There is none; near ids are named.
        Invalid: It is no text.
        Unavailable: The runtime was opened without manifests.
    """
    return snapshot().get(id)


def find(
    *,
    kind: str | None = None,
    namespace: str | None = None,
    meta: Mapping[str, Any] | None = None,
) -> list[Entry]:
    """Give the entries that fit all that is asked for, in the order of the manifests.

    Args:
        kind: A glob: ``process.py``, ``process.*``.
        namespace: A glob.
        meta: What must stand below the entry's `meta`.

    Raises:
        Invalid: A glob is no text, or `meta` no dict.
        Unavailable: The runtime was opened without manifests.
    """
    return snapshot().find(kind=kind, namespace=namespace, meta=meta)


def snapshot() -> Snapshot:
    """Give all entries as they are now; what comes later changes nothing in it.

    Raises:
        Unavailable: The runtime was opened without manifests.
    """
    system = system_of(current().runtime)
    return Snapshot(system.registry, system.versions[-1].number)


def changes() -> Changes:
    """Begin a change to the entries as they are now.

    Raises:
        Unavailable: The runtime was opened without manifests.
    """
    return Changes(current().runtime)


def version() -> int:
    """Give the number of the current version; each change is one more.

    Raises:
        Unavailable: The runtime was opened without manifests.
    """
    return versions()[-1].number


def versions() -> tuple[Version, ...]:
    """Give the versions that there is a way back to, the oldest first; the last is the current.

    Raises:
        Unavailable: The runtime was opened without manifests.
    """
    return system_of(current().runtime).versions


async def go_back(number: int) -> int:
    """Make the entries what they were in an earlier version; that is a new version, whose number
    is given.

    What it does, raises and promises is as for `Changes.apply`. Cancelled, it happens wholly, or,
    before it has begun, not at all.

    Raises:
        NotFound: There is no such version any more, or there never was.
        Invalid: It is no number of a version.
    """
    check_count("number", number, least=1)
    return await system_of(current().runtime).go_back(number)
