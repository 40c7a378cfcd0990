"""Which process is running: each task of a process knows, through a context variable."""

from __future__ import annotations

from contextvars import ContextVar
from threading import get_ident
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
        Unavailable: It belongs to none, or to one that has ended; or this is no task, but a thread.
    """
    process = get_current()
    if process is not None and process.thread == get_ident():
        return process
    raise Unavailable(_why_none(process))


def _why_none(process: Process | None) -> str:
    if process is None:
        return (
            "this is not inside a process; make the current task one with "
            "'async with runtime.attach():'"
        )
    if process.ended:
        return f"this task belonged to process {process.pid}, which has ended"
    # A thread that a task starts with trio.to_thread has a copy of its context variables.
    return (
        f"this thread is not the one in which process {process.pid} runs; go back to that with "
        "'trio.from_thread.run_sync(...)'"
    )
