"""Context values: what a process is told by those who started it, and tells those it starts.

::

    process.with_context({"user": 7}).spawn("app:cart")

    user = ctx.get("user")        # in app:cart, in what it spawns, and in the functions it calls

Values are given at a start and don't change after it. They are for what goes along with work
through code that need not know of it (a request's id, a user, a locale); what a process needs in
order to work is better an argument.
"""

from __future__ import annotations

from typing import Any, Final

from echosvc._checks import check_text
from echosvc._runtime.context import values
from echosvc._runtime.snapshot import snapshot
from echosvc.errors import NotFound

__all__ = ["all", "get"]

_NONE: Final = object()


def get(key: str, default: Any = _NONE) -> Any:
    """Give a context value; a snapshot, as the processes that have it share nothing.

    Raises:
        NotFound: There is none, and no default.
        Invalid: The key is no text.
        Unavailable: This is not inside a process.
    """
    found = values()
    check_text("key", key, empty=True)
    if key in found:
        return snapshot(found[key])
    if default is not _NONE:
        return default
    known = ", ".join(sorted(found)) or "none"
    raise NotFound(f"no context value {key!r} (there are: {known})")


def all() -> dict[str, Any]:
    """Give all context values, as a snapshot.

    Raises:
        Unavailable: This is not inside a process.
    """
    copy: dict[str, Any] = snapshot(values())
    return copy
