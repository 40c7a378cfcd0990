"""What is shown of the numbers: a table on the screen, a JSON file, and where it was measured."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from .measure import OURS, REFERENCE, Measured

RESULTS = Path(__file__).parent / "results"
LIBRARIES = ("echosvc", "trio", "pykka", "thespian", "xoscar", "ray")


def machine() -> dict[str, Any]:
    """Where and with what it is measured."""
    versions = {}
    for name in LIBRARIES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "versions": versions,
        "at": time.strftime("%Y-%m-%d %H:%M"),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def as_data(measured: list[Measured], growth: list[dict[str, Any]], load: Any) -> dict[str, Any]:
    """All numbers as plain data."""
    return {
        "machine": machine(),
        "rows": [
            {
                "name": each.row.name,
                "unit": each.row.unit,
                "operations": each.row.operations,
                "hold": each.row.hold,
                "after": each.row.after,
                "ratio": each.ratio(),
                "spread": each.spread(),
                "ratios": each.ratios(),
                "sides": {
                    side: {
                        "median": each.median(side),
                        "samples": samples,
                    }
                    for side, samples in each.samples.items()
                },
            }
            for each in measured
        ],
        "growth": growth,
        "load": load,
    }


def write(data: dict[str, Any], path: Path) -> None:
    """Write the JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1) + "\n")


def show(measured: list[Measured], console: Console) -> None:
    """Print the table of the budget."""
    where = machine()
    versions = ", ".join(f"{name} {version}" for name, version in where["versions"].items())
    console.print(
        f"{where['processor']}, {where['cores']} cores, load {where['load']:.1f}; "
        f"{where['system']}; {where['python']}; {versions}",
        style="dim",
        highlight=False,
    )
    table = Table(caption="ratio: times as fast as raw trio, the median of the rounds")
    table.add_column("work", no_wrap=True)
    for column in ("trio", "echosvc", "ratio", "±", "hold", "after"):
        table.add_column(column, justify="right", no_wrap=True)
    with_others = any(len(each.samples) > 2 for each in measured)
    if with_others:
        table.add_column("others, times as fast as raw trio")
    for each in measured:
        row, ratio = each.row, each.ratio()
        style = "red" if ratio < row.hold else "yellow" if ratio < row.after else "green"
        others = ", ".join(
            f"{side} {each.ratio(side):.3g}"
            for side in each.samples
            if side not in (REFERENCE, OURS)
        )
        table.add_row(
            row.name,
            _amount(each, REFERENCE),
            _amount(each, OURS),
            Text(f"{ratio:.2f}", style=style),
            f"{each.spread():.0%}",
            f"{row.hold:.2f}" if row.hold else "",
            f"{row.after:.2f}" if row.after else "",
            *([others] if with_others else []),
        )
    console.print(table)


def _amount(each: Measured, side: str) -> str:
    median = each.median(side)
    if each.row.unit == "bytes":
        return f"{median / 1000:.2f} KB"
    if each.row.unit == "seconds":
        return f"{median:.3f} s"
    return f"{median:.2f} µs"
