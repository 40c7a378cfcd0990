"""Lines from a terminal with a line editor."""

from __future__ import annotations

import atexit
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from echosvc._runtime.terminal import Completer, Source
from echosvc._terminal.history import History
from echosvc._terminal.lines.editor import Editor, Request
from echosvc._terminal.modes import Mode, TtyModes
from echosvc._terminal.output import Output
from echosvc._terminal.screen import Screen

if TYPE_CHECKING:
    from echosvc._terminal.lines.prompt import Prompt

__all__ = ["TtyLines", "interrupt"]

_LEAVING: Final = 1.0
"""Seconds that an open prompt may take to leave the screen. It takes some thousandths."""


class TtyLines:
    """Lines that a person types, with editing and history.

    From its opening to its end the terminal doesn't echo by itself, so that keys typed while no
    prompt is open appear in the next prompt and nowhere else.

    Args:
        fd: The keyboard; it stays open.
        output: The terminal to draw on.
        screen: The rules of that screen.
        history: The lines typed before.
        color: Whether prompts may have colours.
        on_interrupt: What Ctrl-C at a prompt does, in the editor's thread.
        environ: The environment.
    """

    kind: Source = "tty"
    ended = False

    def __init__(
        self,
        fd: int,
        output: Output,
        screen: Screen,
        history: History,
        *,
        color: bool,
        on_interrupt: Callable[[], None],
        environ: Mapping[str, str],
    ) -> None:
        self._modes = TtyModes(fd)
        self._held = ExitStack()
        self._held.enter_context(self._modes.held(Mode.QUIET))
        atexit.register(self.restore)  # for a program that ends without unwinding
        self._rest = ""  # of a line that `read` has taken a part of

        def load() -> Callable[[], Prompt]:
            from echosvc._terminal.lines.prompt import Prompt  # takes a tenth of a second

            return partial(
                Prompt,
                fd,
                output,
                screen,
                self._modes,
                history,
                color=color,
                interrupt=on_interrupt,
                environ=dict(environ),
            )

        self._editor = Editor(load)
        self._editor.start()

    async def readline(
        self, prompt: str, *, completer: Completer | None, password: bool
    ) -> str | None:
        """Ask for a line at a prompt of its own."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if self._rest:
            rest, self._rest = self._rest, ""
            await trio.lowlevel.cancel_shielded_checkpoint()
            return rest.removesuffix("\n")
        request = Request(prompt, completer, password)
        self._editor.submit(request)

        def abort(_: object) -> trio.lowlevel.Abort:
            withdrawn = self._editor.withdraw(request)
            return trio.lowlevel.Abort.SUCCEEDED if withdrawn else trio.lowlevel.Abort.FAILED

        line: str | None = await trio.lowlevel.wait_task_rescheduled(abort)
        return line

    async def read(self, n: int) -> str:
        """Take up to `n` characters of a line, asking for one if there is none begun."""
        if not self._rest:
            line = await self.readline("", completer=None, password=False)
            if line is None:
                return ""
            self._rest = f"{line}\n"
        else:
            await trio.lowlevel.checkpoint()
        text, self._rest = self._rest[:n], self._rest[n:]
        return text

    async def aclose(self) -> None:
        """Leave an open prompt as it stands and bring the terminal's modes back."""
        try:
            if self._editor.stop():
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(
                        self._editor.stopped.wait, _LEAVING, limiter=trio.CapacityLimiter(1)
                    )
        finally:
            self.restore()
            self._held.close()
            atexit.unregister(self.restore)

    def restore(self) -> None:
        """Bring the terminal's modes back at once."""
        self._modes.restore()

    def give_back(self) -> bool:
        """Bring the terminal's modes back until `take_again`; say whether a prompt is drawn.

        For a signal handler, too.
        """
        drawn = self._editor.give_back()
        self._modes.give_back()
        return drawn

    def take_again(self) -> None:
        """Put the terminal into the mode that it had here. For a signal handler, too."""
        self._modes.take_again()

    def redraw(self) -> None:
        """Draw an open prompt again."""
        self._editor.redraw()


def interrupt(fd: int) -> None:
    """Do what the kernel does for Ctrl-C on this terminal: SIGINT for who is in the foreground.

    That is our whole process group, so that a `make` that runs us hears of it too. On a terminal
    that doesn't control us it is this process alone.
    """
    try:
        in_foreground = os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        in_foreground = False
    if in_foreground:
        os.killpg(os.getpgrp(), signal.SIGINT)
    else:
        os.kill(os.getpid(), signal.SIGINT)
