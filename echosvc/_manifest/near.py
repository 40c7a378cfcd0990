"""Near names: what somebody who wrote an unknown word probably meant."""

from __future__ import annotations

from collections.abc import Iterable

MANY = 2_000
"""Above this many candidates only those that share a beginning or an ending are compared."""


def near(word: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Return up to `n` candidates that look like `word`, the most likely first.

    Case is ignored, and for ids (``namespace:name``) a match of the name alone counts, so that
    ``relay`` finds ``app:relay``.
    """
    import difflib  # late: most runs have nothing misspelt

    wanted = word.casefold()
    by_folded: dict[str, list[str]] = {}
    for candidate in dict.fromkeys(candidates):
        by_folded.setdefault(candidate.casefold(), []).append(candidate)
    names = list(by_folded)
    if len(names) > MANY:
        names = [name for name in names if _akin(wanted, name)]
    found = [name for name in names if ":" in name and _local(name) == _local(wanted)]
    close = difflib.get_close_matches(wanted, names, n=4 * n, cutoff=0.6)
    # The namespace, which ids mostly share, must not make different names look alike.
    found += [
        name
        for name in close
        if ":" not in wanted or _likeness(_local(wanted), _local(name)) >= 0.6
    ]
    # Of names that differ in case alone (a module and its class, say) one is enough.
    return [
        max(by_folded[name], key=lambda original: _likeness(word, original))
        for name in list(dict.fromkeys(found))[:n]
    ]


def _akin(wanted: str, name: str) -> bool:
    """Whether the two share three letters at the beginning or the end of their local names."""
    a, b = _local(wanted), _local(name)
    return abs(len(wanted) - len(name)) <= 4 and (a[:3] == b[:3] or a[-3:] == b[-3:])


def _local(id_: str) -> str:
    return id_.rpartition(":")[2]


def _likeness(a: str, b: str) -> float:
    import difflib

    return difflib.SequenceMatcher(None, a, b).ratio()


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return the hint ``did you mean a, b or c?``, or an empty string when nothing is near."""
    names = near(word, candidates)
    return f"did you mean {one_of(names)}?" if names else ""


def one_of(names: Iterable[str]) -> str:
    """Return ``a``, ``a or b``, ``a, b or c``."""
    *some, last = list(names)
    return f"{', '.join(some)} or {last}" if some else last


def shown(value: object, limit: int = 60) -> str:
    """Return a value for an error line: as in the manifest, on one line, cut when long."""
    text = repr(value) if isinstance(value, str) else str(value)
    text = text.replace("\n", "\\n").replace("\r", "\\r")
    return text if len(text) <= limit else text[: limit - 1] + "…"
