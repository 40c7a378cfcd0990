"""Tasks that were there before, as processes for a while."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import trio
from trio.lowlevel import enable_ki_protection

from echosvc._runtime import coroutines
from echosvc._runtime.crash import only_cancelled, report_crash, split
from echosvc._runtime.current import current_process
from echosvc._runtime.host import own_host
from echosvc._runtime.message import Result
from echosvc._runtime.names import check_name
from echosvc._runtime.pid import Pid
from echosvc._runtime.program import Program
from echosvc.errors import Terminated

if TYPE_CHECKING:
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
                yield process.pid
        except BaseException as exc:  # noqa: BLE001 - raised again, once those who wait are told
            error = exc
        # An async generator may be closed in another context than the one that entered it.
        if current_process.get() is process:
            current_process.reset(token)
        told_to_end = process.stop_error
        process.closing = True
        if process.coroutines:
            await coroutines.end_all(process)
        if error is None and scope.cancelled_caught:
            error = told_to_end
        if process.failure is not None and process.failure is not error:
            if error is None or error is told_to_end:
                error = process.failure  # of a coroutine, when the block had ended
            else:
                report_crash(process, process.failure, "coroutine failed as well")
    finally:
        process.end(Result(error=_ended_with(error, told_to_end)))
    if error is not None:
        raise error


def _ended_with(
    error: BaseException | None, told_to_end: BaseException | None
) -> BaseException | None:
    if error is None:
        return told_to_end
    if only_cancelled(error):
        return told_to_end or Terminated(reason="its task was cancelled")
    own, passing = split(error)
    return own or passing
