"""One call of a function, in a process of its own."""

from __future__ import annotations

from typing import Any, Final

import trio

from echosvc._checks import check_dict
from echosvc._library.functions import Function, function_of
from echosvc._library.future import Future
from echosvc._runtime.current import current
from echosvc._runtime.host import own_host
from echosvc._runtime.program import Program
from echosvc._runtime.snapshot import snapshot
from echosvc.errors import Timeout
from echosvc.time import Duration, seconds_of

HOST: Final = "functions"
"""The host of the processes in which functions run."""


class Caller:
    """Calls functions with context values or with a timeout of one's own.

    Made by `funcs.with_context` and `funcs.with_timeout`, which can be chained.
    """

    __slots__ = ("_context", "_timeout")

    def __init__(self, context: dict[str, Any] | None = None, timeout: float | None = None) -> None:
        self._context = context  # a snapshot already
        self._timeout = timeout

    def with_context(self, values: dict[str, Any]) -> Caller:
        """Add context values; see `funcs.with_context`."""
        check_dict("context values", values)
        return Caller({**(self._context or {}), **snapshot(values)}, self._timeout)

    def with_timeout(self, timeout: Duration) -> Caller:
        """Set how long a call may take; see `funcs.with_timeout`."""
        return Caller(self._context, seconds_of("timeout", timeout))

    def start(self, target: Any, *args: Any) -> Future:
        """Begin a call; see `funcs.start`."""
        owner = current()
        runtime = owner.runtime
        function = function_of(runtime, target)
        function.program.check_arguments(args)
        own_host(runtime, HOST)
        timeout = function.timeout if self._timeout is None else self._timeout
        future = Future(function.program.name, owner)
        future._begin(
            runtime.start_process(
                Program(function.program.name, _main(function, timeout)),
                HOST,
                args,
                parent=owner,
                context=self._context,
                on_end=future._end,
                waited_for=True,
            )
        )
        return future

    async def call(self, target: Any, *args: Any) -> Any:
        """Call a function and wait for its result; see `funcs.call`.

        Cancelled, so is the function, and its end is waited for.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        return await self.start(target, *args)._result_or_end()


def _main(function: Function, timeout: float | None) -> Any:
    if timeout is None:
        return function.run
    deadline = trio.current_time() + timeout

    async def main(*args: Any) -> Any:
        with trio.CancelScope(deadline=deadline) as scope:
            return await function.run(*args)
        assert scope.cancelled_caught
        raise Timeout(f"{function.program.name} was not done within {timeout:g}s")

    return main
