"""Questions and their answers, and sending that waits for room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._channel.seats import park
from echosvc._channel.waiting import Waiter
from echosvc._runtime.crash import report_mishap
from echosvc._runtime.message import Message, Question
from echosvc._runtime.signals import Reply, Withdraw
from echosvc.errors import CallTimeout, Invalid, MailboxFull, ProcessNotFound

if TYPE_CHECKING:
    from echosvc._runtime.mailbox import Mailbox
    from echosvc._runtime.pid import Pid
    from echosvc._runtime.process import Process


@trio.lowlevel.enable_ki_protection
async def call(
    process: Process, dest: str, topic: str, payload: tuple[Any, ...], timeout: float
) -> Any:
    """Send a message, and wait for the answer to it and nothing else."""
    runtime = process.runtime
    await trio.lowlevel.checkpoint_if_cancelled()
    if runtime.known(dest) is process:
        raise Invalid(f"process {process.pid} cannot call itself: it would wait for itself")
    number = runtime.next_call()
    slot: Channel[Reply] = Channel(1)
    if process.calls is None:
        process.calls = {}
    process.calls[number] = slot
    other = None
    try:
        other = runtime.post(dest, topic, payload, process.pid, number)
        process.sent += 1
        deadline = trio.current_time() + timeout
        waiter = await park((slot,), deadline)
        # An answer may have come in the same moment as the deadline: then it is in the slot.
        if not waiter.claimed and not len(slot):
            raise CallTimeout(pid=other.pid, topic=topic, timeout=timeout)
        answer = (waiter.take() if waiter.claimed else slot.receive_nowait()).value
    finally:
        unanswered = (process.calls or {}).pop(number, None) is not None
        if other is None:
            pass  # nothing was sent
        elif unanswered:
            runtime.route(other.pid, Withdraw(number))
        elif len(slot):
            slot.receive_nowait().not_received(process, "a reply to a cancelled call")
    if isinstance(answer, BaseException):
        raise answer
    return answer


def answer(process: Process, caller: Pid, number: int, topic: str, value: Any) -> None:
    """Send what the process answers; nobody waits any more: a dead letter."""
    runtime = process.runtime
    if process.unanswered is None or process.unanswered.pop(number, None) is None:
        runtime.dead_letters.add(caller, process.pid, topic, "a second or late reply")
    elif not runtime.route(caller, Reply(process.pid, number, topic, value)):
        runtime.dead_letters.add(caller, process.pid, topic, "a reply to a process that has ended")


def answer_leftovers(process: Process, unread: list[Message]) -> list[Message]:
    """Tell those who still wait for an answer of this process that it has ended.

    A question that it had not read is given back with that. Returns what is given back to nobody.
    """
    questions = {each.number: each for each in unread if isinstance(each, Question)}
    for number, (caller, topic) in (process.unanswered or {}).items():
        gone = ProcessNotFound(
            f"process {process.pid} ended without an answer to {topic!r}",
            pid=process.pid,
            topic=topic,
            undelivered=questions.get(number),
        )
        try:
            told = process.runtime.route(
                caller, Reply(process.pid, number, topic, gone, given=False)
            )
        except BaseException as exc:  # noqa: BLE001 - reported; the others are told all the same
            report_mishap(process, exc, f"has ended, and {caller} could not be told")
        else:
            if told:
                questions.pop(number, None)
    process.unanswered = None
    return [each for each in unread if not isinstance(each, Question) or each.number in questions]


@trio.lowlevel.enable_ki_protection
async def deliver(process: Process, dest: str, topic: str, payload: tuple[Any, ...]) -> None:
    """Send a message, and wait for room in the mailbox if there is none."""
    await trio.lowlevel.checkpoint_if_cancelled()
    runtime = process.runtime
    try:
        runtime.post(dest, topic, payload, process.pid)
    except MailboxFull as full:
        other = runtime.find(full.pid)
        if other is process:
            raise  # its own mailbox: it would wait for itself
        message = full.undelivered
        assert isinstance(message, Message)
        await _wait_for_room(other, message)
    else:
        await trio.lowlevel.cancel_shielded_checkpoint()
    process.sent += 1


async def _wait_for_room(other: Process, message: Message) -> None:
    waiter = await park((_Waiting(other.mailbox, message),))
    if not waiter.ok:
        raise ProcessNotFound(
            f"process {other.pid} ended before it had room for {message.topic!r}",
            pid=other.pid,
            topic=message.topic,
            undelivered=message,
        )


class _Waiting:
    """The place of a sender at a full mailbox."""

    __slots__ = ("mailbox", "message")

    def __init__(self, mailbox: Mailbox, message: Message) -> None:
        self.mailbox = mailbox
        self.message = message

    def _park(self, waiter: Waiter) -> None:
        self.mailbox.wait_for_room(waiter, self.message)

    def _unpark(self, waiter: Waiter) -> None:
        self.mailbox.stop_waiting(waiter)
