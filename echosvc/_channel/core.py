"""The channel itself, and the two cases that select makes of it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, cast

import trio
import trio.abc
from trio.lowlevel import cancel_shielded_checkpoint, checkpoint_if_cancelled

from echosvc._channel.slices import slice_is_used_up
from echosvc._channel.waiting import Waiter, park
from echosvc.errors import Invalid

T = TypeVar("T")


class Selected(NamedTuple, Generic[T]):
    """What a `select` did."""

    channel: Any
    """The channel whose case took effect (for `case_call`, the case); `None` for the default."""
    value: T
    """What was received; `None` for a send, for a closed channel and for the default."""
    ok: bool
    """False when the channel is closed: nothing was received, or sent."""
    default: bool
    """True when nothing was ready and the select was told not to wait."""


@dataclass(frozen=True, slots=True)
class ChannelStatistics:
    """A channel at one moment."""

    size: float
    """How many values it holds before a sender waits; 0 for a rendezvous, `math.inf` for any."""
    buffered: int
    """Values sent and not yet received."""
    waiting_receivers: int
    waiting_senders: int
    closed: bool


class Channel(trio.abc.SendChannel[T], trio.abc.ReceiveChannel[T]):
    """A queue between tasks, with Go's semantics.

    Args:
        size: How many values are kept while nobody receives. 0 (the default) is a rendezvous: a
            send waits for its receiver. `math.inf` never makes a sender wait.

    Values come out in the order in which they went in, and waiting tasks are served in the order
    in which they came. Any value may travel, `None` too.
    """

    __slots__ = ("__weakref__", "_buffer", "_closed", "_receivers", "_senders", "_size")

    # What only special channels have: an instant at which they become ready by themselves (timers),
    # a mailbox whose channels are taken oldest first (a process's inbox and events).
    _wakes_at: float = math.inf
    _mailbox: object = None

    def __init__(self, size: float = 0) -> None:
        if isinstance(size, bool) or not (size == math.inf or isinstance(size, int)):
            raise Invalid(f"a channel's size is a whole number or math.inf, not {size!r}")
        if size < 0:
            raise Invalid(f"a channel's size cannot be negative: {size!r}")
        self._size = size
        self._buffer: deque[T] = deque()
        self._closed = False
        # Dicts, for their order and for removing a waiter that lost at no cost. Invariant: nobody
        # waits to receive while there is something to be had, nor to send while there is room.
        self._receivers: dict[Waiter, None] = {}
        self._senders: dict[Waiter, T] = {}

    def __repr__(self) -> str:
        state = " closed" if self._closed else ""
        return f"<{type(self).__name__} {len(self)}/{self._size}{state} at {id(self):#x}>"

    def __len__(self) -> int:
        """How many values can be received at once."""
        return len(self._buffer)

    def __bool__(self) -> bool:
        """True: an empty channel is still a channel."""
        return True

    def statistics(self) -> ChannelStatistics:
        """Tell what is in the channel and who waits for it."""
        return ChannelStatistics(
            size=self._size,
            buffered=len(self),
            waiting_receivers=len(self._receivers),
            waiting_senders=len(self._senders),
            closed=self._closed,
        )

    # -- sending

    def send_nowait(self, value: T) -> None:
        """Send without waiting.

        Raises:
            trio.WouldBlock: There is no room, and nobody is waiting to receive.
            trio.ClosedResourceError: The channel is closed.
        """
        if self._closed:
            raise trio.ClosedResourceError("this channel is closed")
        if self._receivers:
            next(iter(self._receivers)).claim(self, value, True)
        elif len(self._buffer) < self._size:
            self._buffer.append(value)
        else:
            raise trio.WouldBlock

    async def send(self, value: T) -> None:
        """Send, and wait for room or, without a buffer, for the receiver.

        Cancelled, nothing was sent.

        Raises:
            trio.ClosedResourceError: The channel is closed, or is while this waits.
        """
        await checkpoint_if_cancelled()
        try:
            self.send_nowait(value)
        except trio.WouldBlock:
            waiter = await park((SendCase(self, value),))
            if not waiter.ok:
                raise trio.ClosedResourceError("this channel was closed") from None
        else:
            if slice_is_used_up():
                await cancel_shielded_checkpoint()

    # -- receiving

    def receive_nowait(self) -> T:
        """Receive without waiting.

        Raises:
            trio.WouldBlock: There is nothing to receive yet.
            trio.EndOfChannel: The channel is closed, and everything in it was received.
        """
        if not self._is_ready():
            raise trio.WouldBlock
        value, ok = self._take()
        if not ok:
            raise trio.EndOfChannel
        return cast("T", value)

    async def receive(self) -> T:
        """Wait for a value.

        Cancelled, nothing was received.

        Raises:
            trio.EndOfChannel: The channel is closed, and everything in it was received.
        """
        await checkpoint_if_cancelled()
        while not self._is_ready():
            waiter = await park((self,), self._wakes_at)
            if waiter.claimed:
                if not waiter.ok:
                    raise trio.EndOfChannel
                return cast("T", waiter.value)
        value, ok = self._take()
        if slice_is_used_up():
            await cancel_shielded_checkpoint()
        if not ok:
            raise trio.EndOfChannel
        return cast("T", value)

    # -- closing

    def close(self) -> None:
        """Say that nothing more will be sent. Doing it again does nothing.

        What is in the buffer can still be received; then receivers get `trio.EndOfChannel`. Tasks
        that wait to send get `trio.ClosedResourceError`, and have sent nothing.
        """
        if self._closed:
            return
        self._closed = True
        for waiter in (*self._receivers, *self._senders):
            # One waiter may wait at both ends: whoever is claimed has left both.
            if not waiter.claimed:
                waiter.claim(self, None, False)

    async def aclose(self) -> None:
        """Do what `close` does, as trio's channels spell it."""
        self.close()
        await trio.lowlevel.checkpoint()

    # -- cases

    def case_receive(self) -> ReceiveCase[T]:
        """Make a case for `select`: receive from this channel. The bare channel means the same."""
        return ReceiveCase(self)

    def case_send(self, value: T) -> SendCase[T]:
        """Make a case for `select`: send this value to this channel."""
        return SendCase(self, value)

    # -- what select, timers and mailboxes build on

    def _is_ready(self) -> bool:
        """Whether a receive would not wait."""
        return bool(self._buffer) or bool(self._senders) or self._closed

    def _take(self) -> tuple[T | None, bool]:
        """Take what `_is_ready` promised: a value, or the news that the channel has ended."""
        if self._buffer:
            value = self._buffer.popleft()
            if self._senders:
                sender, waiting = next(iter(self._senders.items()))
                self._buffer.append(waiting)
                sender.claim(self, None, True)
            return value, True
        if self._senders:
            sender, value = next(iter(self._senders.items()))
            sender.claim(self, None, True)
            return value, True
        return None, False

    def _perform(self) -> Selected[Any]:
        value, ok = self._take()
        return Selected(self, value, ok, False)

    def _age(self) -> float:
        """How old the next value is, among the channels of one `_mailbox`: smaller is older."""
        return 0.0

    def _park(self, waiter: Waiter) -> None:
        self._receivers[waiter] = None

    def _unpark(self, waiter: Waiter) -> None:
        self._receivers.pop(waiter, None)


class ReceiveCase(Generic[T]):
    """In a `select`: receive from a channel."""

    __slots__ = ("channel",)

    def __init__(self, channel: Channel[T]) -> None:
        self.channel = channel

    def __repr__(self) -> str:
        return f"<receive from {self.channel!r}>"


class SendCase(Generic[T]):
    """In a `select`: send a value to a channel."""

    __slots__ = ("channel", "value")

    _wakes_at = math.inf
    _mailbox = None

    def __init__(self, channel: Channel[T], value: T) -> None:
        self.channel = channel
        self.value = value

    def __repr__(self) -> str:
        return f"<send {self.value!r} to {self.channel!r}>"

    def _park(self, waiter: Waiter) -> None:
        # Of several values offered to one channel in one select, the first in argument order goes.
        self.channel._senders.setdefault(waiter, self.value)

    def _unpark(self, waiter: Waiter) -> None:
        self.channel._senders.pop(waiter, None)

    def _age(self) -> float:
        return 0.0

    def _is_ready(self) -> bool:
        channel = self.channel
        return channel._closed or bool(channel._receivers) or len(channel._buffer) < channel._size

    def _perform(self) -> Selected[Any]:
        if self.channel._closed:
            return Selected(self.channel, None, False, False)
        self.channel.send_nowait(self.value)
        return Selected(self.channel, None, True, False)
