"""What arrives in an inbox (messages) and in an events channel (events)."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from echosvc._checks import given
from echosvc._exceptions import is_a, repr_of
from echosvc._runtime.pid import Pid
from echosvc._runtime.snapshot import IMMUTABLE, snapshot
from echosvc.errors import Invalid

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class Message(Struct, eq=False):
    """What somebody sent, as it arrived."""

    # A Struct, because it is made in half the time of a class with `__init__`, 0.05 µs. To set an
    # attribute of one takes longer than elsewhere: see `Mailbox.numbered`.

    topic: str
    sender: Pid | None
    """The PID of the process that sent it; `None` when that was no process."""
    data: Any
    """No payload is `None`, one value is itself, several are a tuple."""
    _age: int = 0
    """Its number among the messages of its mailbox, where they are numbered."""

    def __repr__(self) -> str:
        return f"<Message {self.topic!r} from {self.sender}: {self.data!r}>"

    @property
    def is_call(self) -> bool:
        """Whether the sender asked with `process.call`, and waits for a `reply`."""
        return False

    def reply(self, value: Any = None) -> None:
        """Answer a `process.call`; an exception as the value is raised at the other side.

        Never waits. An answer that comes too late, or a second one, is a dead letter. Another
        process that this message was passed on to may reply, too, as long as the one that was
        asked is there.

        Raises:
            Invalid: Nobody asked: the message was sent, not called. Or the value is an exception
                that is none of `Exception`, or cannot be copied.
        """
        raise Invalid(f"message {self.topic!r} was sent, not called: nobody waits for a reply")


class FlatMessage(Message, eq=False, gc=False):
    """A message whose data cannot lead back to it, so the garbage collector need not look at it.

    That is a tenth of the time of a message when many wait or many processes wake up: collections
    are counted by objects like these. (Whoever writes a message into its own data keeps it.)
    """


class Question(Message, eq=False):
    """A message of `process.call`."""

    number: int = 0
    asked: Process | None = None
    """Who is to answer."""

    @property
    def is_call(self) -> bool:
        """True: the sender waits."""
        return True

    def reply(self, value: Any = None) -> None:
        """Answer."""
        if self.asked is None or self.sender is None:
            raise Invalid(f"message {self.topic!r} was not delivered: nobody can reply to it")
        if is_a(value, Exception):
            answer: Any = value
        elif is_a(value, BaseException):
            kind = type(value).__name__
            raise Invalid(f"cannot reply with a {kind}: it would go through another process")
        else:
            answer = snapshot(value)
        self.asked.answer(self.sender, self.number, self.topic, answer)


class EventKind(enum.Enum):
    """What an `Event` tells."""

    CANCEL = "pid.cancel"
    """Somebody asks this process to end; `Event.reason` may say why."""
    EXIT = "pid.exit"
    """A monitored process has ended; `Event.result` says how."""
    LINK_DOWN = "pid.link.down"
    """A linked process has failed, and this process traps links."""

    def __repr__(self) -> str:
        return f"event.{self.name}"


class Result(Struct, eq=False):
    """How a process ended: with a value, or with an error."""

    value: Any = None
    error: BaseException | None = None

    def __repr__(self) -> str:
        if self.error is not None:
            return f"error={repr_of(self.error)}"
        return f"value={self.value!r}"

    @property
    def ok(self) -> bool:
        """Whether it ended without an error."""
        return self.error is None

    def copied(self) -> Result:
        """Give the same to somebody else, who may change what can be changed in it.

        An error is an object, and the same for everybody. A value whose own class cannot copy it
        any more is `Invalid` as the error.
        """
        if type(self.value) in IMMUTABLE:
            return Result(self.value, self.error)
        try:
            return Result(snapshot(self.value))
        except Invalid as error:
            return Result(error=error)


class Event(Struct, eq=False):
    """News for one process about another."""

    kind: EventKind
    sender: Pid | None
    """The process that it is about; for CANCEL the one that asks, `None` if that is none."""
    at: float
    """When it happened, on trio's clock."""
    result: Result = field(default_factory=Result)
    """EXIT: how the process ended. LINK_DOWN: `result.error` is what it failed with."""
    reason: str = ""
    """CANCEL: why."""
    _age: float = 0.0

    def __repr__(self) -> str:
        about = f" {self.result!r}" if self.kind is not EventKind.CANCEL else f" {self.reason!r}"
        return f"<{self.kind.name} from {self.sender}{about}>"


def check_topic(topic: object) -> None:
    """Refuse what is no topic that an application may use."""
    if not isinstance(topic, str):
        raise Invalid(f"a topic is a str, not {given(topic)}")
    if topic[:1] == "@":
        raise Invalid(f"topic {topic!r}: topics that begin with '@' are the runtime's own")


__all__ = [
    "Event",
    "EventKind",
    "FlatMessage",
    "Message",
    "Question",
    "Result",
    "check_topic",
]
