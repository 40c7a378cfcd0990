"""One run of an application: the synchronous shell around exactly one `trio.run`."""

from __future__ import annotations

import gc
import logging
import math
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

# What runs the application is loaded here, before the terminal is opened: from then on the thread
# that edits lines has its own things to load, and the two would be in each other's way.
import echosvc._boot  # noqa: F401
from echosvc import errors, open_runtime
from echosvc._cli import edges, exits
from echosvc._cli.jobs import JobControl
from echosvc._cli.logs import LogHandler, logging_to_stderr
from echosvc._cli.settings import Settings
from echosvc._cli.signals import Conductor, StopSignals
from echosvc._cli.source import find_project
from echosvc._cli.tracebacks import format_error
from echosvc._exceptions import is_a, leaves
from echosvc._manifest.kinds import HOSTS

if TYPE_CHECKING:
    from echosvc._cli.config import Configuration
    from echosvc._cli.run import Plan
    from echosvc._manifest.registry import Registry
    from echosvc._runtime.runtime import Runtime
    from echosvc._runtime.terminal import Terminal

log = logging.getLogger("echosvc.run")
SHOWN: Final = 5
"""How many of the entries that run are named."""


def perform(
    settings: Settings, configuration: Configuration, registry: Registry, plan: Plan
) -> int:
    """Run `plan` with the services of `registry`, and return the exit code."""
    logging = logging_to_stderr(
        settings,
        terminal=plan.needs_terminal(registry),
        level=configuration.log.level,
        form=configuration.log.format,
    )
    with StopSignals() as signals, logging as log:
        run = _Run(settings, configuration, registry, plan, signals, log)
        gc.freeze()  # what has been loaded is no garbage
        gc.enable()
        try:
            result = trio.run(run.main)
        except BaseException as error:  # noqa: BLE001 - the one place where a run's errors end
            code = _failed(signals, error, settings)
        else:
            code = signals.code if signals.first else _returned(result, settings)
        edges.settle(code)  # while the handlers are still those of the run
    return code


def _returned(result: object, settings: Settings) -> int:
    ending = exits.code_of_result(result)
    for line in ending.lines:
        exits.say_error(line, color=settings.color)
    return ending.code


def _failed(signals: StopSignals, error: BaseException, settings: Settings) -> int:
    if signals.first is None:
        return exits.end(error, tracebacks=settings.tracebacks, color=settings.color)
    return _ended_by_signal(signals, error, settings)


def _ended_by_signal(signals: StopSignals, error: BaseException, settings: Settings) -> int:
    """Return the signal's code; say what else went wrong than being stopped."""
    others = [leaf for leaf in leaves(error) if not is_a(leaf, errors.Canceled)]
    for leaf in others:
        if settings.tracebacks:
            exits.say(format_error(leaf).rstrip("\n"))
        for line in exits.decide(leaf).lines:
            exits.say_error(line, color=settings.color)
    return signals.code


class _Run:
    """What the parts of a run share."""

    def __init__(
        self,
        settings: Settings,
        configuration: Configuration,
        registry: Registry,
        plan: Plan,
        signals: StopSignals,
        log: LogHandler,
    ) -> None:
        self.settings = settings
        timeout = configuration.shutdown.timeout
        self.shutdown_timeout = math.inf if timeout is None else timeout
        self.log_format = configuration.log.format
        self.registry = registry
        self.plan = plan
        self.log = log
        self.conductor = Conductor(signals, self._notice)
        self._starting = trio.CancelScope()
        self._started = trio.Event()
        """Set when nothing is being started any more, whether it came up or not."""

    def _notice(self, text: str) -> None:
        (self.log.write or exits.say)(text)

    async def main(self) -> object:
        return await self.conductor.run(
            self._with_terminal if self.plan.needs_terminal(self.registry) else self._serve
        )

    async def _with_terminal(self) -> object:
        from echosvc._terminal.history import history_path
        from echosvc._terminal.open import open_terminal
        from echosvc._terminal.std import redirect_std

        source = find_project(self.settings).src
        with JobControl() as jobs:
            async with open_terminal(
                self.plan.args, color=self.settings.color, history=history_path(source)
            ) as terminal:
                self.conductor.signals.restore = terminal.restore
                jobs.attach(terminal)
                # A stray `print`, a library's complaint, go above an open prompt as the log does.
                with redirect_std(terminal), self.log.through(terminal.log_line):
                    return await self._serve(terminal)

    async def _serve(self, terminal: Terminal | None = None) -> object:
        plan = self.plan
        async with open_runtime(self.registry, terminal=terminal, auto_start=False) as runtime:
            self.conductor.stop = partial(self._stop, runtime)
            with self._starting:
                try:
                    await self._start(runtime)
                finally:
                    self._started.set()
            if not plan.entry and not self._starting.cancelled_caught:
                self._say_what_runs()
            if not plan.entry or self._starting.cancelled_caught:
                await trio.sleep_forever()  # until a signal, or for the stop that is under way
            try:
                return await runtime.run(
                    plan.entry, plan.host, *(() if plan.terminal else plan.args)
                )
            finally:  # cancelled, it does nothing more: the block insists
                await self._stop(runtime, f"{plan.entry} has ended")

    def _say_what_runs(self) -> None:
        """Say in a line what a run without a process of its own is about, and how it ends.

        Not where that would be in the way: on a screen that a service has, in a log for programs.
        """
        json = (self.settings.log_format or self.log_format) == "json"
        if self.settings.silent or json or self.plan.needs_terminal(self.registry):
            return
        running = [id for id in self._by_itself() if self.registry.get(id).kind not in HOSTS]
        if running:
            more = f" and {len(running) - SHOWN} more" if running[SHOWN:] else ""
            self._notice(f"running {', '.join(running[:SHOWN])}{more}; Ctrl-C stops it all")
        else:
            self._notice(
                "nothing runs, as no service has auto_start; "
                "`echosvc run list` shows the commands, Ctrl-C ends this"
            )

    def _by_itself(self) -> list[str]:
        """Return the ids of what the manifests start."""
        return [
            entry.id
            for entry in self.registry
            if self.registry.kind(entry).startable and entry.spec.lifecycle.auto_start
        ]

    async def _start(self, runtime: Runtime) -> None:
        """Start what the manifests say is to be, and the host of what `-x` names."""
        began = trio.current_time()
        wanted = self._by_itself()
        if self.plan.host and self.plan.host not in wanted:
            wanted.append(self.plan.host)
        await runtime.start(*wanted)
        fields = {"entries": len(wanted), "seconds": round(trio.current_time() - began, 3)}
        log.info("started", extra={"fields": fields})

    async def _stop(self, runtime: Runtime, reason: str) -> None:
        """Stop in order, in the middle of a start too: what has come up is asked to end."""
        if not runtime.stopping:
            log.info("stopping", extra={"fields": {"reason": reason}})
        with trio.move_on_after(self.shutdown_timeout) as limit:
            self._starting.cancel(reason)
            await self._started.wait()
            await runtime.stop(reason)
        if limit.cancelled_caught:
            fields = {"seconds": self.shutdown_timeout}
            log.warning("not stopped in time, the rest is terminated", extra={"fields": fields})
            runtime.nursery.cancel_scope.cancel("shutdown timeout")
