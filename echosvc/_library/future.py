"""What a call will have given: the caller's end of it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

import trio

from echosvc._channel.core import Channel
from echosvc._channel.seats import park
from echosvc._checks import check_text
from echosvc._exceptions import traceback_of
from echosvc._runtime.crash import report_failure
from echosvc._runtime.message import Result
from echosvc._runtime.pid import Pid
from echosvc.errors import Canceled, Terminated

if TYPE_CHECKING:
    from echosvc._runtime.process import Process


class Future:
    """The result of a call that was started with `funcs.start`.

    It belongs to the process that made the call: when that ends, the call is ended too.
    """

    __slots__ = (
        "_asked",
        "_channel",
        "_done",
        "_name",
        "_owner",
        "_process",
        "_result",
        "_traceback",
    )

    def __init__(self, name: str, owner: Process) -> None:
        self._name = name
        self._owner = owner
        self._process: Process | None = None
        self._result: Result | None = None
        self._traceback: TracebackType | None = None  # of the error, as it was at the end
        self._done: Channel[None] = Channel(0)  # closed at the end
        self._channel: Channel[Result] | None = None
        self._asked = False  # whether anybody is told of an error

    def __repr__(self) -> str:
        state = "running" if self._result is None else repr(self._result)
        return f"<call of {self._name} {state}>"

    @property
    def pid(self) -> Pid:
        """The process in which it runs."""
        assert self._process is not None
        return self._process.pid

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._result is not None

    @property
    def channel(self) -> Channel[Result]:
        """A channel, the same each time, that yields the `Result` once: a case for `select`.

        ``r.value.error`` is what the function raised, or else `None`; ``r.value.value`` is what it
        returned. After that the channel is closed.
        """
        self._asked = True
        if self._channel is None:
            self._channel = Channel(1)
            if self._result is not None:
                self._channel.send_nowait(self._result)
                self._channel.close()
        return self._channel

    async def result(self) -> Any:
        """Wait for the end, and give what the function returned; as often as wanted.

        Cancelled, the call is not: only the waiting ends.

        Raises:
            Canceled: The call was cancelled.
            Timeout: It took longer than it may.
            Exception: What the function raised.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._result is None:
            await park((self._done,))
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()
        self._asked = True
        assert self._result is not None
        if self._result.error is not None:
            # Each time it is raised its traceback would grow by the frames of who has waited.
            raise BaseException.with_traceback(self._result.error, self._traceback)
        return self._result.value

    def cancel(self, reason: str = "") -> None:
        """End the call at its next checkpoint; its result is then `Canceled`.

        Does nothing if it has ended.

        Raises:
            Invalid: The reason is no text.
        """
        check_text("reason", reason, empty=True)
        self._asked = True
        if self._process is not None:
            why = f": {reason}" if reason else ""
            self._process.stop(Canceled(f"the call of {self._name} was cancelled{why}"))

    async def _result_or_end(self) -> Any:
        """Wait for the result; cancelled, end the call and wait for that."""
        try:
            return await self.result()
        except BaseException:
            if self._result is None and self._process is not None:
                self._asked = True
                self._process.stop(Terminated(reason="nobody waits for its result any more"))
                with trio.CancelScope(shield=True):
                    await park((self._done,))
            raise

    def _begin(self, process: Process) -> None:
        self._process = process
        self._owner.hold(self._end_with_owner)

    def _end(self, result: Result) -> None:
        self._owner.unhold(self._end_with_owner)
        self._result = result
        if result.error is not None:
            self._traceback = traceback_of(result.error)
        if self._channel is not None:
            self._channel.send_nowait(result)
            self._channel.close()
        self._done.close()

    def _end_with_owner(self) -> None:
        if self._process is not None:
            self._process.stop(Terminated(reason=f"its caller {self._owner.pid} has ended"))

    def __del__(self) -> None:
        # An error that nobody ever asked for would otherwise never be seen.
        if not self._asked and self._result is not None and self._process is not None:
            report_failure(self._process, self._result)
