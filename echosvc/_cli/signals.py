"""What Ctrl-C, SIGTERM and a hangup do to a run: stop in order, stop without waiting, end here.

The first signal asks for an ordered stop, the second takes the time to wait away, the third puts
the terminal back as it was and ends the program inside the handler, so that it works even while
somebody's ``while True: pass`` keeps the event loop from running. Any of them may be the first,
the second or the third; the one that came first decides the exit code.

The handlers are plain Python ones and never raise: a KeyboardInterrupt out of one would go off
inside trio's scheduler. They count, and wake the loop. What happens before a run and after it is
in `edges`, what Ctrl-Z does in `jobs`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator
from types import FrameType, TracebackType
from typing import Any, Final, Self

import trio

from echosvc._cli.edges import STOPPING
from echosvc._exceptions import is_a, leaves
from echosvc._terminal.ansi import CALM

MOMENT: Final = 0.5
"""Seconds after which a stop that is still under way is worth a word."""

_NAMES: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "hangup"}


class StopSignals:
    """The stop signals of one run, counted from `__enter__` to `__exit__`.

    A signal that the program was started to ignore (`nohup`, a shell's `&`) stays ignored.
    """

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.count = 0
        self.restore: Callable[[], None] | None = None
        """Gives back a terminal that is in use, from inside a signal handler."""
        self._heard = 0
        self._token: trio.lowlevel.TrioToken | None = None
        self._changed: trio.Event | None = None
        self._before: dict[signal.Signals, Any] = {}
        self._terminal: list[tuple[int, list[Any]]] = []
        self._arrivals: socket.socket | None = None

    @property
    def code(self) -> int:
        """The exit code that says which signal it was; 0 when there was none."""
        return 0 if self.first is None else 128 + self.first

    @property
    def reason(self) -> str:
        """The first signal in a person's words."""
        return "" if self.first is None else _NAMES[self.first]

    def __enter__(self) -> Self:
        self._remember_terminal()
        for number in STOPPING:
            if (before := signal.getsignal(number)) is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextlib.contextmanager
    def in_order(self) -> Iterator[None]:
        """Hear the signals in the order of their arrival, for a block inside trio.

        Python calls the handlers of several signals that came at once by their numbers. Only what
        it writes to the wakeup descriptor is in the order of arrival. That descriptor is trio's;
        this takes its place, and `listen` wakes the loop as trio would.
        """
        self._arrivals, write = socket.socketpair()
        self._arrivals.setblocking(False)
        write.setblocking(False)
        trios = signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(trios, warn_on_full_buffer=False)
            self._take_arrived()
            arrivals, self._arrivals = self._arrivals, None
            arrivals.close()
            write.close()

    async def listen(self) -> None:
        """Wake the loop when a signal comes; for a task of its own, in the block of `in_order`."""
        assert self._arrivals is not None
        while True:
            await trio.lowlevel.wait_readable(self._arrivals)
            self._take_arrived()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._arrivals is None:
            self._came(number)
        else:
            self._take_arrived()  # this one among them

    def _take_arrived(self) -> None:
        assert self._arrivals is not None
        with contextlib.suppress(BlockingIOError):
            # One that came twice at once counts once, as if the kernel had still had the first.
            for number in dict.fromkeys(self._arrivals.recv(4096)):
                if number in self._before:
                    self._came(number)

    def _came(self, number: int) -> None:
        self.count += 1
        if self.first is None:
            self.first = signal.Signals(number)
        if self.count >= 3:
            self.end_here()
        if self.count == 2 and self._heard == 0:
            # The loop hasn't even taken note of the first one, so no task will say anything.
            _write_raw(b"\nnot responding; press Ctrl-C once more to end it here\n")
        if self._token is not None:
            with contextlib.suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._wake)

    def _wake(self) -> None:
        if self._changed is not None:
            self._changed.set()

    def end_here(self) -> None:
        """End the program now: nothing is waited for, only the terminal is put back."""
        if self.restore is not None:
            self.restore()  # or the thread that edits lines might undo what comes now
        for fd, attributes in self._terminal:
            with contextlib.suppress(OSError, termios.error):
                if os.tcgetpgrp(fd) != os.getpgrp():
                    continue  # another program has it now, and touching it would stop this one
                termios.tcsetattr(fd, termios.TCSANOW, attributes)
        if self._terminal:
            _write_raw(CALM.encode() + b"\r\n")
        os._exit(self.code)

    def _remember_terminal(self) -> None:
        if sys.stdin is None:
            return
        with contextlib.suppress(OSError, ValueError, termios.error):
            fd = sys.stdin.fileno()
            self._terminal = [(fd, termios.tcgetattr(fd))]

    async def wait(self, count: int) -> None:
        """Wait until `count` signals have come. One task at a time."""
        self._token = trio.lowlevel.current_trio_token()
        while True:
            self._changed = trio.Event()
            self._heard = self.count
            if self.count >= count:
                return
            await self._changed.wait()


def _write_raw(data: bytes) -> None:
    # Not through sys.stderr: a handler may have interrupted the very write that holds its lock.
    with contextlib.suppress(OSError):
        os.write(2, data)


class Conductor:
    """Runs one job and stops it as the signals ask.

    Args:
        signals: What has come, and what comes.
        notice: Says a line to the person, above an open prompt.
    """

    def __init__(self, signals: StopSignals, notice: Callable[[str], None]) -> None:
        self.signals = signals
        self.notice = notice
        self.stop: Callable[[str], Awaitable[object]] | None = None
        """How to stop in order; None while there is nothing to stop yet: then the job is
        cancelled, and what it has started so far is undone by its own cleanup."""

    async def run(self, job: Callable[[], Awaitable[object]]) -> object:
        """Run `job` and return its result; None when a signal cut it short."""
        result = None
        failure: BaseException | None = None
        with self.signals.in_order():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.signals.listen)
                with trio.CancelScope() as scope:
                    nursery.start_soon(self._watch, scope)
                    try:
                        result = await job()
                    except BaseException as error:
                        if any(is_a(leaf, trio.Cancelled) for leaf in leaves(error)):
                            raise
                        failure = error  # raised behind the nursery, which would make a group of it
                nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure
        return result

    async def _watch(self, job: trio.CancelScope) -> None:
        await self.signals.wait(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._say_after_a_moment)
            nursery.start_soon(self._stop_in_order, job)
            await self.signals.wait(2)
            self.notice("stopping without waiting")
            job.cancel(f"second signal after {self.signals.reason}")
            nursery.cancel_scope.cancel()

    async def _stop_in_order(self, job: trio.CancelScope) -> None:
        if self.stop is not None:
            await self.stop(self.signals.reason)
        # What is left has nothing to wait for any more.
        job.cancel(self.signals.reason)

    async def _say_after_a_moment(self) -> None:
        await trio.sleep(MOMENT)
        self.notice("stopping… press Ctrl-C again to stop without waiting")
