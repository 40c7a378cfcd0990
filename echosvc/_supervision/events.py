"""What happened under a supervisor, as plain data, in a channel that never fills up."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

import trio

from echosvc._exceptions import text_of
from echosvc._records import write
from echosvc.channel import Channel

What = Literal["started", "exited", "failed", "stopped", "stuck", "gave_up", "gap"]
Decision = Literal["", "restart", "leave", "give_up"]

log = logging.getLogger("echosvc.supervision")

WHO: Final = ("supervisor", "child")
"""The fields that say whom a record is about; its message says that too."""

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
    """After exited and failed: restart, leave (it stays as it is), give_up (all is stopped).
    Empty when a start that somebody asked for has failed: they were told."""
    delay: float = 0.0
    """Seconds until the restart."""
    affected: tuple[str, ...] = ()
    """The children that are restarted, in the order in which they start. Empty for a child that
    failed while it was about to be restarted anyway."""
    missed: int = 0


class EventChannel(Channel[SupervisorEvent]):
    """A bounded channel that counts what it cannot keep, and says so in its place."""

    __slots__ = ("_missed", "_supervisor")

    def __init__(self, supervisor: str) -> None:
        super().__init__(SIZE)
        self._supervisor = supervisor
        self._missed = 0

    def offer(self, event: SupervisorEvent) -> None:
        """Keep an event if there is room. Never waits."""
        if self._closed:
            return
        if not self._missed and (self._receivers or len(self._buffer) < SIZE):
            self.send_nowait(event)
        else:
            self._missed += 1
            self._heeded = True

    def _take(self) -> tuple[SupervisorEvent | None, bool]:
        taken = super()._take()
        if self._missed:
            # What was kept came before the gap, and what comes from now on comes after it.
            now = trio.current_time()
            gap = SupervisorEvent(self._supervisor, "", "gap", now, missed=self._missed)
            self._missed = 0
            self._own_buffer().append(gap)
        return taken


class News:
    """Tells of events whoever wants to know. Nothing is computed while nobody does.

    The log has what must not get lost: the errors that children are restarted after.
    """

    __slots__ = ("channel", "listener", "supervisor")

    def __init__(self, supervisor: str) -> None:
        self.supervisor = supervisor
        self.channel: EventChannel | None = None
        self.listener: Callable[[SupervisorEvent], None] | None = None
        """Is called at once, and must not fail; for what is built on a supervisor."""

    @property
    def is_heard(self) -> bool:
        """Whether anybody is told of events."""
        return self.channel is not None or self.listener is not None

    def open(self) -> EventChannel:
        """Give the channel; events are kept from now on."""
        if self.channel is None:
            self.channel = EventChannel(self.supervisor)
        return self.channel

    def close(self) -> None:
        """Say that there will be no more."""
        self.open().close()

    def tell(
        self,
        child: str,
        what: What,
        error: BaseException | None = None,
        decision: Decision = "",
        delay: float = 0.0,
        affected: tuple[str, ...] = (),
    ) -> None:
        """Tell of one thing that happened."""
        if error is not None and self.listener is None and log.isEnabledFor(logging.WARNING):
            self._log(child, what, error, decision, delay)
        if self.channel is None and self.listener is None:
            return
        now = trio.current_time()
        event = SupervisorEvent(self.supervisor, child, what, now, error, decision, delay, affected)
        if self.listener is not None:
            self.listener(event)
        if self.channel is not None:
            self.channel.offer(event)

    def stuck(self, child: str, waited: float) -> None:
        """Tell of a child that does not end."""
        self.tell(child, "stuck")
        if self.listener is None:
            fields = {"supervisor": self.supervisor, "child": child, "waited": round(waited, 3)}
            text = f"child {child} of {self.supervisor} was stopped, and does not end"
            write(log, logging.WARNING, text, fields, said=WHO)

    def _log(
        self, child: str, what: What, error: BaseException, decision: Decision, delay: float
    ) -> None:
        failure = text_of(error)
        fields: dict[str, object] = {"supervisor": self.supervisor, "child": child}
        if what == "stopped":
            text = "failed while it was being stopped"
        elif what != "failed" or decision in ("", "give_up"):
            return  # it is raised, to who started it or out of the block
        elif decision == "restart":
            text = "failed, and is restarted" + (f" in {delay:.3g}s" if delay else "")
            fields["delay"] = round(delay, 3)
        else:
            text = "failed, and is left as it is"
        fields["error"] = failure
        text = f"child {child} of {self.supervisor} {text}: {failure}"
        write(log, logging.WARNING, text, fields, said=(*WHO, "delay", "error"), error=error)
