"""Services: processes that are started, restarted and stopped with the runtime.

A service is a child of one supervisor, whose function runs the process to its end; restarts,
backoff and giving up are the supervisor's. What is a service's own is told here: what it is to be
ready, how it is asked to stop, and its state.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._channel.native import select_native
from echosvc._runtime.crash import summary
from echosvc._runtime.message import Result
from echosvc._runtime.pid import Pid
from echosvc._runtime.process import Process
from echosvc._runtime.signals import Cancel
from echosvc.errors import Error, GaveUp, StartFailed, Terminated
from echosvc.supervision import (
    ChildSpec,
    RestartPolicy,
    Supervisor,
    SupervisorEvent,
    open_supervisor,
)
from echosvc.time import after

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

log = logging.getLogger("echosvc.service")


class ServiceState(Enum):
    """Where a service is in its life."""

    UNKNOWN = "unknown"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    EXITED = "exited"
    FAILED = "failed"


def is_final(error: BaseException) -> bool:
    """Whether restarting after this error is of no use: it says so itself."""
    return isinstance(error, Error) and error.retryable is False


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a service runs, and how it is kept running. Durations are in seconds."""

    target: str
    host: str
    args: tuple[Any, ...] = ()
    required: bool = True
    explicit_ready: bool = False
    start_timeout: float = 10.0
    stop_timeout: float = 10.0
    policy: RestartPolicy = field(default_factory=lambda: RestartPolicy(final=is_final))


@dataclass(frozen=True, slots=True)
class ServiceInfo:
    """A service at one moment."""

    id: str
    state: ServiceState
    pid: Pid | None
    last_error: BaseException | None
    since: float
    """When it came into this state, on trio's clock."""


class Service:
    """One service: what it runs, and the state of it."""

    def __init__(self, runtime: Runtime, id: str, options: ServiceOptions) -> None:
        self.runtime = runtime
        self.id = id
        self.options = options
        self.state = ServiceState.UNKNOWN
        self.since = runtime.now()
        self.process: Process | None = None
        self.last_error: BaseException | None = None
        self.stop_reason = ""
        self.settled = trio.Event()  # it has been Running, or has ended, for the first time

    def __repr__(self) -> str:
        return f"<service {self.id} {self.state.value}>"

    def info(self) -> ServiceInfo:
        """Look at the service."""
        pid = None if self.process is None else self.process.pid
        return ServiceInfo(self.id, self.state, pid, self.last_error, self.since)

    def spec(self) -> ChildSpec:
        """Say it as a supervisor's child."""
        options = self.options
        return ChildSpec(
            self.id,
            self.live,
            restart="transient",  # a normal return is the end of it, an error is not
            # The supervisor's patience is longer than ours, so that ours is what counts.
            stop_timeout=options.stop_timeout + options.start_timeout,
            backoff=options.policy,
        )

    async def live(self) -> None:
        """Run the process once, to its end; cancelled, ask it to end and wait for that."""
        self.set_state(ServiceState.STARTING)
        results: Channel[Result] = Channel(1)
        try:
            process = self._start_process(results)
            try:
                await self._wait_until_ready(process, results)
                self.set_state(ServiceState.RUNNING)
                result = await results.receive()
            except trio.Cancelled:
                with trio.CancelScope(shield=True):  # for stop_timeout and the process's cleanup
                    await self._stop_process(process, results)
                raise
            finally:
                self.process = None
            if result.error is not None:
                raise result.error
        except Exception as exc:
            self.last_error = exc
            self.set_state(ServiceState.FAILED)
            raise
        self.set_state(ServiceState.EXITED)

    def _start_process(self, results: Channel[Result]) -> Process:
        options = self.options
        self.process = process = self.runtime.start_process(
            options.target, options.host, options.args, on_end=results.send_nowait
        )
        return process

    async def _wait_until_ready(self, process: Process, results: Channel[Result]) -> None:
        """Return when the process says so; at once if it needn't.

        Raises:
            StartFailed: It ended before, or took too long and was terminated.
        """
        options = self.options
        if not options.explicit_ready:
            return
        ready: Channel[None] = Channel(1)
        process.on_ready = lambda: ready.send_nowait(None)
        too_late = after(options.start_timeout)
        selected = await select_native([ready, results, too_late])
        if selected.channel is results:
            result: Result = selected.value
            how = "ended" if result.error is None else summary(result.error)
            message = f"{self.id} was not ready when its process ended: {how}"
            raise StartFailed(message, target=self.id) from result.error
        if selected.channel is too_late:
            process.stop(Terminated(reason="it was not ready in time"))
            with trio.CancelScope(shield=True):
                await results.receive()
            raise StartFailed(
                f"{self.id} was not ready within {options.start_timeout:g}s", target=self.id
            )

    async def _stop_process(self, process: Process, results: Channel[Result]) -> None:
        """Ask, wait, insist."""
        runtime, reason = self.runtime, self.stop_reason
        self.set_state(ServiceState.STOPPING)
        if process.hears_events:
            runtime.route(process.pid, Cancel(None, runtime.now(), reason))
            selected = await select_native([results, after(self.options.stop_timeout)])
            if selected.channel is results:
                return
        process.stop(Terminated(reason=reason or "its service was stopped"))
        await results.receive()

    def set_state(self, state: ServiceState) -> None:
        """Come into a state, and tell."""
        if state is self.state:
            return
        self.state = state
        self.since = self.runtime.now()
        if state is not ServiceState.STARTING:
            self.settled.set()
        self.runtime.bus.emit(
            "service",
            state.value,
            self.id,
            pid=None if self.process is None else self.process.pid,
            error=self.last_error if state is ServiceState.FAILED else None,
        )
        log.debug("service %s", state.value, extra={"fields": {"service": self.id}})


class Services:
    """All services of a runtime, kept by one supervisor.

    It lives in a task of its own, which exists only where there are services.
    """

    def __init__(self, runtime: Runtime, nursery: trio.Nursery) -> None:
        self._runtime = runtime
        self._nursery = nursery
        self._supervisor: Supervisor | None = None
        self._opening = trio.Lock()
        self._services: dict[str, Service] = {}

    def infos(self) -> tuple[ServiceInfo, ...]:
        """Look at all services, in the order in which they were started."""
        return tuple(service.info() for service in self._services.values())

    async def start(self, service: Service) -> Callable[[str], Any]:
        """Start a service; gives the function that stops it.

        Raises:
            GaveUp: It is required, and its first start failed.
        """
        supervisor = await self._open()
        self._services[service.id] = service
        await supervisor.start(service.spec())
        await service.settled.wait()
        if service.state is ServiceState.FAILED and service.options.required:
            cause = service.last_error
            assert cause is not None
            await supervisor.remove(service.id)
            message = f"required service {service.id} did not start: {summary(cause)}"
            raise GaveUp(message, causes=(cause,)) from cause

        async def stop(reason: str) -> None:
            await self.stop(service, reason)

        return stop

    async def _open(self) -> Supervisor:
        async with self._opening:  # services start side by side, and have one supervisor
            if self._supervisor is None:
                # Started with the runtime's context variables, which all its children then have.
                opened: Channel[Supervisor] = Channel(1)
                live = functools.partial(self._live, opened)
                self._runtime.start_task(self._nursery, live, "echosvc services")
                self._supervisor = await opened.receive()
            return self._supervisor

    async def stop(self, service: Service, reason: str) -> None:
        """Stop a service in order; one that has ended is let be."""
        service.stop_reason = reason
        assert self._supervisor is not None
        await self._supervisor.stop(service.id)
        if service.state is not ServiceState.EXITED:
            service.set_state(ServiceState.STOPPED)

    async def _live(self, opened: Channel[Supervisor]) -> None:
        async with open_supervisor(max_restarts=None, name="services") as supervisor:
            opened.send_nowait(supervisor)
            async for event in supervisor.events:
                _report(event)


def _report(event: SupervisorEvent) -> None:
    """Say in one line what happened to a service, and what follows."""
    if event.what == "failed" and event.error is not None:
        fields = {"service": event.child, "error": summary(event.error)}
        if event.decision == "restart":
            fields["restart_in"] = f"{event.delay:.3g}s"
            log.warning("service failed, and is restarted", extra={"fields": fields})
        else:
            log.error("service failed, and stays down", extra={"fields": fields})
    elif event.what == "exited":
        log.info("service has done its work", extra={"fields": {"service": event.child}})
    elif event.what == "gap":
        log.warning("supervisor events were lost", extra={"fields": {"missed": event.missed}})
