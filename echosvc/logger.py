"""Structured logging for processes, through the standard `logging`.

::

    logger.info("worker exited", worker=pid, result=0)

Each record is an ordinary one of the logger ``echosvc.app.<name>``, with the fields in
``record.fields``: a dict that begins with the PID. Who sees them is the program's business.
Anything may be the message, and is logged as `str` shows it.
"""

from __future__ import annotations

import logging
from typing import Any

from echosvc._checks import check_dict, check_text
from echosvc._runtime.current import current_process

__all__ = ["Logger", "bind", "debug", "error", "info", "named", "warn"]


class Logger:
    """A name, and fields that go with each record.

    Raises:
        Invalid: The name is no text, or the fields are no dict with texts for keys.
    """

    __slots__ = ("_fields", "_log", "_name")

    def __init__(self, name: str | None = None, fields: dict[str, Any] | None = None) -> None:
        if name is not None:
            check_text("name", name)
        if fields is not None:
            check_dict("fields", fields)
        self._name = name
        self._log = None if name is None else logging.getLogger(f"echosvc.app.{name}")
        self._fields = {} if fields is None else fields

    def named(self, name: str) -> Logger:
        """Give a logger with this name; without one it is the process's entry.

        Raises:
            Invalid: It is no text.
        """
        return Logger(name, self._fields)

    def bind(self, **fields: Any) -> Logger:
        """Give a logger that adds these fields to each record."""
        return Logger(self._name, {**self._fields, **fields})

    def debug(self, message: object, /, **fields: Any) -> None:
        """Log what only helps to find a fault."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: object, /, **fields: Any) -> None:
        """Log what happens."""
        self._write(logging.INFO, message, fields)

    def warn(self, message: object, /, **fields: Any) -> None:
        """Log what somebody should look at."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: object, /, **fields: Any) -> None:
        """Log what went wrong."""
        self._write(logging.ERROR, message, fields)

    def _write(self, level: int, message: object, fields: dict[str, Any]) -> None:
        process = current_process.get()
        log = self._log
        if log is None:
            entry = "main" if process is None else process.program.name
            log = logging.getLogger(f"echosvc.app.{entry.replace(':', '.')}")
        if not log.isEnabledFor(level):
            return
        every = {**self._fields, **fields}
        if process is not None and "pid" not in every:
            every = {"pid": process.pid, **every}
        # The message is the caller's text as it is, so it must not be read as a format.
        log.log(level, "%s", message, extra={"fields": every}, stacklevel=3)


_plain = Logger()


def debug(message: object, /, **fields: Any) -> None:
    """Log what only helps to find a fault."""
    _plain._write(logging.DEBUG, message, fields)


def info(message: object, /, **fields: Any) -> None:
    """Log what happens."""
    _plain._write(logging.INFO, message, fields)


def warn(message: object, /, **fields: Any) -> None:
    """Log what somebody should look at."""
    _plain._write(logging.WARNING, message, fields)


def error(message: object, /, **fields: Any) -> None:
    """Log what went wrong."""
    _plain._write(logging.ERROR, message, fields)


def bind(**fields: Any) -> Logger:
    """Give a logger that adds these fields to each record."""
    return _plain.bind(**fields)


def named(name: str) -> Logger:
    """Give a logger with a name of its own; without one it is the process's entry.

    Raises:
        Invalid: It is no text.
    """
    return _plain.named(name)
