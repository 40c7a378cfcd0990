"""Plots of the numbers, as SVG files; where matplotlib is not installed there are none."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from rich.console import Console

STYLES = {"echosvc": ("o-", "#0b6e99"), "trio": ("s--", "#8a5a00"), "asyncio": ("^:", "#5a5a5a")}


def draw(data: dict[str, Any], folder: Path, console: Console) -> None:
    """Draw throughput, latency and memory against the number of processes."""
    if importlib.util.find_spec("matplotlib") is None:
        console.print("no plots: matplotlib is not installed", style="dim")
        return
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "echosvc"  # the same numbers make the same file
    mpl.rcParams["svg.fonttype"] = "none"
    loads = data["load"]
    _plot(
        folder / "throughput.svg",
        loads["sizes"]["throughput"],
        loads["throughput"],
        "processes that receive",
        "messages a second",
        logy=False,
    )
    latency = {}
    for side in loads["p50"]:
        latency[f"{side} p50"] = loads["p50"][side]
        latency[f"{side} p99"] = loads["p99"][side]
    _plot(
        folder / "latency.svg",
        loads["sizes"]["p50"],
        latency,
        "clients of one server",
        "µs from question to answer",
        logy=True,
    )
    kilobytes = {side: [b / 1000 for b in values] for side, values in loads["memory"].items()}
    _plot(
        folder / "memory.svg",
        loads["sizes"]["memory"],
        kilobytes,
        "idle processes",
        "KB a process",
        logy=False,
    )
    console.print(f"plots: {folder}/throughput.svg, latency.svg, memory.svg", style="dim")


def _plot(
    path: Path,
    sizes: list[int],
    lines: dict[str, list[float]],
    xlabel: str,
    ylabel: str,
    *,
    logy: bool,
) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.4), layout="constrained")
    for name, values in lines.items():
        style, color = STYLES[name.split()[0]]
        faint = name.endswith("p50")
        axes.plot(sizes, values, style, color=color, label=name, alpha=0.5 if faint else 1.0)
    axes.set_xscale("log")
    if logy:
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
