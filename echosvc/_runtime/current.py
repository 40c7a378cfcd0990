"""Which process is running: each task of a process knows, through a context variable."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from echosvc.errors import Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

current_process: ContextVar[Process | None] = ContextVar("echosvc.process", default=None)

get_current: Final = current_process.get
"""Bound once: to look `get` up at an imported object takes as long as the call."""


def current() -> Process:
    """Give the process that the running task belongs to.

    Raises:
        Unavailable: It belongs to none, or to one that has ended.
    """
    process = get_current()
    if process is None:
        raise Unavailable(
            "this is not inside a process; make the current task one with "
            "'async with runtime.attach():'"
        )
    if process.ended:
        raise Unavailable(f"this task belonged to process {process.pid}, which has ended")
    return process
