"""A supervision tree of a runtime: a supervisor whose children are services and supervisors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio

from echosvc._runtime.service import Restart
from echosvc._runtime.supervised import ServiceState, Supervised
from echosvc.errors import Canceled, StartFailed
from echosvc.supervision import ChildSpec, RestartPolicy, Supervisor, open_supervisor

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime
    from echosvc._supervision.spec import Strategy


@dataclass(frozen=True, slots=True)
class TreeOptions:
    """How a supervisor restarts its children, and what becomes of itself. Durations in seconds."""

    strategy: Strategy = "one_for_one"
    max_restarts: int = 3
    within: float = 5.0
    required: bool = True
    """Whether the runtime ends when the topmost supervisor gives up; else it is restarted."""
    stop_timeout: float = 10.0
    policy: RestartPolicy | None = None
    """Of the topmost one that is not required; below it restarts are immediate, as in OTP."""
    restart: Restart = "permanent"


class Tree(Supervised):
    """One supervisor of a tree."""

    kind = "supervisor"

    def __init__(
        self,
        runtime: Runtime,
        id: str,
        options: TreeOptions,
        parts: Sequence[Supervised],
        *,
        parent: str = "",
    ) -> None:
        super().__init__(runtime, id, parent)
        self.options = options
        self._parts = tuple(parts)

    @property
    def parts(self) -> tuple[Supervised, ...]:
        """Its children, left to right."""
        return self._parts

    @property
    def required(self) -> bool:
        """Whether who starts it is told when it does not come up."""
        return self.options.required

    @property
    def ends_all(self) -> bool:
        """Whether its failure is the runtime's; one that was not up is told to who started it."""
        was_up = self.attempt.state is ServiceState.RUNNING
        return was_up and self.required and not self.parent

    def spec(self) -> ChildSpec:
        """Say it as a supervisor's child."""
        options = self.options
        if self.parent:
            restart, policy = options.restart, None
        else:
            restart = "temporary" if options.required else "transient"
            policy = options.policy
        return ChildSpec(
            self.id,
            self.live_in_order if self.parent else self.live,
            restart=restart,
            stop_timeout=options.stop_timeout,
            backoff=policy,
        )

    async def live_in_order(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Supervise, and say when all children are up."""
        await self.live(task_status.started)

    async def live(self, started: Callable[[], None] | None = None) -> None:
        """Supervise until it gives up or is cancelled."""
        options = self.options
        self.set_state(ServiceState.STARTING)
        try:
            async with open_supervisor(
                options.strategy,
                max_restarts=options.max_restarts,
                within=options.within,
                name=self.id,
            ) as supervisor:
                supervisor._news.listener = self.runtime.keeper.report
                for part in self._parts:
                    part.supervisor = supervisor
                for part in self._parts:
                    await self._start_part(supervisor, part)
                self.set_state(ServiceState.RUNNING)
                if started is not None:
                    started()
                try:
                    await trio.sleep_forever()
                finally:
                    self.set_state(ServiceState.STOPPING)
        except trio.Cancelled:
            self.set_state(ServiceState.STOPPED)
            raise
        except Exception as exc:
            self.last_error = exc
            self.set_state(ServiceState.FAILED)
            raise
        finally:
            for each in self.all():
                each.skip = False

    async def _start_part(self, supervisor: Supervisor, part: Supervised) -> None:
        """Start one child in its turn; one that somebody stops meanwhile is left out."""
        if not part.skip:
            try:
                await supervisor.start(part.spec())
            except StartFailed as exc:
                stopped = isinstance(exc.__cause__, Canceled)
                if not stopped or part.state is ServiceState.FAILED:
                    raise
            else:
                return
        part.set_state(ServiceState.STOPPED)
