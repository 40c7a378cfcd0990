"""The page of promises, and the tests that it says hold them."""

from __future__ import annotations

import ast
import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "semantics.md"


def promises() -> dict[str, str]:
    """The text of each promise, by its number."""
    parts = re.split(
        r"^- (\d+\.\d+) ", PAGE.read_text().partition("\n## What is not")[0], flags=re.M
    )
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def existing_tests() -> set[str]:
    return {
        node.name
        for path in TESTS.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_promise_names_the_test_that_holds_it() -> None:
    without = [n for n, text in promises().items() if not re.search(r"`test_\w+`", text)]
    assert without == []
    assert len(promises()) > 60


def test_every_test_that_is_named_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE.read_text()))
    assert named - existing_tests() == set()


def test_promises_are_numbered_without_gaps() -> None:
    last: dict[int, int] = {}
    for number in promises():
        section, position = (int(part) for part in number.split("."))
        assert position == last.get(section, 0) + 1
        last[section] = position
    assert list(last) == list(range(1, len(last) + 1))
