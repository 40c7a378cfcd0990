"""Running the sides of a row in turns, and what is made of the numbers."""

from __future__ import annotations

import asyncio
import gc
import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import perf_counter

import trio

import echosvc

Work = Callable[[int], Awaitable[object]]
"""Does a number of operations."""

Side = Callable[[int], float]
"""Does a number of operations, and gives the seconds that they took."""

HOST = "bench"

OURS = "echosvc"
REFERENCE = "trio"


@dataclass(frozen=True)
class Row:
    """One kind of work, done by several sides."""

    name: str
    unit: str
    """What one operation is."""
    operations: int
    """How many are done in one round."""
    sides: dict[str, Side]
    hold: float = 0.0
    """What the ratio to the reference has to be at least."""
    after: float = 0.0
    """What it is to be in the end."""
    gauge: bool = False
    """The sides give an amount (bytes, seconds), and no time for a number of operations."""


@dataclass
class Measured:
    """The numbers of one row: microseconds (or the amount) an operation, by side and round."""

    row: Row
    samples: dict[str, list[float]] = field(default_factory=dict)

    def median(self, side: str) -> float:
        """The median of a side's rounds."""
        return statistics.median(self.samples[side])

    def ratios(self, side: str = OURS) -> list[float]:
        """How many times as fast as the reference a side was, in each round."""
        return [
            raw / own for raw, own in zip(self.samples[REFERENCE], self.samples[side], strict=True)
        ]

    def ratio(self, side: str = OURS) -> float:
        """The median of that: what both sides met in the same round weighs out."""
        return statistics.median(self.ratios(side))

    def spread(self, side: str = OURS) -> float:
        """Half of the distance between the quartiles of the ratio, as a share of it."""
        ratios = self.ratios(side)
        if len(ratios) < 2:
            return 0.0
        low, _, high = statistics.quantiles(ratios, n=4, method="inclusive")
        return (high - low) / 2 / self.ratio(side)


def measure(row: Row, rounds: int, scale: float = 1.0) -> Measured:
    """Let all sides do their work in turns, and begin each round with another one."""
    measured = Measured(row, {name: [] for name in row.sides})
    operations = max(1, int(row.operations * scale))
    names = list(row.sides)
    warm_up = 0 if row.gauge else 1
    for number in range(-warm_up, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            amount = row.sides[name](operations if number >= 0 else max(1, operations // 10))
            if number >= 0:
                measured.samples[name].append(amount if row.gauge else amount / operations * 1e6)
    return measured


# -- where a side's work runs: only the work itself is timed, not the loop and the runtime around it


def on_trio(work: Work) -> Side:
    """Work in a plain trio program."""

    async def main(n: int) -> float:
        start = perf_counter()
        await work(n)
        return perf_counter() - start

    return lambda n: trio.run(main, n)


def on_echosvc(work: Work) -> Side:
    """Work in a process of a runtime opened with its defaults."""

    async def main(n: int) -> float:
        async with echosvc.open_runtime() as runtime:
            await runtime.start_host(HOST)
            start = perf_counter()
            await runtime.run(work, HOST, n)
            return perf_counter() - start

    return lambda n: trio.run(main, n)


def on_asyncio(work: Work) -> Side:
    """Work in a plain asyncio program."""

    async def main(n: int) -> float:
        start = perf_counter()
        await work(n)
        return perf_counter() - start

    return lambda n: asyncio.run(main(n))


def plainly(work: Callable[[int], object]) -> Side:
    """Work in plain Python."""

    def run(n: int) -> float:
        start = perf_counter()
        work(n)
        return perf_counter() - start

    return run
