"""What Ctrl-Z does to a run that has the terminal: gives it back, stops, takes it again.

A shell expects of a stopped program that the terminal is as it was found; most mend it, not all
do. So the program's own handler gives it back first, and only then lets the signal do what it does:
for Ctrl-Z while something runs, and for a SIGTSTP from elsewhere. (At an open prompt Ctrl-Z is a
key, and its editor sends the signal.) Nothing is written to the terminal until the program goes on.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Final, Protocol, Self

import trio

HANDLED: Final = (signal.SIGTSTP, signal.SIGCONT, signal.SIGQUIT)


class Lent(Protocol):
    """A terminal as far as this needs it; see `HostTerminal`."""

    def give_back(self) -> None:
        """Leave it as it was found, and write nothing to it."""
        ...

    def take_again(self) -> None:
        """Take it again, if it is ours."""
        ...

    def redraw(self) -> None:
        """Show again what was taken away; in trio's thread."""
        ...


class JobControl:
    """The job control signals of one run, from `__enter__` to `__exit__`.

    Enter it before the terminal is opened, so that no moment is left out. A signal that the program
    was started to ignore stays ignored, and one that somebody else handles is left to them.
    """

    def __init__(self) -> None:
        self._terminal: Lent | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._early = False
        self._stopped = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], None]] = {
            signal.SIGTSTP: self._on_stop,
            signal.SIGCONT: self._on_continue,
            signal.SIGQUIT: self._on_quit,
        }
        for number in HANDLED:
            if signal.getsignal(number) is signal.SIG_DFL:
                self._before[number] = signal.signal(number, handlers[number])
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)
        if self._early:  # there never was a terminal to give back
            self._early = False
            signal.raise_signal(signal.SIGTSTP)

    def attach(self, terminal: Lent) -> None:
        """Name the terminal to give back, once it is open. Must be called inside trio."""
        self._token = trio.lowlevel.current_trio_token()
        self._terminal = terminal
        if self._early:
            self._early = False
            self._on_stop(signal.SIGTSTP, None)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        if self._terminal is None:
            self._early = True  # it may be half open: a moment later it can be given back
            return
        self._stopped = True
        try:
            self._terminal.give_back()
            self._default(number)  # stopped here, until somebody continues it
            signal.signal(number, self._on_stop)
            self._go_on()
        finally:
            self._stopped = False

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        # After a SIGSTOP, which nobody can prepare for, whatever a shell has made of the terminal.
        if not self._stopped:
            self._go_on()

    def _on_quit(self, number: int, frame: FrameType | None) -> None:
        if self._terminal is not None:
            self._terminal.give_back()
        self._default(number)

    def _default(self, number: int) -> None:
        """Do what the signal does without a handler; at once, and not to another thread first."""
        signal.signal(number, signal.SIG_DFL)
        signal.pthread_kill(threading.get_ident(), number)

    def _go_on(self) -> None:
        if self._terminal is None or self._token is None:
            return
        self._terminal.take_again()
        with contextlib.suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._terminal.redraw)
