"""Where a process's messages and events wait.

One mailbox has several channels: the inbox, one for each topic that is listened to, and the
events. They share one numbering of arrivals, by which a `select` over several of them takes the
oldest first, and one limit, which counts messages and not events: no flood of messages can keep
an EXIT or a CANCEL out.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NoReturn

from trio.lowlevel import enable_ki_protection

from echosvc._channel.core import NO_BUFFER, Channel
from echosvc._channel.waiting import Waiter
from echosvc._runtime.message import CANCEL_AGE, Event, EventKind, Message
from echosvc.errors import Invalid

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class MailboxChannel(Channel[Any]):
    """One channel of a mailbox: only the runtime fills it and closes it."""

    __slots__ = ("_bare", "_counted", "_mailbox", "_topic")

    _mailbox: Mailbox | None

    def __init__(
        self, mailbox: Mailbox, topic: str, *, counted: bool = True, bare: bool = False
    ) -> None:
        super().__init__(math.inf)
        self._mailbox = mailbox  # None once its process has ended
        self._topic = topic
        self._counted = counted
        self._bare = bare  # yields the data of its messages, and not the messages

    def __repr__(self) -> str:
        return f"<{self._topic} with {len(self)} waiting>"

    def _is_ready(self) -> bool:
        if self._buffer or self._closed:
            return True
        mailbox = self._mailbox
        # Others may fill the mailbox while the next message for this channel waits for room.
        return (
            mailbox is not None and bool(mailbox.senders) and mailbox.next_sender(self) is not None
        )

    def _age(self) -> float:
        return self._buffer[0]._age if self._buffer else math.inf

    def _take(self) -> tuple[Any, bool]:
        mailbox = self._mailbox
        if self._buffer:
            item = self._buffer.popleft()
            if self._counted and mailbox is not None:
                mailbox.waiting = waiting = mailbox.waiting - 1
                if waiting == mailbox.calm or mailbox.senders:
                    mailbox.taken()
        else:
            sender = None if mailbox is None else mailbox.next_sender(self)
            if mailbox is None or sender is None:
                return None, False  # ready because it is closed
            mailbox.received += 1
            item = mailbox.let_in(sender)
        return (item.data if self._bare else item), True

    def _serve(self) -> None:
        """Hand over to those who wait, as if what there is had just come."""
        while self._receivers and self._is_ready():
            value, ok = self._take()
            next(iter(self._receivers)).claim(self, value, ok)

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
        "calm",
        "events",
        "high_water",
        "inbox",
        "limit",
        "owner",
        "received",
        "senders",
        "topics",
        "waiting",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit  # 0: none
        self.owner: Process | None = None
        # Filling up is told of once, and again only when it has been half empty in between.
        self.alarm = limit - limit // 4
        self.calm = limit // 2 if limit else -1
        self.waiting = 0
        self.high_water = 0
        self.received = 0  # messages that have come: the age of each is its number
        self.inbox: MailboxChannel | None = None
        self.events: MailboxChannel | None = None
        self.topics: dict[str, MailboxChannel] | None = None
        # Who waits for room, in the order in which they came, and with what.
        self.senders: OrderedDict[Waiter, Message] | None = None

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
        self._give_back([listening])

    def unlisten_all(self) -> None:
        """Close all topics' channels; what still waits in them goes to the inbox."""
        topics, self.topics = self.topics, None
        self._give_back([*(topics or {}).values()])

    def _give_back(self, channels: list[MailboxChannel]) -> None:
        left: list[Message] = []
        for channel in channels:
            left.extend(channel._buffer)
            channel._buffer.clear()
            channel._end()
        if left:
            inbox = self.open_inbox()
            merged = sorted([*inbox._buffer, *left], key=lambda message: message._age)
            inbox._buffer.clear()
            inbox._own_buffer().extend(merged)
        if self.inbox is not None:
            self.inbox._serve()

    # -- for the runtime

    def channel_of(self, topic: str) -> MailboxChannel:
        """Give the channel that messages with this topic go to."""
        channel = None if self.topics is None else self.topics.get(topic)
        return self.open_inbox() if channel is None else channel

    @enable_ki_protection
    def put(self, message: Message) -> bool:
        """Take in a message; False when there is no room."""
        channel = self.inbox if self.topics is None else self.topics.get(message.topic, self.inbox)
        if channel is None:
            channel = self.open_inbox()
        if channel._receivers:
            self.received += 1  # which is the age of the next one, too
            value = message.data if channel._bare else message
            next(iter(channel._receivers)).claim(channel, value, True)
            return True
        waiting = self.waiting
        if waiting >= self.high_water:
            # Only at its highest can it be full.
            if waiting >= self.limit > 0:
                return False
            self.high_water = waiting + 1
        self.waiting = waiting = waiting + 1
        if waiting == self.alarm:
            self._tell_of_filling()
        message._age = age = self.received
        self.received = age + 1
        buffer = channel._buffer
        if buffer is NO_BUFFER:
            buffer = channel._own_buffer()
        buffer.append(message)
        return True

    def _tell_of_filling(self) -> None:
        self.alarm = 0
        if self.owner is not None:
            bus = self.owner.runtime.bus
            if bus.listening:
                bus.emit(
                    "mailbox", "filling", self.owner.pid, waiting=self.waiting, limit=self.limit
                )

    @enable_ki_protection
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
            # Between the last message and the next one. Events keep their order by themselves.
            event._age = self.received - 0.5
            channel._own_buffer().append(event)

    def taken(self) -> None:
        """Do what there is to do when a message was taken: let the next sender in."""
        if self.waiting == self.calm:
            self.alarm = self.limit - self.limit // 4
        if self.senders:
            self.put(self.let_in(next(iter(self.senders))))

    def next_sender(self, channel: MailboxChannel) -> Waiter | None:
        """Of those who wait for room, the first whose message goes to this channel."""
        for waiter, message in (self.senders or {}).items():
            if self.channel_of(message.topic) is channel:
                return waiter
        return None

    def let_in(self, sender: Waiter) -> Message:
        """Take the message of one who waits for room; he has sent it."""
        assert self.senders is not None
        message = self.senders[sender]
        sender.claim(self, None, True)
        return message

    def close(self) -> list[Message]:
        """End all channels; what nobody received is returned."""
        self.owner = None
        if self.events is not None:
            self.events._end()
            self.events._mailbox = None
        left: list[Message] = []
        if self.inbox is None and self.topics is None:
            return left  # nothing has ever come; nobody waits for room either
        for channel in (self.inbox, *(self.topics or {}).values()):
            if channel is not None:
                left.extend(channel._buffer)
                channel._buffer.clear()
                channel._end()
                channel._mailbox = None
        for waiter in tuple(self.senders or ()):
            waiter.claim(self, None, False)
        left.sort(key=lambda message: message._age)
        return left

    def depth(self) -> int:
        """How many messages and events wait."""
        return self.waiting + (0 if self.events is None else len(self.events))
