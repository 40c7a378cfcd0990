"""Where lines come from: a prompt that edits, a plain stream, or nothing.

- `stream`: pipes, files, and terminals that cannot edit (``TERM=dumb``, output to a pipe).
- `tty`: a terminal with a line editor; `editor` is its thread, `prompt` what draws it, `adapters`
  what prompt_toolkit is given for that. Only these two import prompt_toolkit, and only that thread
  imports them.
"""

from __future__ import annotations

from typing import Protocol

from echosvc._runtime.terminal import Completer, Source

__all__ = ["LineSource"]


class LineSource(Protocol):
    """Gives lines to one reader at a time."""

    @property
    def kind(self) -> Source:
        """What the lines come from."""
        ...

    @property
    def ended(self) -> bool:
        """Whether the input has ended for good."""
        ...

    async def readline(
        self, prompt: str, *, completer: Completer | None, password: bool
    ) -> str | None:
        """Read one line without its newline, or `None`; cancelled, it eats nothing."""
        ...

    async def read(self, n: int) -> str:
        """Read up to `n` characters, or ``""``; cancelled, it eats nothing."""
        ...

    async def aclose(self) -> None:
        """Leave the screen and the keyboard as they were found."""
        ...

    def restore(self) -> None:
        """Bring the keyboard's modes back at once, from wherever, for a program that ends now."""
        ...

    def give_back(self) -> bool:
        """Bring the keyboard's modes back until `take_again`; say whether a prompt is drawn.

        May be called from a signal handler, as `take_again` may.
        """
        ...

    def take_again(self) -> None:
        """Put the keyboard into the mode that it had."""
        ...

    def redraw(self) -> None:
        """Show again what waits for a line, after others have written on the screen."""
        ...
