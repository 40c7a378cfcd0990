"""The public types, as a type checker sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.typing.check import mypy_says

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.py"))


def test_samples_have_the_types_that_they_assert() -> None:
    """An assert_type that is wrong, or a type: ignore that is not needed, is a complaint."""
    assert SAMPLES
    assert mypy_says(*SAMPLES) == ""


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Channel[int]().send_nowait('x')", "incompatible type"),
        ("Channel[int]().case_send('x')", "incompatible type"),
        ("parse_duration(None)", "incompatible type"),
    ],
)
def test_mistakes_are_found(line: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "mistake.py"
    file.write_text(
        f"from echosvc.channel import Channel\nfrom echosvc.time import parse_duration\n{line}\n"
    )
    assert complaint in mypy_says(file)
