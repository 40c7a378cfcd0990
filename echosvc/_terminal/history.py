"""The lines typed before, kept across runs: each application has its own."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import re
import time
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

__all__ = ["History", "history_path"]

_log = logging.getLogger(__name__)

_LINES: Final = 2000
"""How many lines are kept; the file may grow to twice that before it is cut down."""
_LONGEST: Final = 10_000
"""A longer line was pasted, not typed, and is not kept."""
_TRIES: Final = 10
_TRY_AGAIN: Final = 0.01
"""Another program holds the lock for as long as it writes a line, or it hangs with it."""


def history_path(source: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """Say where the history of an application belongs, by the XDG base directory specification.

    Args:
        source: The folder with the application's manifests. Its history is in a folder of that
            name (or, for a ``src``, of the one around it) and a number that stands for the path.
        environ: The environment.

    Returns:
        The file, or `None` for a user without a home, as in some containers.
    """
    state = environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):  # the specification has relative paths ignored
        base = Path(state)
    else:
        try:
            base = Path.home() / ".local" / "state"
        except RuntimeError:
            return None
    source = source.resolve()
    name = source.parent.name if source.name == "src" else source.name
    readable = re.sub(r"[^\w.-]", "_", name)[:40]
    return base / "echosvc" / f"{readable}-{zlib.crc32(os.fsencode(source)):08x}" / "history"


class History:
    """Lines, oldest first: in memory, and in a file if one is given.

    The file is readable by its owner only, has one line for each, and never grows beyond a limit.
    Several programs may share it. If it cannot be read or written, or another program does not let
    go of it, the log says so once (INFO) and the history lasts as long as the program.

    Args:
        path: The file; `None` for memory alone.
        limit: How many lines are kept.
    """

    def __init__(self, path: Path | None = None, *, limit: int = _LINES) -> None:
        self._path = path
        self._limit = limit
        self._lines: list[str] = []
        self._in_file = 0
        if path is not None:
            try:
                self._lines = self._load(path)
            except OSError as error:
                self._give_up(error)

    @property
    def lines(self) -> tuple[str, ...]:
        """All lines, oldest first."""
        return tuple(self._lines)

    def add(self, line: str) -> bool:
        """Keep a line; `False` if it is blank, too long or the last one again."""
        line = " ".join(line.splitlines())
        if not line.strip() or len(line) > _LONGEST or (self._lines and self._lines[-1] == line):
            return False
        self._lines.append(line)
        if self._path is not None:
            try:
                self._append(self._path, line)
            except OSError as error:
                self._give_up(error)
        return True

    def _load(self, path: Path) -> list[str]:
        fd = _open_locked(path)
        try:
            lines = _read(fd)
            self._in_file = len(lines)
            return _without_repeats(lines)[-self._limit :]
        finally:
            os.close(fd)

    def _append(self, path: Path, line: str) -> None:
        fd = _open_locked(path)
        try:
            if self._in_file >= 2 * self._limit:
                fd = self._cut(fd, path)
            os.lseek(fd, 0, os.SEEK_END)
            _write(fd, [line])
            self._in_file += 1
        finally:
            os.close(fd)

    def _cut(self, fd: int, path: Path) -> int:
        """Put a file with the youngest lines in place of the one that has grown too long."""
        lines = _without_repeats(_read(fd))[-self._limit :]
        new = path.with_name(f"{path.name}.{os.getpid()}")
        new_fd = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _lock(new_fd)
            _write(new_fd, lines)
            new.replace(path)
        except OSError:
            os.close(new_fd)
            new.unlink(missing_ok=True)
            raise
        os.close(fd)
        self._in_file = len(lines)
        return new_fd

    def _give_up(self, error: OSError) -> None:
        _log.info("the history is not kept: %s: %s", self._path, error.strerror or error)
        self._path = None


def _open_locked(path: Path) -> int:
    """Open and lock the file, ours alone to read, making it and its folders if need be."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd)
            found = os.fstat(fd)
            if found.st_mode & 0o077:
                os.fchmod(fd, 0o600)
            # Another program may have put a shorter file in its place while we waited.
            if path.exists() and path.stat().st_ino == found.st_ino:
                return fd
        except OSError:
            os.close(fd)
            raise
        os.close(fd)


def _lock(fd: int) -> None:
    """Lock the file; raises `OSError` when another program holds it for longer than a write."""
    for _ in range(_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_TRY_AGAIN)
        else:
            return
    raise OSError(errno.EWOULDBLOCK, "another program has it locked")


def _read(fd: int) -> list[str]:
    os.lseek(fd, 0, os.SEEK_SET)
    with os.fdopen(os.dup(fd), "rb") as file:
        text = file.read().decode("utf-8", "replace")
    return [line for line in text.split("\n") if line]


def _write(fd: int, lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
    while data:
        data = data[os.write(fd, data) :]


def _without_repeats(lines: list[str]) -> list[str]:
    return [line for i, line in enumerate(lines) if i == 0 or lines[i - 1] != line]
