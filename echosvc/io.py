"""The screen and the keyboard, for the process of a terminal host.

Elsewhere everything here raises `Unavailable`.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from echosvc._runtime.current import current
from echosvc._runtime.terminal import Completer, Live, Progress, Status, Terminal
from echosvc.errors import Unavailable

__all__ = [
    "args",
    "eprint",
    "interactive",
    "live",
    "print",
    "progress",
    "read",
    "readline",
    "status",
    "write",
]


def print(*objects: object, sep: str = " ", end: str = "\n") -> None:
    """Print to the screen.

    Text goes out as it is and is never read as markup; tables, panels and whatever else rich can
    render is rendered. ANSI colours are left out where they have no place (NO_COLOR, a pipe).
    Never waits. What is printed while a prompt is open appears above it.
    """
    _terminal().print(*objects, sep=sep, end=end)


def write(text: str) -> None:
    """Print text with nothing added. An unfinished line is the prompt of the next `readline`."""
    _terminal().write(text)


def eprint(*objects: object, sep: str = " ", end: str = "\n") -> None:
    """Print to the error output; on a terminal it appears above an open prompt."""
    _terminal().eprint(*objects, sep=sep, end=end)


async def readline(
    prompt: str = "", *, completer: Completer | None = None, password: bool = False
) -> str | None:
    """Read a line, without its newline; `None` at the end of the input.

    Args:
        prompt: What to print before it, where a person types it: not for a pipe or a file.
        completer: Gets the line up to the cursor, gives candidates for its last word. Those that
            don't begin with that word are left out.
        password: Do not show what is typed, nor keep it in the history.

    Cancelled, it has taken nothing: what was typed is there for the next one.
    """
    return await _terminal().readline(prompt, completer=completer, password=password)


async def read(n: int) -> str:
    """Read up to `n` characters; an empty string at the end of the input.

    Cancelled, it has taken nothing.
    """
    return await _terminal().read(n)


def status(text: str) -> AbstractContextManager[Status]:
    """Show a spinner and a text below everything else, for a ``with`` block.

    ``status.update(text)`` says what goes on now. Where nothing can move (a pipe, a file), each
    text is a plain line on the error output.
    """
    return _terminal().status(text)


def progress(description: str, total: float | None = None) -> AbstractContextManager[Progress]:
    """Show a progress bar below everything else, for a ``with`` block; without a total, a count.

    ``progress.advance()`` counts. Where nothing can move, each tenth that is done is a plain line
    on the error output.
    """
    return _terminal().progress(description, total)


def live() -> AbstractContextManager[Live]:
    """Show a table, or whatever else `print` prints, that changes while a block runs.

    ::

        with io.live() as live:
            while True:
                live.update(table_of(numbers))
                await time.sleep("500ms")

    It stays below everything else that is printed, and is drawn again at most ten times a second.
    What was shown last is printed when the block ends, however it ends; where nothing can move,
    such as in a pipe, that is all that is printed.
    """
    return _terminal().live()


def args() -> tuple[str, ...]:
    """Give the arguments that the program was started with."""
    return _terminal().args


def interactive() -> bool:
    """Tell whether a person is at the keyboard: input and output are both a terminal."""
    return _terminal().interactive


def _terminal() -> Terminal:
    host = current().host
    if host.terminal is None:
        raise Unavailable(
            f"io works in the process of a terminal host, and host {host.id} has no terminal"
        )
    return host.terminal
