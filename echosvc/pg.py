"""Process groups, after Erlang's `pg`: processes found by what they do, as many as there are.

::

    pg.join("workers")

    pg.broadcast("workers", "job", {"n": 1})

    members, changes = pg.monitor("workers")

A group is there while somebody is in it, and a process is in it until it leaves or ends; when its
EXIT arrives anywhere, it has left. Groups of different scopes don't see each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from echosvc._checks import check_text
from echosvc._runtime.current import current
from echosvc._runtime.groups import GroupEvent, GroupMonitor, Groups, check_group
from echosvc._runtime.message import check_topic
from echosvc._runtime.pid import Pid
from echosvc._runtime.process import Process
from echosvc.errors import MailboxFull

__all__ = [
    "Broadcast",
    "GroupEvent",
    "GroupMonitor",
    "Scope",
    "broadcast",
    "groups",
    "join",
    "leave",
    "members",
    "monitor",
    "monitor_all",
    "scope",
]


@dataclass(frozen=True, slots=True)
class Broadcast:
    """What became of a message to a group."""

    sent: tuple[Pid, ...]
    """Who has it."""
    refused: tuple[MailboxFull, ...]
    """Whose mailbox had no room; each error has the PID and the message."""


class Scope:
    """Groups of their own, under a name; see `scope`. The module's functions are scope "pg"."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        check_text("scope", name)
        self.name = name

    def __repr__(self) -> str:
        return f"<pg scope {self.name}>"

    def join(self, group: str, pid: str | None = None) -> None:
        """Put a process into a group; see the module's `join`."""
        self._groups().join(group, _process(pid))

    def leave(self, group: str, pid: str | None = None) -> bool:
        """Take a process out of a group, once; see the module's `leave`."""
        return self._groups().leave(group, _process(pid))

    def members(self, group: str) -> tuple[Pid, ...]:
        """Give the PIDs in a group; see the module's `members`."""
        return self._groups().pids(group)

    def groups(self) -> tuple[str, ...]:
        """Give the names of the groups that somebody is in."""
        return self._groups().names()

    def broadcast(self, group: str, topic: str, *payload: Any) -> Broadcast:
        """Send a message to all in a group; see the module's `broadcast`."""
        sender = current()
        check_topic(topic)  # also for a group that nobody is in
        sent: list[Pid] = []
        refused: list[MailboxFull] = []
        for member in self._groups().members(group):
            try:
                sender.runtime.post(member.pid, topic, payload, sender.pid)
            except MailboxFull as exc:
                refused.append(exc)
            else:
                sender.sent += 1
                sent.append(member.pid)
        return Broadcast(tuple(sent), tuple(refused))

    def monitor(self, group: str) -> tuple[tuple[Pid, ...], GroupMonitor]:
        """Give who is in a group and a channel of what changes; see the module's `monitor`."""
        check_group(group)
        groups = self._groups()
        changes = groups.monitor(group, current())
        return groups.pids(group), changes

    def monitor_all(self) -> tuple[dict[str, tuple[Pid, ...]], GroupMonitor]:
        """Give who is in which group and a channel of what changes; see `monitor_all`."""
        groups = self._groups()
        changes = groups.monitor(None, current())
        return {group: groups.pids(group) for group in groups.names()}, changes

    def _groups(self) -> Groups:
        scopes = current().runtime.groups
        found = scopes.get(self.name)
        if found is None:
            found = scopes[self.name] = Groups()
        return found


_default: Final = Scope("pg")


def scope(name: str) -> Scope:
    """Give the groups of another scope, with the functions of this module as methods.

    Raises:
        Invalid: It is no name.
    """
    return Scope(name)


def join(group: str, pid: str | None = None) -> None:
    """Put a process into a group: the current one, or the one with this PID or name.

    Who joins several times is in it as often, and has to leave as often. A group needs no making.

    Raises:
        ProcessNotFound, NameNotFound: There is no such process.
        Invalid: It is no name for a group.

    Source: Erlang's `pg:join/2`.
    """
    _default.join(group, pid)


def leave(group: str, pid: str | None = None) -> bool:
    """Take a process out of a group, once; False when it is not in it.

    Raises:
        ProcessNotFound, NameNotFound: There is no such process.
        Invalid: It is no name for a group.
    """
    return _default.leave(group, pid)


def members(group: str) -> tuple[Pid, ...]:
    """Give the PIDs in a group, each as often as it has joined, those who came first at the front.

    Empty for a group that nobody is in.

    Raises:
        Invalid: It is no name for a group.
    """
    return _default.members(group)


def groups() -> tuple[str, ...]:
    """Give the names of the groups that somebody is in."""
    return _default.groups()


def broadcast(group: str, topic: str, *payload: Any) -> Broadcast:
    """Send a message to everybody in a group: once to each, also to oneself if one is in it.

    Never waits. A full mailbox hinders nobody else; who did not get it is told in the result.

    Raises:
        Invalid: The group's name, the topic, or a payload that cannot be copied.
    """
    return _default.broadcast(group, topic, *payload)


def monitor(group: str) -> tuple[tuple[Pid, ...], GroupMonitor]:
    """Give who is in a group, and a channel of each `GroupEvent` after that; none is missed.

    An event is of kind ``join`` or ``leave``; who has joined twice and ends leaves twice. The
    channel ends when it is closed, and with the process.

    Raises:
        Invalid: It is no name for a group.

    Source: Erlang's `pg:monitor/2`.
    """
    return _default.monitor(group)


def monitor_all() -> tuple[dict[str, tuple[Pid, ...]], GroupMonitor]:
    """Give who is in which group, and a channel of each `GroupEvent` of any group after that.

    Source: Erlang's `pg:monitor_scope/1`.
    """
    return _default.monitor_all()


def _process(pid: str | None) -> Process:
    process = current()
    return process if pid is None else process.runtime.find(pid)
