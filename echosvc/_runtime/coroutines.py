"""Tasks inside a process: they share its memory, its mailbox and its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import trio

from echosvc._channel.core import Channel
from echosvc._channel.waiting import park
from echosvc._checks import check_text
from echosvc._runtime.crash import only_cancelled, split
from echosvc._runtime.program import Program
from echosvc.errors import Canceled, Unavailable

if TYPE_CHECKING:
    from echosvc._runtime.process import Process

T = TypeVar("T")


class Coroutine(Generic[T]):
    """A task inside a process; made by `coroutine.spawn`."""

    __slots__ = ("_args", "_done", "_error", "_fn", "_process", "_scope", "_task", "_value", "name")

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
            raise self._error
        return self._value  # type: ignore[return-value]  # None only where T allows it

    @trio.lowlevel.enable_ki_protection
    async def _live(self) -> None:
        self._task = trio.lowlevel.current_task()
        passing: BaseException | None = None
        self._error = Canceled(f"coroutine {self.name} was cancelled")
        try:
            with self._scope:
                self._value = await self._run()
                self._error = None
        except BaseException as exc:  # noqa: BLE001 - what ends the process, or is raised again
            own, passing = split(exc)
            if own is not None:
                self._error = own
                self._process.fail(own)
            if passing is not None and not only_cancelled(passing):
                self._process.runtime.fall()
        self._task = None
        self._process.forget_coroutine(self)
        self._done.close()
        if passing is not None:
            raise passing

    @trio.lowlevel.disable_ki_protection
    async def _run(self) -> T:
        return await self._fn(*self._args)


def start(process: Process, fn: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> Coroutine[T]:
    """Start a task of the process, in the host's nursery and the caller's context."""
    if process.closing:
        raise Unavailable(f"process {process.pid} is ending; it starts no coroutine any more")
    coroutine: Coroutine[T] = Coroutine(process, fn, args)
    if process.coroutines is None:
        process.coroutines = {}
    process.coroutines[coroutine] = None
    process.host.start_task(coroutine._live, f"{process.pid} {coroutine.name}")
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
