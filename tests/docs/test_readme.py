from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.guides import examples
from tests.typing.check import mypy_says

README = examples("../../README.md")


def test_the_example_prints_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = README
    example.run()
    assert example.output is not None
    assert capsys.readouterr().out == example.output


def test_the_example_is_about_twenty_lines_and_passes_mypy(tmp_path: Path) -> None:
    (example,) = README
    assert len([line for line in example.code.splitlines() if line.strip()]) <= 20
    file = tmp_path / "readme.py"
    file.write_text(example.code, encoding="utf-8")
    assert mypy_says(file) == ""
