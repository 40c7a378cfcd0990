"""Where text goes: a terminal, a pipe, a file. Writing never waits for whoever reads it."""

from __future__ import annotations

import errno
import io
import os
import select
import stat
import threading
from collections import deque
from typing import Final, Protocol, TextIO

from echosvc._terminal.modes import in_foreground

__all__ = ["FdOutput", "Output", "TextOutput", "open_output"]

_PIPE_CHUNK: Final = select.PIPE_BUF
"""A pipe that is ready takes this much without making its writer wait."""
_BACKLOG: Final = 8 * 1024 * 1024
"""Bytes kept for a reader that is slower than us. Beyond it a writer waits, as any program does."""
_CLOSED_POLL: Final = 100
"""Milliseconds after which a thread that waits for room looks whether there's still a point."""
_GONE: Final = {errno.EPIPE, errno.EIO, errno.ENXIO, errno.ECONNRESET}


class Output(Protocol):
    """Something that takes text."""

    @property
    def isatty(self) -> bool:
        """Whether this is a terminal."""
        ...

    @property
    def columns(self) -> int:
        """How wide it is; 80 where nobody knows."""
        ...

    @property
    def rows(self) -> int:
        """How many lines it shows; 24 where nobody knows."""
        ...

    @property
    def backlog(self) -> int:
        """Bytes that were written here and have not gone out yet."""
        ...

    @property
    def foreground(self) -> bool:
        """Whether no other program has this terminal now; true of all that is none."""
        ...

    def write(self, text: str) -> None:
        """Write all of it, in order. Raises BrokenPipeError when the reader has gone."""
        ...

    def drain(self, timeout: float | None = None) -> bool:
        """Block until the backlog is out; `False` if that took longer than `timeout` seconds."""
        ...

    def hold(self, parting: str) -> None:
        """Write `parting` at once, and nothing more until `release`: what is written waits."""
        ...

    def release(self) -> None:
        """Let out what has waited since `hold`."""
        ...

    def close(self) -> None:
        """Write nothing any more, for ever; the stream itself stays open.

        What still waits is given up, and each later write raises BrokenPipeError.
        """
        ...


class TextOutput:
    """A Python text stream with no file below it: `io.StringIO`, a capture, or nothing at all."""

    isatty = False
    columns = 80
    rows = 24
    backlog = 0
    foreground = True

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._closed = False

    def write(self, text: str) -> None:
        """Write to the stream; without one, drop the text as Python's own `print` does.

        Raises:
            BrokenPipeError: The output was closed.
        """
        if self._closed:
            raise _closed()
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()

    def drain(self, timeout: float | None = None) -> bool:
        """Say that nothing waits here."""
        return True

    def hold(self, parting: str) -> None:
        """Do nothing: only a terminal is ever given back and taken again."""

    def release(self) -> None:
        """Do nothing, as nothing was held."""

    def close(self) -> None:
        """Leave the stream to its owner: nothing is written to it any more."""
        self._closed = True
        self._stream = None


class FdOutput:
    """A file descriptor that is written to without ever making the caller wait for a reader.

    A terminal may be stopped with Ctrl-S and a pipe may lead to a pager: whoever prints there must
    not take the whole runtime with it. What cannot go out at once is kept, in order, and a thread
    writes it when there is room. The descriptor's own flags stay as they are, because they are
    shared with other programs; a terminal is opened once more instead.

    Thread-safe.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        found = os.fstat(fd)
        mode = found.st_mode
        self.place = (found.st_dev, found.st_ino)
        """Equal for descriptors that lead to the same terminal, pipe or file."""
        self.isatty = os.isatty(fd)
        self._may_wait = self.isatty or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)
        self._own_fd = _open_again(fd) if self.isatty else None
        self._to = fd if self._own_fd is None else self._own_fd
        self._poll = select.poll()
        self._poll.register(self._to, select.POLLOUT)
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._backlog = 0
        self._drainer: threading.Thread | None = None
        self._error: OSError | None = None
        self._held = False

    @property
    def columns(self) -> int:
        """The width of the terminal now."""
        try:
            return os.get_terminal_size(self._fd).columns or 80
        except OSError:
            return 80

    @property
    def rows(self) -> int:
        """The height of the terminal now."""
        try:
            return os.get_terminal_size(self._fd).lines or 24
        except OSError:
            return 24

    @property
    def backlog(self) -> int:
        """Bytes that were written here and have not gone out yet."""
        return self._backlog

    @property
    def foreground(self) -> bool:
        """Whether no other program has this terminal now; true of all that is none."""
        return not self.isatty or in_foreground(self._fd)

    def write(self, text: str) -> None:
        """Write all of it, now or, when the other side is slow, as soon as it has room.

        Raises:
            BrokenPipeError: The reader has gone, now or since an earlier write, or the output was
                closed.
            OSError: The disk is full, or whatever else a file may come to.
        """
        # A lone surrogate has no UTF-8; showing it escaped beats failing to print a whole line.
        data = text.encode("utf-8", "backslashreplace")
        with self._changed:
            if self._error is not None:
                raise _copy(self._error)
            if not self._waiting and not self._held:
                try:
                    data = self._write_now(data)
                except OSError as error:
                    raise self._failed(error) from None
            if not data:
                return
            self._waiting.append(data)
            self._backlog += len(data)
            if self._drainer is None:
                self._drainer = threading.Thread(
                    target=self._drain, name="echosvc output", daemon=True
                )
                self._drainer.start()
            while self._backlog > _BACKLOG and self._error is None:
                self._changed.wait()

    def drain(self, timeout: float | None = None) -> bool:
        """Block until the backlog is out; `False` if that took longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout)

    def hold(self, parting: str) -> None:
        """Write `parting` at once, and nothing more until `release`: what is written waits.

        `parting` goes before what waits already, as far as the terminal takes it now. May be called
        from a signal handler.
        """
        with self._changed:
            self._held = True
            if self._error is None:
                try:
                    self._write_now(parting.encode())
                except OSError as error:
                    self._failed(error)

    def release(self) -> None:
        """Let out what has waited since `hold`. May be called from a signal handler."""
        with self._changed:
            self._held = False
            self._changed.notify_all()  # whatever waits has its thread, which waits with it

    def close(self) -> None:
        """Write nothing any more, for ever; what still waits is given up.

        The descriptor may be another file's the moment after, so whoever comes too late gets
        BrokenPipeError, and nothing of it goes anywhere. The descriptor itself stays open.
        """
        with self._changed:
            self._error = _closed()
            self._waiting.clear()
            self._backlog = 0
            self._changed.notify_all()
            if self._own_fd is not None:
                os.close(self._own_fd)
                self._own_fd = None

    def _write_now(self, data: bytes) -> bytes:
        """Write what goes without waiting; return the rest."""
        view = memoryview(data)
        while view:
            if not self._may_wait:
                view = view[os.write(self._to, view) :]
                continue
            try:
                if self._own_fd is None:
                    if not self._poll.poll(0):
                        break
                    view = view[os.write(self._to, view[:_PIPE_CHUNK]) :]
                else:
                    view = view[os.write(self._to, view) :]
            except BlockingIOError:
                break
        return bytes(view)

    def _drain(self) -> None:
        while True:
            self._poll.poll(_CLOSED_POLL)
            with self._changed:
                self._changed.wait_for(lambda: not self._held or not self._waiting)
                if self._waiting:
                    data = self._waiting.popleft()
                    try:
                        rest = self._write_now(data)
                    except OSError as error:
                        self._failed(error)  # the next write raises it
                        rest = b""
                    self._backlog -= len(data) - len(rest)
                    if rest and self._error is None:
                        self._waiting.appendleft(rest)
                    if self._error is not None:
                        self._waiting.clear()
                        self._backlog = 0
                self._changed.notify_all()
                if not self._waiting:
                    self._drainer = None
                    return

    def _failed(self, error: OSError) -> OSError:
        if error.errno in _GONE:
            error = BrokenPipeError(errno.EPIPE, "whoever read the output has gone")
        self._error = error
        return _copy(error)


def open_output(stream: TextIO | int | None) -> Output:
    """Make an output of a stream, of a descriptor, or of nothing (then text is dropped)."""
    if stream is None:
        return TextOutput(None)
    if isinstance(stream, int):
        return FdOutput(stream)
    try:
        fd = stream.fileno()
    except (AttributeError, io.UnsupportedOperation):
        return TextOutput(stream)
    except ValueError:  # closed
        return TextOutput(None)
    stream.flush()  # what was printed before us comes before us
    try:
        return FdOutput(fd)
    except OSError:  # its descriptor was closed below it
        return TextOutput(None)


def _open_again(fd: int) -> int | None:
    """Open a terminal once more, so that its flags are ours alone; `None` if it may not be."""
    try:
        return os.open(os.ttyname(fd), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None


def _closed() -> BrokenPipeError:
    return BrokenPipeError(errno.EPIPE, "this output was closed")


def _copy(error: OSError) -> OSError:
    return type(error)(error.errno, error.strerror)
