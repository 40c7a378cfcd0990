"""Tasks inside a process: they share its memory, its mailbox and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from echosvc._channel.core import Channel
from echosvc._channel.seats import park, seated
from echosvc._checks import check_text
from echosvc._exceptions import begin_in_own_code, traceback_of
from echosvc._runtime.program import Program
from echosvc._tasks import (
    close_nurseries,
    is_cancelled,
    is_thrown_away,
    open_nurseries,
    sort_out,
)
from echosvc.errors import Canceled, Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

T = TypeVar("T")


class Coroutine(Generic[T]):
    """A task inside a process; made by `coroutine.spawn`."""

    __slots__ = (
        "_args",
        "_done",
        "_error",
        "_fn",
        "_process",
        "_scope",
        "_task",
        "_traceback",
        "_value",
        "name",
    )

    def __init__(
        self, process: Process, fn: Callable[..., Awaitable[T]], args: tuple[Any, ...]
    ) -> None:
        program = Program.of(fn)
        program.check_arguments(args)
        self.name = program.name
        self._process = process
        self._fn = fn
        self._args = args
        self._scope = trio.CancelScope()
        self._task: trio.lowlevel.Task | None = None
        self._done: Channel[None] = Channel(0)  # closed at the end
        self._value: T | None = None
        self._error: BaseException | None = None
        self._traceback: TracebackType | None = None  # of the error, as it was at the end

    def __repr__(self) -> str:
        return f"<coroutine {self.name} of {self._process.pid}>"

    @property
    def done(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self._done._closed

    def cancel(self, reason: str = "") -> None:
        """End it at its next checkpoint; the process goes on. Does nothing if it has ended.

        Raises:
            Invalid: The reason is no text.
        """
        check_text("reason", reason, empty=True)
        self._scope.cancel(reason or None)

    async def result(self) -> T:
        """Wait for its end, and give what it returned.

        Cancelled, it is not: only the waiting ends.

        Raises:
            Canceled: It was cancelled.
            Exception: What it raised; the process is ending with that, too.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        if self.done:
            await trio.lowlevel.cancel_shielded_checkpoint()
        else:
            await park((self._done,))
        if self._error is not None:
            # Each time it is raised its traceback would grow by the frames of who has waited.
            raise BaseException.with_traceback(self._error, self._traceback)
        return self._value  # type: ignore[return-value]  # None only where T allows it

    @trio.lowlevel.enable_ki_protection
    async def _sit(self) -> None:
        await seated(self._live())

    @trio.lowlevel.enable_ki_protection
    async def _live(self) -> None:
        task = self._task = trio.lowlevel.current_task()
        error: BaseException | None = None
        left_open: BaseException | None = None
        try:
            with self._scope:
                try:
                    self._value = await self._run()
                except BaseException as exc:  # noqa: BLE001 - the process's: `_ended`
                    begin_in_own_code(exc)
                    error = exc
        except BaseException as exc:  # noqa: BLE001 - it has left a scope open in ours
            left_open = exc
        if error is not None and is_thrown_away(error, task):
            raise error
        for each in (error, left_open):
            if each is not None:
                self._failed(each)
        if nurseries := open_nurseries(task):
            await close_nurseries(nurseries)
        if self._error is not None:
            self._traceback = traceback_of(self._error)
        self._task = None
        self._process.forget_coroutine(self)
        self._done.close()

    def _failed(self, error: BaseException) -> None:
        """Sort out what it has raised. It ends here, or in its process: the host goes on."""
        ended = sort_out(error, cancelled=self._scope.cancel_called or is_cancelled())
        if ended.through is not None:
            self._process.runtime.fall(ended.through)
        if ended.own is not None:
            self._error = ended.own
            self._process.fail(ended.own)
        elif self._error is None:
            self._error = Canceled(f"coroutine {self.name} was cancelled")

    @trio.lowlevel.disable_ki_protection
    async def _run(self) -> T:
        return await self._fn(*self._args)


def start(process: Process, fn: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> Coroutine[T]:
    """Start a task of the process, in the host's nursery and the caller's context."""
    if process.closing:
        raise Unavailable(f"process {process.pid} is ending; it starts no coroutine any more")
    coroutine: Coroutine[T] = Coroutine(process, fn, args)
    # Its first step comes later: what could not be started is not waited for at the end.
    process.host.start_task(coroutine._sit, f"{process.pid} {coroutine.name}")
    if process.coroutines is None:
        process.coroutines = {}
    process.coroutines[coroutine] = None
    return coroutine


async def end_all(process: Process) -> None:
    """Cancel the coroutines of the process, and wait until they have cleaned up."""
    for coroutine in tuple(process.coroutines or ()):
        coroutine.cancel("its process has ended")
    # Shielded: who is told to end twice still has to wait for its own tasks. One that won't end
    # is named in the log.
    process.runtime.watch.ending(process)
    with trio.CancelScope(shield=True):
        while process.coroutines:
            await park((next(iter(process.coroutines))._done,))
