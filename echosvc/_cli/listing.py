"""What commands print on stdout: JSON for programs, columns for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from echosvc._cli.text import one_line


def put(text: str) -> None:
    """Print a line of data on stdout; what its encoding has no sign for is escaped."""
    if not can_show(text):
        text = text.encode(_encoding(), "backslashreplace").decode(_encoding())
    print(text)  # noqa: T201 - a command line's stdout is what it is for


def can_show(text: str) -> bool:
    """Return whether stdout has a sign for every character: ASCII and Latin-1 have few."""
    try:
        text.encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True


def _encoding() -> str:
    return getattr(sys.stdout, "encoding", None) or "utf-8"


def print_json(value: object) -> None:
    """Print a value as JSON with its keys in the order given, which stays the same."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    put(text if can_show(text) else json.dumps(value, indent=2, default=str))


def print_columns(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in columns as wide as their widest cell, the last one unpadded."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    if not cells:
        return
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        put("  ".join(padded).rstrip())
