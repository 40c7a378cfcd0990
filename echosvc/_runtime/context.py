"""Where context values are found: in the process or, in a worker, with its work."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from echosvc._runtime.current import current, current_process

work_values: ContextVar[dict[str, Any] | None] = ContextVar("echosvc.work_values", default=None)
"""Set in threads and Python processes that work for a process, and are not inside it."""


def values() -> dict[str, Any]:
    """Give the context values that hold here; not to be changed.

    Raises:
        Unavailable: This is not inside a process.
    """
    if current_process.get() is None:
        working = work_values.get()
        if working is not None:
            return working
    return current().context or {}
