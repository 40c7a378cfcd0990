"""How the end of a process is told to people: the log, and the event bus."""

from __future__ import annotations

import logging
import os
import types
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from echosvc._runtime.message import Result
from echosvc.errors import LinkDown, Terminated

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

log = logging.getLogger("echosvc.process")

_PACKAGE: Final = f"{Path(__file__).parents[1]}{os.sep}"


def report_end(process: Process, result: Result) -> None:
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
        report_failure(process, result)


def report_failure(process: Process, result: Result) -> None:
    """Put into the log what a process ended with, if it is an error."""
    error = result.error
    if error is None:
        return
    if isinstance(error, LinkDown | Terminated):
        if log.isEnabledFor(logging.INFO):
            fields = {"pid": process.pid, "entry": process.program.name, "reason": str(error)}
            log.info("process ended", extra={"fields": fields})
    elif isinstance(error, Exception):
        report_crash(process, error, "process crashed")


def report_crash(process: Process, error: BaseException, what: str) -> None:
    """Log an error of a process with the traceback that begins in its own code."""
    if log.isEnabledFor(logging.ERROR):
        fields = {"pid": process.pid, "entry": process.program.name, "error": summary(error)}
        info = (type(error), error, user_traceback(error))
        log.error(what, exc_info=info, extra={"fields": fields})


def split(error: BaseException) -> tuple[Exception | None, BaseException | None]:
    """Tell what a process failed with from what only passes through it.

    Ctrl-C, `SystemExit` and a cancellation from outside are not for a process to keep; in a group
    they may come along with errors that are.
    """
    if isinstance(error, Exception):
        return error, None
    if isinstance(error, BaseExceptionGroup):
        own, passing = error.split(Exception)
        return own, passing
    return None, error


def only_cancelled(error: BaseException) -> bool:
    """Whether there is nothing in this but cancellations."""
    if isinstance(error, BaseExceptionGroup):
        return all(only_cancelled(inner) for inner in error.exceptions)
    return isinstance(error, trio.Cancelled)


def summary(error: BaseException) -> str:
    """Say an error in one line: its type, its text and, for a group, what is in it."""
    if isinstance(error, BaseExceptionGroup):
        return f"{error.message}: " + "; ".join(summary(inner) for inner in error.exceptions)
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def user_traceback(error: BaseException) -> types.TracebackType | None:
    """Skip the frames of this package that a traceback begins with."""
    traceback = error.__traceback__
    while traceback is not None:
        if not traceback.tb_frame.f_code.co_filename.startswith(_PACKAGE):
            return traceback
        traceback = traceback.tb_next
    return error.__traceback__
