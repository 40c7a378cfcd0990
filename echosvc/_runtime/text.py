"""What a caller gave where a text was asked for."""

from __future__ import annotations


def is_text(value: object) -> bool:
    """Whether this is a string with something in it."""
    return isinstance(value, str) and bool(value)
