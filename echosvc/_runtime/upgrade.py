"""A process that goes on as another program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import trio

from echosvc._runtime import attach
from echosvc._runtime.snapshot import snapshot
from echosvc.errors import Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.process import Process
    from echosvc._runtime.starting import Target


async def upgrade(process: Process, target: Target | None, args: tuple[Any, ...]) -> NoReturn:
    """Do what `process.upgrade` promises."""
    await trio.lowlevel.checkpoint_if_cancelled()
    if process.program is attach.PROGRAM:
        raise Unavailable("an attached task has no main that another could take the place of")
    try:
        program = process.program if target is None else process.runtime.program(target)
        if program.reload is not None:
            program = program.reload()
        process.host.check_allowed(program)
        program.check_arguments(args)
        args = tuple([snapshot(value) for value in args])
    except Exception as exc:  # noqa: BLE001 - the promise is to end with it, not to go on
        process.fail(exc)
    else:
        process.upgrade(program, args)
    await trio.sleep_forever()
