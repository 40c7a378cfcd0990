"""The programs in the guides to the libraries."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from tests.docs.guides import Example, examples
from tests.typing.check import mypy_says

GUIDES = ("events.md", "pg.md")
ALL = [example for guide in GUIDES for example in examples(guide)]


@pytest.mark.parametrize("example", ALL, ids=str)
def test_example_prints_what_stands_below_it(
    example: Example, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "echosvc")  # of processes that fail, as they are to
    example.run()
    printed = capsys.readouterr().out
    if example.output is not None:
        assert printed == example.output
    else:
        assert printed


def test_examples_pass_mypy(tmp_path: Path) -> None:
    files = []
    for example in ALL:
        file = tmp_path / f"{Path(example.guide).stem}_{example.line}.py"
        file.write_text(example.padded, encoding="utf-8")
        files.append(file)
    assert mypy_says(*files) == ""
