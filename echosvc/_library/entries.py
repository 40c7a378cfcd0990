"""The entries of the running system, as they are now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echosvc._checks import check_text
from echosvc._manifest.entry import Entry
from echosvc._manifest.registry import Registry
from echosvc.errors import Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime


def registry_of(runtime: Runtime) -> Registry:
    """Give the current registry.

    Raises:
        Unavailable: The runtime was opened without manifests.
    """
    if runtime.registry is None:
        raise Unavailable("this runtime was opened without manifests; it has no registry")
    return runtime.registry


def entry_of(runtime: Runtime, id: str, kinds: tuple[str, ...], what: str) -> Entry:
    """Give the entry with this id.

    Raises:
        NotFound: There is none.
        Invalid: It is no text, or of another kind; `what` says what was wanted.
    """
    check_text(what, id)
    if runtime.registry is None:
        raise NotFound(f"no entry {id}: this runtime was opened without manifests")
    entry = runtime.registry.get(id)
    if entry.kind not in kinds:
        raise Invalid(f"{id} is a {entry.kind}, and no {what} ({' or '.join(kinds)})")
    return entry
