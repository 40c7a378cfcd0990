"""Logging, configured for the time of one run and put back as it was after it.

A record is one line, whatever is in it: line ends and control characters in messages and values
come out escaped, so that nobody who controls a value can forge a line or drive the terminal. The
one exception is the traceback of a crash, indented under its line.

Text, for people (the date is left out where the log goes to a screen)::

    2026-03-01 12:00:00.123 INFO  app:relay {app:processes|0x00001} relay started workers=3

JSON, one object a line, always with these keys: ``time`` (UTC), ``level``, ``logger``, ``pid``
(null outside a process), ``message``, ``fields``, and ``error`` (null, or ``type``, ``message``
and ``traceback``).
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from echosvc._cli.exits import summary, where
from echosvc._cli.settings import Settings
from echosvc._cli.text import escape_json, one_line, wants_color
from echosvc._cli.tracebacks import format_error
from echosvc._exceptions import leaves, text_of, type_of, words_of

_LEVEL_COLOR: Final = {
    logging.DEBUG: "\x1b[2m",
    logging.INFO: "\x1b[32m",
    logging.WARNING: "\x1b[33m",
    logging.ERROR: "\x1b[31m",
    logging.CRITICAL: "\x1b[1;31m",
}
_DIM: Final = "\x1b[2m"
_RESET: Final = "\x1b[0m"
_OF_PROCESSES: Final = "echosvc.app."
"""What stands before the names of the loggers that processes use."""
_DEEPEST: Final = 8
"""How deep values are followed into lists and dicts; below, their repr."""

OFF: Final = logging.CRITICAL + 1
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "off": OFF,
}


def level_of(settings: Settings, *, terminal: bool, configured: str | None = None) -> int:
    """Return where the log of a run begins: what the options ask for, else what is configured.

    INFO by default, WARNING where a process has the terminal and log lines would be in its way.
    """
    if settings.silent:
        return OFF
    if settings.verbose >= 2:
        return logging.DEBUG
    if settings.verbose == 1:
        return logging.INFO
    if configured is not None:
        return LEVELS[configured]
    return logging.WARNING if terminal else logging.INFO


class LogHandler(logging.Handler):
    """Writes finished lines to stderr, or through `write` while somebody owns the screen.

    Each line is written whole and at once, from whichever thread: none waits in a buffer that the
    end of the program could lose.
    """

    def __init__(self) -> None:
        super().__init__()
        self.write: Callable[[str], None] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Format and write a record; a failure to do so is told by `handleError`."""
        try:
            text = self.format(record)
        except Exception as exc:  # noqa: BLE001 - a value whose repr raises must not end a process
            text = f"{record.levelname} {record.name} a record could not be formatted: "
            text += one_line(text_of(exc))
        try:
            if self.write is not None:
                self.write(text)
            elif sys.stderr is not None:
                sys.stderr.write(text + "\n")
                sys.stderr.flush()
        except OSError:
            return  # stderr is gone: there is nowhere left to say so
        except Exception:  # noqa: BLE001 - logging's own way to tell of a broken handler
            self.handleError(record)

    @contextmanager
    def through(self, write: Callable[[str], None]) -> Iterator[None]:
        """Write through `write` for the block: a terminal's, which keeps its prompt whole."""
        before, self.write = self.write, write
        try:
            yield
        finally:
            self.write = before


@contextmanager
def logging_to_stderr(
    settings: Settings, *, terminal: bool, level: str | None = None, form: str = "text"
) -> Iterator[LogHandler]:
    """Configure the standard logging, and Python's warnings, for the block.

    `level` and `form` are the configuration's, for where the options say nothing.
    """
    handler = LogHandler()
    if (settings.log_format or form) == "json":
        handler.setFormatter(JsonFormatter())
    else:
        screen = sys.stderr is not None and sys.stderr.isatty()
        handler.setFormatter(
            TextFormatter(
                color=wants_color(settings.color, sys.stderr),
                date=not screen,
                tracebacks=settings.tracebacks or not terminal,
            )
        )
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level_of(settings, terminal=terminal, configured=level))
    logging.captureWarnings(capture=True)
    try:
        yield handler
    finally:
        logging.captureWarnings(capture=False)
        root.setLevel(before)
        root.removeHandler(handler)
        handler.close()


class TextFormatter(logging.Formatter):
    """Formats a record for a person's eye.

    Args:
        color: Whether levels and what stands aside are coloured.
        date: Whether the date stands before the time.
        tracebacks: Whether a crash shows its frames under its line, or only its last place on it.
    """

    def __init__(self, *, color: bool, date: bool, tracebacks: bool) -> None:
        super().__init__()
        self.color = color
        self.date = date
        self.tracebacks = tracebacks

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line, and a traceback's lines under it."""
        name, pid, fields = _parts(record)
        said = getattr(record, "said", ())  # by the message: `_records.write` knows
        pairs = [
            (one_line(str(key)), _text(value)) for key, value in fields.items() if key not in said
        ]
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            if "error" not in fields:
                pairs += [("error", _quoted(summary(error)))]
            if not self.tracebacks and (place := where(leaves(error)[0])):
                pairs += [("at", _quoted(place))]
        parts = [
            self._dim(self._time(record.created)),
            self._level(record),
            one_line(name),
            *([self._dim(one_line(pid))] if pid and "pid" not in said else []),
            one_line(record.getMessage()),
            *(f"{self._dim(key + '=')}{value}" for key, value in pairs),
        ]
        line = " ".join(parts)
        if error is not None and self.tracebacks:
            line += "\n" + _indented(_traceback(record))
        if record.stack_info:
            line += "\n" + _indented(record.stack_info)
        return line

    def _time(self, created: float) -> str:
        local = time.localtime(created)
        shape = "%Y-%m-%d %H:%M:%S" if self.date else "%H:%M:%S"
        return f"{time.strftime(shape, local)}.{int(created % 1 * 1000):03d}"

    def _level(self, record: logging.LogRecord) -> str:
        name = {"WARNING": "WARN", "CRITICAL": "FATAL"}.get(record.levelname, record.levelname)
        name = f"{name:<5}"
        return f"{_LEVEL_COLOR.get(record.levelno, '')}{name}{_RESET}" if self.color else name

    def _dim(self, text: str) -> str:
        return f"{_DIM}{text}{_RESET}" if self.color else text


class JsonFormatter(logging.Formatter):
    """Formats a record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record's line."""
        error = record.exc_info[1] if record.exc_info else None
        name, pid, fields = _parts(record)
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": name,
            "pid": pid,
            "message": record.getMessage(),
            "fields": {str(key): plain(value) for key, value in fields.items()},
            "error": None
            if error is None
            else {
                "type": type_of(error),
                "message": words_of(error),
                "traceback": _traceback(record),
            },
        }
        return escape_json(json.dumps(entry, ensure_ascii=not _utf8(), allow_nan=False))


def _parts(record: logging.LogRecord) -> tuple[str, str | None, dict[str, Any]]:
    """Return the logger's name, the PID of the process that logs, and the other fields."""
    given = getattr(record, "fields", None)
    fields = dict(given) if isinstance(given, Mapping) else {}
    pid = fields.pop("pid", None)
    name = record.name.removeprefix(_OF_PROCESSES)
    return name, None if pid is None else str(pid), fields


def _utf8() -> bool:
    encoding = getattr(sys.stderr, "encoding", None) or ""
    return encoding.lower().replace("-", "") == "utf8"


def plain(value: object, depth: int = 0) -> Any:
    """Return `value` as what JSON can say, by its text where JSON has no word for it."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, BaseException):
        return summary(value)
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(key): plain(inner, depth + 1) for key, inner in value.items()}
    if depth < _DEEPEST and isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner, depth + 1) for inner in value]
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, BaseException):
        return _quoted(summary(value))
    if isinstance(value, (Mapping, list, tuple, set, frozenset)):
        return one_line(json.dumps(plain(value), ensure_ascii=False))
    return _quoted(str(value))


def _quoted(text: str) -> str:
    """Return `text` in quotes if without them nobody could tell where it ends."""
    if text and text.isprintable() and not any(char in text for char in " \"'="):
        return text
    return one_line(json.dumps(text, ensure_ascii=False))


def _traceback(record: logging.LogRecord) -> str:
    # As the record has it: who logs a crash may have left out frames that are only in the way.
    _, error, tb = record.exc_info or (None, None, None)
    return "" if error is None else format_error(error, tb)


def _indented(text: str) -> str:
    return "\n".join("    " + one_line(line) for line in text.rstrip("\n").split("\n"))
