"""Tasks that were there before, as processes for a while."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._runtime import coroutines
from echosvc._runtime.crash import report_crash
from echosvc._runtime.current import current_process
from echosvc._runtime.host import own_host
from echosvc._runtime.message import Result
from echosvc._runtime.names import check_name
from echosvc._runtime.pid import Pid
from echosvc._runtime.program import Program
from echosvc._tasks import is_cancelled, sort_out
from echosvc.errors import Terminated

if TYPE_CHECKING:
    from echosvc._runtime.process import Process
    from echosvc._runtime.runtime import Runtime

HOST: Final = "attached"
"""The host of those tasks that `attach` made processes."""


async def _no_main() -> None:
    """Stand where an attached process has no main of its own."""
    await trio.lowlevel.checkpoint()


PROGRAM: Final = Program("attached", _no_main)


@asynccontextmanager
@enable_ki_protection
async def attach(runtime: Runtime, name: str | None) -> AsyncGenerator[Pid]:
    """Do what `Runtime.attach` promises."""
    await trio.lowlevel.checkpoint()
    if name is not None:
        check_name(name)
    process = runtime.enter(PROGRAM, own_host(runtime, HOST), name=name)
    process.scope = scope = trio.CancelScope()
    process.task = trio.lowlevel.current_task()
    process.waited_for = True  # the block's exception goes to whoever wrote the block
    token = current_process.set(process)
    error: BaseException | None = None
    told_to_end: BaseException | None = None
    try:
        try:
            with scope:
                try:
                    yield process.pid
                except BaseException as exc:  # noqa: BLE001 - raised again, once others are told
                    error = exc
        except BaseException as exc:  # noqa: BLE001 - the block has left a scope open in ours
            error = exc if error is None else error
        # An async generator may be closed in another context than the one that entered it.
        if current_process.get() is process:
            current_process.reset(token)
        told_to_end = process.stop_error
        process.closing = True
        if process.coroutines:
            await coroutines.end_all(process)
    finally:
        error, result = _outcome(process, error, told_to_end)
        process.end(result)
    if error is not None:
        raise error


def _outcome(
    process: Process, error: BaseException | None, told_to_end: BaseException | None
) -> tuple[BaseException | None, Result]:
    """Tell what the block raises, and what the process ends with."""
    reason = told_to_end
    if error is not None:
        cancelled = is_cancelled()
        assert process.scope is not None
        ended = sort_out(error, cancelled=cancelled or process.scope.cancel_called)
        if ended.own is not None:
            reason = ended.own
        elif ended.through is not None:
            reason = ended.through
        elif reason is None:
            reason = Terminated(reason="its task was cancelled")
        if ended.cancelled and not cancelled:  # by us, which is nobody else's business
            error = reason
            if ended.own is not None and ended.through is not None:
                error = BaseExceptionGroup("the block has failed", [ended.through, ended.own])
    failure = process.failure  # of a coroutine
    if failure is not None and failure is not error:
        if error is None or error is told_to_end:
            error = reason = failure  # when the block had ended
        else:
            report_crash(process, failure, "has a coroutine that failed as well")
    return error, Result(error=reason)
