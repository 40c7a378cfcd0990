"""docs/reference/cli.md says what the commands say."""

from __future__ import annotations

from pathlib import Path

from echosvc._cli import exits
from echosvc._cli.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def test_reference_is_what_the_generator_writes() -> None:
    command = "python -m echosvc._cli.reference > docs/reference/cli.md"
    assert PAGE.read_text(encoding="utf-8") == render(), f"run {command}"


def test_reference_has_every_command_and_exit_code() -> None:
    page = render()
    for command in ("init", "run", "check", "registry list", "registry show", "version"):
        assert f"## echosvc {command}\n" in page
    for code in exits.MEANINGS:
        assert f"\n| {int(code)} | " in page
