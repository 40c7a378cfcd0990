"""One child of a supervisor: what it was told, its state, and what can be seen of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal

import trio

from echosvc._supervision.spec import ChildSpec, Restart, takes_task_status
from echosvc._supervision.turns import Turns
from echosvc.time import parse_duration

State = Literal["starting", "running", "stopping", "stopped", "backoff", "exited", "failed"]

Order = Literal["run", "restart", "stop", "forget"]
"""The last word on a child. run: it is kept running. restart: it is stopped and started again, and
with that start this becomes run. stop: it ends and stays. forget: it ends and is off the list."""

SHORTEST_REMINDER: Final = 1.0
"""Seconds between two reminders of a child that doesn't end, however short its `stop_timeout`."""


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """A child at one moment. Times are on trio's clock."""

    name: str
    state: State
    """starting (or waiting for its turn to), running, stopping; stopped (as asked, however it had
    ended before), exited (returned), failed (and not to be restarted); backoff (waiting for its
    restart)."""
    restart: Restart
    restarts: int
    """How many times it has been started again."""
    started_at: float
    last_error: BaseException | None
    next_restart: float | None
    """When it is started again, in the state backoff; a child of a group not before those to its
    left are up."""


class Child:
    """The handle of a child."""

    __slots__ = (
        "_attempt",
        "_has_begun",
        "_is_new",
        "_life",
        "_number",
        "_order",
        "_recovery",
        "_stop_timeout",
        "_turns",
        "_wants_status",
        "last_error",
        "restarts",
        "spec",
        "started_at",
        "state",
        "value",
    )

    def __init__(self, spec: ChildSpec, number: int, turns: Turns) -> None:
        self.spec = spec
        self.state: State = "starting"
        self.value: Any = None
        """What its function last gave to ``task_status.started(value)``."""
        self.restarts = 0
        self.started_at = trio.current_time()
        self.last_error: BaseException | None = None
        self._wants_status = takes_task_status(spec.fn)
        self._stop_timeout = parse_duration(spec.stop_timeout)
        self._number = number  # greater than those of all children to its left
        self._turns = turns  # for whoever starts it
        # What it was told, and who has a claim to start it. All of this is written before anything
        # is waited for, so that whoever comes next finds what is so.
        self._order: Order = "run"
        self._is_new = True  # until it is up for the first time only its first start may start it
        self._recovery: Recovery | None = None  # what starts it again
        self._attempt = 0  # restarts in a row
        self._life: Life | None = None
        self._has_begun = False  # a run, at least once

    def __repr__(self) -> str:
        return f"<child {self.name} {self.state}>"

    @property
    def name(self) -> str:
        """Its name among its supervisor's children."""
        return self.spec.name

    def cancel(self, reason: str = "") -> None:
        """End its current run from outside; for the supervisor that is a failure of the child.

        Does nothing while it isn't running. To end it for good, `Supervisor.stop`.
        """
        if self._life is not None:
            self._life.scope.cancel(reason or None)

    async def wait(self) -> None:
        """Wait for the end of its current run; return at once while it isn't running.

        Cancelled, only the waiting stops.
        """
        if self._life is None:
            await trio.lowlevel.checkpoint()
        else:
            await self._life.wait_ended()

    def info(self) -> ChildInfo:
        """Look at the child."""
        recovery = self._recovery
        return ChildInfo(
            name=self.name,
            state=self.state,
            restart=self.spec.restart,
            restarts=self.restarts,
            started_at=self.started_at,
            last_error=self.last_error,
            next_restart=recovery.due if recovery and self.state == "backoff" else None,
        )

    def _rest(self) -> None:
        """Say in its state what follows for it, where no run of it is there."""
        if self._order == "restart":
            self.state = "starting"
        elif self._recovery is not None:
            self.state = "backoff"
        else:
            self.state = "stopped"


class Recovery:
    """One failure, and the children that wait to be started after it.

    Args:
        child: Who has failed.
        delay: Seconds from the failure to the restart.
        is_alone: Nobody else is restarted with it.
    """

    __slots__ = ("child", "due", "halted", "has_begun", "scope", "waiting")

    def __init__(self, child: Child, delay: float, is_alone: bool) -> None:
        self.child = child
        self.due = trio.current_time() + delay
        self.has_begun = False  # others have been stopped for it: their group is not whole
        self.halted = is_alone  # all others have ended, and the children wait for the restart only
        self.scope = trio.CancelScope()  # of the delay
        self.waiting: dict[Child, None] = {}

    def enter(self, child: Child) -> None:
        """Let a child wait for this, and for nothing else."""
        if child._recovery is not self:
            if child._recovery is not None:
                child._recovery.leave(child)
            child._recovery = self
            self.waiting[child] = None
        if child._life is None:
            child._rest()

    def leave(self, child: Child) -> None:
        """Let a child that waits for this wait no more."""
        child._recovery = None
        del self.waiting[child]
        if self.halted and not self.waiting:
            self.scope.cancel("nobody waits for it any more")


class Life:
    """One run of a child, from its start to its end; what its function gets as `task_status`."""

    __slots__ = (
        "_ended",
        "awaited",
        "began",
        "child",
        "error",
        "has_ended",
        "is_up",
        "on_up",
        "outer",
        "remind_at",
        "scope",
        "settled",
        "stopped_at",
        "stopping",
        "waits",
    )

    def __init__(self, child: Child, on_up: Callable[[Child], None]) -> None:
        self.child = child
        self.scope = trio.CancelScope()
        self.began = trio.current_time()
        self.is_up = False  # it has started
        self.on_up = on_up
        self.settled: trio.Event | None = None  # it has started, or ended; for who waits for that
        self.awaited = False  # somebody does, and decides what follows if it doesn't come up
        self.has_ended = False
        self._ended: trio.Event | None = None
        self.stopping = False  # it was asked to end: then its end is nobody's failure
        self.stopped_at = 0.0  # when
        self.remind_at = 0.0  # when somebody is next told that it does not end
        self.error: BaseException | None = None  # why it did not come up
        self.outer: Life | None = None  # the run, under another supervisor, that this is part of
        self.waits: list[
            Callable[[Life], None]
        ] = []  # of its tasks, to be refused when it is stopped

    def started(self, value: Any = None) -> None:
        """Say that the child is up, and give a value to who started it."""
        if self.is_up:
            raise RuntimeError("called 'started' twice on the same task status")
        self.is_up = True
        self.child.value = value
        self.child._is_new = False
        if not self.stopping:
            self.child.state = "running"
        if self.settled is not None:
            self.settled.set()
        self.on_up(self.child)

    def stop(self, reason: str) -> None:
        """Ask it to end."""
        if self.stopping:
            return
        self.stopping = True
        self.stopped_at = trio.current_time()
        self.remind_at = self.stopped_at + (self.child._stop_timeout or SHORTEST_REMINDER)
        self.child.state = "stopping"
        self.scope.cancel(reason)
        for refuse in self.waits:
            refuse(self)

    def end(self) -> None:
        """Tell those who wait that it is over."""
        self.has_ended = True
        if self._ended is not None:
            self._ended.set()
        if self.settled is not None:
            self.settled.set()

    async def wait_ended(self) -> None:
        """Wait for its end."""
        if self._ended is None:
            self._ended = trio.Event()
            if self.has_ended:
                self._ended.set()
        await self._ended.wait()


current_life: Final[ContextVar[Life | None]] = ContextVar("echosvc_supervised", default=None)
"""The run of a child that the current task is part of."""
