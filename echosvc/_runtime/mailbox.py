"""Where a process's messages and events wait.

One mailbox has several channels: the inbox, one for each topic that is listened to, and the
events. They share one numbering of arrivals, by which a `select` over several of them takes the
oldest first, and one limit, which counts messages and not events: no flood of messages can keep
an EXIT or a CANCEL out.
"""

from __future__ import annotations

import math
from typing import Any, NoReturn

from echosvc._channel.core import Channel
from echosvc._channel.waiting import Waiter
from echosvc._runtime.message import CANCEL_AGE, Event, EventKind, Message
from echosvc.errors import Invalid


class MailboxChannel(Channel[Any]):
    """One channel of a mailbox: only the runtime fills it and closes it."""

    __slots__ = ("_bare", "_counted", "_mailbox", "_topic")

    def __init__(
        self, mailbox: Mailbox, topic: str, *, counted: bool = True, bare: bool = False
    ) -> None:
        super().__init__(math.inf)
        self._mailbox: Mailbox = mailbox
        self._topic = topic
        self._counted = counted
        self._bare = bare  # yields the data of its messages, and not the messages

    def __repr__(self) -> str:
        return f"<{self._topic} with {len(self)} waiting>"

    def _age(self) -> float:
        return self._buffer[0]._age if self._buffer else math.inf

    def _take(self) -> tuple[Any, bool]:
        if not self._buffer:
            return None, False
        item = self._buffer.popleft()
        if self._counted:
            self._mailbox.taken()
        return (item.data if self._bare else item), True

    def send_nowait(self, value: Any) -> NoReturn:
        """Refuse: messages come from `process.send`, events from the runtime."""
        raise Invalid(f"{self._topic}: use process.send to send to a process")

    async def send(self, value: Any) -> NoReturn:
        """Refuse, as `send_nowait` does."""
        self.send_nowait(value)

    def close(self) -> NoReturn:
        """Refuse: it closes when its process ends."""
        raise Invalid(f"{self._topic} belongs to its process and closes with it")

    def _end(self) -> None:
        super().close()


class Mailbox:
    """The channels of one process, made as they are asked for."""

    __slots__ = (
        "alarm",
        "events",
        "high_water",
        "inbox",
        "limit",
        "next_age",
        "on_alarm",
        "received",
        "senders",
        "topics",
        "waiting",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit  # 0: none
        self.alarm = math.ceil(limit * 0.75) if limit else 0
        self.on_alarm: Any = None
        self.waiting = 0
        self.high_water = 0
        self.received = 0
        self.next_age = 0
        self.inbox: MailboxChannel | None = None
        self.events: MailboxChannel | None = None
        self.topics: dict[str, MailboxChannel] | None = None
        self.senders: dict[Waiter, Message] | None = None

    # -- for the process

    def open_inbox(self) -> MailboxChannel:
        """Give the inbox, the same each time."""
        if self.inbox is None:
            self.inbox = MailboxChannel(self, "inbox")
        return self.inbox

    def open_events(self) -> MailboxChannel:
        """Give the events channel, the same each time."""
        if self.events is None:
            self.events = MailboxChannel(self, "events", counted=False)
        return self.events

    def listen(self, topic: str, bare: bool) -> MailboxChannel:
        """Give a topic a channel of its own, and what of it still waits in the inbox."""
        if self.topics is None:
            self.topics = {}
        channel = self.topics.get(topic)
        if channel is None:
            channel = self.topics[topic] = MailboxChannel(self, topic, bare=bare)
            if self.inbox is not None:
                kept = [m for m in self.inbox._buffer if m.topic != topic]
                channel._own_buffer().extend(m for m in self.inbox._buffer if m.topic == topic)
                self.inbox._buffer.clear()
                self.inbox._own_buffer().extend(kept)
        elif channel._bare is not bare:
            raise Invalid(
                f"topic {topic!r} is already listened to with message={not channel._bare}"
            )
        return channel

    def unlisten(self, channel: object) -> None:
        """Close a topic's channel; what still waits in it goes to the inbox, in its order."""
        topics = self.topics or {}
        listening = next((own for own in topics.values() if own is channel), None)
        if listening is None:
            raise Invalid(f"not a channel of listen(): {channel!r}")
        del topics[listening._topic]
        left = list(listening._buffer)
        listening._buffer.clear()
        listening._end()
        if left:
            inbox = self.open_inbox()
            # Whoever waits at the inbox is served first, as if the messages had just come.
            while left and inbox._receivers:
                next(iter(inbox._receivers)).claim(inbox, left.pop(0), True)
                self.taken()
            merged = sorted([*inbox._buffer, *left], key=lambda message: message._age)
            inbox._buffer.clear()
            inbox._own_buffer().extend(merged)

    # -- for the runtime

    def put(self, message: Message) -> bool:
        """Take in a message; False when there is no room."""
        channel = self.inbox if self.topics is None else self.topics.get(message.topic, self.inbox)
        if channel is None:
            channel = self.open_inbox()
        if channel._receivers:
            self.received += 1
            value = message.data if channel._bare else message
            next(iter(channel._receivers)).claim(channel, value, True)
            return True
        waiting = self.waiting
        if waiting >= self.limit > 0:
            return False
        self.waiting = waiting = waiting + 1
        if waiting > self.high_water:
            self.high_water = waiting
        if waiting == self.alarm and self.on_alarm is not None:
            self.on_alarm()
        self.received += 1
        message._age = self.next_age
        self.next_age += 1
        channel._own_buffer().append(message)
        return True

    def put_event(self, event: Event) -> None:
        """Take in an event, always."""
        channel = self.open_events()
        if channel._receivers:
            next(iter(channel._receivers)).claim(channel, event, True)
        elif event.kind is EventKind.CANCEL:
            event._age = CANCEL_AGE
            # After the CANCELs that are already there, before everything else.
            position = 0
            while position < len(channel._buffer) and channel._buffer[position]._age == CANCEL_AGE:
                position += 1
            channel._own_buffer().insert(position, event)
        else:
            event._age = self.next_age
            self.next_age += 1
            channel._own_buffer().append(event)

    def taken(self) -> None:
        """Count a message out, and let the next sender in that waits for room."""
        self.waiting -= 1
        if self.senders:
            waiter, message = next(iter(self.senders.items()))
            waiter.claim(self, None, True)
            self.put(message)

    def close(self) -> list[Message]:
        """End all channels; what nobody received is returned."""
        left: list[Message] = []
        for channel in (self.inbox, *(self.topics or {}).values()):
            if channel is not None:
                left.extend(channel._buffer)
                channel._buffer.clear()
                channel._end()
        if self.events is not None:
            self.events._end()
        for waiter in tuple(self.senders or ()):
            waiter.claim(self, None, False)
        left.sort(key=lambda message: message._age)
        return left

    def depth(self) -> int:
        """How many messages and events wait."""
        return self.waiting + (0 if self.events is None else len(self.events))
