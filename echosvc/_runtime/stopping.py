"""Stopping the whole: what was started last goes first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime


class Stopping:
    """The stop of a runtime, which may be asked for several times."""

    __slots__ = ("_lock", "_runtime", "begun")

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = trio.Lock()
        self.begun = False

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
            await runtime.units.stop_all(reason)
            while runtime.hosts:
                await next(reversed(runtime.hosts.values())).stop(reason)
            if not runtime.bus.closed:
                runtime.bus.emit("runtime", "stopped", "", reason=reason)
                runtime.bus.close()
