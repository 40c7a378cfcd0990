"""What is given away: the sdist has all that `make` needs."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
INCLUDED = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
FOR_THE_CHECKOUT_ALONE = {".ci/run", ".gitignore"}


def test_all_that_the_sdist_is_to_include_is_there() -> None:
    assert all(pattern.startswith("/") and "*" not in pattern for pattern in INCLUDED)
    assert [pattern for pattern in INCLUDED if not (ROOT / pattern[1:]).exists()] == []


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="only a checkout knows what git has")
def test_the_sdist_includes_every_file_that_git_has() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    tracked = [name for name in listed.stdout.split("\0") if name]
    assert "echosvc/_version.py" in tracked
    left_out = {
        name
        for name in tracked
        if not any(f"/{name}" == one or f"/{name}".startswith(f"{one}/") for one in INCLUDED)
    }
    assert left_out == FOR_THE_CHECKOUT_ALONE
