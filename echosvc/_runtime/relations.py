"""Monitors and links: made, undone, and told of when a process ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from echosvc._runtime.crash import report_mishap
from echosvc._runtime.message import Result
from echosvc._runtime.pid import Pid
from echosvc._runtime.signals import Exit, Linked, PeerFailed, Signal, Unlinked, Unwatch
from echosvc.errors import Invalid, ProcessNotFound

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


def monitor(process: Process, other: Pid) -> None:
    """Let `process` have an EXIT when `other` ends; at once if it has ended already."""
    if process.watching is not None and other in process.watching:
        return
    runtime = process.runtime
    local = runtime.processes.get(other)
    if local is not None:
        local.add_watcher(process.pid)  # what a `Watch` does when it arrives
    else:
        gone = Result(error=ProcessNotFound(pid=other))
        Exit(other, runtime.now(), gone).arrive(process)
        return
    if process.watching is None:
        process.watching = {}
    process.watching[other] = None


def unmonitor(process: Process, other: Pid) -> None:
    """Want no EXIT of `other`. One that has already arrived stays."""
    if process.watching is not None and process.watching.pop(other, "none") is None:
        process.runtime.route(other, Unwatch(process.pid))


def link(process: Process, other: Pid) -> None:
    """Tie the two processes together.

    Raises:
        ProcessNotFound: The other has ended.
        Invalid: It is the same process.
    """
    if other == process.pid:
        raise Invalid(f"process {other} cannot be linked with itself")
    if not process.runtime.route(other, Linked(process.pid)):
        raise ProcessNotFound(pid=other)
    Linked(other).arrive(process)


def unlink(process: Process, other: Pid) -> None:
    """Untie the two processes; does nothing if they are not linked."""
    if process.links is not None and process.links.pop(other, "none") is None:
        process.runtime.route(other, Unlinked(process.pid))


def tell_of_end(process: Process, result: Result) -> None:
    """Tell monitors, then links, that this process has ended, and forget all relations.

    Nobody shares what it returned: the result is the one of who waits for it or, if nobody does, of
    the first who monitors; each other has a copy.
    """
    pid, at = process.pid, process.ended_at
    if process.watchers:
        taken = process.on_end is not None
        for watcher in process.watchers:
            local = process.runtime.processes.get(watcher)
            if local is not None:  # what an `Exit` does when it arrives
                try:
                    local.take_exit(pid, at, result.copied() if taken else result)
                except BaseException as exc:  # noqa: BLE001 - as in `_tell`
                    report_mishap(process, exc, f"has ended, and {watcher} could not be told")
                taken = True
    if process.links:
        for peer in process.links:
            if result.error is None:
                _tell(process, peer, Unlinked(pid))
            else:
                _tell(process, peer, PeerFailed(pid, at, result.error))
    if process.watching:
        for watched in process.watching:
            _tell(process, watched, Unwatch(pid))
    process.watchers = process.links = process.watching = None


def _tell(process: Process, other: Pid, signal: Signal) -> None:
    try:
        process.runtime.route(other, signal)
    except BaseException as exc:  # noqa: BLE001 - reported; the others are told all the same
        report_mishap(process, exc, f"has ended, and {other} could not be told")
