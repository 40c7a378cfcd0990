"""What a terminal is to the runtime: one screen, one keyboard, a handful of calls.

The runtime knows this protocol only; `echosvc._terminal` implements it on a real terminal, on pipes
and files, and in memory for tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

__all__ = ["Completer", "Live", "Progress", "Source", "Status", "Terminal", "TerminalStatistics"]

Completer = Callable[[str], Iterable[str]]
"""Gets the line up to the cursor, gives candidates for its last word.

It may give all it knows: those that don't begin with that word are left out.
"""

Source = Literal["tty", "cooked", "pipe", "file", "closed", "fake"]
"""Where lines come from: an edited prompt, a terminal without editing, a pipe, a file, nothing."""


@dataclass(frozen=True, slots=True)
class TerminalStatistics:
    """What a terminal has done so far."""

    source: Source
    interactive: bool
    color: bool
    lines_read: int
    characters_written: int
    backlog: int
    """Bytes printed that the other side has not taken yet."""
    reading: bool
    """Whether a `readline` or `read` is waiting."""
    input_ended: bool


class Status(Protocol):
    """Something goes on, and nobody knows for how long."""

    def update(self, text: str) -> None:
        """Say what goes on now.

        Raises:
            Invalid: It is no text.
        """
        ...


class Progress(Protocol):
    """Something goes on, and this much of it is done."""

    def advance(self, by: float = 1) -> None:
        """Count so much more as done.

        Raises:
            Invalid: It is no number.
        """
        ...

    def update(
        self,
        *,
        completed: float | None = None,
        total: float | None = None,
        description: str | None = None,
    ) -> None:
        """Change what is given.

        Raises:
            Invalid: A number or a text is none; then nothing has changed.
        """
        ...


class Live(Protocol):
    """What is shown below everything else, and changes."""

    def update(self, *objects: object) -> None:
        """Show this now: text, or rich renderables, as `print` takes them."""
        ...


@runtime_checkable
class Terminal(Protocol):
    """A screen and a keyboard, or what stands in for them.

    The synchronous methods never wait for the other side, never checkpoint, and may be called from
    any thread.
    """

    @property
    def args(self) -> tuple[str, ...]:
        """The arguments that the program was started with, after its own options."""
        ...

    @property
    def interactive(self) -> bool:
        """Whether a person is at the keyboard: input and output are both a terminal."""
        ...

    def print(self, *objects: object, sep: str = " ", end: str = "\n") -> None:
        """Print to standard output.

        Strings go out as they are: ``[bold]`` is text, never markup. A rich renderable (table,
        panel, tree, ...) is rendered. Anything else is shown as `str` shows it. ANSI colours are
        dropped where they have no place.

        Raises:
            BrokenPipeError: Whoever read the output has gone.
        """
        ...

    def write(self, text: str) -> None:
        """Write to standard output, adding nothing.

        An unfinished line becomes the prompt of the next `readline`.

        Raises:
            BrokenPipeError: Whoever read the output has gone.
        """
        ...

    def eprint(self, *objects: object, sep: str = " ", end: str = "\n") -> None:
        """Print to standard error, above an open prompt. Never fails if nobody reads it."""
        ...

    async def readline(
        self,
        prompt: str = "",
        *,
        completer: Completer | None = None,
        password: bool = False,
    ) -> str | None:
        """Read one line, without its newline; `None` when the input has ended.

        Args:
            prompt: Shown before the line, after what an unfinished `write` left there. It is for a
                person: where the input is a pipe or a file, it is not shown.
            completer: Called for Tab with the line up to the cursor; gives candidates for its
                last word. It must not block.
            password: Show nothing of what is typed, and keep it out of the history.

        Raises:
            Conflict: Another task is reading already.
            Unavailable: The input cannot be read.

        Cancelled, it eats nothing: what was typed so far is there for the next `readline`.
        """
        ...

    async def read(self, n: int) -> str:
        """Read up to `n` characters, newlines among them; ``""`` when the input has ended.

        Raises and is cancelled as `readline`.
        """
        ...

    def status(self, text: str) -> AbstractContextManager[Status]:
        """Show a spinner and a text below everything else, for a block."""
        ...

    def progress(
        self, description: str, total: float | None = None
    ) -> AbstractContextManager[Progress]:
        """Show a bar below everything else, for a block; without a `total`, a count."""
        ...

    def live(self) -> AbstractContextManager[Live]:
        """Show what changes below everything else, for the time of a block.

        What was shown last is printed when the block ends, however it ends; where nothing can
        move, such as in a pipe, that is all that is printed.
        """
        ...

    def statistics(self) -> TerminalStatistics:
        """Count what has happened so far."""
        ...
