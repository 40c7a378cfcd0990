"""The screen and the keyboard, for the process of a terminal host.

Elsewhere everything here raises `Unavailable`.
"""

from __future__ import annotations

from echosvc._runtime.current import current
from echosvc._runtime.terminal import Completer, Terminal
from echosvc.errors import Unavailable

__all__ = ["args", "eprint", "interactive", "print", "read", "readline", "write"]


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
        prompt: What to print before it.
        completer: Gets the line up to the cursor, gives candidates for its last word.
        password: Do not show what is typed, nor keep it in the history.

    Cancelled, it has taken nothing: what was typed is there for the next one.
    """
    return await _terminal().readline(prompt, completer=completer, password=password)


async def read(n: int) -> str:
    """Read up to `n` characters; an empty string at the end of the input.

    Cancelled, it has taken nothing.
    """
    return await _terminal().read(n)


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
