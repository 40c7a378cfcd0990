"""Passes of trio's scheduler for one operation: of ours two in each slice of half a millisecond."""

from __future__ import annotations

from typing import Any

import trio
import trio.abc
from rich.console import Console
from rich.table import Table

import echosvc

from . import channels, messages, processes
from .measure import HOST, Work

OPERATIONS = 5000

ROWS: dict[str, tuple[Work, Work]] = {
    "ping-pong between two processes": (messages.ping_pong_trio, messages.ping_pong_echosvc),
    "receive with a timeout": (channels.timeout_trio, channels.timeout_echosvc),
    "spawn one, wait for its EXIT": (processes.spawn_trio, processes.spawn_echosvc),
    "echo round trip": (messages.echo_trio, messages.echo_echosvc),
}


class _Passes(trio.abc.Instrument):
    def __init__(self) -> None:
        self.count = 0

    def before_io_wait(self, timeout: float) -> None:
        self.count += 1


def _on_trio(work: Work) -> float:
    passes = _Passes()
    trio.run(work, OPERATIONS, instruments=[passes])
    return passes.count / OPERATIONS


def _on_echosvc(work: Work) -> float:
    passes = _Passes()

    async def main() -> None:
        async with echosvc.open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(work, HOST, OPERATIONS)

    trio.run(main, instruments=[passes])
    return passes.count / OPERATIONS


def measure(console: Console) -> list[dict[str, Any]]:
    """Count them."""
    with console.status("passes"):
        return [
            {"name": name, "trio": _on_trio(raw), "echosvc": _on_echosvc(ours)}
            for name, (raw, ours) in ROWS.items()
        ]


def show(counted: list[dict[str, Any]], console: Console) -> None:
    """Print them."""
    table = Table(title="passes of trio's scheduler for one operation")
    for heading in ("work", "trio", "echosvc"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    for each in counted:
        table.add_row(each["name"], f"{each['trio']:.2f}", f"{each['echosvc']:.3f}")
    console.print(table)
