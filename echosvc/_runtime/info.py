"""Snapshots of a process, for a person who looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from echosvc._runtime.pid import Pid
from echosvc._runtime.watch import where

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

State = Literal["starting", "running", "waiting", "ending"]


@dataclass(frozen=True, slots=True)
class ProcessInfo:
    """A process at one moment."""

    pid: Pid
    entry: str
    """The entry's id, or the function's name."""
    host: str
    parent: Pid | None
    state: State
    """starting: before its first step; waiting: at an await; running: the one that asks; ending."""
    age: float
    """Seconds since it was spawned."""
    mailbox: int
    """Messages that wait to be received."""
    mailbox_high_water: int
    """The most that ever waited."""
    mailbox_limit: int
    """How many may wait; 0 for any number."""
    events: int
    """Events that wait to be received."""
    messages_in: int
    messages_out: int
    links: tuple[Pid, ...]
    monitors: tuple[Pid, ...]
    """Those that it monitors."""
    monitored_by: tuple[Pid, ...]
    names: tuple[str, ...]
    coroutines: tuple[str, ...]
    trap_links: bool
    context: tuple[str, ...]
    """The names of the context values that it was started with. The values are its own: `ctx`."""
    waits_at: tuple[str, ...]
    """Where in its code it waits, outermost first: ``file:line in function``."""


@dataclass(frozen=True, slots=True)
class RuntimeStatistics:
    """A runtime at one moment."""

    hosts: int
    processes: int
    names: int
    spawned: int
    """Processes that were ever started."""
    messages_waiting: int
    dead_letters: int
    """Messages that were delivered and never received, and replies that nobody waited for."""


def info_of(process: Process, current: Process | None) -> ProcessInfo:
    """Look at a process."""
    mailbox = process.mailbox
    state: State
    if process.stop_error is not None or process.closing:
        state = "ending"
    elif process.task is None:
        state = "starting"
    elif process is current:
        state = "running"
    else:
        state = "waiting"
    return ProcessInfo(
        pid=process.pid,
        entry=process.program.name,
        host=process.host.id,
        parent=process.parent,
        state=state,
        age=process.runtime.now() - process.started_at,
        mailbox=mailbox.waiting,
        mailbox_high_water=mailbox.high_water,
        mailbox_limit=mailbox.limit,
        events=0 if mailbox.events is None else len(mailbox.events),
        messages_in=mailbox.received,
        messages_out=process.sent,
        links=tuple(process.links or ()),
        monitors=tuple(process.watching or ()),
        monitored_by=tuple(process.watchers or ()),
        names=tuple(process.names or ()),
        coroutines=tuple(coroutine.name for coroutine in process.coroutines or ()),
        trap_links=process.trap_links,
        context=tuple(process.context or ()),
        waits_at=() if process is current else tuple(where(process)),
    )
