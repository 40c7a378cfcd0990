"""Functions: work to be done on arguments, by an entry of kind `function.py`.

::

    price = await funcs.call("shop:price", "tea", 3)

    future = funcs.start("shop:price", "tea", 3)
    r = await channel.select(future.channel, time.after("1s"))

Each call runs in a process of its own, on a host of the runtime's: it has a PID and an inbox,
nothing of another call's, and shares nothing with its caller. It inherits the caller's context
values, and it ends with its caller. An entry with ``thread: true`` or ``subprocess: true`` names a
plain ``def``, which may keep a processor busy or block; it runs in a thread or a Python process
beside the scheduler, and is called in the same way.
"""

from __future__ import annotations

from typing import Any, Final

from echosvc._library.calls import Caller
from echosvc._library.future import Future
from echosvc._runtime.message import Result
from echosvc._runtime.starting import Target
from echosvc.time import Duration

__all__ = ["Caller", "Future", "Result", "call", "start", "with_context", "with_timeout"]

_plain: Final = Caller()


async def call(target: Target, *args: Any) -> Any:
    """Call a function, wait for its end, and give what it returned, as a snapshot.

    Args:
        target: The id of an entry of kind `function.py`, or an `async def`.
        args: What it is called with, as a snapshot.

    Cancelled, or when the calling process ends, the function is cancelled, and its end waited for.
    A thread cannot be ended from outside: nobody waits for it any more, and it keeps its place in
    the pool until it is done (``trio.from_thread.check_cancelled()`` in it ends it sooner). A
    subprocess is killed.

    Raises:
        NotFound: There is no such entry.
        Invalid: It is no function, it takes other arguments, or (`ManifestError`) its source does
            not load.
        Timeout: It was not done within the entry's `timeout`, or `with_timeout`; waiting for a
            place in its pool counts.
        Exception: What the function raised.
    """
    return await _plain.call(target, *args)


def start(target: Target, *args: Any) -> Future:
    """Begin a call, and give its future. Never waits.

    An error that nobody asks the future for is logged.

    Raises:
        NotFound, Invalid: As for `call`; then nothing was started.
    """
    return _plain.start(target, *args)


def with_context(values: dict[str, Any]) -> Caller:
    """Give a caller whose functions have these context values, on top of the process's own.

    Raises:
        Invalid: They are no dict with texts for keys, or cannot be copied.
    """
    return _plain.with_context(values)


def with_timeout(timeout: Duration) -> Caller:
    """Give a caller whose calls may take so long, whatever the entry says; `math.inf` for ever.

    Raises:
        Invalid: It is no duration, or less than nothing.
    """
    return _plain.with_timeout(timeout)
