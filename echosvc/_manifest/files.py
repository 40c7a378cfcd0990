"""The files of an application, read so that nothing in the place of one can hang or flood us.

What a manifest or a command line names may be a FIFO that nobody writes to, a device, or a file of
the kernel's that never ends.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

MAX_BYTES: Final = 16 * 1024 * 1024
"""What a manifest, a source or a file of variables may have at most."""

_PIECE: Final = 64 * 1024
_KINDS: Final = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_bytes(path: Path | str) -> bytes:
    """Return what is in a regular file of at most `MAX_BYTES`. Never waits for anybody to write.

    Raises:
        OSError: It cannot be read, is no regular file, or is too large; `strerror` says which.
        ValueError: The path has a NUL in it.
    """
    _check(os.stat(path))  # noqa: PTH116  # before it is opened, for a device may act on that
    # A file that is swapped for a FIFO between the two calls is opened without waiting.
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        _check(os.fstat(fd))
        pieces: list[bytes] = []
        left = MAX_BYTES + 1  # the size may be a lie: /proc says 0, and a log grows
        while left > 0 and (piece := os.read(fd, min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
    finally:
        os.close(fd)
    if left <= 0:
        raise _too_large("there is more than it says")
    return b"".join(pieces)


def read_text(path: Path | str) -> str:
    """Return what is in a regular file in UTF-8, as `read_bytes` does.

    Raises:
        OSError: As there.
        ValueError: It is no UTF-8.
    """
    return read_bytes(path).decode("utf-8")


def _check(status: os.stat_result) -> None:
    """Refuse what is no regular file, or too large, before any of it is read."""
    mode = status.st_mode
    if not stat.S_ISREG(mode):
        what = next((name for is_kind, name in _KINDS if is_kind(mode)), "something else")
        raise OSError(errno.EINVAL, f"it is {what}, and no file")
    if status.st_size > MAX_BYTES:
        raise _too_large(f"{status.st_size / 1024 / 1024:.1f} MiB")


def _too_large(size: str) -> OSError:
    limit = MAX_BYTES // 1024 // 1024
    return OSError(errno.EFBIG, f"it is too large: {size}, and the limit is {limit} MiB")
