"""Puts the numbers of a run into docs/performance.md: ``python -m benchmarks.document [JSON]``."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from .report import RESULTS

DOCS = Path(__file__).parents[1] / "docs"
PLOTS = ("throughput", "latency", "memory")


def main(source: Path) -> None:
    data = json.loads(source.read_text())
    page = DOCS / "performance.md"
    text = page.read_text()
    for name, lines in {
        "machine": _machine(data["machine"]),
        "budget": _budget(data["rows"]),
        "growth": _growth(data["growth"]),
        "passes": _passes(data["passes"]),
        "latency": _latency(data["load"]),
        "neighbours": _neighbours(data["neighbours"]),
    }.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        head, _, rest = text.partition(begin)
        _, _, tail = rest.partition(end)
        text = f"{head}{begin}\n" + "\n".join(lines) + f"\n\n{end}{tail}"
    page.write_text(text)
    (DOCS / "images").mkdir(exist_ok=True)
    for plot in PLOTS:
        drawn = source.parent / f"{plot}.svg"
        if drawn.exists():
            shutil.copy(drawn, DOCS / "images" / f"{plot}.svg")


def _machine(machine: dict[str, Any]) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    where = f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"
    return [f"{where}, {machine['python']}; {versions}; {machine['at']}."]


def _budget(rows: list[dict[str, Any]]) -> list[str]:
    lines = [
        "| work | trio | echosvc | ratio | ± | hold | after | others |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for row in rows:
        sides = row["sides"]
        others = ", ".join(
            f"{name} {_amount(side['median'], row['unit'])}"
            for name, side in sides.items()
            if name not in ("trio", "echosvc")
        )
        lines.append(
            f"| {row['name']} | {_amount(sides['trio']['median'], row['unit'])} "
            f"| {_amount(sides['echosvc']['median'], row['unit'])} "
            f"| {row['ratio']:.2f} | {row['spread']:.0%} "
            f"| {_wanted(row['hold'])} | {_wanted(row['after'])} | {others} |"
        )
    return lines


def _growth(grown: list[dict[str, Any]]) -> list[str]:
    lines = ["| one operation | at each size |", "|---|---|"]
    for each in grown:
        steps = ", ".join(
            f"{size:,}: {cost:.3g}" if cost < 1000 else f"{size:,}: {cost:,.0f}"
            for size, cost in zip(each["sizes"], each["costs"], strict=True)
        )
        lines.append(f"| {each['name']} | {steps} {each['unit']} |")
    return lines


def _passes(counted: list[dict[str, Any]]) -> list[str]:
    lines = ["| passes of trio's scheduler for one | trio | echosvc |", "|---|--:|--:|"]
    return lines + [
        f"| {each['name']} | {each['trio']:.2f} | {each['echosvc']:.3f} |" for each in counted
    ]


def _latency(load: dict[str, Any]) -> list[str]:
    sizes = load["sizes"]["p50"]
    lines = [
        f"| µs with so many clients | {' | '.join(f'{size:,}' for size in sizes)} |",
        f"|---|{'--:|' * len(sizes)}",
    ]
    for side in load["p50"]:
        both = zip(load["p50"][side], load["p99"][side], strict=True)
        cells = " | ".join(f"{half:,.0f} / {most:,.0f}" for half, most in both)
        lines.append(f"| {side} | {cells} |")
    return lines


def _neighbours(measured: dict[str, Any]) -> list[str]:
    names = measured["neighbours"]
    lines = [f"| µs beside | {' | '.join(names)} |", f"|---|{'--:|' * len(names)}"]
    for name, row in measured["beside"].items():
        lines.append(
            f"| {name} | {' | '.join(f'{half:,.0f} / {most:,.0f}' for half, most in row)} |"
        )
    return lines


def _amount(value: float, unit: str) -> str:
    if unit == "bytes":
        return f"{value / 1000:.2f} KB"
    if unit == "seconds":
        return f"{value:.3f} s"
    return f"{value:.3g} µs"


def _wanted(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else RESULTS / "latest.json")
