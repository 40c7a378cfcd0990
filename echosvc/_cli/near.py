"""Near words: which command, option or choice a mistyped word was probably meant to be.

Words of a command line are short, and of short words many look alike by the share of their letters
(`lint`, `init`). So the slips of a keyboard are counted: a letter too many, too few, another one,
or two that changed places. One slip in three letters is near, and so is a word left off half-way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LETTERS_A_SLIP: Final = 3
_MOST_SLIPS: Final = 3
_SHORTEST_BEGINNING: Final = 3


def near_words(word: str, candidates: Iterable[str]) -> list[str]:
    """Return the candidates that `word` is near to, the nearest first."""
    found: list[tuple[int, str]] = []
    for candidate in candidates:
        a, b = word.casefold(), candidate.casefold()
        allowed = max(1, min(max(len(a), len(b)) // _LETTERS_A_SLIP, _MOST_SLIPS))
        made = slips(a, b)
        begins = len(a) >= _SHORTEST_BEGINNING and b.startswith(a)
        if begins or made <= allowed < len(a):
            found.append((made, candidate))
    return [candidate for _, candidate in sorted(found, key=lambda each: each[0])]


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean a, b or c?``, or an empty string when nothing is near."""
    *some, last = near_words(word, candidates)[:3] or [""]
    if not last:
        return ""
    return f"did you mean {', '.join(some)} or {last}?" if some else f"did you mean {last}?"


def slips(a: str, b: str) -> int:
    """Return how many slips lead from one word to the other, letters that changed places too."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            best = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                best = min(best, older[j - 2] + 1)
            row.append(best)
    return row[-1]
