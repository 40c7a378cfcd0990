"""A function: what its entry says, and how it is run."""

from __future__ import annotations

import logging
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from echosvc._exceptions import text_of
from echosvc._library.entries import entry_of
from echosvc._library.workers import Workers
from echosvc._manifest import source
from echosvc._manifest.entry import Entry
from echosvc._manifest.kinds import FunctionPy
from echosvc._runtime.context import values, work_values
from echosvc._runtime.current import current_process
from echosvc._runtime.program import Program

if TYPE_CHECKING:
    from echosvc._runtime.runtime import Runtime

log = logging.getLogger("echosvc.funcs")

Run = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Function:
    """A function that is ready to be called."""

    program: Program
    """Its name, and what it takes."""
    run: Run
    """Runs it in the current process, when it is its turn."""
    timeout: float | None = None
    entry: Entry | None = None
    close: Callable[[], object] = field(default=lambda: None)
    """Lets go of what it keeps between calls, once the calls that run have ended."""


def function_of(runtime: Runtime, target: Any) -> Function:
    """Find what to call: the function of an entry, or an `async def`.

    Raises:
        NotFound: There is no such entry.
        Invalid: It is no function, or (`ManifestError`) its source does not load.
    """
    if not isinstance(target, str):
        program = Program.of(target)
        return Function(program, program.fn)
    entry = entry_of(runtime, target, ("function.py",), "function")
    known: Function | None = runtime.functions.get(target)
    if known is not None:
        if known.entry is entry:
            return known
        known.close()
    function = runtime.functions[target] = _make(runtime, entry)
    return function


def _make(runtime: Runtime, entry: Entry) -> Function:
    spec: FunctionPy = entry.spec
    fn: Callable[..., Any] = source.load(entry)
    program = Program(entry.id, fn)
    if spec.subprocess:
        workers = Workers(runtime, entry, spec.pool or os.cpu_count() or 1)
        return Function(program, workers.run, spec.timeout, entry, workers.close)
    if spec.thread:
        threads = trio.CapacityLimiter(spec.pool) if spec.pool else None
        return Function(program, _in_thread(entry.id, fn, threads), spec.timeout, entry)
    run = _in_turn(fn, trio.CapacityLimiter(spec.pool)) if spec.pool else fn
    return Function(program, run, spec.timeout, entry)


def _in_turn(fn: Run, pool: trio.CapacityLimiter) -> Run:
    async def run(*args: Any) -> Any:
        async with pool:
            return await fn(*args)

    return run


def _in_thread(name: str, fn: Callable[..., Any], pool: trio.CapacityLimiter | None) -> Run:
    async def run(*args: Any) -> Any:
        nobody_waits = False
        context = values()

        def work() -> Any:
            # trio gives each call a copy of the context, so this is undone by itself.
            current_process.set(None)
            work_values.set(context)
            try:
                value = fn(*args)
            except trio.Cancelled:  # it asked, and was told so
                raise
            except BaseException as exc:
                if nobody_waits:
                    _log_late(name, text_of(exc))
                raise
            if nobody_waits:
                _log_late(name, "it was done")
            return value

        try:
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=pool)
        except trio.Cancelled:
            nobody_waits = True
            raise

    return run


def _log_late(name: str, outcome: str) -> None:
    fields = {"function": name, "outcome": outcome}
    log.warning("a thread ended when nobody waited for it any more", extra={"fields": fields})
