"""Paths, as they are used and as a person reads them."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: Path | str) -> Path:
    """Return a path from the root on, links left as they are: they are what a person knows."""
    try:
        return Path(os.path.abspath(path))  # noqa: PTH100  # Path.absolute keeps the `..`
    except OSError:  # the current folder has been deleted
        return Path(path)


def display(path: Path | str) -> str:
    """Return a path as a person at the current folder would write it."""
    full = str(absolute(path))
    try:
        here = os.getcwd()  # noqa: PTH109  # as a string, for a prefix
    except OSError:
        return full
    return full.removeprefix(here.rstrip("/") + "/")
