"""One child of a supervisor: its state, and what can be seen of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import trio

from echosvc._supervision.spec import ChildSpec, Restart

State = Literal["starting", "running", "stopping", "stopped", "backoff", "exited", "failed"]


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """A child at one moment. Times are on trio's clock."""

    name: str
    state: State
    """starting, running, stopping; stopped (as asked), exited (returned), failed (and not to be
    restarted); backoff (waiting for its restart)."""
    restart: Restart
    restarts: int
    """How many times the supervisor has restarted it."""
    started_at: float
    last_error: BaseException | None
    next_restart: float | None
    """When it is started again, in the state backoff."""


class Child:
    """The handle of a child."""

    __slots__ = (
        "_attempt",
        "_life",
        "_lock",
        "_next_restart",
        "_removed",
        "_wants_status",
        "last_error",
        "restarts",
        "spec",
        "started_at",
        "state",
        "value",
    )

    def __init__(self, spec: ChildSpec, lock: trio.Lock) -> None:
        self.spec = spec
        self.state: State = "starting"
        self.value: Any = None
        """What its function last gave to ``task_status.started(value)``."""
        self.restarts = 0
        self.started_at = trio.current_time()
        self.last_error: BaseException | None = None
        self._wants_status = _takes_task_status(spec.fn)
        self._attempt = 0  # restarts in a row
        self._next_restart: float | None = None
        self._life: Life | None = None
        self._lock = lock  # held by who starts, stops or restarts it
        self._removed = False

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

    def info(self) -> ChildInfo:
        """Look at the child."""
        return ChildInfo(
            name=self.name,
            state=self.state,
            restart=self.spec.restart,
            restarts=self.restarts,
            started_at=self.started_at,
            last_error=self.last_error,
            next_restart=self._next_restart,
        )


class Life:
    """One run of a child, from its start to its end; what its function gets as `task_status`."""

    __slots__ = (
        "began",
        "child",
        "ended",
        "error",
        "is_up",
        "on_up",
        "scope",
        "settled",
        "stopping",
    )

    def __init__(self, child: Child, on_up: Callable[[Child], None]) -> None:
        self.child = child
        self.scope = trio.CancelScope()
        self.began = trio.current_time()
        self.is_up = False  # it has started
        self.on_up = on_up
        self.settled = trio.Event()  # it has started, or ended
        self.ended = trio.Event()
        self.stopping = False  # it was asked to end: then its end is nobody's failure
        self.error: BaseException | None = None  # why it did not come up

    def started(self, value: Any = None) -> None:
        """Say that the child is up, and give a value to who started it."""
        if self.is_up:
            raise RuntimeError("called 'started' twice on the same task status")
        self.is_up = True
        self.child.value = value
        if not self.stopping:
            self.child.state = "running"
        self.settled.set()
        self.on_up(self.child)


def _takes_task_status(fn: Any) -> bool:
    try:
        return "task_status" in inspect.signature(fn).parameters
    except (TypeError, ValueError):  # a callable that tells nothing of itself
        return False
