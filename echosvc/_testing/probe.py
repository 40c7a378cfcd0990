"""A process that a test holds in its hand: it sends, and says what is to come."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, ParamSpec, TypeVar

import trio

from echosvc import channel, process
from echosvc._channel.core import Channel
from echosvc._channel.native import poll
from echosvc._checks import check_function, check_instance, check_text
from echosvc._runtime import calls
from echosvc._runtime.current import current_process
from echosvc._runtime.host import Host, HostOptions
from echosvc._runtime.message import Event, EventKind, Message, Result, check_topic
from echosvc._runtime.pid import Pid
from echosvc._runtime.process import Process
from echosvc._runtime.program import Program
from echosvc._runtime.runtime import DEFAULT_CALL_TIMEOUT, Runtime
from echosvc._runtime.starting import Target
from echosvc.errors import Unavailable
from echosvc.time import Duration, after, seconds_of

__all__ = ["ANY", "Probe", "open_probe"]

HOST: Final = "testing"
"""The host of all probes of a runtime."""

P = ParamSpec("P")
T = TypeVar("T")


class _Any:
    """Equals everything, alone or inside of what is compared."""

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]  # what equals everything has no hash

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = _Any()
"""Equals everything: ``{"number": 1, "worker": ANY}``."""


class Probe:
    """A process whose code is your test. Made by `open_probe`, or the fixture `probe`.

    What comes and is not expected yet is kept for a later `expect`; a failed expectation shows it.
    A probe traps links: the failure of a linked process is a LINK_DOWN event to expect.
    """

    def __init__(self, process_: Process) -> None:
        self._process = process_
        self._inbox = process_.mailbox.open_inbox()
        self._events = process_.mailbox.open_events()
        self._kept: list[Message | Event] = []
        self._context = contextvars.copy_context()
        self._context.run(current_process.set, process_)

    def __repr__(self) -> str:
        return f"<probe {self.pid}>"

    @property
    def pid(self) -> Pid:
        """Its PID."""
        return self._process.pid

    # -- what it does

    def send(self, dest: str, topic: str, *payload: Any) -> None:
        """Send a message; see `process.send`."""
        self.run_sync(process.send, dest, topic, *payload)

    async def call(
        self, dest: str, topic: str, *payload: Any, timeout: Duration = DEFAULT_CALL_TIMEOUT
    ) -> Any:
        """Ask a process, and wait for its answer; see `process.call`.

        Cancelled, the question is withdrawn.
        """
        longest = seconds_of("timeout", timeout)
        return await calls.call(self._process, dest, topic, payload, longest)

    def spawn(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process; see `process.spawn`. Without a host it runs beside the probe."""
        return self.run_sync(process.spawn, target, host, *args)

    def spawn_monitored(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process and monitor it; see `process.spawn_monitored`."""
        return self.run_sync(process.spawn_monitored, target, host, *args)

    def spawn_linked(self, target: Target, host: str | None = None, *args: Any) -> Pid:
        """Start a process and link with it; see `process.spawn_linked`."""
        return self.run_sync(process.spawn_linked, target, host, *args)

    def monitor(self, dest: str) -> Pid:
        """Get the EXIT of a process; see `process.monitor`."""
        return self.run_sync(process.monitor, dest)

    def link(self, dest: str) -> Pid:
        """Link with a process; see `process.link`."""
        return self.run_sync(process.link, dest)

    def run_sync(self, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call any function of `echosvc.process` as this process: ``probe.run_sync(process.info)``.

        Raises:
            Unavailable: The probe has ended.
            Invalid: It is no function.
            Exception: What the function raises.
        """
        check_function("fn", fn)
        return self._context.run(fn, *args, **kwargs)

    # -- what it expects

    @property
    def unexpected(self) -> tuple[Message | Event, ...]:
        """What has come and was not expected, oldest first."""
        self._take_all()
        return tuple(self._kept)

    async def expect(
        self,
        topic: str,
        data: Any = ANY,
        *,
        sender: str | None = None,
        timeout: Duration = "1s",
    ) -> Message:
        """Wait for a message; give the first that fits.

        Args:
            topic: Its topic.
            data: What its data equals; `ANY` may stand for it, or for a part of it.
            sender: The PID that it is from; `None` for anybody.
            timeout: How long, on trio's clock: under an autojump clock that costs no time.

        Cancelled or failed, it has taken nothing.

        Raises:
            AssertionError: It did not come in time; the message shows what came instead.
            Invalid: The topic, the sender or the timeout is of another type.
        """
        __tracebackhide__ = True
        check_topic(topic)
        _check_sender(sender)

        def fits(it: Message | Event) -> bool:
            return (
                isinstance(it, Message)
                and it.topic == topic
                and bool(it.data == data)
                and sender in (None, it.sender)
            )

        what = f"message {topic!r}" + ("" if data is ANY else f" with {data!r}")
        what += f" from {sender}" if sender else ""
        found = await self._expect(fits, what, timeout)
        assert isinstance(found, Message)
        return found

    async def expect_event(
        self, kind: EventKind, *, sender: str | None = None, timeout: Duration = "1s"
    ) -> Event:
        """Wait for an event: ``await probe.expect_event(process.event.EXIT, sender=pid)``.

        Cancelled or failed, it has taken nothing.

        Raises:
            AssertionError: As for `expect`.
            Invalid: The kind, the sender or the timeout is of another type.
        """
        __tracebackhide__ = True
        check_instance("kind", kind, EventKind, "a kind of event")
        _check_sender(sender)

        def fits(it: Message | Event) -> bool:
            return isinstance(it, Event) and it.kind is kind and sender in (None, it.sender)

        what = f"event {kind.name}" + (f" from {sender}" if sender else "")
        found = await self._expect(fits, what, timeout)
        assert isinstance(found, Event)
        return found

    async def expect_exit(self, pid: str, *, timeout: Duration = "1s") -> Result:
        """Wait for the end of a process that the probe monitors; give how it ended.

        Cancelled or failed, it has taken nothing.

        Raises:
            AssertionError: As for `expect`.
            Invalid: The PID or the timeout is of another type.
        """
        __tracebackhide__ = True
        check_text("pid", pid)
        return (await self.expect_event(EventKind.EXIT, sender=pid, timeout=timeout)).result

    async def expect_nothing(self, within: Duration = "1s") -> None:
        """Wait, and fail if anything comes in that time or is there already, and was not expected.

        Cancelled, it has taken nothing.

        Raises:
            AssertionError: Something came; the message shows it.
            Invalid: The time is no duration, or less than nothing.
        """
        __tracebackhide__ = True
        longest = seconds_of("within", within)
        await trio.lowlevel.checkpoint()
        self._take_all()
        if not self._kept:
            came = await self._next(after(longest), "nothing was to come")
            if came is None:
                return
            self._kept.append(came)
            self._take_all()
        raise AssertionError(f"nothing was to come to {self}{self._what_came()}")

    async def _expect(
        self, fits: Callable[[Message | Event], bool], what: str, within: Duration
    ) -> Message | Event:
        __tracebackhide__ = True
        longest = seconds_of("timeout", within)
        await trio.lowlevel.checkpoint()
        for index, kept in enumerate(self._kept):
            if fits(kept):
                return self._kept.pop(index)
        timeout = after(longest)
        while came := await self._next(timeout, f"{what} was to come"):
            if fits(came):
                return came
            self._kept.append(came)
        spent = within if isinstance(within, str) else f"{within:g}s"
        raise AssertionError(f"no {what} came to {self} within {spent}{self._what_came()}")

    async def _next(self, timeout: Channel[float], what: str) -> Message | Event | None:
        """Wait for whatever comes next; `None` when the time is up."""
        __tracebackhide__ = True
        r = await channel.select(self._inbox, self._events, timeout)
        if not r.ok:
            raise AssertionError(f"{what}, and {self} has ended{self._what_came()}")
        return None if isinstance(r.value, float) else r.value

    def _take_all(self) -> None:
        while came := poll((self._inbox, self._events)):
            if not came.ok:
                break
            self._kept.append(came.value)

    def _what_came(self) -> str:
        if not self._kept:
            return "\nnothing else came"
        return "\nwhat came:" + "".join(f"\n  {it!r}" for it in self._kept)


@asynccontextmanager
async def open_probe(runtime: Runtime, name: str | None = None) -> AsyncGenerator[Probe]:
    """Start a probe for the time of a block; at its end the probe ends normally.

    Args:
        runtime: Where it lives.
        name: Register it under this name.

    Cancelled, it is not started, or the probe ends.

    Raises:
        NameTaken: Another process has that name.
        Invalid: It is no name, or there is no runtime given.
        Unavailable: The runtime is stopping.
    """
    check_instance("runtime", runtime, Runtime, "a runtime")
    await trio.lowlevel.checkpoint()
    host = await _host(runtime)
    over, ended = trio.Event(), trio.Event()

    async def be_there() -> None:
        await over.wait()

    process_ = runtime.enter(Program("probe", be_there), host, name=name)
    process_.trap_links = True  # at once: it is linked with before its first step
    process_.on_end = lambda result: ended.set()
    probe = Probe(process_)
    host.carriers.run(process_)
    try:
        yield probe
    finally:
        over.set()
        with trio.CancelScope(shield=True):  # a few steps of its own task, and no more
            await ended.wait()


def _check_sender(sender: object) -> None:
    if sender is not None:
        check_text("sender", sender)


async def _host(runtime: Runtime) -> Host:
    host = runtime.hosts.get(HOST)
    if host is None and not runtime.stopping:
        host = runtime.hosts[HOST] = Host(runtime, HOST, HostOptions(mailbox=0))
    if host is None or host.stopping:
        raise Unavailable("the runtime is stopping; it takes no probe any more")
    if not host._started._closed:
        await host.start()
    return host
