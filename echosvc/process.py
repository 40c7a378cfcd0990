"""What a process can do: to itself, to others, and to hear of them.

::

    async def main(greeting: str) -> int:
        inbox = process.inbox()
        process.registry.register("greeter")
        async for msg in inbox:
            process.send(msg.sender, "hello", greeting)

Everything here finds out by itself which process is calling. Outside a process it raises
`Unavailable`; ``async with runtime.attach():`` makes the current task one.
"""

from __future__ import annotations

from threading import get_ident
from typing import Any, Final, NoReturn

from echosvc._channel.core import Channel
from echosvc._checks import check_flag
from echosvc._runtime import calls, relations
from echosvc._runtime.current import current, get_current
from echosvc._runtime.info import ProcessInfo
from echosvc._runtime.message import Event, EventKind, Message, Result, check_topic
from echosvc._runtime.options import Options
from echosvc._runtime.pid import Pid
from echosvc._runtime.registry import NameRegistry
from echosvc._runtime.runtime import DEFAULT_CALL_TIMEOUT
from echosvc._runtime.spawner import Spawner
from echosvc._runtime.starting import Target
from echosvc._runtime.upgrade import upgrade as go_on_as
from echosvc.time import Duration, seconds_of

__all__ = [
    "Event",
    "Message",
    "Options",
    "Pid",
    "ProcessInfo",
    "Result",
    "Spawner",
    "call",
    "cancel",
    "deliver",
    "event",
    "events",
    "exec",
    "get_options",
    "inbox",
    "info",
    "link",
    "list",
    "listen",
    "monitor",
    "pid",
    "ready",
    "registry",
    "send",
    "set_options",
    "spawn",
    "spawn_linked",
    "spawn_linked_monitored",
    "spawn_monitored",
    "terminate",
    "unlink",
    "unlisten",
    "unmonitor",
    "upgrade",
    "with_context",
    "with_name",
]

event = EventKind
"""The kinds of events: `event.CANCEL`, `event.EXIT`, `event.LINK_DOWN`."""

registry: Final = NameRegistry()
"""Names for PIDs: `registry.register(name)`, `.lookup`, `.unregister`, `await .wait`."""


# -- oneself


def pid() -> Pid:
    """Give the PID of the current process."""
    return current().pid


def inbox() -> Channel[Message]:
    """Give the channel of the messages to this process, the same each time.

    A message goes to the channel that listens to its topic, else here. What came before anybody
    asked is in it. It closes when the process ends.
    """
    return current().mailbox.open_inbox()


def events() -> Channel[Event]:
    """Give the channel of the events about others, the same each time.

    It has a lane of its own, which no flood of messages can block. A process that never asks for
    it cannot hear a CANCEL, and is terminated at once where another would be asked to end.
    """
    process = current()
    process.hears_events = True
    return process.mailbox.open_events()


def listen(topic: str, message: bool = False) -> Channel[Any]:
    """Give a topic a channel of its own, the same each time.

    Args:
        topic: Messages with this topic no longer go to the inbox; what is there already comes over.
        message: Receive the whole `Message`, and not just its data.

    Raises:
        Invalid: The topic is no text, begins with ``@``, or is listened to with another `message`;
            or `message` is no bool.
    """
    check_topic(topic)
    check_flag("message", message)
    return current().mailbox.listen(topic, not message)


def unlisten(channel: Channel[Any]) -> None:
    """Close a channel of `listen`; what nobody received from it goes to the inbox, in its order.

    Raises:
        Invalid: It is no channel of `listen`, or no longer.
    """
    current().mailbox.unlisten(channel)


def ready() -> None:
    """Say that this process is ready for work.

    A service with ``ready: explicit`` is Running from here on. Elsewhere it does nothing.
    """
    process = current()
    if process.on_ready is not None:
        process.on_ready()
        process.on_ready = None


def get_options() -> Options:
    """Give the options of the current process."""
    return Options(trap_links=current().trap_links)


def set_options(*, trap_links: bool | None = None) -> Options:
    """Change options of the current process; gives all as they are now.

    Args:
        trap_links: When a linked process fails, get a LINK_DOWN event instead of ending with it.

    Raises:
        Invalid: It is neither True nor False.
    """
    process = current()
    if trap_links is not None:
        check_flag("trap_links", trap_links)
        process.trap_links = trap_links
    return get_options()


async def upgrade(target: Target | None, *args: Any) -> NoReturn:
    """Go on as another program: same PID, names, links, monitors, and mailbox.

    Args:
        target: An entry's id, or an `async def`; `None` for the same as now.
        args: What the new main is called with, as a snapshot.

    Never returns: what runs is cancelled, its coroutines too, and the new main starts, with fresh
    context variables. Channels of `listen` are closed, and what waits in them goes to the inbox.
    The source of an entry is read again. If the new program can't be loaded, or the host doesn't
    allow it, the process ends with that error.

    Cancelled before that has begun, it goes on as what it is.

    Raises:
        Unavailable: In a task that was made a process by `attach`: it has no main.

    Source: the seed's runtime; in Erlang, a fully qualified call of a newly loaded module.
    """
    await go_on_as(current(), target, args)


# -- sending and asking


def send(dest: str, topic: str, *payload: Any) -> None:
    """Send a message. Never waits, and is no checkpoint.

    Args:
        dest: A PID or a registered name.
        topic: What it is about; those that begin with ``@`` are the runtime's.
        payload: The data: none is `None`, one value is itself, several are a tuple. It is a
            snapshot: containers in it are copied now.

    Between any two processes messages keep their order.

    Raises:
        Invalid: The topic, a payload that cannot be copied, or a `dest` that is no text.
        NameNotFound: Nobody has this name.
        ProcessNotFound: The process has ended, or never was.
        MailboxFull: Not delivered: its mailbox has no room. Carries the message.

    Source: Erlang's ``!``, which drops what it can't deliver; this says so.
    """
    process = get_current()
    if process is None or process.thread != get_ident():
        process = current()  # says why there is none; asked only now, for a call is 3% of a send
    process.runtime.post(dest, topic, payload, process.pid)
    process.sent += 1


async def deliver(dest: str, topic: str, *payload: Any) -> None:
    """Send a message, and wait for room in the mailbox if there is none.

    Cancelled while it waits, nothing was sent.

    Raises:
        Invalid, NameNotFound: As for `send`.
        ProcessNotFound: It has ended, or did before it had room.
        MailboxFull: It is one's own mailbox.
    """
    await calls.deliver(current(), dest, topic, payload)


async def call(
    dest: str, topic: str, *payload: Any, timeout: Duration = DEFAULT_CALL_TIMEOUT
) -> Any:
    """Ask a process, and wait for its answer: it calls ``msg.reply(value)``.

    Args:
        dest: A PID or a registered name.
        topic: As for `send`.
        payload: As for `send`.
        timeout: How long to wait; `math.inf` for ever.

    Cancelled or timed out, the question is withdrawn: an answer that still comes is a dead letter,
    and never anybody's message.

    Raises:
        CallTimeout: No answer in time.
        ProcessNotFound: It has ended, or ended without an answer: at once, not after the timeout.
        Invalid, NameNotFound, MailboxFull: As for `send`; `Invalid` also for asking oneself, and
            for a timeout that is no duration, or less than nothing.
        Exception: What the other replied, if that was an exception.

    Source: Erlang's `gen_server:call`, whose 5 seconds are the default here too.
    """
    return await calls.call(current(), dest, topic, payload, seconds_of("timeout", timeout))


# -- starting others

_plain: Final = Spawner()


def spawn(target: Target, host: str | None = None, *args: Any) -> Pid:
    """Start a process. Never waits.

    Args:
        target: An entry's id, or an `async def`.
        host: The id of a host; `None` for the caller's own.
        args: What its main is called with, as a snapshot.

    All that can be refused is refused here and now, and then nothing was started.

    Raises:
        NotFound: There is no such entry, or no such host is running.
        Invalid: It cannot run: not an `async def`, wrong arguments, or (`ManifestError`) a source
            that does not load; or the host is no text.
        RateLimited, PermissionDenied, Unavailable: The host refuses it.
    """
    return _plain.start(target, host, args)


def spawn_monitored(target: Target, host: str | None = None, *args: Any) -> Pid:
    """Start a process and monitor it: its end comes as an EXIT event. See `spawn`."""
    return _plain.start(target, host, args, monitor=True)


def spawn_linked(target: Target, host: str | None = None, *args: Any) -> Pid:
    """Start a process and link with it: the failure of one ends the other. See `spawn`."""
    return _plain.start(target, host, args, link=True)


def spawn_linked_monitored(target: Target, host: str | None = None, *args: Any) -> Pid:
    """Start a process, link with it and monitor it. See `spawn`."""
    return _plain.start(target, host, args, monitor=True, link=True)


async def exec(target: Target, host: str | None = None, *args: Any) -> Any:
    """Start a process, wait for its end, and give its result.

    Cancelled, or when the caller ends, the process is terminated, and its end waited for.

    Raises:
        Exception: What the process ended with; `Terminated` if it was terminated.
        NotFound, Invalid, RateLimited, PermissionDenied, Unavailable: As for `spawn`.
    """
    return await _plain.exec(target, host, *args)


def with_context(values: dict[str, Any]) -> Spawner:
    """Give a spawner whose processes have these context values, on top of the caller's.

    Raises:
        Invalid: They are no dict with texts for keys, or cannot be copied.
    """
    return _plain.with_context(values)


def with_name(name: str) -> Spawner:
    """Give a spawner whose process has this name from its first moment.

    If the name is taken nothing is started, and the PID of its owner comes back.

    Raises:
        Invalid: It is no name: no text, empty, or it begins with ``{`` or ``@``.
    """
    return _plain.with_name(name)


# -- relations


def monitor(dest: str) -> Pid:
    """Get one EXIT event when that process ends; at once if it has ended. Gives its PID.

    Monitoring twice is one monitor.

    Raises:
        NameNotFound: Nobody has this name.
        Invalid: It is no PID and no name.

    Source: Erlang's `monitor/2`, which would send two.
    """
    process = current()
    other = _address(dest)
    relations.monitor(process, other)
    return other


def unmonitor(dest: str) -> None:
    """Want no EXIT of that process; one that has already come stays among the events.

    Does nothing where it is not monitored, or has ended.

    Raises:
        NameNotFound: Nobody has this name.
        Invalid: It is no PID and no name.
    """
    relations.unmonitor(current(), _address(dest))


def link(dest: str) -> Pid:
    """Tie this process and that one together; gives its PID.

    A normal end does nothing to the other. An error or a termination ends the other with
    `LinkDown` or, if it traps links, is a LINK_DOWN event there.

    Raises:
        ProcessNotFound: It has ended.
        NameNotFound: Nobody has this name.
        Invalid: It is this process, or no PID and no name.

    Source: Erlang's `link/1`.
    """
    process = current()
    other = _address(dest)
    relations.link(process, other)
    return other


def unlink(dest: str) -> None:
    """Untie this process and that one; does nothing if they are not linked, or it has ended.

    Raises:
        NameNotFound: Nobody has this name.
        Invalid: It is no PID and no name.
    """
    relations.unlink(current(), _address(dest))


def cancel(dest: str, reason: str = "") -> None:
    """Ask a process to end: a CANCEL among its events, which it may ignore.

    It comes before all else that the process has not received. While it waits there, asking again
    does nothing, and the first reason counts.

    Raises:
        ProcessNotFound, NameNotFound: There is none.
        Invalid: It is no PID and no name, or the reason is no text.
    """
    process = current()
    process.runtime.cancel(dest, reason, process.pid)


def terminate(dest: str, reason: str = "") -> None:
    """End a process: it is cancelled at its next checkpoint and ends with `Terminated`.

    Its cleanup (`finally`, shielded where it awaits) is waited for.

    Raises:
        ProcessNotFound, NameNotFound: There is none.
        Invalid: It is no PID and no name, or the reason is no text.
    """
    current().runtime.terminate(dest, reason)


# -- looking


def info(dest: str | None = None) -> ProcessInfo:
    """Look at a process; at this one by default.

    Raises:
        ProcessNotFound, NameNotFound: There is none.
        Invalid: It is no PID and no name.
    """
    process = current()
    return process.runtime.info(process.pid if dest is None else dest)


def list() -> tuple[Pid, ...]:
    """Give the PIDs of all processes of this runtime, oldest first."""
    return current().runtime.list()


def _address(dest: str) -> Pid:
    """The PID meant: a name is looked up, a PID is taken as it is, alive or not."""
    return current().runtime.address(dest)
