"""Lines from a pipe, a file, a plain terminal, or a standard input that is closed."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager, nullcontext

import trio

from echosvc import errors
from echosvc._runtime.terminal import Completer, Source
from echosvc._terminal.modes import Mode, TtyModes
from echosvc._terminal.screen import Screen

__all__ = ["ClosedLines", "StreamLines"]

_CHUNK = 65536


class ClosedLines:
    """No input at all: every read is at its end."""

    kind: Source = "closed"
    ended = True

    async def readline(
        self, prompt: str, *, completer: Completer | None, password: bool
    ) -> str | None:
        """Say that the input has ended."""
        await trio.lowlevel.checkpoint()
        return None

    async def read(self, n: int) -> str:
        """Say that the input has ended."""
        await trio.lowlevel.checkpoint()
        return ""

    async def aclose(self) -> None:
        """Nothing was opened."""
        await trio.lowlevel.checkpoint()

    def restore(self) -> None:
        """Nothing was changed."""

    def give_back(self) -> bool:
        """Nothing was changed."""
        return False

    def take_again(self) -> None:
        """Nothing is to be changed."""

    def redraw(self) -> None:
        """Nothing is shown."""


class StreamLines:
    """Lines of UTF-8 text from a descriptor, whose flags are left as they are.

    O_NONBLOCK belongs to the open file that other programs share with us (on a terminal, our own
    output too), so reading waits for readiness and then reads once. Regular files and devices such
    as ``/dev/null`` are always ready, and epoll refuses them.

    Bytes that are no UTF-8 become U+FFFD; a byte order mark at the very beginning is dropped; lines
    end with LF or CRLF, the last one also with the end of the input.

    Args:
        fd: The descriptor; it stays open.
        screen: Where prompts and, unless it is a terminal, lines are shown.
    """

    def __init__(self, fd: int, screen: Screen) -> None:
        self._fd = fd
        self._screen = screen
        mode = os.fstat(fd).st_mode
        self._tty = os.isatty(fd)
        self._waits = self._tty or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self.kind: Source = "cooked" if self._tty else "pipe" if self._waits else "file"
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._lines: deque[str] = deque()  # each with its newline
        self._begun: list[str] = []  # the parts of the line after them
        self._modes: TtyModes | None = None  # of a terminal, once there is something to hide
        self.ended = False

    async def readline(
        self, prompt: str, *, completer: Completer | None, password: bool
    ) -> str | None:
        """Read one line; on a plain terminal the kernel edits it, and shows it.

        The prompt is for a person: where nobody types, it is not shown.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        self._screen.begin_read(prompt if self._tty else "")
        try:
            with self._hidden() if password and self._tty else nullcontext():
                await trio.lowlevel.checkpoint()
                while not self._lines and not self.ended:
                    await self._fill()
        except BaseException:
            self._screen.cancel_read()
            raise
        line = self._take()
        if line is None and self._tty and self._screen.isatty:
            self._screen.end_input()
            return None
        # What the terminal's own echo has shown isn't shown again; a password never is.
        shown = "" if password else line
        self._screen.end_read(shown if line is not None else None, echo=not self._tty or password)
        return line

    async def read(self, n: int) -> str:
        """Read what is there, up to `n` characters; wait only if there is nothing."""
        await trio.lowlevel.checkpoint_if_cancelled()
        self._screen.begin_read("")
        try:
            await trio.lowlevel.checkpoint()
            while not self._lines and not self._begun and not self.ended:
                await self._fill()
        except BaseException:
            self._screen.cancel_read()
            raise
        if self._lines:
            text = self._lines.popleft()
            taken, rest = text[:n], text[n:]
            if rest:
                self._lines.appendleft(rest)
        else:
            text = "".join(self._begun)
            taken, rest = text[:n], text[n:]
            self._begun = [rest] if rest else []
            self._go_on()
        self._screen.end_read(None, echo=False)
        return taken

    async def aclose(self) -> None:
        """Leave the descriptor as it is: it was given."""
        self.restore()
        await trio.lowlevel.checkpoint()

    def restore(self) -> None:
        """Bring back the echo of a terminal that a password was being read from."""
        if self._modes is not None:
            self._modes.restore()

    def give_back(self) -> bool:
        """Bring the echo back until `take_again`. For a signal handler, too."""
        if self._modes is not None:
            self._modes.give_back()
        return False  # the prompt is the screen's

    def take_again(self) -> None:
        """Take the echo away again if a password is being read. For a signal handler, too."""
        if self._modes is not None:
            self._modes.take_again()

    def redraw(self) -> None:
        """Leave it to the screen, which has the prompt."""

    async def _fill(self) -> None:
        """Read once, when there is something, and cut it into lines."""
        if self._waits:
            await trio.lowlevel.wait_readable(self._fd)
        else:
            await trio.lowlevel.checkpoint()
        try:
            data = os.read(self._fd, _CHUNK)
        except BlockingIOError:
            return  # someone who shares the pipe was faster
        except OSError as error:
            if error.errno != errno.EIO or not self._tty:
                why = error.strerror or str(error)
                raise errors.Unavailable(f"cannot read standard input: {why}") from error
            data = b""  # the terminal was hung up
        text = self._decoder.decode(data, final=not data)
        if text:
            first, *more = text.split("\n")
            self._begun.append(first)
            for part in more:
                self._lines.append("".join(self._begun) + "\n")
                self._begun = [part]
            if self._begun == [""]:
                self._begun = []
        if not data:
            self.ended = True

    def _take(self) -> str | None:
        if self._lines:
            return self._lines.popleft()[:-1].removesuffix("\r")
        line = "".join(self._begun) if self._begun else None
        self._begun = []
        self._go_on()
        return None if line is None else line.removesuffix("\r")

    def _go_on(self) -> None:
        """On a terminal, let Ctrl-D end one question and not the keyboard."""
        if self._tty:
            self.ended = False
            self._decoder.reset()

    @contextmanager
    def _hidden(self) -> Generator[None]:
        self._modes = self._modes or TtyModes(self._fd)
        with self._modes.held(Mode.HIDDEN):
            yield
