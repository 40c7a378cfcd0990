"""What it takes to add a kind of entries: for packages, not for code inside processes.

::

    class Ticker(kinds.Spec, frozen=True):
        every: kinds.Seconds
        to: str
        lifecycle: kinds.Lifecycle = kinds.Lifecycle()

    async def run(entry: kinds.Entry) -> None:
        while True:
            await time.sleep(entry.spec.every)
            process.send(entry.spec.to, "tick")

    TICKER = kinds.Kind("acme.ticker", Ticker, run=run)

A package offers it as an entry point of the group ``echosvc.kinds``, under the kind's name.
"""

from __future__ import annotations

from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import HOSTS, Count, Kind, Lifecycle, Reference, Restart, Seconds
from echosvc._manifest.kinds import _Spec as Spec

__all__ = [
    "HOSTS",
    "Count",
    "Entry",
    "Kind",
    "Lifecycle",
    "Reference",
    "Restart",
    "Seconds",
    "Spec",
]
