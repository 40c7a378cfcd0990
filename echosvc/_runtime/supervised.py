"""What services and supervision trees have in common: a state that is told, and a supervisor.

Each is a child of a supervisor, of the runtime's own or of the tree that it is a part of. Restarts,
backoff and giving up are the supervisor's; here is what somebody asks for: be started, be stopped.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, Literal

import trio
from trio_util import AsyncValue

from echosvc._exceptions import text_of
from echosvc._records import write
from echosvc._runtime.pid import Pid
from echosvc._runtime.startup import Startup
from echosvc._runtime.units import Unit
from echosvc.errors import Canceled, GaveUp, NotFound, StartFailed, Unavailable
from echosvc.supervision import ChildSpec, Supervisor

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

log = logging.getLogger("echosvc.service")

Kind = Literal["service", "process", "supervisor"]


class ServiceState(Enum):
    """Where a service is in its life."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    EXITED = "exited"
    FAILED = "failed"


_WORTH_A_LINE: Final = (ServiceState.RUNNING, ServiceState.STOPPED, ServiceState.EXITED)
"""States whose coming is in the log at INFO; failures are, with what follows from them."""
_SETTLED: Final = (
    ServiceState.RUNNING,
    ServiceState.STOPPED,
    ServiceState.EXITED,
    ServiceState.FAILED,
)


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A service at one moment."""

    id: str
    state: ServiceState
    pid: Pid | None
    last_error: BaseException | None
    since: float
    """When it came into this state, on trio's clock."""
    kind: Kind = "service"
    """A service, or what a `process.supervisor` is or has started."""
    parent: str = ""
    """The supervisor that it is a child of; empty for none but the runtime's own."""
    starts: int = 0
    """How many times it has been started."""


class Attempt:
    """The beginning of one life, by whomever it was started: how it came out of STARTING."""

    __slots__ = ("error", "settled", "state")

    def __init__(self) -> None:
        self.settled = trio.Event()
        self.state: ServiceState | None = None
        self.error: BaseException | None = None

    def settle(self, state: ServiceState, error: BaseException | None) -> None:
        """Say how it came out; what follows in the same life says nothing more."""
        if self.state is None:
            self.state = state
            self.error = error
            self.settled.set()


class Supervised(Unit):
    """A service or a supervisor of a runtime."""

    kind: Kind = "service"

    def __init__(self, runtime: Runtime, id: str, parent: str = "") -> None:
        super().__init__(id, parent)
        self.runtime = runtime
        # For who waits for one; None when there is no record of it any more.
        self.states: AsyncValue[ServiceState | None] = AsyncValue(ServiceState.UNKNOWN)
        self.state = ServiceState.UNKNOWN
        self.since = runtime.now()
        self.starts = 0
        self.attempt = Attempt()
        self.last_error: BaseException | None = None
        self.stop_reason = ""
        self.supervisor: Supervisor | None = None  # whose child it is
        self.skip = False  # stopped before the tree that is being started has come to it
        self.must_come_up = False  # else it is left as it is, and not restarted

    @property
    def pid(self) -> Pid | None:
        """The process that it is just now."""
        return None

    @property
    def parts(self) -> tuple[Supervised, ...]:
        """Those below it."""
        return ()

    @property
    @abstractmethod
    def required(self) -> bool:
        """Whether who starts it is told when it does not come up."""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.id} {self.state.value}>"

    def info(self) -> ServiceInfo:
        """Look at it."""
        return ServiceInfo(
            id=self.id,
            state=self.state,
            pid=self.pid,
            last_error=self.last_error,
            since=self.since,
            kind=self.kind,
            parent=self.parent,
            starts=self.starts,
        )

    def all(self) -> tuple[Supervised, ...]:
        """It, and all below it."""
        return (self, *(each for part in self.parts for each in part.all()))

    @abstractmethod
    def spec(self) -> ChildSpec:
        """Say it as a supervisor's child."""

    # -- its state

    def set_state(self, state: ServiceState) -> None:
        """Come into a state, and tell."""
        if state is self.state:
            return
        self.state = state
        self.since = self.runtime.now()
        if state is ServiceState.STARTING:
            self.starts += 1
            self.attempt = Attempt()
            self.stop_reason = ""
        if state is ServiceState.RUNNING:
            self.must_come_up = False
        failure = self.last_error if state is ServiceState.FAILED else None
        if state in _SETTLED:
            self.attempt.settle(state, failure)
        self.states.value = state
        pid = self.pid
        self.runtime.bus.emit("service", state.value, self.id, pid=pid, error=failure)
        level = logging.INFO if state in _WORTH_A_LINE else logging.DEBUG
        if log.isEnabledFor(level):
            fields = {"service": self.id}
            if pid is not None:
                fields["process"] = pid
            if state is ServiceState.STOPPED and self.stop_reason:
                fields["reason"] = self.stop_reason
            write(log, level, f"{self.kind} {self.id} {state.value}", fields, said=("service",))

    # -- being started

    @property
    def has_lived(self) -> bool:
        """Whether it has been started, for however short a time."""
        return self.starts > 0

    def lacks(self, *, asked: bool) -> bool:
        """Whether a start has anything to do."""
        match self.state:
            case ServiceState.RUNNING:
                return False
            case ServiceState.STARTING | ServiceState.EXITED:
                return asked
            case ServiceState.FAILED:
                return asked or self._as_child() != "backoff"
        return True

    def startup_begins(self) -> None:
        """Be told that it, or what it is a part of, is being started."""
        self.skip = False

    async def come_up(self, startup: Startup) -> None:
        """Be started by its supervisor, and return when it is up.

        Raises:
            GaveUp: It is required, and has failed.
            Unavailable: It was stopped meanwhile, or its supervisor is stopping.
        """
        if startup.again:
            self._set_stop_reason(startup.reason)
        elif await self._comes_up_by_itself():
            return
        if not self.parent:
            self.supervisor = await self.runtime.keeper.supervisor()
        self.must_come_up = startup.must and self.required and not self.parent
        while (attempt := await self._attempt(startup)).state is ServiceState.STOPPED:
            # Without our doing: the group that it belongs to is restarted just now.
            self._check_not_stopped(startup)
        if attempt.state is ServiceState.FAILED:
            assert attempt.error is not None
            startup.cause = attempt.error
            if self.required:
                raise self._did_not_start(attempt.error)

    async def _comes_up_by_itself(self) -> bool:
        """Whether its supervisor has started it, or is just doing so and has success."""
        if self.state is ServiceState.STARTING:
            attempt = self.attempt
            await attempt.settled.wait()
            return attempt.state in (ServiceState.RUNNING, ServiceState.EXITED)
        return self.state is ServiceState.RUNNING

    async def _attempt(self, startup: Startup) -> Attempt:
        """Have it started once, and see how that begins."""
        self._check_not_stopped(startup)
        supervisor = self.supervisor
        assert supervisor is not None
        starts = self.starts
        try:
            if supervisor.child(self.id) is None:
                await supervisor.start(self.spec())
            else:
                await supervisor.restart(self.id)
                await trio.lowlevel.checkpoint()  # its task has its first step by now
        except (StartFailed, NotFound) as exc:
            if self.starts == starts:
                # It was stopped before its turn came.
                self._check_not_stopped(startup)
                raise self._was_stopped() from exc
        if self.starts == starts:
            await self.states.wait_value(lambda _: self.starts > starts)
        attempt = self.attempt
        if attempt.state is None:
            await attempt.settled.wait()
        return attempt

    def _check_not_stopped(self, startup: Startup) -> None:
        if startup.called_off is not None:
            raise startup.called_off
        if self.supervisor is None:
            raise self._was_stopped()

    def _was_stopped(self) -> Unavailable:
        return Unavailable(f"{self} was stopped while it was starting")

    def _did_not_start(self, cause: BaseException) -> GaveUp:
        causes = cause.causes if isinstance(cause, GaveUp) else (cause,)
        error = GaveUp(f"required {self} did not start: {text_of(cause)}", causes=causes)
        error.__cause__ = cause
        return error

    # -- being stopped

    async def go_down(self, reason: str) -> None:
        """Be stopped by its supervisor; one that has ended, or waits for its restart, stays down.

        Cancelled, it ends all the same; only the waiting stops.
        """
        self._set_stop_reason(reason)
        self.skip = self._whole_is_coming()
        if self.state is ServiceState.FAILED:
            self.set_state(ServiceState.STOPPED)
        supervisor = self.supervisor
        if supervisor is None or supervisor.child(self.id) is None:
            await trio.lowlevel.checkpoint()
            return
        await supervisor.stop(self.id)
        if self.state is ServiceState.FAILED and self._as_child() in ("stopped", None):
            self.set_state(ServiceState.STOPPED)  # it has failed while it was stopped

    def _set_stop_reason(self, reason: str) -> None:
        for each in self.all():
            each.stop_reason = reason

    def _whole_is_coming(self) -> bool:
        """Whether a tree that it is a part of is just being started."""
        above = self.runtime.units.get(self.parent)
        if not isinstance(above, Supervised):
            return False
        is_coming = above.coming or above.state is ServiceState.STARTING
        return is_coming or above._whole_is_coming()

    def _as_child(self) -> str | None:
        """Give its state as its supervisor's child, if it is one."""
        child = None if self.supervisor is None else self.supervisor.child(self.id)
        return None if child is None else child.state

    async def discard(self) -> None:
        """Let the supervisor forget it."""
        if self.supervisor is not None and self.supervisor.child(self.id) is not None:
            await self.supervisor.remove(self.id)
        else:
            await trio.lowlevel.checkpoint()

    def taken_off(self) -> None:
        """Tell who waits for a state that none will come."""
        self.states.value = None


def start_failed(unit: Supervised, startup: Startup) -> StartFailed | None:
    """Say of a start that what was to be started did not come up; `None` if it did."""
    cause = startup.cause
    if cause is None and startup.called_off is not None and startup.error is startup.called_off:
        cause = Canceled(startup.called_off.message)
    if cause is None:
        return None
    error = StartFailed(f"{unit} did not start: {text_of(cause)}", target=unit.id)
    error.__cause__ = cause
    return error
