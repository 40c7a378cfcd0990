"""What a scalar stands for: YAML 1.2's core schema, with the environment put in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from echosvc._manifest.env import MARK, substitute

_SURROGATE = re.compile("[\ud800-\udfff]")
_INT = re.compile(r"[-+]?[0-9]+\Z|0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


def scalar(text: str) -> Any:
    """Return what an unquoted scalar stands for in YAML 1.2's core schema.

    Raises ValueError for a whole number of more digits than Python reads.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "+-.0123456789":
        if _INT.match(text):
            base = {"0o": 8, "0x": 16}.get(text[:2], 10)
            return int(text if base == 10 else text[2:], base)
        if _FLOAT.match(text):
            return float(text)
    return text


def value_of(
    text: str, plain: bool, env: Mapping[str, str] | None, fault: Callable[[str, str], None]
) -> Any:
    """Return what a scalar stands for; `plain` says that it isn't quoted.

    In a key nothing is put in: there `env` is None.
    A reference to the environment that is alone and unquoted is read as if its value stood there;
    anything else that has one in it is a string. `fault(message, hint)` is called for whatever is
    wrong.
    """
    if env is not None and MARK in text:
        plain = plain and text.startswith(MARK) and text.find("}") == len(text) - 1
        text = substitute(text, env, fault)
    if _SURROGATE.search(text):
        fault("half of a surrogate pair is no character", "")
        text = _SURROGATE.sub("\ufffd", text)
    if not plain:
        return text
    try:
        return scalar(text)
    except ValueError:
        fault(f"a number of {len(text)} digits", "put it in quotes")
        return text
