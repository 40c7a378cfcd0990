"""Python's own `print` and standard error, sent the terminal's way."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TextIO, cast

from echosvc._terminal.terminal import HostTerminal

__all__ = ["redirect_std"]


@contextmanager
def redirect_std(terminal: HostTerminal) -> Generator[None]:
    """Have a stray `print`, a warning, a traceback appear above an open prompt, for a block.

    Replaces `sys.stdout` and `sys.stderr`, so it is for a program, not for a library. What is
    written to their `buffer` or `fileno()` goes past the terminal, as it always did.
    """
    found = sys.stdout, sys.stderr
    # A closed stream stays closed: Python's own print knows what to do with None.
    out = sys.stdout and _Through(sys.stdout, terminal.write)
    err = sys.stderr and _Through(sys.stderr, lambda text: terminal.eprint(text, end=""))
    sys.stdout, sys.stderr = cast("TextIO", out), cast("TextIO", err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = found
        for stream in (out, err):
            if isinstance(stream, _Through):
                stream.let_go()


class _Through(io.TextIOBase):
    """A text stream that writes whole lines, or what is flushed, through the terminal.

    For the rest it is what it replaces; after the block that is all of it, for whoever has kept it.
    """

    def __init__(self, replaced: TextIO, write: Callable[[str], object]) -> None:
        self._replaced = replaced
        self._write = write
        self._begun = ""
        self._over = False
        self._lock = threading.RLock()

    def write(self, text: str, /) -> int:
        with self._lock:
            # `print` writes a line and its newline apart.
            whole, newline, self._begun = (self._begun + text).rpartition("\n")
            if newline:
                self._write(whole + newline)
        return len(text)

    def flush(self) -> None:
        with self._lock:
            begun, self._begun = self._begun, ""
            if begun:
                self._write(begun)
            if self._over:
                self._replaced.flush()

    def let_go(self) -> None:
        """Write to what was replaced from now on: a log handler, say, may have kept this."""
        with self._lock:
            self.flush()
            self._write = self._replaced.write
            self._over = True

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self._replaced.isatty()

    def fileno(self) -> int:
        return self._replaced.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override] # the base says None where there is one
        return self._replaced.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override] # a property, as in TextIOWrapper
        return self._replaced.errors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._replaced, name)
