from __future__ import annotations

from pathlib import Path

import pytest

from echosvc._channel import run as runs
from tests.docs.guides import Example, examples
from tests.sweep import sweep
from tests.typing.check import mypy_says

CHANNELS = examples("channels.md")
ALL = CHANNELS


@pytest.mark.parametrize("example", ALL, ids=str)
def test_example_prints_what_stands_below_it(
    example: Example, capsys: pytest.CaptureFixture[str]
) -> None:
    example.run()
    printed = capsys.readouterr().out
    if example.output is not None:
        assert printed == example.output
    else:
        assert printed


@pytest.mark.parametrize("example", CHANNELS, ids=str)
def test_example_can_be_cancelled_at_every_step(
    example: Example, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "SLICE_OPERATIONS", 1)  # each operation is a step
    assert sweep(example.main()) >= 3


def test_examples_pass_mypy(tmp_path: Path) -> None:
    files = []
    for example in ALL:
        file = tmp_path / f"{Path(example.guide).stem}_{example.line}.py"
        file.write_text(example.padded, encoding="utf-8")
        files.append(file)
    assert mypy_says(*files) == ""
