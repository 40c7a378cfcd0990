"""Things that go wrong, on purpose and on time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Self

import trio

from echosvc._checks import check_count, check_instance, check_text
from echosvc._runtime.message import Message, Question, check_topic
from echosvc._runtime.pid import Pid
from echosvc._runtime.process import Process
from echosvc._runtime.program import Main, Program
from echosvc._runtime.runtime import Runtime
from echosvc._runtime.signals import Reply
from echosvc._runtime.snapshot import snapshot_payload
from echosvc._runtime.starting import Target
from echosvc.errors import Internal, ProcessNotFound
from echosvc.time import Duration, seconds_of

__all__ = ["Faults", "Injected"]


class Injected(Internal):
    """The error that `Faults` makes processes fail with, if the test names no other."""


@dataclass
class _Rule:
    """Messages that something is to happen to."""

    topic: str
    to: str
    times: float
    delay: float | None
    """Seconds; `None` drops them."""

    def fits(self, topic: str, dest: Process) -> bool:
        if self.times <= 0 or not fnmatchcase(topic, self.topic):
            return False
        known_as = (dest.pid, dest.program.name, *(dest.names or ()))
        return any(fnmatchcase(name, self.to) for name in known_as)


@dataclass
class _Crashes:
    """Starts that are to fail."""

    error: BaseException
    left: int


class Faults:
    """Crashes, delays and losses in one runtime, for the time of a block.

    ::

        with Faults(runtime) as faults:
            faults.crash("relay")                       # now
            faults.crash_starts("app:worker", times=2)  # the next two, at their first step
            faults.delay("echo", "3s", to="relay")      # until the end of the block
            faults.drop("echo_response", times=1)
            faults.replace("app:worker", puppet)

    After the block everything is as it was; what was delayed still comes.

    Raises:
        Invalid: There is no runtime given.
    """

    def __init__(self, runtime: Runtime) -> None:
        check_instance("runtime", runtime, Runtime, "a runtime")
        self._runtime = runtime
        self._post = runtime.post
        self._program = runtime.program
        self._rules: list[_Rule] = []
        self._crashes: dict[str, list[_Crashes]] = {}
        self._stand_ins: dict[str, Main] = {}

    def __enter__(self) -> Self:
        # On the one object, so that a runtime without faults pays nothing for them.
        self._runtime.post = self._post_or_not  # type: ignore[method-assign]  # undone in __exit__
        self._runtime.program = self._program_or_not  # type: ignore[method-assign]  # the same
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._runtime.post = self._post  # type: ignore[method-assign]  # as it was
        self._runtime.program = self._program  # type: ignore[method-assign]  # as it was

    # -- processes

    def crash(self, dest: str, error: Exception | None = None) -> Pid:
        """Let a process fail at its next checkpoint, as if its own code had raised; gives its PID.

        Args:
            dest: A PID or a registered name.
            error: What it fails with; `Injected` if not given.

        Raises:
            ProcessNotFound, NameNotFound: There is none.
            Invalid: It is no PID and no name, or the error no `Exception`.
        """
        _check_error(error)
        process = self._runtime.find(dest)
        process.fail(error or Injected(f"a test let {process.pid} crash"))
        return process.pid

    def crash_starts(self, entry: str, times: int = 1, error: Exception | None = None) -> None:
        """Let the next processes of an entry fail at their first step.

        Args:
            entry: The entry's id.
            times: How many of them.
            error: What they fail with; `Injected` if not given.

        Raises:
            Invalid: The entry is no text, `times` no whole number, or the error no `Exception`.
        """
        check_text("entry", entry)
        check_count("times", times)
        _check_error(error)
        failure = error or Injected(f"a test let {entry} crash at its start")
        if times:
            self._crashes.setdefault(entry, []).append(_Crashes(failure, times))

    def replace(self, entry: str, fn: Main) -> None:
        """Run this function wherever an entry is to be run from now on.

        Raises:
            NotFound: There is no such entry.
            Invalid: It is no `async def`, or the entry no text.
        """
        check_text("entry", entry)
        Program.of(fn)
        self._program(entry)
        self._stand_ins[entry] = fn

    # -- messages

    def delay(
        self, topic: str = "*", by: Duration = "1s", *, to: str = "*", times: int | None = None
    ) -> None:
        """Let messages come later. Others that were sent after them may come before them.

        Args:
            topic: A glob of the topics.
            by: How much later.
            to: A glob of the PID, a name, or the entry of those who get them.
            times: How many; `None` for all.

        Raises:
            Invalid: A glob is no text, `by` no duration or less than nothing, or `times` no whole
                number.
        """
        self._add_rule(topic, to, times, seconds_of("by", by))

    def drop(self, topic: str = "*", *, to: str = "*", times: int | None = None) -> None:
        """Lose messages: their senders hear nothing of it, and each is a dead letter.

        Raises:
            Invalid: A glob is no text, or `times` no whole number.
        """
        self._add_rule(topic, to, times, None)

    def _add_rule(self, topic: str, to: str, times: int | None, delay: float | None) -> None:
        check_text("topic", topic)
        check_text("to", to)
        if times is not None:
            check_count("times", times)
        self._rules.append(_Rule(topic, to, math.inf if times is None else times, delay))

    # -- below: in the place of the runtime's own

    def _program_or_not(self, target: Target) -> Program:
        program = self._program(target)
        fn = self._stand_ins.get(program.name, program.fn)
        if crashes := self._crashes.get(program.name):
            fn = _failing(crashes[0].error)
            crashes[0].left -= 1
            if not crashes[0].left:
                del crashes[0]
        if fn is program.fn:
            return program
        return Program(program.name, fn, mailbox=program.mailbox, reload=program.reload)

    def _post_or_not(
        self, dest: str, topic: str, payload: tuple[Any, ...], sender: Pid | None, call: int = 0
    ) -> Process:
        process = self._runtime.known(dest)
        rule = process and next((r for r in self._rules if r.fits(topic, process)), None)
        if process is None or not rule:
            return self._post(dest, topic, payload, sender, call)
        check_topic(topic)
        data = snapshot_payload(payload)
        if call:
            message: Message = Question(topic, sender, data, number=call, asked=process)
        else:
            message = Message(topic, sender, data)
        rule.times -= 1
        if rule.delay is None:
            self._lost(process, message, "dropped by a test")
        else:
            self._runtime.start_own_task(
                _Later(self, process, message, rule.delay), f"delayed {topic}"
            )
        return process

    def _deliver(self, process: Process, message: Message) -> None:
        if process.ended and isinstance(message, Question) and message.sender is not None:
            gone = ProcessNotFound(pid=process.pid, topic=message.topic, undelivered=message)
            self._runtime.route(
                message.sender, Reply(process.pid, message.number, message.topic, gone)
            )
        elif process.ended:
            self._lost(process, message, "delayed by a test until its process had ended")
        elif not process.accept(message):
            self._lost(process, message, "delayed by a test until the mailbox was full")

    def _lost(self, process: Process, message: Message, why: str) -> None:
        self._runtime.dead_letters.add(process.pid, message.sender, message.topic, why)


class _Later:
    """One message on its way."""

    def __init__(self, faults: Faults, process: Process, message: Message, delay: float) -> None:
        self._deliver: Callable[[Process, Message], None] = faults._deliver
        self._process = process
        self._message = message
        self._delay = delay

    async def __call__(self) -> None:
        await trio.sleep(self._delay)
        self._deliver(self._process, self._message)


def _failing(error: BaseException) -> Main:
    async def fail(*args: Any) -> None:
        raise error.with_traceback(None)  # it may be raised several times

    return fail


def _check_error(error: object) -> None:
    if error is not None:
        check_instance("error", error, Exception, "an Exception")
