"""Making a terminal of what standard input, output and error happen to be."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, TextIO, TypeAlias

from echosvc import errors
from echosvc._terminal.ansi import DUMB, Color, Escapes, allowed_escapes
from echosvc._terminal.history import History
from echosvc._terminal.lines import LineSource
from echosvc._terminal.lines.stream import ClosedLines, StreamLines
from echosvc._terminal.output import FdOutput, Output, open_output
from echosvc._terminal.screen import Screen
from echosvc._terminal.terminal import HostTerminal

__all__ = ["open_terminal"]

Input: TypeAlias = "IO[Any] | int | None"


@asynccontextmanager
async def open_terminal(
    args: Sequence[str] = (),
    *,
    stdin: IO[Any] | int | None = None,
    stdout: TextIO | int | None = None,
    stderr: TextIO | int | None = None,
    color: Color = "auto",
    history: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    on_interrupt: Callable[[], None] | None = None,
) -> AsyncGenerator[HostTerminal]:
    """Open the terminal for a block, whatever it is: a person's, a pipe, a file, nothing.

    ========================================  ====================================================
    standard input and output                 how lines are read
    ========================================  ====================================================
    both a terminal                           with a line editor
    both a terminal, ``TERM=dumb``            as the terminal gives them
    input a terminal, output not              as the terminal gives them
    input a pipe, a file, ``/dev/null``       as they come, shown after an unfinished line; the
                                              prompts of `readline` are not
    input closed                              the input has ended
    ========================================  ====================================================

    Args:
        args: What `Terminal.args` gives.
        stdin: A file object or a descriptor; `None` is `sys.stdin`.
        stdout: The same for output; what has no descriptor (a `io.StringIO`) is written to.
        stderr: The same for errors.
        color: Whether colours may go out; ``"auto"`` looks at NO_COLOR, FORCE_COLOR, TERM and
            whether the stream is a terminal.
        history: The file for the lines typed; `None` keeps them in memory.
        environ: The environment.
        on_interrupt: What Ctrl-C does while a prompt is open, called in another thread; `None`
            sends SIGINT, as the kernel does when no prompt is open.

    Leaving the block takes an open prompt off the keyboard, gives the terminal back as it was,
    and waits until the output is out. From then on nothing of it reads, writes or changes the
    descriptors, which may be other files' by then: printing raises BrokenPipeError.

    Signals are the program's own. One that may be stopped with Ctrl-Z calls `give_back` of the
    terminal before it stops, and `take_again` and `redraw` when it goes on.

    Raises:
        Invalid: Standard input is something that cannot be read.
    """
    out = open_output(sys.stdout if stdout is None else stdout)
    err = _error_output(sys.stderr if stderr is None else stderr, out)
    out_escapes = allowed_escapes(isatty=out.isatty, color=color, environ=environ)
    capable = out.isatty and environ.get("TERM") not in DUMB
    screen = Screen(
        out,
        err,
        out_escapes=out_escapes,
        err_escapes=allowed_escapes(isatty=err.isatty, color=color, environ=environ),
        erasable=capable,
    )
    fd = _descriptor(sys.stdin if stdin is None else stdin)
    lines: LineSource
    if fd is None:
        lines = ClosedLines()
    elif capable and os.isatty(fd):
        from echosvc._terminal.lines.tty import TtyLines, interrupt

        lines = TtyLines(
            fd,
            out,
            screen,
            History(history),
            color=out_escapes is Escapes.ALL,
            on_interrupt=on_interrupt or partial(interrupt, fd),
            environ=environ,
        )
    else:
        lines = StreamLines(fd, screen)
    terminal = HostTerminal(
        tuple(args),
        screen,
        out,
        lines,
        interactive=out.isatty and fd is not None and os.isatty(fd),
        color=out_escapes is Escapes.ALL,
    )
    try:
        yield terminal
    finally:
        try:
            await terminal.aclose()
        finally:
            out.close()
            err.close()


def _descriptor(stream: Input) -> int | None:
    """Find the descriptor that lines are read from; `None` if there is nothing to read from."""
    if stream is None:
        return None
    try:
        fd = stream if isinstance(stream, int) else stream.fileno()
        mode = os.fstat(fd).st_mode
    except (ValueError, AttributeError, io.UnsupportedOperation):
        return None
    except OSError as error:
        if error.errno != errno.EBADF:
            raise
        return None
    if stat.S_ISDIR(mode):
        raise errors.Invalid("standard input is a folder, give a file or a pipe")
    return fd


def _error_output(stream: TextIO | int | None, out: Output) -> Output:
    """Open standard error; if it leads where standard output leads, it is the same output."""
    err = open_output(stream)
    if isinstance(err, FdOutput) and isinstance(out, FdOutput) and err.place == out.place:
        err.close()
        return out
    return err
