"""Messages that nobody will receive: counted, told of on the bus, and left in the log."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from echosvc._records import write
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
            text = f"dead letter {topic!r} to {dest} from {sender or 'outside'}: {why}"
            write(log, logging.INFO, text, fields, said=tuple(fields))

    def add_unread(self, pid: Pid, messages: list[Message], *, logged: bool = True) -> None:
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
        if logged and log.isEnabledFor(logging.INFO):
            topics = ", ".join(sorted({message.topic for message in messages})[:5])
            count = len(messages)
            fields = {"to": pid, "count": count, "topics": topics}
            text = f"dead letters: process {pid} ended before it received {count} ({topics})"
            write(log, logging.INFO, text, fields, said=tuple(fields))
