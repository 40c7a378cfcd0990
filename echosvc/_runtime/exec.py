"""A process that somebody waits for: started, and its result given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._runtime.crash import report_failure
from echosvc._runtime.message import Result
from echosvc.errors import Terminated

if TYPE_CHECKING:
    from echosvc._runtime.process import Process
    from echosvc._runtime.program import Program
    from echosvc._runtime.runtime import Runtime
    from echosvc._runtime.starting import Target


@trio.lowlevel.enable_ki_protection
async def run(
    runtime: Runtime,
    target: Target | Program,
    host: str | None,
    args: tuple[Any, ...],
    parent: Process | None = None,
    name: str | None = None,
    context: dict[str, Any] | None = None,
) -> Any:
    """Do what `Runtime.run` and `process.exec` promise."""
    await trio.lowlevel.checkpoint_if_cancelled()
    results: Channel[Result] = Channel(1)
    process = runtime.start_process(
        target,
        host,
        args,
        parent=parent,
        name=name,
        context=context,
        on_end=results.send_nowait,
        waited_for=True,
    )
    try:
        result = await results.receive()
    except BaseException:
        # Cancelled, or Ctrl-C. Nobody is raised its error any more, so it is to be logged.
        if process.ended:
            report_failure(process, results.receive_nowait())
        else:
            process.waited_for = False
            process.stop(Terminated(reason="nobody waits for its result any more"))
            with trio.CancelScope(shield=True):
                await results.receive()
        raise
    if result.error is not None:
        raise result.error
    return result.value
