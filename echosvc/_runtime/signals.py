"""All that one process can do to another, as plain values.

A signal names its sender by PID and goes to a PID through `Routes.route`. Nothing here holds a
process object, so that a route may one day lead to another node. (A `Message` goes to a PID, too;
its way is shorter, `Routes.post`.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from echosvc._runtime.message import Event, EventKind, Result
from echosvc._runtime.pid import Pid
from echosvc.errors import LinkDown, Terminated

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class Exit(Struct, eq=False):
    """A process that you monitor has ended."""

    sender: Pid
    at: float
    result: Result

    def arrive(self, process: Process) -> None:
        """Become an EXIT event."""
        process.take_exit(self.sender, self.at, self.result)


class Unlinked(Struct, eq=False):
    """A process that you are linked with is so no longer: it ended normally, or unlinked."""

    sender: Pid

    def arrive(self, process: Process) -> None:
        """Forget the link."""
        if process.links is not None:
            process.links.pop(self.sender, None)


class PeerFailed(Struct, eq=False):
    """A process that you are linked with has ended with an error."""

    sender: Pid
    at: float
    error: BaseException

    def arrive(self, process: Process) -> None:
        """End the process too or, if it traps links, become a LINK_DOWN event."""
        if process.links is None or self.sender not in process.links:
            return  # unlinked in the meantime
        del process.links[self.sender]
        if process.trap_links:
            result = Result(error=self.error)
            event = Event(EventKind.LINK_DOWN, self.sender, self.at, result=result)
            process.mailbox.put_event(event)
        else:
            process.stop(LinkDown(pid=self.sender, reason=self.error))
        bus = process.runtime.bus
        if bus.listening:
            trapped = process.trap_links
            bus.emit(
                "process",
                "link_down",
                process.pid,
                peer=self.sender,
                error=self.error,
                trapped=trapped,
            )


class Watch(Struct, eq=False):
    """Tell me when you end."""

    sender: Pid

    def arrive(self, process: Process) -> None:
        """Note who wants an EXIT. Asking twice is asking once."""
        process.add_watcher(self.sender)


class Unwatch(Struct, eq=False):
    """Don't tell me any more."""

    sender: Pid

    def arrive(self, process: Process) -> None:
        """Forget who wanted an EXIT."""
        if process.watchers is not None:
            process.watchers.pop(self.sender, None)


class Linked(Struct, eq=False):
    """Let us end together."""

    sender: Pid

    def arrive(self, process: Process) -> None:
        """Note the link at this end."""
        if process.links is None:
            process.links = {}
        process.links[self.sender] = None


class Cancel(Struct, eq=False):
    """Please end."""

    sender: Pid | None
    at: float
    reason: str

    def arrive(self, process: Process) -> None:
        """Become a CANCEL event."""
        event = Event(EventKind.CANCEL, self.sender, self.at, reason=self.reason)
        process.mailbox.put_event(event)


class Terminate(Struct, eq=False):
    """End."""

    reason: str

    def arrive(self, process: Process) -> None:
        """End the process at its next checkpoint."""
        process.stop(Terminated(reason=self.reason))


class Reply(Struct, eq=False):
    """The answer to your call, or the news that there will be none.

    An exception as the value is raised.
    """

    sender: Pid
    number: int
    topic: str
    value: Any
    given: bool = True
    """Whether the process gave it; it is the runtime that says it has ended."""

    def arrive(self, process: Process) -> None:
        """Wake who asked."""
        slot = None if process.calls is None else process.calls.pop(self.number, None)
        if slot is not None:
            slot.send_nowait(self)
        else:
            self.not_received(process, "a late reply")

    def not_received(self, process: Process, why: str) -> None:
        """Count an answer that nobody waits for any more, or the question that it gives back."""
        letters = process.runtime.dead_letters
        if self.given:
            letters.add(process.pid, self.sender, self.topic, why)
        elif self.value.undelivered is not None:
            letters.add_unread(self.sender, [self.value.undelivered])


class Withdraw(Struct, eq=False):
    """I no longer wait for the answer to this call."""

    number: int

    def arrive(self, process: Process) -> None:
        """Forget the question; an answer to it will be a dead letter."""
        if process.unanswered is not None:
            process.unanswered.pop(self.number, None)


Signal = (
    Exit | Unlinked | PeerFailed | Watch | Unwatch | Linked | Cancel | Terminate | Reply | Withdraw
)
