"""All services and supervision trees of a runtime, kept by one supervisor."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._exceptions import is_a, text_of
from echosvc._records import write
from echosvc._runtime.service import Service, ServiceOptions, is_final
from echosvc._runtime.startup import Replaced, Waiting
from echosvc._runtime.supervised import ServiceInfo, ServiceState, Supervised, start_failed
from echosvc._runtime.tree import Tree, TreeOptions
from echosvc._runtime.units import Unit
from echosvc.errors import AlreadyExists, GaveUp, NotFound, StartFailed, Terminated
from echosvc.supervision import Supervisor, SupervisorEvent, open_supervisor

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

__all__ = [
    "Service",
    "ServiceInfo",
    "ServiceOptions",
    "ServiceState",
    "Services",
    "Supervised",
    "Tree",
    "TreeOptions",
    "is_final",
]

log = logging.getLogger("echosvc.service")


class Services:
    """What is kept running in a runtime, and the supervisor that does so.

    The supervisor lives in a task of its own, which exists only where there are services.
    """

    def __init__(self, runtime: Runtime, nursery: trio.Nursery) -> None:
        self._runtime = runtime
        self._units = runtime.units
        self._nursery = nursery
        self._supervisor: Supervisor | None = None
        self._opening = trio.Lock()

    def infos(self) -> tuple[ServiceInfo, ...]:
        """Look at all services, in the order in which they were claimed."""
        return tuple(unit.info() for unit in self._units if isinstance(unit, Supervised))

    async def start(self, id: str, options: ServiceOptions) -> None:
        """Do what `Runtime.start_service` promises."""
        await self._units.wait_until_settled()
        unit = self._units.get(id)
        if unit is None:
            unit = Service(self._runtime, id, options)
            self._units.claim(unit, self._units.next_rank())
        elif not isinstance(unit, Supervised):
            raise AlreadyExists(f"{id} is a {unit.kind} already")
        await self._units.start([unit])

    async def stop(self, id: str, reason: str) -> None:
        """Do what `Runtime.stop_service` promises."""
        await self._units.stop(self._find(id), reason)

    async def restart(self, id: str, reason: str) -> None:
        """Do what `Runtime.restart_service` promises."""
        again = True
        while True:
            await self._units.wait_until_settled()
            unit = self._find(id)
            self._units.begin(unit, again=again, reason=reason)
            waiting = Waiting([unit])
            errors = await waiting.wait()
            startup = waiting.last_of(unit)
            if not isinstance(startup.error, Replaced):
                break
            again = False  # another definition of it takes its place, and that is a start, too
        if failed := start_failed(unit, startup):
            raise failed
        if errors:
            raise errors[0].with_traceback(None)

    async def wait(self, id: str, states: tuple[ServiceState, ...]) -> ServiceState:
        """Wait until a service is in one of these states."""
        while True:
            await self._units.wait_until_settled()
            unit = self._find(id)
            state: ServiceState | None = await unit.states.wait_value(
                lambda state: state is None or state in states
            )
            if state is not None:
                return state
            # Another has its id now, or nothing has.

    def _find(self, id: str) -> Supervised:
        unit = self._units.get(id)
        if not isinstance(unit, Supervised):
            known = ", ".join(info.id for info in self.infos()) or "none"
            raise NotFound(f"no service {id} has been started (started: {known})")
        return unit

    async def supervisor(self) -> Supervisor:
        """Give the supervisor of all that is no part of a tree. Waits only the first time."""
        if self._supervisor is not None:
            return self._supervisor
        async with self._opening:  # services start side by side
            if self._supervisor is None:
                # With the runtime's context variables, which all its children then have.
                opened: Channel[Supervisor] = Channel(1)
                live = functools.partial(self._live, opened.send_nowait)
                self._runtime.start_task(self._nursery, live, "echosvc services")
                self._supervisor = await opened.receive()
            return self._supervisor

    async def _live(self, opened: Callable[[Supervisor], None]) -> None:
        async with open_supervisor(max_restarts=None, name="services") as supervisor:
            supervisor._news.listener = self.report
            opened(supervisor)
            await trio.sleep_forever()

    def report(self, event: SupervisorEvent) -> None:
        """Say in one line what happened, and what follows from it."""
        service = self._units.get(event.child)
        if event.what not in ("started", "stopped"):
            self._runtime.bus.emit(
                "supervisor",
                event.what,
                event.child,
                supervisor=event.supervisor,
                error=event.error,
                decision=event.decision,
                delay=event.delay,
                affected=event.affected,
            )
        fields: dict[str, Any] = {"service": event.child}
        if event.what == "failed" and event.error is not None:
            if isinstance(service, Supervised) and service.state is ServiceState.STOPPED:
                return  # it ended with all the rest
            self._report_failure(service, event, fields)
        elif event.what == "gave_up":
            fields = {"supervisor": event.supervisor}
            text = f"supervisor {event.supervisor} gave up"
            write(log, logging.ERROR, text, fields, said=("supervisor",))
        elif event.what == "stuck":
            text = f"service {event.child} was stopped, and does not end"
            write(log, logging.WARNING, text, fields, said=("service",))

    def _report_failure(
        self, service: Unit | None, event: SupervisorEvent, fields: dict[str, Any]
    ) -> None:
        error = event.error
        assert error is not None
        kind = "service" if service is None else service.kind
        fields["error"] = failure = text_of(error)
        shown: BaseException | None = error
        if is_a(error, StartFailed) and error.__cause__ is not None:
            shown = error.__cause__  # whose traceback begins in somebody's own code
        if is_a(shown, (StartFailed, Terminated, GaveUp)):
            shown = None
        said = ["service", "error"]
        if event.decision == "restart":
            after = ""
            if event.delay:
                fields["restart_in"] = f"{event.delay:.3g}s"
                after = f" in {fields['restart_in']}"
                said.append("restart_in")
            others = [id for id in event.affected if id != event.child]
            if others:
                fields["along"] = " ".join(others)
            text = f"{kind} {event.child} failed, and is restarted{after}: {failure}"
            write(log, logging.WARNING, text, fields, said=tuple(said), error=shown)
        else:
            text = f"{kind} {event.child} failed, and stays down: {failure}"
            write(log, logging.ERROR, text, fields, said=tuple(said), error=shown)
        if isinstance(service, Tree) and service.ends_all:
            self._runtime.fail(error)
