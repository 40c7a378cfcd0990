"""Channels and select as Go describes them, with no tasks: what the real ones are held against."""

from __future__ import annotations

from dataclasses import dataclass, field

Outcome = tuple[int, str, int | None]
"""Which channel, and: "received" what, "sent", or "closed"."""


@dataclass
class Case:
    channel: int
    value: int | None = None  # to send; None: receive

    @property
    def sends(self) -> bool:
        return self.value is not None


@dataclass
class Queue:
    """One channel."""

    size: float
    closed: bool = False
    buffer: list[int] = field(default_factory=list)


class Model:
    """Some channels, and operations that wait on any number of them; each is known by a number."""

    def __init__(self, sizes: list[float]) -> None:
        self.queues = [Queue(size) for size in sizes]
        self.waiting: dict[int, list[Case]] = {}  # in the order in which they came
        self.outcomes: dict[int, Outcome] = {}

    def start(self, operation: int, cases: list[Case], wait: bool) -> bool:
        """Let the first case happen that can; else wait, if asked to. Whether it is done."""
        for case in cases:
            outcome = self._attempt(case)
            if outcome is not None:
                self.outcomes[operation] = outcome
                return True
        if wait:
            self.waiting[operation] = cases
        return False

    def close(self, channel: int) -> None:
        self.queues[channel].closed = True
        for operation, cases in list(self.waiting.items()):
            if any(case.channel == channel for case in cases):
                self._settle(operation, (channel, "closed", None))

    def cancel(self, operation: int) -> None:
        self.waiting.pop(operation, None)

    def waiters(self, channel: int, sends: bool) -> list[tuple[int, Case]]:
        """Who waits at one end of a channel, first come first; each once, with its first case."""
        return [
            (operation, next(case for case in cases if (case.channel, case.sends) == wanted))
            for wanted in [(channel, sends)]
            for operation, cases in self.waiting.items()
            if any((case.channel, case.sends) == wanted for case in cases)
        ]

    def _settle(self, operation: int, outcome: Outcome) -> None:
        del self.waiting[operation]
        self.outcomes[operation] = outcome

    def _attempt(self, case: Case) -> Outcome | None:
        return self._send(case.channel, case.value) if case.sends else self._receive(case.channel)

    def _send(self, channel: int, value: int | None) -> Outcome | None:
        assert value is not None
        queue = self.queues[channel]
        if queue.closed:
            return (channel, "closed", None)
        receivers = self.waiters(channel, sends=False)
        if receivers:
            self._settle(receivers[0][0], (channel, "received", value))
        elif len(queue.buffer) < queue.size:
            queue.buffer.append(value)
        else:
            return None
        return (channel, "sent", None)

    def _receive(self, channel: int) -> Outcome | None:
        queue = self.queues[channel]
        senders = self.waiters(channel, sends=True)
        if senders:
            sender, case = senders[0]
            assert case.value is not None
            queue.buffer.append(case.value)
            self._settle(sender, (channel, "sent", None))
        if queue.buffer:
            return (channel, "received", queue.buffer.pop(0))
        return (channel, "closed", None) if queue.closed else None
