"""One child of a supervisor: its state, and what can be seen of it."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Literal

import trio

from echosvc._supervision.spec import ChildSpec, Restart, takes_task_status

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
    """How many times it has been started again."""
    started_at: float
    last_error: BaseException | None
    next_restart: float | None
    """When it is started again, in the state backoff."""


class Child:
    """The handle of a child."""

    __slots__ = (
        "_attempt",
        "_forget",
        "_life",
        "_lock",
        "_next_restart",
        "_ordered",
        "_wanted",
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
        self._wants_status = takes_task_status(spec.fn)
        self._attempt = 0  # restarts in a row
        self._next_restart: float | None = None
        self._life: Life | None = None
        self._lock = lock  # held by who starts it and waits until it is up
        self._wanted = True  # False from the moment on when it was told to stop
        self._forget = False  # with its end
        self._ordered = False  # its first start waits for its turn: no restart takes it along

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
        "_ended",
        "awaited",
        "began",
        "child",
        "error",
        "has_ended",
        "is_up",
        "on_up",
        "outer",
        "reminded",
        "scope",
        "settled",
        "stopped_at",
        "stopping",
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
        self.reminded = 0.0  # when somebody was last told that it does not end
        self.error: BaseException | None = None  # why it did not come up
        self.outer: Life | None = None  # the run, under another supervisor, that this is part of

    def started(self, value: Any = None) -> None:
        """Say that the child is up, and give a value to who started it."""
        if self.is_up:
            raise RuntimeError("called 'started' twice on the same task status")
        self.is_up = True
        self.child.value = value
        if not self.stopping:
            self.child.state = "running"
        if self.settled is not None:
            self.settled.set()
        self.on_up(self.child)

    def stop(self, reason: str) -> None:
        """Ask it to end."""
        if not self.stopping:
            self.stopping = True
            self.stopped_at = self.reminded = trio.current_time()
            self.child.state = "stopping"
            self.scope.cancel(reason)

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
