"""How a command ends: every exit code, and the one place that decides it.

A broken pipe ends with the code that a shell shows for any program in that place, without a
word: the reader has what it wanted, and a script that sets `pipefail` can still tell.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from echosvc import errors
from echosvc._cli.text import one_line, wants_color
from echosvc._cli.tracebacks import format_error, is_library
from echosvc._exceptions import cause_of, is_a, leaves, text_of, traceback_of, words_of

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
GAVE_UP: Final = 3
MANIFEST: Final = 4
INTERRUPTED: Final = 128 + signal.SIGINT
BROKEN_PIPE: Final = 128 + signal.SIGPIPE
TERMINATED: Final = 128 + signal.SIGTERM
HUNG_UP: Final = 128 + signal.SIGHUP

MEANINGS: Final = {
    DONE: "done",
    FAILED: "failed",
    USAGE: "the command line is wrong: nothing was started",
    GAVE_UP: "a supervisor gave up, or a required service did not start",
    MANIFEST: "a bad manifest, or a source that it names: nothing was started",
    HUNG_UP: "the terminal was closed (SIGHUP)",
    INTERRUPTED: "Ctrl-C (SIGINT)",
    BROKEN_PIPE: "whoever read stdout went away, as in `| head -1` (SIGPIPE); nothing is said",
    TERMINATED: "SIGTERM",
}
"""What the exit codes say; from 128 on it is 128 and the signal, as shells have it."""


class UsageFault(errors.Invalid):
    """The command line asks for something that can't be; the message says what to do."""


@dataclass(frozen=True)
class Ending:
    """How a command ends: its exit code, and the lines for stderr that say why."""

    code: int
    lines: tuple[str, ...] = ()


def decide(error: BaseException) -> Ending:
    """Return how a command ends that `error`, or a group of errors, came out of.

    Of several errors the most urgent decides: Ctrl-C, then what asks for an exit code by itself,
    then a manifest, then a supervisor that gave up, then the rest; each is said in a line.
    """
    found = leaves(error)
    for kind, code in ((KeyboardInterrupt, INTERRUPTED), (SystemExit, None)):
        for leaf in found:
            if is_a(leaf, kind):
                return Ending(code) if code is not None else _system_exit(leaf)
    if any(is_a(leaf, BrokenPipeError) for leaf in found) and _nobody_reads_stdout():
        return Ending(BROKEN_PIPE)
    found.sort(key=_urgency)
    lines = dict.fromkeys(line for leaf in found for line in describe(leaf))
    return Ending(_code(found[0]), tuple(lines))


def _urgency(leaf: BaseException) -> int:
    kinds: tuple[type[errors.Error], ...] = (errors.ManifestError, errors.GaveUp)
    for place, kind in enumerate(kinds):
        if is_a(leaf, kind):
            return place
    return 2


def _code(leaf: BaseException) -> int:
    return leaf.exit_code if is_a(leaf, errors.Error) else FAILED


def _system_exit(leaf: BaseException) -> Ending:
    code = getattr(leaf, "code", None)
    if code is None:
        return Ending(DONE)
    if isinstance(code, int):
        return Ending(code & 0xFF)
    return Ending(FAILED, (f"error: {one_line(str(code))}",))


def describe(leaf: BaseException) -> tuple[str, ...]:
    """Return the lines that say what went wrong: one, or one for each fault of a manifest."""
    if is_a(leaf, errors.ManifestError):
        return tuple(one_line(words_of(fault)) for fault in leaf.faults)
    if is_a(leaf, errors.GaveUp):
        text = words_of(leaf) or "a supervisor gave up"
        if leaf.causes and (last := summary(leaf.causes[-1])) not in text:
            text = f"{text}; the last cause: {last}"
    elif is_a(leaf, errors.Error):
        text = words_of(leaf) or leaf.kind
        cause = cause_of(leaf)
        if cause is not None and (why := summary(cause)) not in text:
            text = f"{text}: {why}"
    elif is_a(leaf, OSError) and traceback_of(leaf) is None:
        text = words_of(leaf)
    else:
        place = where(leaf)
        text = f"{summary(leaf)}{f', at {place}' if place else ''}; -vv shows the traceback"
    return (f"error: {one_line(text)}",)


def summary(error: BaseException) -> str:
    """Return an error in a few words: what it says and, unless it is echosvc's own, its type."""
    if is_a(error, errors.Error):
        return words_of(error) or error.kind
    return text_of(error)


def where(error: BaseException) -> str:
    """Return ``file:line in function`` of the last frame that isn't echosvc's or a library's.

    Where there is none, the last frame at all; without a traceback an empty string.
    """
    frames = traceback.extract_tb(traceback_of(error))
    if not frames:
        return ""
    own = [frame for frame in frames if not is_library(frame.filename)]
    frame = (own or list(frames))[-1]
    return f"{shown_path(frame.filename)}:{frame.lineno} in {frame.name}"


def shown_path(path: str | Path) -> str:
    """Return a path as a person here would write it: from the current folder where it is below."""
    with contextlib.suppress(ValueError, OSError):
        return str(Path(path).relative_to(Path.cwd()))
    return str(path)


def end(error: BaseException, *, tracebacks: bool = False, color: str = "auto") -> int:
    """Say on stderr why a command ends with `error`, and return its exit code."""
    ending = decide(error)
    usage = all(is_a(leaf, UsageFault) for leaf in leaves(error))
    if tracebacks and ending.lines and not usage:
        say(format_error(error).rstrip("\n"))
    for line in ending.lines:
        say_error(line, color=color)
    return ending.code


def say_error(line: str, *, color: str = "auto") -> None:
    """Write an ``error: …`` line to stderr, its first word red where colours are wanted."""
    if line.startswith("error:") and wants_color(color, sys.stderr):
        line = f"\x1b[1;31merror:\x1b[0m{line.removeprefix('error:')}"
    say(line)


def say(line: str) -> None:
    """Write a line for the person to stderr; where there is no stderr (any more), nowhere."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201 - the command line may print


def code_of_result(result: object) -> Ending:
    """Return how `run -x` ends when its process returned `result`.

    An `int` is the exit code, anything else is success: a `bool` too, which in Python is an int,
    but nobody who returns True means "failed". A code that no shell could show is a failure.
    """
    if not isinstance(result, int) or isinstance(result, bool):
        return Ending(DONE)
    if 0 <= result <= 255:
        return Ending(result)
    return Ending(
        FAILED,
        (f"error: the process returned {result}, and an exit code is from 0 to 255; taken as 1",),
    )


def flush_stdout(code: int) -> int:
    """Write out what stdout still holds, and return the exit code, which may change by it.

    Python does the same at its end, but answers a reader that went away with a traceback.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return code or BROKEN_PIPE
    except OSError as error:
        _abandon_stdout()
        say_error(f"error: cannot write to stdout: {error.strerror or error}")
        return code or FAILED
    return code


def _nobody_reads_stdout() -> bool:
    """Return whether stdout is a pipe whose reader is gone.

    A BrokenPipeError may also come from a socket of the application's, which is its own failure.
    """
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        gone = any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False
    if gone:
        _abandon_stdout()
    return gone


def _abandon_stdout() -> None:
    # What is still buffered goes where it hurts nobody, or the interpreter complains at its end.
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
