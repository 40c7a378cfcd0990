"""Tracebacks for a person's eye: they begin in the application's own code.

What stands above it, the command line, trio and echosvc calling the application, is the same each
time and says nothing. And the exception is somebody else's object: it is shown whatever it is.
"""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from types import TracebackType
from typing import Final

from echosvc._exceptions import can_be_shown, leaves, text_of, traceback_of

_PACKAGE: Final = Path(__file__).parent.parent
_STDLIB: Final = Path(os.__file__).parent
MOST_SHOWN: Final = 10
"""So many errors of a group that cannot be shown as Python does are shown one by one."""


def is_library(filename: str) -> bool:
    """Return whether a file is echosvc's, Python's or an installed package's."""
    path = Path(filename)
    return (
        "site-packages" in path.parts
        or path.is_relative_to(_PACKAGE)
        or path.is_relative_to(_STDLIB)
        or filename.startswith("<")
    )


def format_error(error: BaseException, tb: TracebackType | None = None) -> str:
    """Return an error as Python shows it, with the frames from the application's first one on.

    Args:
        error: What was raised.
        tb: Its traceback, where somebody has left out a part of it already.
    """
    tb = traceback_of(error) if tb is None else tb
    if not can_be_shown(error):
        return _plainly(error, "there is too much in it")
    try:
        shown = traceback.TracebackException(type(error), error, tb)
        _begin_in_own_code(shown)
        return "".join(shown.format())
    except Exception as exc:  # noqa: BLE001 - of what its author has made of it, or of its depth
        return _plainly(error, text_of(exc))


def _begin_in_own_code(shown: traceback.TracebackException) -> None:
    todo = [shown]
    seen = set()
    while todo:
        each = todo.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        own = [place for place, frame in enumerate(each.stack) if not is_library(frame.filename)]
        if own:
            del each.stack[: own[0]]
        elif each.exceptions:  # a group that our own nurseries have made: those in it say where
            each.stack.clear()
        todo += [other for other in (each.__cause__, each.__context__) if other is not None]
        todo += each.exceptions or ()


def _plainly(error: BaseException, why: str) -> str:
    lines = [f"{text_of(error)}\n", f"(not shown in full: {why})\n"]
    for leaf in leaves(error)[:MOST_SHOWN]:
        lines += traceback.format_tb(traceback_of(leaf))
        lines.append(f"{text_of(leaf)}\n")
    return "".join(lines)
