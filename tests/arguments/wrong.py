"""Values that are not what a parameter asks for, with the words that they are refused with."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any, Final

Bad = tuple[Any, str]


class Hostile:
    """Something of somebody's own that shows nothing of itself."""

    __hash__ = None  # type: ignore[assignment]  # that is the point

    def __repr__(self) -> str:
        raise RuntimeError("I have no text")

    __str__ = __repr__


def synchronous(*args: Any) -> None:
    """Be no coroutine function."""


def but_for(bad: Iterable[Bad], *allowed: object) -> list[Bad]:
    """Leave out what is allowed here."""
    return [each for each in bad if not any(each[0] is value for value in allowed)]


HOSTILE: Final = Hostile()
TYPE_FAULTS: Final[list[tuple[Any, str]]] = [
    (None, "None"),
    (5, "int"),
    ([], "list"),
    (b"x", "bytes"),
    (HOSTILE, "Hostile"),
]


def is_no_text(name: str, *, empty: bool = False) -> list[Bad]:
    bad = is_no(name, "str")
    return bad if empty else [*bad, ("", f"{name}: expected str of length >= 1, got ''")]


def is_no_count(name: str, least: int = 0) -> list[Bad]:
    return [
        (least - 1, f"{name}: expected int >= {least}, got {least - 1}"),
        (1.5, f"{name}: expected int, got float"),
        (math.inf, f"{name}: expected int, got float"),
        (True, f"{name}: expected int, got bool"),
        ("x", f"{name}: expected int, got str"),
        (None, f"{name}: expected int, got nothing"),
        (HOSTILE, f"{name}: expected int, got Hostile"),
    ]


def is_no_flag(name: str) -> list[Bad]:
    return [
        ("yes", f"{name}: expected bool, got str"),
        (1, f"{name}: expected bool, got int"),
        (None, f"{name}: expected bool, got nothing"),
        (HOSTILE, f"{name}: expected bool, got Hostile"),
    ]


def is_no_number(name: str) -> list[Bad]:
    return [
        (math.nan, f"{name}: expected a finite float, got nan"),
        (math.inf, f"{name}: expected a finite float, got inf"),
        (10**400, f"{name}: expected a finite float, got 1000"),
        (True, f"{name}: expected float, got bool"),
        ("x", f"{name}: expected float, got str"),
        (None, f"{name}: expected float, got nothing"),
        (HOSTILE, f"{name}: expected float, got Hostile"),
    ]


NO_DURATION: Final[list[Bad]] = [
    (None, "not a duration: None; give seconds"),
    (True, "not a duration: True; give seconds"),
    ([], "not a duration: list; give seconds"),
    (HOSTILE, "not a duration: Hostile; give seconds"),
    (math.nan, "not a duration: nan"),
    (10**400, "not a duration: an integer too large"),
    ("soon", "not a duration: 'soon'; write numbers with units"),
    ("1", "not a duration: '1'; write numbers with units"),
]


def is_no_timeout(name: str) -> list[Bad]:
    return [
        *((value, f"{name}: {words}") for value, words in NO_DURATION),
        (-1, f"{name}: a duration of -1 is less than nothing"),
        ("-1s", f"{name}: a duration of '-1s' is less than nothing"),
        (-math.inf, f"{name}: a duration of -inf is less than nothing"),
    ]


def is_no_dict(name: str) -> list[Bad]:
    return [
        (None, f"{name}: expected a dict, got nothing"),
        ([("a", 1)], f"{name}: expected a dict, got list"),
        ("a", f"{name}: expected a dict, got str"),
        (HOSTILE, f"{name}: expected a dict, got Hostile"),
        ({5: 1}, f"a key of {name}: expected str, got int"),
    ]


def is_no_list(name: str) -> list[Bad]:
    return [
        ("app:*", f"{name}: expected a list of str, got str"),
        (b"app", f"{name}: expected a list of str, got bytes"),
        ({"app:*": 1}, f"{name}: expected a list of str, got dict"),
        (5, f"{name}: expected a list of str, got int"),
        (None, f"{name}: expected a list of str, got nothing"),
        (HOSTILE, f"{name}: expected a list of str, got Hostile"),
        ([5], f"{name}: expected str, got int"),
    ]


def is_no(name: str, wanted: str) -> list[Bad]:
    return [
        (value, f"{name}: expected {wanted}, got {'nothing' if value is None else kind}")
        for value, kind in TYPE_FAULTS
    ]


NO_DEST: Final[list[Bad]] = [
    (value, f"not a PID or a name: {kind if kind != 'int' else value}")
    for value, kind in TYPE_FAULTS
] + [("", "not a PID or a name: ''")]

NO_TOPIC: Final[list[Bad]] = [
    (value, f"a topic is a str, not {kind if kind != 'int' else value}")
    for value, kind in TYPE_FAULTS
] + [("@own", "topic '@own': topics that begin with '@' are the runtime's own")]

NO_NAME: Final[list[Bad]] = [
    *(
        (value, f"not a name for a process: {kind if kind != 'int' else value}; give a text")
        for value, kind in TYPE_FAULTS
    ),
    ("", "not a name for a process: ''; give a text"),
    ("{a}", "not a name for a process: '{a}'; give a text"),
    ("@a", "not a name for a process: '@a'; give a text"),
]

NO_TARGET: Final[list[Bad]] = [
    (5, "5 is not an async function"),
    (None, "None is not an async function"),
    ([], "list is not an async function"),
    (HOSTILE, "Hostile is not an async function"),
    (synchronous, "synchronous ("),
]

SPAWNS: Final = ("exec", "spawn", "spawn_linked", "spawn_linked_monitored", "spawn_monitored")
LOGS: Final = ("debug", "info", "warn", "error")


def spawning(name: str) -> dict[str, list[Bad]]:
    return {
        f"{name}.target": NO_TARGET,
        f"{name}.host": but_for(is_no_text("host"), None),
    }


def sending(name: str) -> dict[str, list[Bad]]:
    return {
        f"{name}.dest": NO_DEST,
        f"{name}.topic": NO_TOPIC,
    }


def of(name: str, make: Any, *allowed: object, **options: Any) -> dict[str, list[Bad]]:
    """Say what a parameter refuses that is called in the words as it is in the code."""
    return {name: but_for(make(name.rpartition(".")[2], **options), *allowed)}


count_from_one = functools.partial(is_no_count, least=1)
maybe_empty = functools.partial(is_no_text, empty=True)

_LOOP: Final[list[Any]] = []
_LOOP.append(_LOOP)
NOT_TO_COPY: Final[list[Bad]] = [(_LOOP, "cannot send a list that contains itself")]
