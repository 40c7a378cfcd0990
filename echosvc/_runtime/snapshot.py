"""How a value crosses from one process to another: as a snapshot that nobody else can change.

Written by hand and not with a serializer: sets stay sets, tuples tuples and objects themselves,
and a small dict costs no more than one comprehension.
"""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import fractions
import uuid
from collections import deque
from types import NoneType
from typing import Any, Final

from echosvc._exceptions import text_of, type_of
from echosvc._runtime.pid import Pid
from echosvc.errors import Invalid

IMMUTABLE: Final = frozenset(
    {
        bool,
        bytes,
        complex,
        dt.date,
        dt.datetime,
        dt.time,
        dt.timedelta,
        decimal.Decimal,
        float,
        fractions.Fraction,
        int,
        NoneType,
        Pid,
        range,
        str,
        uuid.UUID,
    }
)
"""What cannot change, and so needs no copy."""


def snapshot(value: Any) -> Any:
    """Copy the containers in a value, and nothing else.

    Immutable values pass as they are; lists, dicts, sets, tuples, deques and bytearrays are copied
    with all that is in them, and keep their type; any other object passes by reference, which is
    sharing, and its author's business.

    Raises:
        Invalid: It contains itself, is nested too deeply, or refuses to be copied.
    """
    try:
        return _copy(value)
    except RecursionError:
        raise Invalid(
            f"cannot send a {type_of(value)} that contains itself or is nested too deeply"
        ) from None
    except KeyboardInterrupt:
        raise
    except BaseException as exc:  # of the copying of somebody's own container
        raise Invalid(f"cannot send a {type_of(value)}: {text_of(exc)}") from exc


def snapshot_payload(payload: tuple[Any, ...]) -> Any:
    """Make the data of a message: none is `None`, one is itself, several are a tuple."""
    if len(payload) == 1:
        return snapshot(payload[0])
    if not payload:
        return None
    return tuple([snapshot(value) for value in payload])


def _copy(value: Any) -> Any:
    kind = type(value)
    if kind in IMMUTABLE:
        return value
    if kind is dict:
        return {k: v if type(v) in IMMUTABLE else _copy(v) for k, v in value.items()}
    if kind is list:
        return [v if type(v) in IMMUTABLE else _copy(v) for v in value]
    if kind is tuple:
        return tuple([v if type(v) in IMMUTABLE else _copy(v) for v in value])
    if kind is set or kind is frozenset:
        return kind(value)  # what is in a set is hashable, and so not to be changed
    return _copy_rare(value)


def _copy_rare(value: Any) -> Any:
    if isinstance(value, bytearray | set):
        return copy.copy(value)
    if isinstance(value, tuple):
        # Only a named tuple says how it is made anew; any other subclass is an object of its own.
        make = getattr(type(value), "_make", None)
        return value if make is None else make([_copy(v) for v in value])
    if isinstance(value, list | deque):
        items = copy.copy(value)
        for position, item in enumerate(value):
            items[position] = _copy(item)
        return items
    if isinstance(value, dict):
        mapping = copy.copy(value)
        for key, item in value.items():
            mapping[key] = _copy(item)
        return mapping
    return value
