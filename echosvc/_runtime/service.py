"""One service: what it runs, what it is to be ready, and how it is asked to stop.

A service is a child of a supervisor, whose function runs a process to its end; restarts, backoff
and giving up are the supervisor's. A process that a `process.supervisor` starts is one too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

import trio

from echosvc._channel.core import Channel
from echosvc._channel.native import select_native
from echosvc._exceptions import is_a, text_of
from echosvc._runtime.crash import HostCancelled, report_failure
from echosvc._runtime.message import Result
from echosvc._runtime.pid import Pid
from echosvc._runtime.process import Process
from echosvc._runtime.program import Program
from echosvc._runtime.signals import Cancel
from echosvc._runtime.supervised import Kind, ServiceState, Supervised
from echosvc._tasks import THROUGH
from echosvc.errors import Error, StartFailed, Terminated
from echosvc.supervision import ChildSpec, RestartPolicy
from echosvc.time import after

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

Restart = Literal["permanent", "transient", "temporary"]


def is_final(error: BaseException) -> bool:
    """Whether restarting after this error is of no use: it says so itself."""
    return is_a(error, Error) and error.retryable is False


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """What a service runs, and how it is kept running. Durations are in seconds."""

    target: str | Program
    host: str
    args: tuple[Any, ...] = ()
    required: bool = True
    explicit_ready: bool = False
    start_timeout: float = 10.0
    stop_timeout: float = 10.0
    policy: RestartPolicy | None = field(default_factory=lambda: RestartPolicy(final=is_final))
    restart: Restart = "transient"
    """A normal return is the end of it, an error is not."""


class Service(Supervised):
    """One service."""

    def __init__(
        self,
        runtime: Runtime,
        id: str,
        options: ServiceOptions,
        *,
        parent: str = "",
        kind: Kind = "service",
    ) -> None:
        super().__init__(runtime, id, parent)
        self.options = options
        self.kind = kind
        self.process: Process | None = None

    @property
    def pid(self) -> Pid | None:
        """The process that it is just now."""
        return None if self.process is None else self.process.pid

    @property
    def required(self) -> bool:
        """Whether who starts it is told when it does not come up."""
        return self.options.required

    def spec(self) -> ChildSpec:
        """Say it as a supervisor's child.

        In a tree the next one starts when a required one is up; on its own it is waited for by
        who starts it, and its failure is restarted after like any other.
        """
        options = self.options
        in_order = bool(self.parent) and options.required
        return ChildSpec(
            self.id,
            self.live_in_order if in_order else self.live,
            restart=options.restart,
            # The supervisor's patience is longer than ours, so that ours is what counts.
            stop_timeout=options.stop_timeout + options.start_timeout,
            backoff=self._policy(),
        )

    def _policy(self) -> RestartPolicy | None:
        """Give how it is restarted; one that is to come up is not, but fails who starts it."""
        policy = self.options.policy
        if policy is None or self.parent or not self.options.required:
            return policy
        final = policy.final

        def is_of_no_use(error: BaseException) -> bool:
            return self.must_come_up or (final is not None and final(error))

        return replace(policy, final=is_of_no_use)

    async def live_in_order(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Run the process once, and say when it is up."""
        await self.live(task_status.started)

    async def live(self, started: Callable[[], None] | None = None) -> None:
        """Run the process once, to its end; cancelled, ask it to end and wait for that."""
        self.set_state(ServiceState.STARTING)
        results: Channel[Result] = Channel(1)
        try:
            process = self._start_process(results)
            try:
                await self._wait_until_ready(process, results)
                self.set_state(ServiceState.RUNNING)
                if started is not None:
                    started()
                result = await results.receive()
            except trio.Cancelled as exc:
                reason = self.stop_reason or exc.reason or "its service was stopped"
                with trio.CancelScope(shield=True):  # for stop_timeout and the process's cleanup
                    await self._stop_process(process, results, reason)
                self.process = None
                self.set_state(ServiceState.STOPPED)
                raise
            finally:
                self.process = None
            if result.error is not None:
                raise result.error
        except (trio.Cancelled, *THROUGH):
            raise
        except BaseException as exc:  # whatever a process may fail with
            if is_a(exc, HostCancelled) or self.runtime.cancelled:
                # No failure: the runtime is cancelled, and the supervisor about to hear of it. It
                # may even have started this when the host was gone already.
                self.set_state(ServiceState.STOPPED)
                await trio.sleep_forever()
            self.last_error = exc
            self.set_state(ServiceState.FAILED)
            raise
        self.set_state(ServiceState.EXITED)

    def _start_process(self, results: Channel[Result]) -> Process:
        options = self.options
        self.process = process = self.runtime.start_process(
            options.target,
            options.host,
            options.args,
            on_end=results.send_nowait,
            waited_for=True,  # its error is told once, with what follows from it
        )
        return process

    async def _wait_until_ready(self, process: Process, results: Channel[Result]) -> None:
        """Return when the process says so; if it needn't, when it has run until it first waits.

        Raises:
            StartFailed: It ended before, or took too long and was terminated.
        """
        options = self.options
        if not options.explicit_ready:
            # Its first step belongs to the start: a name that it registers before it first waits
            # is there for who comes next. It runs in the pass of trio's scheduler that follows,
            # before us or after us; in the one after that it has run.
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
            return
        ready: Channel[None] = Channel(1)
        process.on_ready = lambda: ready.send_nowait(None)
        too_late = after(options.start_timeout)
        selected = await select_native([ready, results, too_late])
        if selected.channel is results:
            result: Result = selected.value
            if is_a(result.error, (Terminated, *THROUGH)):
                raise result.error
            how = "ended" if result.error is None else text_of(result.error)
            message = f"{self.id} was not ready when its process ended: {how}"
            retryable = result.error.retryable if isinstance(result.error, Error) else None
            error = StartFailed(message, target=self.id, retryable=retryable)
            raise error from result.error
        if selected.channel is too_late:
            process.stop(Terminated(reason="it was not ready in time"))
            with trio.CancelScope(shield=True):
                _report_crash(process, await results.receive())
            raise StartFailed(
                f"{self.id} was not ready within {options.start_timeout:g}s", target=self.id
            )

    async def _stop_process(self, process: Process, results: Channel[Result], reason: str) -> None:
        """Ask, wait, insist."""
        runtime = self.runtime
        self.set_state(ServiceState.STOPPING)
        if process.hears_events:
            runtime.route(process.pid, Cancel(None, runtime.now(), reason))
            selected = await select_native([results, after(self.options.stop_timeout)])
            if selected.channel is results:
                _report_crash(process, selected.value)
                return
        process.stop(Terminated(reason=reason))
        _report_crash(process, await results.receive())


def _report_crash(process: Process, result: Result) -> None:
    """Log what a process failed with while it was ended: nobody else is told of that."""
    if result.error is not None and not is_a(result.error, Terminated):
        report_failure(process, result)
