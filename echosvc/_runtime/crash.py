"""How the end of a process is told to people: the log, and the event bus."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from echosvc._exceptions import is_a, text_of, words_of
from echosvc._records import write
from echosvc._runtime.message import Result
from echosvc._tasks import THROUGH
from echosvc.errors import LinkDown, Terminated

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

log = logging.getLogger("echosvc.process")

WHO: Final = ("pid", "entry", "names")
"""The fields that say which process it is; `who` says them in a message."""


class HostCancelled(Terminated):
    """Ended because all of its host is cancelled: nobody asked for the end of this process."""

    def __init__(self) -> None:
        super().__init__(reason="its host was cancelled")


def who(process: Process, names: Iterable[str] | None = None) -> str:
    """Say which process it is: its PID, what it runs and what it is, or was, called."""
    called = ", ".join(process.names or () if names is None else names)
    return f"process {process.pid} ({process.program.name}{called and ', named '}{called})"


def fields_of(process: Process, names: Iterable[str] | None = None) -> dict[str, object]:
    """Give the same as fields of a record."""
    fields: dict[str, object] = {"pid": process.pid, "entry": process.program.name}
    called = tuple(process.names or () if names is None else names)
    if called:
        fields["names"] = called
    return fields


def report_end(process: Process, result: Result, names: Iterable[str]) -> None:
    """Put the end of a process on the event bus and, if it failed, into the log: once."""
    bus = process.runtime.bus
    if bus.listening:
        bus.emit(
            "process",
            "ended",
            process.pid,
            entry=process.program.name,
            error=result.error,
            lived=process.ended_at - process.started_at,
        )
    if not process.waited_for:  # who waits for the result is raised the error, and answers for it
        report_failure(process, result, names)


def report_failure(process: Process, result: Result, names: Iterable[str] = ()) -> None:
    """Put into the log what a process ended with, if it is an error."""
    error = result.error
    if error is None or is_a(error, THROUGH):  # the program says what that was
        return
    if not is_a(error, (LinkDown, Terminated)):
        report_crash(process, error, "crashed", names)
    elif process.host.stopping or is_a(error, HostCancelled):
        process.host.ended += 1  # they may be ten thousand: the host says it of all together
    elif log.isEnabledFor(logging.INFO):
        reason = words_of(error)
        text = f"{who(process, names)} ended: {reason}"
        fields = {**fields_of(process, names), "reason": reason}
        _write(process, logging.INFO, text, fields, said=(*WHO, "reason"))


def report_crash(
    process: Process, error: BaseException, what: str, names: Iterable[str] | None = None
) -> None:
    """Log an error of a process with the traceback that begins in its own code; never raises."""
    if not log.isEnabledFor(logging.ERROR):
        return
    failure = text_of(error)
    text = f"{who(process, names)} {what}: {failure}"
    fields = {**fields_of(process, names), "error": failure}
    _write(process, logging.ERROR, text, fields, said=(*WHO, "error"), error=error)


def report_mishap(process: Process, error: BaseException, what: str) -> None:
    """Report what went wrong while a process was brought to its end; never raises.

    It is not the process's own error, and must not keep the rest of that from being done.
    """
    if is_a(error, THROUGH):
        process.runtime.fall(error)
    else:
        report_crash(process, error, what)


def _write(process: Process, *record: Any, **parts: Any) -> None:
    try:
        write(log, *record, **parts)
    except THROUGH as exc:  # out of a filter, say: it ends the program, and not what is going on
        process.runtime.fall(exc)
