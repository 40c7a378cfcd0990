"""Where a process's messages and events wait.

One mailbox has several channels: the inbox, one for each topic that is listened to, and the
events. They share one numbering of arrivals, by which a `select` over several of them takes the
oldest first, and one limit, which counts messages and not events: no flood of messages can keep
an EXIT or a CANCEL out. A CANCEL is taken before everything.
"""

from __future__ import annotations

import math
import sys
from collections import OrderedDict, deque
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NoReturn

from trio.lowlevel import enable_ki_protection

from echosvc._channel.core import NO_BUFFER, Channel
from echosvc._channel.waiting import NOBODY, Waiter, enter
from echosvc._runtime.message import Event, EventKind, Message
from echosvc._runtime.pid import Pid
from echosvc.errors import Invalid

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class MailboxChannel(Channel[Any]):
    """One channel of a mailbox: only the runtime fills it and closes it.

    Its senders are those who wait for room with a message that goes here.
    """

    __slots__ = ("_bare", "_mailbox", "_topic")

    _takes_turns = True
    _mailbox: Mailbox | None

    def __init__(self, mailbox: Mailbox, topic: str, *, bare: bool = False) -> None:
        super().__init__(math.inf)
        self._mailbox = mailbox  # None once its process has ended
        self._topic = topic
        self._bare = bare  # yields the data of its messages, and not the messages

    def __repr__(self) -> str:
        return f"<{self._topic} with {len(self)} waiting>"

    def _age(self) -> float:
        mailbox = self._mailbox
        if not self._buffer:
            return math.inf
        if mailbox is None or mailbox.numbered:
            age: float = self._buffer[0]._age
            return age
        return mailbox.received - len(self._buffer)

    def _take(self) -> tuple[Any, bool]:
        mailbox = self._mailbox
        if self._buffer:
            item = self._buffer.popleft()
            if self._heeded and mailbox is not None:
                mailbox.taken(self)
        elif self._senders and mailbox is not None:
            # Others have filled the mailbox while the next message for this channel waits.
            mailbox.received += 1
            item = mailbox.let_in(next(iter(self._senders)))
        else:
            return None, False  # ready because it is closed
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


class EventsChannel(MailboxChannel):
    """The events, and in a lane of their own those that are older than everything: CANCELs.

    Of each sender one CANCEL waits at a time, so that asking again and again costs nobody anything.
    """

    __slots__ = ("_cancels",)

    def __init__(self, mailbox: Mailbox) -> None:
        super().__init__(mailbox, "events")
        self._cancels: OrderedDict[Pid | None, Event] | None = None

    def __len__(self) -> int:
        return len(self._buffer) + len(self._cancels or ())

    def _add_cancel(self, cancel: Event) -> None:
        if self._cancels is None:
            self._cancels = OrderedDict()
        self._cancels.setdefault(cancel.sender, cancel)
        self._heeded = True

    def _is_ready(self) -> bool:
        return bool(self._cancels) or bool(self._buffer) or self._closed

    def _age(self) -> float:
        if self._cancels:
            return -math.inf
        return self._buffer[0]._age if self._buffer else math.inf

    def _take(self) -> tuple[Any, bool]:
        if self._cancels:
            _, cancel = self._cancels.popitem(last=False)
            self._heeded = bool(self._cancels)
            return cancel, True
        if self._buffer:
            return self._buffer.popleft(), True
        return None, False


class Mailbox:
    """The channels of one process, made as they are asked for."""

    __slots__ = (
        "aside",
        "edge",
        "events",
        "inbox",
        "limit",
        "most",
        "numbered",
        "owner",
        "peak",
        "plain",
        "received",
        "senders",
        "told",
        "topics",
        "turn",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit  # 0: none
        self.owner: Process | None = None
        # How many messages wait is the length of the inbox, and these: of the topics' channels.
        self.aside = 0
        # Filling up is told of once, and again only when it has been half empty in between.
        self.told = False
        self.most = 0  # that have waited since it was half empty
        self.peak = 0  # and before that
        # With so many waiting a message is not just put to them: it is full, or to be told of.
        self.edge = limit - limit // 4 - 1 if limit else sys.maxsize
        self.received = 0  # messages that have come: the age of each is its number
        # Whether that is noted in each, 0.03 µs. Where all go to the inbox, their order tells it.
        self.numbered = False
        self.turn = 0  # its last one among the timers of a select
        # The buffer of the inbox, once it has one and as long as a message may just be put there.
        self.plain: deque[Any] = NO_BUFFER
        self.inbox: MailboxChannel | None = None
        self.events: EventsChannel | None = None
        self.topics: dict[str, MailboxChannel] | None = None
        # Who waits for room, in the order in which they came, and with what. Each is among the
        # senders of the channel that its message goes to, too.
        self.senders: OrderedDict[Waiter, Message] | None = None

    # -- for the process

    def open_inbox(self) -> MailboxChannel:
        """Give the inbox, the same each time."""
        if self.inbox is None:
            self.inbox = MailboxChannel(self, "inbox")
            self._heed()
        return self.inbox

    def open_events(self) -> EventsChannel:
        """Give the events channel, the same each time."""
        if self.events is None:
            self.events = EventsChannel(self)
        return self.events

    def listen(self, topic: str, bare: bool) -> MailboxChannel:
        """Give a topic a channel of its own, and what of it still waits in the inbox."""
        if self.topics is None:
            self.topics = {}
        if not self.numbered:
            self.numbered = True
            self.plain = NO_BUFFER
            waiting = () if self.inbox is None else self.inbox._buffer
            for number, message in enumerate(waiting, start=self.received - len(waiting)):
                message._age = number
        channel = self.topics.get(topic)
        if channel is None:
            channel = self.topics[topic] = MailboxChannel(self, topic, bare=bare)
            channel._heeded = True  # they are counted one by one
            if self.inbox is not None:
                kept = [m for m in self.inbox._buffer if m.topic != topic]
                channel._own_buffer().extend(m for m in self.inbox._buffer if m.topic == topic)
                self.aside += len(channel)
                self.inbox._buffer.clear()
                self.inbox._own_buffer().extend(kept)
            self._sort_senders()
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
            raise Invalid(f"not a channel of listen(), or no longer: {type(channel).__name__}")
        del topics[listening._topic]
        self._give_back([listening])

    def unlisten_all(self) -> None:
        """Close all topics' channels; what still waits in them goes to the inbox."""
        topics, self.topics = self.topics, None
        self._give_back([*(topics or {}).values()])

    def _give_back(self, channels: list[MailboxChannel]) -> None:
        self._sort_senders(channels)
        left: list[Message] = []
        for channel in channels:
            left.extend(channel._buffer)
            channel._buffer.clear()
            channel._end()
        if left:
            self.aside -= len(left)
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
        channel = self.inbox
        if self.topics:
            channel = self.topics.get(message.topic, channel)
        if channel is None:
            channel = self.open_inbox()
        buffer = channel._buffer
        if not buffer:
            if channel._receivers:
                self.received += 1  # which is the age of the next one, too
                value = message.data if channel._bare else message
                next(iter(channel._receivers)).claim(channel, value, True)
                return True
            if buffer is NO_BUFFER:
                buffer = channel._own_buffer()
                if not self.numbered:
                    self.plain = buffer
        waiting = self.waiting if self.numbered else len(buffer)
        if waiting >= self.most:
            # Only at its highest can it be at the edge.
            if waiting >= self.edge and not self._pass_edge(waiting):
                return False
            self.most = waiting + 1
        if self.numbered:
            message._age = self.received
            if channel is not self.inbox:
                self.aside += 1
        self.received += 1
        buffer.append(message)
        return True

    def _pass_edge(self, waiting: int) -> bool:
        """Tell whether there is room for one more; if so, it is filling up."""
        if waiting >= self.limit:
            return False
        self.told = True
        self.edge = self.limit
        self._heed()
        if self.owner is not None and (bus := self.owner.runtime.bus).listening:
            bus.emit("mailbox", "filling", self.owner.pid, waiting=waiting + 1, limit=self.limit)
        return True

    @enable_ki_protection
    def put_event(self, event: Event) -> None:
        """Take in an event, always."""
        channel = self.events or self.open_events()
        if channel._receivers:
            next(iter(channel._receivers)).claim(channel, event, True)
        elif event.kind is EventKind.CANCEL:
            channel._add_cancel(event)
        else:
            # Between the last message and the next one. Events keep their order by themselves.
            event._age = self.received - 0.5
            channel._own_buffer().append(event)

    def taken(self, channel: MailboxChannel) -> None:
        """Do what there is to do when a message was taken that is to be counted."""
        if channel is not self.inbox:
            self.aside -= 1
        if self.told and self.waiting <= self.limit // 2:
            self.told = False
            self.edge = self.limit - self.limit // 4 - 1
            self.peak, self.most = self.high_water, self.waiting
        if self.senders:
            self.put(self.let_in(next(iter(self.senders))))
        self._heed()

    def _heed(self) -> None:
        """Have it counted, or not, when a message is taken from the inbox."""
        if self.inbox is not None:
            self.inbox._heeded = self.told or bool(self.senders)

    def wait_for_room(self, sender: Waiter, message: Message) -> None:
        """Note one who waits to send."""
        if self.senders is None:
            self.senders = OrderedDict()
        self.senders[sender] = message
        self._queue(sender, message)
        self._heed()

    def stop_waiting(self, sender: Waiter) -> None:
        """Forget one who waits to send."""
        assert self.senders is not None
        message = self.senders.pop(sender)
        self.channel_of(message.topic)._senders.pop(sender)

    def _queue(self, sender: Waiter, message: Message) -> None:
        channel = self.channel_of(message.topic)
        channel._senders = enter(channel._senders, sender, message)

    def _sort_senders(self, closed: Iterable[MailboxChannel] = ()) -> None:
        """Queue all who wait for room anew: topics go to other channels than before."""
        if self.senders:
            for channel in (self.open_inbox(), *(self.topics or {}).values(), *closed):
                channel._senders = NOBODY
            for sender, message in self.senders.items():
                self._queue(sender, message)

    def let_in(self, sender: Waiter) -> Message:
        """Take the message of one who waits for room; he has sent it."""
        assert self.senders is not None
        message = self.senders[sender]
        sender.claim(self, None, True)
        return message

    def close(self) -> list[Message]:
        """End all channels; what nobody received is returned."""
        self.owner = None
        self.plain = NO_BUFFER
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
        self.aside = 0
        if self.numbered:
            left.sort(key=lambda message: message._age)
        return left

    @property
    def waiting(self) -> int:
        """How many messages wait."""
        return self.aside + (0 if self.inbox is None else len(self.inbox._buffer))

    @property
    def high_water(self) -> int:
        """The most messages that have ever waited."""
        return max(self.most, self.peak)
