"""Which words are near, and which only look alike."""

from __future__ import annotations

import pytest

from echosvc._cli.near import did_you_mean, near_words, slips

COMMANDS = ("init", "run", "check", "registry", "tree", "completion", "version", "help")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("rum", ["run"]),
        ("rnu", ["run"]),
        ("RUN", ["run"]),
        ("inti", ["init"]),
        ("verison", ["version"]),
        ("regestry", ["registry"]),
        ("comp", ["completion"]),
        ("lint", []),
        ("list", []),
        ("start", []),
        ("x", []),
        ("", []),
    ],
)
def test_a_word_is_near_by_the_slips_of_a_keyboard(word: str, near: list[str]) -> None:
    assert near_words(word, COMMANDS) == near


@pytest.mark.parametrize(
    ("a", "b", "count"),
    [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("abc", "axc", 1), ("lint", "init", 2)],
)
def test_slips_are_letters_too_many_too_few_changed_or_swapped(a: str, b: str, count: int) -> None:
    assert slips(a, b) == slips(b, a) == count


def test_several_near_words_are_all_named_the_nearest_first() -> None:
    assert did_you_mean("wrker", ["workers", "worker", "x"]) == "did you mean worker or workers?"
    assert did_you_mean("zzz", ["worker"]) == ""
