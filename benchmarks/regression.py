"""Whether something has become slower: ratios beside those in baseline.json."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .measure import Measured

BASELINE = Path(__file__).parent / "baseline.json"

MARGIN = 0.20
"""A ratio may be so much smaller than the baseline's: what two runs on a busy machine differ by."""


def write_baseline(measured: list[Measured]) -> None:
    """Make these ratios the ones to compare with."""
    ratios = {each.row.name: round(each.ratio(), 3) for each in measured}
    BASELINE.write_text(json.dumps(ratios, indent=1, ensure_ascii=False) + "\n")


def slower(measured: list[Measured], console: Console) -> list[str]:
    """Print the comparison; give the names of the rows that have become slower."""
    baseline: dict[str, float] = json.loads(BASELINE.read_text())
    table = Table(caption=f"a row fails below {1 - MARGIN:.0%} of the baseline")
    for column in ("work", "baseline", "now", "change"):
        table.add_column(column, justify="left" if column == "work" else "right")
    found = []
    for each in measured:
        name, ratio = each.row.name, each.ratio()
        before = baseline.get(name)
        if before is None:
            table.add_row(name, "new", f"{ratio:.2f}", "")
            continue
        change = ratio / before - 1
        bad = change < -MARGIN
        if bad:
            found.append(name)
        style = "red" if bad else "green" if change > MARGIN else ""
        table.add_row(name, f"{before:.2f}", f"{ratio:.2f}", Text(f"{change:+.0%}", style=style))
    console.print(table)
    return found
