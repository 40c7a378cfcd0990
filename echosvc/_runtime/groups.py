"""Process groups: who is in which, and who wants to know."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from echosvc._channel.core import Channel
from echosvc._checks import check_text
from echosvc._runtime.pid import Pid

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


@dataclass(frozen=True, slots=True)
class GroupEvent:
    """A process came into a group, or left it."""

    kind: Literal["join", "leave"]
    group: str
    pid: Pid


class GroupMonitor(Channel[GroupEvent]):
    """The changes of one group, or of all, from the moment of asking on; close it to hear no more.

    It takes in any number: with a change lost, the picture would be wrong for good.
    """

    __slots__ = ("_on_close",)

    def __init__(self, on_close: Callable[[GroupMonitor], object]) -> None:
        super().__init__(math.inf)
        self._on_close = on_close

    def close(self) -> None:
        """Hear of no more changes."""
        if not self._closed:
            super().close()
            self._on_close(self)


class _Member:
    """A process that is in some group."""

    __slots__ = ("_scope", "process", "times")

    def __init__(self, scope: Groups, process: Process) -> None:
        self._scope = scope
        self.process = process
        self.times: dict[str, int] = {}  # how often it is in which group

    def leave_all(self) -> None:
        """Take the process out of all groups: it has ended."""
        for group, times in tuple(self.times.items()):
            for _ in range(times):
                self._scope.leave(group, self.process)


class Groups:
    """The groups of one scope.

    A group is there while somebody is in it. A process is in it as often as it has joined and not
    left.
    """

    __slots__ = ("_groups", "_members", "_monitors")

    def __init__(self) -> None:
        self._groups: dict[str, dict[Process, _Member]] = {}
        self._members: dict[Process, _Member] = {}
        self._monitors: dict[str | None, list[GroupMonitor]] = {}

    def join(self, group: str, process: Process) -> None:
        """Put a process into a group, once more if it is in it."""
        check_group(group)
        member = self._members.get(process)
        if member is None:
            member = self._members[process] = _Member(self, process)
            process.hold(member.leave_all, through_upgrade=True)
        member.times[group] = member.times.get(group, 0) + 1
        self._groups.setdefault(group, {})[process] = member
        self._tell("join", group, process.pid)

    def leave(self, group: str, process: Process) -> bool:
        """Take a process out of a group, once; False when it is not in it."""
        check_group(group)
        member = self._groups.get(group, {}).get(process)
        if member is None:
            return False
        member.times[group] -= 1
        if not member.times[group]:
            self._remove(group, member)
        self._tell("leave", group, process.pid)
        return True

    def members(self, group: str) -> tuple[Process, ...]:
        """Give who is in a group, each once, in the order in which they came."""
        check_group(group)
        return tuple(self._groups.get(group, ()))

    def pids(self, group: str) -> tuple[Pid, ...]:
        """Give the PIDs in a group, each as often as it has joined."""
        check_group(group)
        return tuple(
            process.pid
            for process, member in self._groups.get(group, {}).items()
            for _ in range(member.times[group])
        )

    def names(self) -> tuple[str, ...]:
        """Give the groups that somebody is in."""
        return tuple(self._groups)

    def monitor(self, group: str | None, process: Process) -> GroupMonitor:
        """Give a channel of the changes of a group, or of all; it closes with the process."""

        def closed(monitor: GroupMonitor) -> None:
            process.unhold(monitor.close)
            listening = self._monitors[group]
            listening.remove(monitor)
            if not listening:
                del self._monitors[group]

        monitor = GroupMonitor(closed)
        self._monitors.setdefault(group, []).append(monitor)
        process.hold(monitor.close)
        return monitor

    def _remove(self, group: str, member: _Member) -> None:
        del member.times[group]
        members = self._groups[group]
        del members[member.process]
        if not members:
            del self._groups[group]
        if not member.times:
            del self._members[member.process]
            member.process.unhold(member.leave_all)

    def _tell(self, kind: Literal["join", "leave"], group: str, pid: Pid) -> None:
        event = GroupEvent(kind, group, pid)
        for monitor in (*self._monitors.get(group, ()), *self._monitors.get(None, ())):
            monitor.send_nowait(event)


def check_group(group: object) -> None:
    """Refuse what is no name for a group."""
    check_text("group", group)
