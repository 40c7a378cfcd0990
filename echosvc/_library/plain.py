"""Plain data: what can be written down, and read again as the same."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from echosvc.errors import Invalid

_LEAVES: Final = frozenset({bool, bytes, float, str, type(None)})

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder()


def encode(value: Any) -> bytes:
    """Write plain data down, as msgpack.

    Raises:
        Invalid: It is something else, and would come back as another thing; says what and where.
    """
    try:
        _check(value, "")
        return _encoder.encode(value)
    except RecursionError:
        raise Invalid("cannot keep a value that contains itself or is nested too deeply") from None
    except UnicodeEncodeError:
        raise Invalid("cannot keep a text with half of a surrogate pair in it") from None


def decode(data: bytes) -> Any:
    """Read what `encode` has written.

    Raises:
        ValueError: It is something else; says what is wrong with it.
    """
    try:
        return _decoder.decode(data)
    except (TypeError, RecursionError) as exc:  # msgspec's own error is a ValueError
        raise ValueError(str(exc)) from exc


def _check(value: Any, where: str) -> None:
    kind = type(value)
    if kind in _LEAVES:
        return
    if kind is int:
        if not -(2**63) <= value < 2**64:
            raise Invalid(f"cannot keep {_at(where)}an int of more than 64 bits")
    elif kind is list:
        for index, item in enumerate(value):
            _check(item, f"{where}[{index}]")
    elif kind is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise Invalid(f"cannot keep {_at(where)}a dict with the key {key!r}: only texts")
            _check(item, f"{where}[{key!r}]")
    else:
        raise Invalid(
            f"cannot keep {_at(where)}a {kind.__name__}: only None, bool, int, float, str, bytes, "
            "and lists and dicts of these"
        )


def _at(where: str) -> str:
    return f"what is at {where}, " if where else ""
