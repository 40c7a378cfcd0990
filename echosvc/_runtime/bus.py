"""The event bus: news of what happens in a runtime, for whoever listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Final

from echosvc._channel.core import Channel
from echosvc._checks import check_count, check_text
from echosvc._runtime.snapshot import snapshot

DEFAULT_SIZE: Final = 1024


@dataclass(frozen=True, slots=True)
class BusEvent:
    """One piece of news."""

    system: str
    """Which part of the runtime it comes from: process, mailbox, service, host, supervisor, …"""
    kind: str
    """What happened: started, ended, dead_letter, …"""
    path: str
    """Whom it is about: a PID or an entry's id."""
    at: float
    """When, on trio's clock."""
    data: dict[str, Any] = field(default_factory=dict)
    """More about it. Each subscriber has its own."""


class Subscription(Channel[BusEvent]):
    """A subscriber's channel: bounded, and honest about what it had to leave out.

    When it is full, news is counted and not kept; the next event to be received after those that
    were kept is then ``BusEvent("bus", "gap", …, data={"missed": n})``.
    """

    __slots__ = ("_bus", "_missed", "on_close")

    def __init__(self, bus: Bus, size: int) -> None:
        super().__init__(size)
        self._bus = bus
        self._missed = 0
        self.on_close: Callable[[], object] | None = None

    def _take(self) -> tuple[BusEvent | None, bool]:
        taken = super()._take()
        if self._missed:
            self._own_buffer().append(
                BusEvent("bus", "gap", "", self._bus.now(), {"missed": self._missed})
            )
            self._missed = 0
        return taken

    def _offer(self, event: BusEvent) -> None:
        if self._receivers or len(self._buffer) < self._size:
            self.send_nowait(event)
        else:
            self._missed += 1
            self._heeded = True

    def close(self) -> None:
        """Unsubscribe."""
        self._bus.unsubscribe(self)
        super().close()
        if self.on_close is not None:
            self.on_close()
            self.on_close = None


class Bus:
    """Who listens to what. Nothing is computed for an event that nobody listens to."""

    __slots__ = ("_subscribers", "closed", "now")

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.closed = False
        self._subscribers: dict[Subscription, tuple[str, str | None]] = {}

    @property
    def listening(self) -> bool:
        """Whether anybody listens to anything."""
        return bool(self._subscribers)

    def subscribe(
        self, system: str = "*", kind: str | None = None, size: int = DEFAULT_SIZE
    ) -> Subscription:
        """Give a channel of the news whose system (and kind) match these patterns.

        Raises:
            Invalid: A pattern is no text, or there is no room for a single event.
        """
        check_text("system", system)
        if kind is not None:
            check_text("kind", kind)
        check_count("size", size, least=1)
        subscription = Subscription(self, size)
        if self.closed:
            subscription.close()
        else:
            self._subscribers[subscription] = (system, kind)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """Send this subscriber nothing more."""
        self._subscribers.pop(subscription, None)

    def emit(self, system: str, kind: str, path: str, **data: Any) -> None:
        """Tell everybody who listens what the runtime says, each in a dict of its own.

        What is in it cannot change. Never waits.
        """
        if not self._subscribers:
            return
        at = self.now()
        for subscription in self._wanting(system, kind):
            subscription._offer(BusEvent(system, kind, path, at, data.copy()))

    def publish(self, system: str, kind: str, path: str, data: dict[str, Any]) -> None:
        """Tell everybody who listens what an application says: a copy of the data for each."""
        at = self.now()
        for subscription in self._wanting(system, kind):
            subscription._offer(BusEvent(system, kind, path, at, snapshot(data)))

    def _wanting(self, system: str, kind: str) -> list[Subscription]:
        return [
            subscription
            for subscription, (wanted_system, wanted_kind) in self._subscribers.items()
            if fnmatchcase(system, wanted_system)
            and (wanted_kind is None or fnmatchcase(kind, wanted_kind))
        ]

    def close(self) -> None:
        """End all subscriptions, for good; what was sent can still be received."""
        self.closed = True
        for subscription in tuple(self._subscribers):
            subscription.close()
