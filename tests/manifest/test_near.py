"""Near names: what an unknown word probably meant."""

from __future__ import annotations

import pytest

from echosvc._manifest.near import did_you_mean, near, shown

IDS = [
    "app:relay",
    "app:relay-service",
    "app:worker",
    "app:processes",
    "app:terminal",
    "lib:worker",
]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("app:rely", ["app:relay"]),
        ("relay", ["app:relay"]),
        ("worker", ["app:worker", "lib:worker"]),
        ("APP:RELAY", ["app:relay"]),
        ("ap:terminal", ["app:terminal"]),
        ("lb:worker", ["app:worker", "lib:worker"]),
        ("app:zzz", []),
        ("", []),
    ],
)
def test_near_names(word: str, expected: list[str]) -> None:
    assert sorted(near(word, IDS)) == sorted(expected)


def test_hint_joins_the_names() -> None:
    assert did_you_mean("worker", IDS) == "did you mean app:worker or lib:worker?"
    assert did_you_mean("zzz", IDS) == ""


def test_near_among_many_is_found() -> None:
    ids = [f"app:worker{n}" for n in range(20_000)] + ["app:terminal"]
    assert near("app:terminl", ids) == ["app:terminal"]


def test_shown_is_one_short_line() -> None:
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 1000)) == 60
    assert shown([1, "a"]) == "[1, 'a']"
