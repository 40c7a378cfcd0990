"""Arguments that cannot be meant, refused where they are given and before anything is done.

The words are those of a manifest's faults: ``max_processes=-1`` in code and ``max_processes: -1``
in a file are one mistake. Each begins with the argument's name. Durations are checked where they
are read, by `echosvc.time.seconds_of`; what no other place knows (a PID, a topic, a process's name)
is checked in its own.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from echosvc.errors import Invalid, Unavailable

_LONGEST: Final = 60


def given(value: object) -> str:
    """Say what was given: a plain value as it is, of anything else the type.

    To ask somebody's own object for its text could raise, or never end.
    """
    if value is None or isinstance(value, bool):
        return str(value)
    for kind in (str, int, float):
        if isinstance(value, kind):
            try:
                shown = kind.__repr__(value)
            except ValueError:  # more digits than Python writes
                return "an int that is too long to show"
            return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"
    return type(value).__name__


def expected(what: str, wanted: str, value: object) -> Invalid:
    """Make the error for a value of a wrong type."""
    kind = "nothing" if value is None else type(value).__name__
    return Invalid(f"{what}: expected {wanted}, got {kind}")


def check_text(what: str, value: object, *, empty: bool = False) -> None:
    """Refuse what is no text, and one with nothing in it unless it may be `empty`."""
    if not isinstance(value, str):
        raise expected(what, "str", value)
    if not value and not empty:
        raise Invalid(f"{what}: expected str of length >= 1, got ''")


def texts_of(what: str, values: Any) -> tuple[str, ...]:
    """Refuse what is no list of texts; a text alone would be taken letter by letter."""
    if isinstance(values, str | bytes | Mapping):
        raise expected(what, "a list of str", values)
    try:
        found = tuple(values)
    except TypeError:
        raise expected(what, "a list of str", values) from None
    for value in found:
        check_text(what, value, empty=True)
    return found


def check_count(what: str, value: object, least: int = 0) -> None:
    """Refuse what is no whole number, or less than `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise expected(what, "int", value)
    if value < least:
        raise Invalid(f"{what}: expected int >= {least}, got {given(value)}")


def check_finite(what: str, value: Any, least: float = -math.inf, most: float = math.inf) -> None:
    """Refuse what is no number that can be reckoned with, or is not from `least` to `most`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise expected(what, "float", value)
    try:
        finite = math.isfinite(value)
    except OverflowError:  # an int that is too large for a float
        finite = False
    if not finite:
        raise Invalid(f"{what}: expected a finite float, got {given(value)}")
    if value < least:
        raise Invalid(f"{what}: expected float >= {least:.1f}, got {given(value)}")
    if value > most:
        raise Invalid(f"{what}: expected float <= {most:.1f}, got {given(value)}")


def check_word(what: str, value: object, words: Sequence[str]) -> None:
    """Refuse what is none of these words."""
    wanted = f"{', '.join(words[:-1])} or {words[-1]}"
    if not isinstance(value, str):
        raise expected(what, wanted, value)
    if value not in words:
        raise Invalid(f"{what}: expected {wanted}, got {given(value)}")


def check_flag(what: str, value: object) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        raise expected(what, "bool", value)


def check_dict(what: str, value: Any, kind: type = dict) -> None:
    """Refuse what is no dict (or another mapping, if that is the `kind`) whose keys are texts."""
    if not isinstance(value, Mapping) or not isinstance(value, kind):
        raise expected(what, "a dict", value)
    for key in value:
        check_text(f"a key of {what}", key, empty=True)


def check_function(what: str, value: object) -> None:
    """Refuse what cannot be called."""
    if not callable(value):
        raise expected(what, "a function", value)


def check_async(what: str, value: object) -> None:
    """Refuse what cannot be called, and a `def` that somebody forgot the `async` of.

    A lambda may well give an awaitable, and so may any other object.
    """
    if not callable(value):
        raise expected(what, "an async function", value)
    fn = inspect.unwrap(value)
    if inspect.isfunction(fn) and fn.__name__ != "<lambda>" and not inspect.iscoroutinefunction(fn):
        raise Invalid(f"{what}: expected an async function, got the 'def' {fn.__qualname__}")


def check_instance(what: str, value: object, kind: type | tuple[type, ...], wanted: str) -> None:
    """Refuse what is not of a kind; `wanted` is its name for people."""
    if not isinstance(value, kind):
        raise expected(what, wanted, value)


def check_in_trio(what: str) -> None:
    """Refuse to go on where no trio runs, such as under asyncio."""
    import trio  # late: manifests are checked without it

    if not trio.lowlevel.in_trio_task():
        raise Unavailable(
            f"{what} needs trio.run: use it in an async function that is run by trio.run(), "
            "not by asyncio.run()",
            retryable=False,
        )
