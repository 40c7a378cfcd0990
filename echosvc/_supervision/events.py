"""What happened under a supervisor, as plain data, in a channel that never fills up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from echosvc.channel import Channel

What = Literal["started", "exited", "failed", "stopped", "stuck", "gave_up", "gap"]
Decision = Literal["", "restart", "leave", "give_up"]

SIZE: Final = 1024
"""So many events are kept for who doesn't read them."""


@dataclass(frozen=True, slots=True)
class SupervisorEvent:
    """One thing that happened, and what the supervisor made of it."""

    supervisor: str
    child: str
    what: What
    """started; exited (returned), failed (raised, cancelled, did not start), stopped (as asked);
    stuck (still there `stop_timeout` after it was told to stop); gave_up (the supervisor did);
    gap (`missed` events were not kept)."""
    at: float
    """When, on trio's clock."""
    error: BaseException | None = None
    decision: Decision = ""
    """After exited and failed: restart, leave (it stays as it is), give_up (all is stopped)."""
    delay: float = 0.0
    """Seconds until the restart."""
    affected: tuple[str, ...] = ()
    """The children that are restarted, in the order in which they start."""
    missed: int = 0


class EventChannel(Channel[SupervisorEvent]):
    """A bounded channel that counts what it cannot keep, and says so in its place."""

    __slots__ = ("_missed",)

    def __init__(self) -> None:
        super().__init__(SIZE)
        self._missed = 0

    def offer(self, event: SupervisorEvent) -> None:
        """Keep an event if there is room. Never waits."""
        if self._closed:
            return
        if self._missed and len(self) < self._size:
            gap = SupervisorEvent(event.supervisor, "", "gap", event.at, missed=self._missed)
            self._missed = 0
            self.send_nowait(gap)
        if self._receivers or len(self) < self._size:
            self.send_nowait(event)
        else:
            self._missed += 1
