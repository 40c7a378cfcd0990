"""ANSI escape codes: when they may go out, how to take them away, how wide text is without them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final, Literal

__all__ = [
    "CALM",
    "DUMB",
    "Color",
    "EscapeFilter",
    "Escapes",
    "allowed_escapes",
    "display_width",
    "erase_rows",
    "prompt_text",
]

Color = Literal["auto", "always", "never"]

_CSI: Final = r"\x1b\[[0-?]*[ -/]*[@-~]"
_OSC: Final = r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
_STRING: Final = r"\x1b[PX^_][^\x1b]*\x1b\\"
_SHORT: Final = r"\x1b[ -/]*[0-OQ-WYZ\\`-~]"
_ESCAPE: Final = re.compile(rf"{_CSI}|{_OSC}|{_STRING}|{_SHORT}|\x1b")
_SGR: Final = re.compile(r"\x1b\[[0-9;:]*m")
_NOT_SGR: Final = re.compile(rf"(?!\x1b\[[0-9;:]*m)(?:{_ESCAPE.pattern})|[\x00-\x08\x0a-\x1a\x7f]")
_UNFINISHED: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?|[PX^_][^\x1b]*\x1b?|[ -/]*)\Z"
)
_LONGEST: Final = 4096
"""An escape code that is not finished after this many characters is no escape code."""

CALM: Final = "\x1b[0m\x1b[?25h\x1b[?2004l"
"""Colours off, cursor on, bracketed paste off: what a shell expects of a terminal."""
DUMB: Final = frozenset({"dumb", "unknown"})
"""The TERM of terminals that know nothing but text."""


class Escapes(Enum):
    """Which escape codes may go out."""

    ALL = "all"
    UNCOLORED = "uncolored"
    """All but colours and weights: a terminal whose user asked for NO_COLOR."""
    NONE = "none"


def allowed_escapes(*, isatty: bool, color: Color, environ: Mapping[str, str]) -> Escapes:
    """Say which escape codes may go to a stream.

    In this order, as CPython's own tracebacks have it: the explicit choice, NO_COLOR, FORCE_COLOR,
    ``TERM=dumb``, and at last whether the stream is a terminal. An empty variable counts as unset
    (https://no-color.org).
    """
    capable = isatty and environ.get("TERM") not in DUMB
    colored = capable
    if color != "auto":
        colored = color == "always"
    elif environ.get("NO_COLOR"):
        colored = False
    elif environ.get("FORCE_COLOR"):
        colored = True
    if colored:
        return Escapes.ALL
    return Escapes.UNCOLORED if capable else Escapes.NONE


class EscapeFilter:
    """Takes escape codes that have no place out of a stream of text.

    A code may come in pieces, in several writes; its first part is kept until the rest is there.
    """

    def __init__(self, allowed: Escapes) -> None:
        self._allowed = allowed
        self._unfinished = ""

    def __call__(self, text: str) -> str:
        if self._allowed is Escapes.ALL:
            return text
        if not self._unfinished and "\x1b" not in text:
            return text
        text = self._unfinished + text
        self._unfinished = ""
        cut = _UNFINISHED.search(text)
        if cut is not None and len(text) - cut.start() <= _LONGEST:
            self._unfinished = text[cut.start() :]
            text = text[: cut.start()]
        return (_ESCAPE if self._allowed is Escapes.NONE else _SGR).sub("", text)


def display_width(text: str) -> int:
    """Count the columns that a line takes on the screen: wide characters two, combining ones none.

    After a carriage return the line starts again; its widest part counts.
    """
    from rich.cells import cell_len  # costs milliseconds, and pipes never need it

    plain = _ESCAPE.sub("", text).expandtabs(8)
    return max(cell_len(part) for part in plain.split("\r"))


def erase_rows(rows: int) -> str:
    """Return what erases so many rows, from the one with the cursor upwards, and leaves it there.

    Row by row: from the first row of the screen on, ``ESC [ J`` is a cleared screen to tmux, which
    keeps what was there in its history, each time again.
    """
    return "\r\x1b[2K" + "\x1b[A\x1b[2K" * (rows - 1)


def prompt_text(text: str) -> str:
    """Reduce an unfinished line to what a line editor can draw: text, tabs and colours."""
    return _NOT_SGR.sub("", text.rsplit("\r", 1)[-1])
