"""The screen and the keyboard, for the process of a terminal host.

Elsewhere everything here raises `Unavailable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from echosvc._checks import check_count, check_finite, check_flag, check_text, expected, texts_of
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

    Raises:
        Invalid: `sep` or `end` is no text.
        BrokenPipeError: Whoever read the output has gone.
    """
    check_text("sep", sep, empty=True)
    check_text("end", end, empty=True)
    _terminal().print(*objects, sep=sep, end=end)


def write(text: str) -> None:
    """Print text with nothing added. An unfinished line is the prompt of the next `readline`.

    Raises:
        Invalid: It is no text.
        BrokenPipeError: Whoever read the output has gone.
    """
    check_text("text", text, empty=True)
    _terminal().write(text)


def eprint(*objects: object, sep: str = " ", end: str = "\n") -> None:
    """Print to the error output; on a terminal it appears above an open prompt.

    Raises:
        Invalid: `sep` or `end` is no text.
    """
    check_text("sep", sep, empty=True)
    check_text("end", end, empty=True)
    _terminal().eprint(*objects, sep=sep, end=end)


async def readline(
    prompt: str = "",
    *,
    completer: Completer | Sequence[str] | None = None,
    password: bool = False,
) -> str | None:
    """Read a line, without its newline; `None` at the end of the input.

    Args:
        prompt: What to print before it, where a person types it: not for a pipe or a file.
        completer: What Tab completes the last word from: a list of words, or a function that gets
            the line up to the cursor and gives them. Those that don't begin with what is there are
            left out.
        password: Do not show what is typed, nor keep it in the history.

    Cancelled, it has taken nothing: what was typed is there for the next one.

    Raises:
        Invalid: An argument is of another type; or what the completer gave is no list of words.
        Conflict: Another task is reading already.
        Unavailable: The input cannot be read.
        Exception: What the completer raised.
    """
    check_text("prompt", prompt, empty=True)
    check_flag("password", password)
    complete = None if completer is None else _completer(completer)
    return await _terminal().readline(prompt, completer=complete, password=password)


async def read(n: int) -> str:
    """Read up to `n` characters; an empty string at the end of the input.

    Cancelled, it has taken nothing.

    Raises:
        Invalid: `n` is no whole number, or less than one.
        Conflict: Another task is reading already.
        Unavailable: The input cannot be read.
    """
    check_count("n", n, least=1)
    return await _terminal().read(n)


def status(text: str) -> AbstractContextManager[Status]:
    """Show a spinner and a text below everything else, for a ``with`` block.

    ``status.update(text)`` says what goes on now. Where nothing can move (a pipe, a file), each
    text is a plain line on the error output.

    Raises:
        Invalid: It is no text.
    """
    check_text("text", text, empty=True)
    return _terminal().status(text)


def progress(description: str, total: float | None = None) -> AbstractContextManager[Progress]:
    """Show a progress bar below everything else, for a ``with`` block; without a total, a count.

    ``progress.advance()`` counts. Where nothing can move, each tenth that is done is a plain line
    on the error output.

    Raises:
        Invalid: The description is no text; the total is no number, or less than nothing.
    """
    check_text("description", description, empty=True)
    if total is not None:
        check_finite("total", total, least=0)
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


def _completer(given: Completer | Sequence[str]) -> Completer:
    if callable(given):
        return given
    if not isinstance(given, list | tuple):
        raise expected("completer", "a function, or a list of str", given)
    words = texts_of("completer", given)
    return lambda line: words


def _terminal() -> Terminal:
    host = current().host
    if host.terminal is None:
        raise Unavailable(
            f"io works in the process of a terminal host, and host {host.id} has no terminal"
        )
    return host.terminal
