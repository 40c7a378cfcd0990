"""All services and supervision trees of a runtime, kept by one supervisor."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._runtime.crash import summary, user_traceback
from echosvc._runtime.service import (
    Service,
    ServiceInfo,
    ServiceOptions,
    ServiceState,
    Supervised,
    is_final,
)
from echosvc._runtime.tree import Tree, TreeOptions
from echosvc.errors import GaveUp, NotFound, StartFailed, Terminated
from echosvc.supervision import Supervisor, SupervisorEvent, open_supervisor

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime
    from echosvc._runtime.stopping import Stop

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

_DOWN = (ServiceState.STOPPED, ServiceState.EXITED, ServiceState.FAILED)


class Services:
    """All services of a runtime, kept by one supervisor.

    It lives in a task of its own, which exists only where there are services.
    """

    def __init__(self, runtime: Runtime, nursery: trio.Nursery) -> None:
        self._runtime = runtime
        self._nursery = nursery
        self._supervisor: Supervisor | None = None
        self._opening = trio.Lock()
        self._all: dict[str, Supervised] = {}

    def infos(self) -> tuple[ServiceInfo, ...]:
        """Look at all services, in the order in which they were started."""
        return tuple(service.info() for service in self._all.values())

    async def start(self, service: Supervised) -> Stop:
        """Start a service or a tree, and wait until it is up, or has failed for the first time.

        One of this id that is there already is let be; if it has ended, it is started again.

        Cancelled, it goes on starting, and is stopped with the runtime.

        Raises:
            GaveUp: It is required, and its first start failed.
        """
        supervisor = self._supervisor or await self._open()
        known = self._all.get(service.id)
        service = service if known is None else known
        stop = functools.partial(self._stop, service)
        # Until whoever called this has it, so that a cancelled start does not leave it out.
        level = self._runtime.add_level()
        level.append(stop)
        if known is None:
            self._take_in(service)
            service.supervisor = supervisor
            await supervisor.start(service.spec())
        else:
            await self.start_again(service.id)
        await service.settled.wait()
        level.remove(stop)
        if service.state is ServiceState.FAILED and _is_required(service):
            cause = service.last_error
            assert cause is not None
            await self.forget(service.id)
            message = f"required {service.kind} {service.id} did not start: {summary(cause)}"
            causes = cause.causes if isinstance(cause, GaveUp) else (cause,)
            raise GaveUp(message, causes=causes) from cause
        return stop

    async def start_again(self, id: str) -> None:
        """Start one that has ended; one that runs, or waits for its restart, is let be."""
        service = self._all.get(id)
        if service is None or service.state not in _DOWN or self._waits_for_restart(service):
            return
        await self._again(service)

    async def stop(self, id: str, reason: str) -> None:
        """Stop one, in order; one that has ended is let be."""
        await self._stop(self._find(id), reason)

    async def restart(self, id: str, reason: str) -> None:
        """Stop one if it runs, and start it again."""
        service = self._find(id)
        _set_reason(service, reason)
        await self._again(service)

    async def forget(self, id: str) -> None:
        """Forget a service that has been stopped."""
        service = self._all.get(id)
        if service is None:
            return
        for each in service.all():
            self._all.pop(each.id, None)
        if self._supervisor is not None and self._is_child(service):
            await self._supervisor.remove(id)

    async def wait(self, id: str, states: tuple[ServiceState, ...]) -> ServiceState:
        """Wait until a service is in one of these states."""
        state: ServiceState = await self._find(id).states.wait_value(states.__contains__)
        return state

    def _find(self, id: str) -> Supervised:
        service = self._all.get(id)
        if service is None:
            known = ", ".join(self._all) or "none"
            raise NotFound(f"no service {id} has been started (started: {known})")
        return service

    def _take_in(self, service: Supervised) -> None:
        for each in service.all():
            self._all[each.id] = each
            if isinstance(each, Tree):
                each.report = self._report

    def _is_child(self, service: Supervised) -> bool:
        supervisor = service.supervisor
        return supervisor is not None and any(
            child.name == service.id for child in supervisor.children()
        )

    def _waits_for_restart(self, service: Supervised) -> bool:
        supervisor = service.supervisor
        return supervisor is not None and any(
            child.name == service.id and child.state == "backoff" for child in supervisor.children()
        )

    async def _again(self, service: Supervised) -> None:
        supervisor = service.supervisor
        if supervisor is None or (supervisor.stopping and service.parent):
            raise NotFound(f"{service.id} cannot be started while {service.parent} is down")
        service.settled = trio.Event()
        if self._is_child(service):
            await supervisor.restart(service.id)
        else:  # a temporary one is forgotten with its end
            await supervisor.start(service.spec())
        await service.settled.wait()

    async def _stop(self, service: Supervised, reason: str) -> None:
        _set_reason(service, reason)
        if service.supervisor is not None and self._is_child(service):
            await service.supervisor.stop(service.id)
        if service.state not in (ServiceState.EXITED, ServiceState.UNKNOWN):
            service.set_state(ServiceState.STOPPED)

    async def _open(self) -> Supervisor:
        async with self._opening:  # services of one level come here side by side
            if self._supervisor is None:
                # With the runtime's context variables, which all its children then have.
                opened: Channel[Supervisor] = Channel(1)
                live = functools.partial(self._live, opened.send_nowait)
                self._runtime.start_task(self._nursery, live, "echosvc services")
                self._supervisor = await opened.receive()
            return self._supervisor

    async def _live(self, opened: Callable[[Supervisor], None]) -> None:
        async with open_supervisor(max_restarts=None, name="services") as supervisor:
            supervisor._news.listener = self._report
            opened(supervisor)
            await trio.sleep_forever()

    def _report(self, event: SupervisorEvent) -> None:
        """Say in one line what happened, and what follows from it."""
        service = self._all.get(event.child)
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
            if service is not None and service.state is ServiceState.STOPPED:
                return  # it ended with all the rest
            self._report_failure(service, event, fields)
        elif event.what == "gave_up":
            log.error("supervisor gave up", extra={"fields": {"supervisor": event.supervisor}})
        elif event.what == "stuck":
            log.warning("service was stopped, and does not end", extra={"fields": fields})

    def _report_failure(
        self, service: Supervised | None, event: SupervisorEvent, fields: dict[str, Any]
    ) -> None:
        error = event.error
        assert error is not None
        kind = "service" if service is None else service.kind
        fields["error"] = summary(error)
        info = None
        shown = error
        if isinstance(error, StartFailed) and error.__cause__ is not None:
            shown = error.__cause__  # whose traceback begins in somebody's own code
        if not isinstance(shown, StartFailed | Terminated | GaveUp):
            info = (type(shown), shown, user_traceback(shown))
        if event.decision == "restart":
            if event.delay:
                fields["restart_in"] = f"{event.delay:.3g}s"
            others = [id for id in event.affected if id != event.child]
            if others:
                fields["along"] = " ".join(others)
            text = f"{kind} failed, and is restarted"
            log.warning(text, exc_info=info, extra={"fields": fields})
        else:
            text = f"{kind} failed, and stays down"
            log.error(text, exc_info=info, extra={"fields": fields})
        ends_all = isinstance(service, Tree) and not service.parent and service.options.required
        if ends_all and isinstance(service, Tree) and service.has_run:
            self._runtime.fail(error)


def _is_required(service: Supervised) -> bool:
    return isinstance(service, Service | Tree) and service.options.required


def _set_reason(service: Supervised, reason: str) -> None:
    for each in service.all():
        each.stop_reason = reason
