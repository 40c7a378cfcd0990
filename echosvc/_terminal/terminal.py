"""The terminal that a process sees: printing above, reading below, one reader at a time."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import trio

from echosvc import errors
from echosvc._runtime.terminal import Completer, TerminalStatistics
from echosvc._terminal.lines import LineSource
from echosvc._terminal.live import LiveLines, Picture, Progress, Status
from echosvc._terminal.output import Output
from echosvc._terminal.render import render
from echosvc._terminal.screen import Screen

__all__ = ["HostTerminal"]

_DRAINING = 1.0
"""Seconds that a cancelled program waits for its last output to be taken."""


class HostTerminal:
    """A `Terminal` of a screen and a source of lines. `open_terminal` makes it."""

    def __init__(
        self,
        args: tuple[str, ...],
        screen: Screen,
        out: Output,
        lines: LineSource,
        *,
        interactive: bool,
        color: bool,
    ) -> None:
        self._args = args
        self._screen = screen
        self._out = out
        self._lines = lines
        self._interactive = interactive
        self._color = color
        self._live = LiveLines(screen, out)
        self._reading = False
        self._given_back = False
        self._lines_read = 0

    @property
    def args(self) -> tuple[str, ...]:
        """The arguments that the program was started with."""
        return self._args

    @property
    def interactive(self) -> bool:
        """Whether a person is at the keyboard: input and output are both a terminal."""
        return self._interactive

    @property
    def color(self) -> bool:
        """Whether colours may go to standard output."""
        return self._color

    def print(self, *objects: object, sep: str = " ", end: str = "\n") -> None:
        """Print to standard output; see `Terminal.print`."""
        self._screen.write(render(objects, sep=sep, end=end, width=self._out.columns))

    def write(self, text: str) -> None:
        """Write to standard output; see `Terminal.write`."""
        self._screen.write(text)

    def eprint(self, *objects: object, sep: str = " ", end: str = "\n") -> None:
        """Print to standard error; see `Terminal.eprint`."""
        self._screen.write_err(render(objects, sep=sep, end=end, width=self._out.columns))

    def log_line(self, text: str) -> None:
        """Write whole lines to standard error, above an open prompt: for a logging handler.

        Never fails, never waits, adds the last newline if there is none. Thread-safe.
        """
        self._screen.write_err(text if text.endswith("\n") else f"{text}\n")

    async def readline(
        self,
        prompt: str = "",
        *,
        completer: Completer | None = None,
        password: bool = False,
    ) -> str | None:
        """Read one line, or `None` at the end of input; see `Terminal.readline`."""
        with self._only_reader():
            line = await self._lines.readline(prompt, completer=completer, password=password)
        self._lines_read += line is not None
        return line

    async def read(self, n: int) -> str:
        """Read up to `n` characters, ``""`` at the end of input; see `Terminal.read`.

        Raises:
            Invalid: `n` is no positive number.
        """
        if n <= 0:
            raise errors.Invalid(f"cannot read {n} characters, ask for one or more")
        with self._only_reader():
            return await self._lines.read(n)

    @contextmanager
    def status(self, text: str) -> Generator[Status]:
        """Show a spinner and a text below everything else, for a block.

        Where nothing can move, the text, and each new one, is a plain line on standard error.
        """
        status = Status(self._live, text)
        self._live.say(text)
        with self._live.shown(status):
            yield status

    @contextmanager
    def progress(self, description: str, total: float | None = None) -> Generator[Progress]:
        """Show a bar below everything else, for a block; without a `total`, a count.

        Where nothing can move, each tenth that is done is a plain line on standard error.
        """
        progress = Progress(self._live, description, total)
        with self._live.shown(progress):
            yield progress

    @contextmanager
    def live(self) -> Generator[Picture]:
        """Show what changes below everything else, for a block; see `Terminal.live`."""
        picture = Picture(self._live)
        try:
            with self._live.shown(picture):
                yield picture
        finally:
            if picture.objects:
                self.print(*picture.objects)

    def statistics(self) -> TerminalStatistics:
        """Count what has happened so far."""
        return TerminalStatistics(
            source=self._lines.kind,
            interactive=self._interactive,
            color=self._color,
            lines_read=self._lines_read,
            characters_written=self._screen.characters,
            backlog=self._out.backlog,
            reading=self._reading,
            input_ended=self._lines.ended,
        )

    def restore(self) -> None:
        """Bring the keyboard's modes back at once, for a program that ends here and now.

        It can be called from a signal handler; closing the terminal does the same and more.
        """
        self._lines.restore()

    def give_back(self) -> None:
        """Give the terminal back as it was found until `take_again`, and write nothing to it.

        For a program that is about to be stopped (Ctrl-Z), from the signal handler itself: this
        waits for nobody, and starts no thread. Idempotent.
        """
        if not self._given_back:
            self._given_back = True
            self._screen.give_back(prompt=self._lines.give_back())

    def take_again(self) -> None:
        """Take the terminal again, if it is this program's: the other half of `give_back`.

        For a signal handler, too. A program that now runs in the background changes nothing, and
        the next key that it gets in the foreground does the rest. Idempotent.
        """
        self._given_back = False
        self._lines.take_again()
        self._screen.take_again()

    def redraw(self) -> None:
        """Show again what `give_back` took away, below what others have written meanwhile.

        Not from a signal handler: by the event loop, after `take_again`.
        """
        try:
            self._screen.redraw()
        except OSError:
            return  # whoever would see it has gone
        self._lines.redraw()

    async def aclose(self) -> None:
        """Leave the prompt, give the terminal back as it was, and let the last output out.

        Waits for a slow reader of the output, without an end, unless cancelled: then for a second.
        Idempotent.
        """
        self._screen.take_again()  # a terminal that was given back gets its last lines, too
        await self._lines.aclose()
        try:
            self._screen.finish()
        except OSError:
            return  # whoever would see the line end has gone
        if not self._out.backlog:
            return
        try:
            await trio.to_thread.run_sync(self._out.drain, abandon_on_cancel=True)
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(self._out.drain, _DRAINING)
            raise

    @contextmanager
    def _only_reader(self) -> Generator[None]:
        if self._reading:
            raise errors.Conflict("another task is reading from this terminal already")
        self._reading = True
        try:
            yield
        finally:
            self._reading = False
