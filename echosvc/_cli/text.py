"""Text that others wrote, made safe for one line of a terminal or a log."""

from __future__ import annotations

import os
import re
from typing import Final, TextIO

# Control characters (C0, DEL, C1), the line and paragraph separators, lone surrogates, and the
# marks that turn the direction of writing: what could break a line, forge one, or drive the
# terminal. Everything else, emoji and combining marks too, stays as it is.
_UNSAFE: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SHORT: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\x1b"}


def _escape(match: re.Match[str]) -> str:
    char = match.group()
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """Return `text` with every character escaped that could end the line or act on the screen."""
    return _UNSAFE.sub(_escape, text)


def escape_json(text: str) -> str:
    r"""Return JSON text with the same characters as JSON's own ``\uXXXX`` escapes."""
    return _UNSAFE.sub(lambda match: f"\\u{ord(match.group()):04x}", text)


def plural(count: int, noun: str, many: str = "") -> str:
    """Return the count with its noun: ``1 fault``, ``2 faults``, ``2 entries``."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


def wants_color(mode: str, stream: TextIO | None) -> bool:
    """Return whether to write colours to `stream`.

    `mode` is ``--color``: always, never, or auto, which asks NO_COLOR (https://no-color.org),
    FORCE_COLOR, TERM=dumb, and then whether the stream is a terminal.
    """
    if mode != "auto":
        return mode == "always"
    if stream is None or os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return os.environ.get("TERM") != "dumb" and stream.isatty()
