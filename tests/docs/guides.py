"""The programs in a guide: found, run under an autojump clock, and checked by mypy.

A block marked ``python`` is a whole program that ends in ``trio.run(main)``. If a block marked
``text`` follows, that is what it prints.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import trio
import trio.testing

GUIDES = Path(__file__).parents[2] / "docs" / "guides"

_BLOCK = re.compile(
    r"^```python\n(?P<code>.*?)^```\n(?:\s*^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Example:
    """One program of a guide."""

    guide: str
    line: int
    code: str
    output: str | None

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}"

    @property
    def padded(self) -> str:
        """The code at its own lines of the guide, so that errors name the line to look at."""
        return "\n" * (self.line - 1) + self.code

    def main(self) -> Callable[[], Awaitable[object]]:
        """Execute the block, and give what it wants to run instead of running it."""
        wanted: list[Callable[[], Awaitable[object]]] = []
        with mock.patch("trio.run", wanted.append):
            exec(compile(self.padded, f"docs/guides/{self.guide}", "exec"), {"__name__": "example"})
        (main,) = wanted
        return main

    def run(self) -> Any:
        """Run it in virtual time."""
        return trio.run(self.main(), clock=trio.testing.MockClock(autojump_threshold=0))


def examples(guide: str) -> list[Example]:
    """All programs of docs/guides/<guide>."""
    text = (GUIDES / guide).read_text(encoding="utf-8")
    found = [
        Example(
            guide,
            text.count("\n", 0, match.start("code")) + 1,
            match["code"],
            match["output"],
        )
        for match in _BLOCK.finditer(text)
    ]
    assert len(found) == text.count("```python\n"), f"{guide}: a block that does not end"
    return found
