"""Stopping the whole: what was started last goes first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

Stop = Callable[[str], Awaitable[object]]
"""Stops one thing that was started, in order; gets the reason. Cancelled, it insists."""


class Stopping:
    """How to stop what was started, level by level."""

    __slots__ = ("_levels", "_lock", "_runtime", "begun")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._levels: list[list[Stop]] = []
        self._lock = trio.Lock()
        self.begun = False

    def add_level(self) -> list[Stop]:
        """Begin a level above those there are."""
        level: list[Stop] = []
        self._levels.append(level)
        return level

    async def stop(self, reason: str) -> None:
        """Do what `Runtime.stop` promises.

        One at a time: whoever comes while it is under way waits for its end, and goes on with
        what is left if the other was cancelled.
        """
        runtime = self._runtime
        async with self._lock:
            if not self.begun:
                self.begun = True
                runtime.bus.emit("runtime", "stopping", "", reason=reason)
            while self._levels:
                async with trio.open_nursery() as nursery:
                    for stop in self._levels[-1]:
                        nursery.start_soon(stop, reason)
                self._levels.pop()
            while runtime.hosts:
                await next(reversed(runtime.hosts.values())).stop(reason)
            if not runtime.bus.closed:
                runtime.bus.emit("runtime", "stopped", "", reason=reason)
                runtime.bus.close()
