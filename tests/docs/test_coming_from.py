"""The tables for those who come from elsewhere name what there is."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from echosvc._manifest.kinds import KINDS

ROOT = Path(__file__).parents[2]
PAGES = ("from-erlang.md", "from-wippy.md")
MODULES = (
    "channel|coroutine|ctx|env|errors|events|funcs|io|logger|pg|process|registry|store|supervision"
    "|time"
)
NAME = re.compile(rf"(?<![\w.:-])({MODULES})((?:\.[A-Za-z_]\w*)+)")


def rows(page: str) -> list[list[str]]:
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names(page: str) -> set[tuple[str, str]]:
    ours = " ".join(row[1] for row in rows(page))
    code = " ".join(re.findall(r"`([^`]+)`", ours))
    return {(module, path) for module, path in NAME.findall(code)}


@pytest.mark.parametrize("page", PAGES)
def test_every_name_of_ours_in_the_table_exists(page: str) -> None:
    found = names(page)
    assert len(found) > 30
    missing = []
    for module, path in sorted(found):
        thing: object = importlib.import_module(f"echosvc.{module}")
        try:
            for attribute in path.strip(".").split("."):
                thing = getattr(thing, attribute)
        except AttributeError:
            if f"{module}{path}" not in KINDS:
                missing.append(f"{module}{path}")
    assert missing == []


@pytest.mark.parametrize("page", PAGES)
def test_every_application_in_the_table_exists(page: str) -> None:
    text = (ROOT / "docs" / "reference" / page).read_text(encoding="utf-8")
    applications = re.findall(r"manifests/(\w+)", text)
    assert applications
    assert [name for name in applications if not (ROOT / "manifests" / name).is_dir()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_row_has_as_many_cells_as_its_table(page: str) -> None:
    widths = {len(row) for row in rows(page) if not set(row[0]) <= {"-"}}
    assert widths <= {2, 3}
