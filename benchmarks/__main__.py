"""Run the benchmarks: ``python -m benchmarks [--quick | --check] [--only TEXT]``."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from rich.console import Console

from . import budget, growth, load, neighbours, passes, plots, regression, report
from .measure import Measured, Row, measure

ROUNDS = 7
QUICK_ROUNDS = 3
CHECK_ROUNDS = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--quick", action="store_true", help="the budget only, with fewer rounds")
    what.add_argument("--check", action="store_true", help="fail where baseline.json was faster")
    what.add_argument("--growth", action="store_true", help="how costs grow, and nothing else")
    parser.add_argument("--only", default="", help="rows whose name contains this")
    parser.add_argument("--rounds", type=int, default=0, help="how many rounds are measured")
    parser.add_argument(
        "--baseline", action="store_true", help="write baseline.json anew (with --quick)"
    )
    parser.add_argument("--json", type=Path, default=report.RESULTS / "latest.json")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    logging.getLogger().addHandler(logging.NullHandler())  # nobody reads it, on any side
    if options.growth:
        growth.show(growth.measure(console), console)
        return 0

    brief = options.quick or options.check
    rounds = options.rounds or (
        QUICK_ROUNDS if options.quick else CHECK_ROUNDS if options.check else ROUNDS
    )
    rows = [row for row in budget.rows() if options.only in row.name]
    measured = [_measure(row, rounds, brief, console) for row in rows]
    if options.check:
        found = regression.slower(measured, console)
        if found:
            console.print(f"slower than before: {', '.join(found)}", style="red")
        return 1 if found else 0
    report.show(measured, console)
    if options.baseline:
        regression.write_baseline(measured)
    whole = not (options.quick or options.only)
    grown = growth.measure(console) if whole else []
    loads = load.measure(console) if whole else {}
    counted = [] if options.only else passes.measure(console)
    beside = neighbours.measure(console) if whole else {}
    if counted:
        passes.show(counted, console)
    if whole:
        growth.show(grown, console)
        load.show(loads, console)
        neighbours.show(beside, console)
    data = report.as_data(measured, grown, loads)
    data |= {"passes": counted, "neighbours": beside}
    report.write(data, options.json)
    console.print(f"all numbers: {options.json}", style="dim")
    if whole:
        plots.draw(data, options.json.parent, console)
    missed = [each.row.name for each in measured if each.ratio() < each.row.hold]
    if missed:
        console.print(f"below what has to hold: {', '.join(missed)}", style="red")
    return 0


def _measure(row: Row, rounds: int, brief: bool, console: Console) -> Measured:
    if brief:
        # What takes longest stands beside raw trio only.
        ours = {name: side for name, side in row.sides.items() if name in ("trio", "echosvc")}
        row = Row(row.name, row.unit, row.operations, ours, row.hold, row.after, row.gauge)
    with console.status(row.name):
        return measure(row, rounds, 0.5 if brief and not row.gauge else 1.0)


if __name__ == "__main__":
    sys.exit(main())
