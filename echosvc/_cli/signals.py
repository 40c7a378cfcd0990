"""What Ctrl-C and SIGTERM do to a run: stop in order, stop without waiting, end here.

The first signal asks for an ordered stop, the second takes the time to wait away, the third puts
the terminal back as it was and ends the program inside the handler, so that it works even while
somebody's ``while True: pass`` keeps the event loop from running. Which signals, how many, in
which mixture makes no difference; the first one decides the exit code.

The handlers are plain Python ones and never raise: a KeyboardInterrupt out of one would go off
inside trio's scheduler. They count, and wake the loop.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
from collections.abc import Awaitable, Callable
from types import FrameType, TracebackType
from typing import Any, Final, Self

import trio

STOPPING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
MOMENT: Final = 0.5
"""Seconds after which a stop that is still under way is worth a word."""

_NAMES: Final = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "hangup"}
_CALM: Final = b"\x1b[0m\x1b[?25h\x1b[?2004l"
"""Colours off, cursor on, bracketed paste off."""


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

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
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
            _write_raw(_CALM + b"\r\n")
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
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(self._watch, scope)
                result = await job()
            nursery.cancel_scope.cancel()
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
