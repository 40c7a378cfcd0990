"""Messages that nobody will receive: counted, told of on the bus, and left in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from echosvc._runtime.bus import Bus
from echosvc._runtime.pid import Pid

if TYPE_CHECKING:
    from echosvc._runtime.message import Message

log = logging.getLogger("echosvc.runtime")


class DeadLetters:
    """What was accepted, and never received."""

    __slots__ = ("_bus", "count")

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.count = 0

    def add(self, dest: str, sender: str | None, topic: str, why: str) -> None:
        """Count one, and leave a trace of it."""
        self.count += 1
        if self._bus.listening:
            self._bus.emit("process", "dead_letter", dest, sender=sender, topic=topic, why=why)
        if log.isEnabledFor(logging.INFO):
            fields = {"to": dest, "from": sender, "topic": topic, "why": why}
            log.info("dead letter", extra={"fields": fields})

    def add_unread(self, pid: Pid, messages: list[Message]) -> None:
        """Count what an ended process left in its mailbox, and leave one trace of all of it."""
        self.count += len(messages)
        if self._bus.listening:
            why = "the process ended before it received this"
            for message in messages:
                self._bus.emit(
                    "process",
                    "dead_letter",
                    pid,
                    sender=message.sender,
                    topic=message.topic,
                    why=why,
                )
        if log.isEnabledFor(logging.INFO):
            topics = ", ".join(sorted({message.topic for message in messages})[:5])
            fields = {"to": pid, "count": len(messages), "topics": topics}
            log.info(
                "dead letters: a process ended before it received these", extra={"fields": fields}
            )
