"""The channel itself, and its case for sending."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import (
    Any,
    ClassVar,
    Final,
    Generic,
    NamedTuple,
    NoReturn,
    Protocol,
    Self,
    TypeVar,
    cast,
)

import trio
import trio.abc
from trio.lowlevel import checkpoint_if_cancelled, current_task, enable_ki_protection

from echosvc._channel.run import Run
from echosvc._channel.seats import current_run, enter_all, may_be_cancelled, park, wait
from echosvc._channel.waiting import NOBODY, Waiter, enter
from echosvc._checks import check_instance, given
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
    sent: bool = False
    """True when a value was sent: it tells the two ends of one channel apart."""


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


class _NoBuffer(deque[Any]):
    """The buffer of a channel that has not needed one: empty, for ever."""

    __slots__ = ()

    def _refuse(self, *args: object) -> NoReturn:
        raise TypeError("this channel has no buffer of its own yet: write to _own_buffer()")

    append = appendleft = extend = extendleft = insert = _refuse


# Shared by all channels until they need one: an idle process is little more than its task and its
# inbox, and an empty deque is 760 bytes.
NO_BUFFER: Final[deque[Any]] = _NoBuffer()


class Turns(Protocol):
    """A mailbox, as `select` knows it: one of those that take turns."""

    turn: int
    """Its last one; turns are numbered."""


class Channel(trio.abc.SendChannel[T], trio.abc.ReceiveChannel[T]):
    """A queue between tasks, with Go's semantics.

    Args:
        size: How many values are kept while nobody receives. 0 (the default) is a rendezvous: a
            send waits for its receiver. `math.inf` never makes a sender wait.

    Values come out in the order in which they went in, and waiting tasks are served in the order
    in which they came. Any value may travel, `None` too.

    Raises:
        Invalid: The size is neither a whole number from 0 on nor `math.inf`.
    """

    __slots__ = (
        "__weakref__",
        "_buffer",
        "_closed",
        "_heeded",
        "_receivers",
        "_run",
        "_senders",
        "_size",
    )

    # To be selected it needs no task of its own.
    _races: ClassVar[bool] = False
    # Ready in a select, it may have to let others go first: see `_whose_turn` in native.py.
    _takes_turns: ClassVar[bool] = False
    # What only a process's inbox, events and topics have.
    _mailbox: Turns | None = None
    # What only timers have: the clock that fills them, and when it does.
    _clock: trio.abc.Clock | None = None
    _due: float = math.inf

    def __init__(self, size: float = 0) -> None:
        if type(size) is not int or size < 0:
            _check_size(size)
        self._size = size
        self._closed = False
        # Whether more than the buffer is concerned when a value is taken from it: a sender that
        # waits for room, a gap to be told of. True too often costs only time.
        self._heeded = False
        # Looked up once: to do so at each receive took a quarter of its time.
        self._run: Run | None = None
        self._buffer: deque[T] = NO_BUFFER
        # In the order in which they came; a waiter that lost is removed at no cost. Invariant:
        # nobody waits to receive while there is something to be had, nor to send while there is
        # room.
        self._receivers: dict[Waiter, None] = NOBODY
        self._senders: dict[Waiter, T] = NOBODY

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

    @enable_ki_protection
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
            if self._buffer is NO_BUFFER:
                self._buffer = deque()
            self._buffer.append(value)
        else:
            raise trio.WouldBlock

    @enable_ki_protection
    async def send(self, value: T) -> None:
        """Send, and wait for room or, without a buffer, for the receiver.

        Cancelled, nothing was sent.

        Raises:
            trio.ClosedResourceError: The channel is closed, or is while this waits.
        """
        await checkpoint_if_cancelled()
        if not self._has_room():
            waiter = await park((SendCase(self, value),))
            if not waiter.ok:
                raise trio.ClosedResourceError("this channel was closed")
            return
        self.send_nowait(value)
        run = self._run or self._find_run()
        run.left -= 1
        if run.left <= 0 and run.is_used_up():
            await run.give_way()

    # -- receiving

    @enable_ki_protection
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

    def receive(self) -> Coroutine[Any, Any, T]:
        """Wait for a value.

        Cancelled, nothing was received.

        Raises:
            trio.EndOfChannel: The channel is closed, and everything in it was received.
        """
        return self._receive(trio.EndOfChannel)

    def __anext__(self) -> Coroutine[Any, Any, T]:
        return self._receive(StopAsyncIteration)

    @enable_ki_protection
    async def _receive(self, end: type[Exception]) -> T:
        run = self._run
        if run is None:
            run = self._find_run()
        seat = run.seat
        # To ask trio whether the caller is cancelled takes a coroutine, a third of a receive. So
        # first look where it would look. Outside of seats it is asked each time that the clock is,
        # too, which is when Ctrl-C is noticed.
        if seat is not None:
            if may_be_cancelled(seat.task):
                await checkpoint_if_cancelled()
        elif run.left <= 1 or may_be_cancelled(current_task()):
            await checkpoint_if_cancelled()
        if self._buffer and not self._heeded:  # what most receives are
            value: Any = self._buffer.popleft()
            ok = True
        elif self._buffer or self._is_ready():
            value, ok = self._take()
        else:
            waiter = enter_all((self,), run)
            await wait(waiter)
            if not waiter.ok:
                raise end
            return waiter.take()  # type: ignore[no-any-return]  # what was sent
        run.left = left = run.left - 1
        if left <= 0 and run.is_used_up():
            await run.give_way()
        if not ok:
            raise end
        return value  # type: ignore[no-any-return]  # the same

    # -- closing

    @enable_ki_protection
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
        """Do what `close` does, as trio's channels spell it.

        Cancelled, it is closed all the same.
        """
        self.close()
        await trio.lowlevel.checkpoint()

    # -- cases

    def case_receive(self) -> Self:
        """Give a case for `select`: receive from this channel. It is the channel itself."""
        return self

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
                sender.claim_sent(self)
            else:
                self._heeded = False
            return value, True
        if self._senders:
            sender, value = next(iter(self._senders.items()))
            sender.claim_sent(self)
            return value, True
        return None, False

    def _perform(self) -> Selected[Any]:
        value, ok = self._take()
        return Selected(self, value, ok, False)

    def _age(self) -> float:
        """How old the next value is, among the channels of one `_mailbox`: smaller is older."""
        return 0.0

    def _has_room(self) -> bool:
        """Whether a send would not wait."""
        return self._closed or bool(self._receivers) or len(self._buffer) < self._size

    def _find_run(self) -> Run:
        self._run = current_run()
        return self._run

    def _own_buffer(self) -> deque[T]:
        """Give the buffer to write to."""
        if self._buffer is NO_BUFFER:
            self._buffer = deque()
        return self._buffer

    def _park(self, waiter: Waiter) -> None:
        receivers = self._receivers
        if receivers or receivers is NOBODY:
            self._receivers = enter(receivers, waiter, None)
        else:
            receivers[waiter] = None

    def _unpark(self, waiter: Waiter) -> None:
        self._receivers.pop(waiter, None)


def _check_size(size: float) -> None:
    if isinstance(size, bool) or not (size == math.inf or isinstance(size, int)):
        raise Invalid(f"a channel's size is a whole number or math.inf, not {given(size)}")
    if size < 0:
        raise Invalid(f"a channel's size cannot be negative: {given(size)}")


class SendCase(Generic[T]):
    """In a `select`: send a value to a channel.

    Raises:
        Invalid: It is no channel.
    """

    __slots__ = ("channel", "value")

    _run = None
    _races: ClassVar[bool] = False
    _takes_turns: ClassVar[bool] = False
    _mailbox = None
    _clock = None
    _due = math.inf

    def __init__(self, channel: Channel[T], value: T) -> None:
        if type(channel) is not Channel:
            check_instance("channel", channel, Channel, "a Channel")
        self.channel = channel
        self.value = value

    def __repr__(self) -> str:
        return f"<send {self.value!r} to {self.channel!r}>"

    def _park(self, waiter: Waiter) -> None:
        self.channel._senders = enter(self.channel._senders, waiter, self.value)
        self.channel._heeded = True

    def _unpark(self, waiter: Waiter) -> None:
        self.channel._senders.pop(waiter, None)

    def _age(self) -> float:
        return 0.0

    def _is_ready(self) -> bool:
        return self.channel._has_room()

    def _perform(self) -> Selected[Any]:
        if self.channel._closed:
            return Selected(self.channel, None, False, False)
        self.channel.send_nowait(self.value)
        return Selected(self.channel, None, ok=True, default=False, sent=True)
