"""How an order ended, for the task that gave it and waits."""

from __future__ import annotations

import trio

from echosvc.errors import Error


class Outcome:
    """What one task does for another: done, or the error that it failed with."""

    __slots__ = ("_done", "_error")

    def __init__(self) -> None:
        self._done = trio.Event()
        self._error: Error | None = None

    def settle(self, error: Error | None) -> None:
        """Say how it ended. The first word counts."""
        if not self._done.is_set():
            self._error = error
            self._done.set()

    async def wait(self) -> None:
        """Wait for the end; raise the error if there is one. Cancelled, only the waiting stops."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
