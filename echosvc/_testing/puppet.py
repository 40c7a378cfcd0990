"""A process that does what a test tells it to."""

from __future__ import annotations

from typing import Any

from echosvc import channel, process, time
from echosvc.errors import Invalid

__all__ = ["puppet"]


async def puppet(*args: Any) -> Any:
    """Stand in for a child: spawn it, and send it orders.

    =================  ==========================================================
    ``fail, error``    raise it; a text becomes a `RuntimeError`, so does nothing
    ``return, value``  return it
    ``sleep, time``    do nothing for so long, not even obey
    ``deaf``           ignore every CANCEL from now on
    ``args``           reply with what it was started with (a `call`)
    =================  ==========================================================

    Until told otherwise it returns ``"cancelled"`` at a CANCEL. It takes any arguments, so that it
    can stand where any entry stood: ``faults.replace("app:worker", puppet)``. Cancelled, it ends.

    Raises:
        Invalid: An order that it doesn't know.
    """
    inbox, events = process.inbox(), process.events()
    deaf = False
    while True:
        came = (await channel.select(inbox, events)).value
        if isinstance(came, process.Event):
            if came.kind is process.event.CANCEL and not deaf:
                return "cancelled"
            continue
        match came.topic, came.data:
            case "fail", Exception() as error:
                raise error
            case "fail", reason:
                raise RuntimeError(reason or "told to fail")
            case "return", value:
                return value
            case "sleep", duration:
                await time.sleep(duration)
            case "deaf", _:
                deaf = True
            case "args", _:
                came.reply(args)
            case order, _:
                raise Invalid(f"a puppet knows no order {order!r}")
