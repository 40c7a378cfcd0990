"""The way by which everything reaches a process: messages by `post`, all else by `route`."""

from __future__ import annotations

import itertools
from gc import is_tracked
from typing import TYPE_CHECKING, Any

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._checks import check_text, given
from echosvc._runtime.bus import Bus
from echosvc._runtime.dead_letters import DeadLetters
from echosvc._runtime.message import FlatMessage, Message, Question, check_topic
from echosvc._runtime.names import Names
from echosvc._runtime.pid import Pid, looks_like_pid
from echosvc._runtime.signals import Cancel, Signal, Terminate
from echosvc._runtime.snapshot import IMMUTABLE, snapshot, snapshot_payload
from echosvc.errors import Error, Invalid, MailboxFull, NameNotFound, ProcessNotFound

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class Routes:
    """All processes by their PID and by their names, and the way to them.

    Keyed by PID and fed with plain values, so that a PID of another node may one day have another
    route.
    """

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.dead_letters = DeadLetters(bus)
        self.names = Names()
        self.processes: dict[str, Process] = {}
        self._next_call = itertools.count(1)

    def send(self, dest: str, topic: str, *payload: Any) -> None:
        """Send a message from outside any process: its `sender` is None. See `process.send`."""
        self.post(dest, topic, payload, None)

    @enable_ki_protection
    def post(
        self,
        dest: str,
        topic: str,
        payload: tuple[Any, ...],
        sender: Pid | None,
        call: int = 0,
    ) -> Process:
        """Bring a message to a process.

        The topic is checked first, whoever it is for. Then the payload is copied, for an error
        about the address carries the message.
        """
        if type(topic) is not str or topic < "A":  # "@" is the last character before "A"
            check_topic(topic)
        try:
            process: Process | None = self.processes[dest]
        except (KeyError, TypeError):  # a name, or nothing that can be sent to
            process = self.known(dest)
        kind = Message
        if len(payload) != 1:
            data = snapshot_payload(payload)
            if data is None:
                kind = FlatMessage
        elif type(data := payload[0]) is dict:
            # Most messages are a flat dict. That takes half as long here as it does in `snapshot`.
            for value in data.values():
                if type(value) not in IMMUTABLE:
                    data = snapshot(data)
                    break
            else:
                data = data.copy()
                if not is_tracked(data):  # and so no key of it leads back to it, either
                    kind = FlatMessage
        elif type(data) in IMMUTABLE:  # without `snapshot`, which is three calls
            kind = FlatMessage
        else:
            data = snapshot(data)
        if call:
            message: Message = Question(topic, sender, data, number=call, asked=process)
        else:
            message = kind(topic, sender, data)
        if process is None:
            raise _nobody(dest, topic, message)
        if call:
            taken = process.accept(message)
        else:
            mailbox = process.box or process.mailbox
            buffer = mailbox.plain
            waiting = len(buffer)
            if 0 < waiting < mailbox.most:
                # Others wait already, and it is neither the most ever nor full: that is all there
                # is to it. Most messages to a busy process come here.
                mailbox.received += 1
                buffer.append(message)
                return process
            taken = mailbox.put(message)
        if not taken:
            raise MailboxFull(pid=process.pid, topic=topic, undelivered=message)
        return process

    def known(self, dest: Any) -> Process | None:
        """Give the process with this PID or name, if there is one."""
        try:
            return self.processes.get(dest) or self.names.get(dest)
        except TypeError:  # it is not even hashable
            return None

    def find(self, dest: Any) -> Process:
        """Give the process with this PID or name.

        Raises:
            ProcessNotFound: The process with this PID has ended, or never was.
            NameNotFound: Nobody has this name.
            Invalid: It is neither.
        """
        process = self.known(dest)
        if process is None:
            raise _nobody(dest)
        return process

    def address(self, dest: Any) -> Pid:
        """Give the PID that is meant: a name is looked up, a PID is taken as it is.

        Raises:
            NameNotFound: Nobody has this name.
        """
        if isinstance(dest, str) and looks_like_pid(dest):
            return dest if isinstance(dest, Pid) else Pid(dest)
        return self.find(dest).pid

    @enable_ki_protection
    def route(self, dest: str, signal: Signal) -> bool:
        """Bring a signal to the process with this PID; False when it has ended."""
        process = self.processes.get(dest)
        if process is None:
            return False
        signal.arrive(process)
        return True

    def cancel(self, dest: str, reason: str = "", sender: Pid | None = None) -> None:
        """Ask a process to end: a CANCEL among its events, which it may ignore.

        While one of the same sender waits there this does nothing, and the first reason counts.

        Raises:
            ProcessNotFound, NameNotFound: There is none.
            Invalid: It is no PID and no name, or the reason or the sender is no text.
        """
        check_text("reason", reason, empty=True)
        if sender is not None:
            check_text("sender", sender)
        self.route(self.find(dest).pid, Cancel(sender, trio.current_time(), reason))

    def terminate(self, dest: str, reason: str = "") -> None:
        """End a process at its next checkpoint.

        Raises:
            ProcessNotFound, NameNotFound: There is none.
            Invalid: It is no PID and no name, or the reason is no text.
        """
        check_text("reason", reason, empty=True)
        self.route(self.find(dest).pid, Terminate(reason))

    def next_call(self) -> int:
        """A number for a call that no other has."""
        return next(self._next_call)


def _nobody(dest: Any, topic: str = "", message: Message | None = None) -> Error:
    """Say that there is nobody to be found here: gone, unknown, or no address at all."""
    if not isinstance(dest, str) or not dest:
        return Invalid(f"not a PID or a name: {given(dest)}")
    if looks_like_pid(dest):
        return ProcessNotFound(pid=dest, topic=topic, undelivered=message)
    return NameNotFound(name=dest, topic=topic, undelivered=message)
