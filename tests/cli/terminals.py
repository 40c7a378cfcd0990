"""A terminal emulator with one program in its foreground: what a person at the screen would see."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Callable, Sequence
from typing import Any

import pyte
import pytest

from .conftest import SECONDS, Shell

TERM = "xterm-256color"


class Terminal:
    """A terminal with one program in its foreground."""

    def __init__(
        self, shell: Shell, *args: str, program: Sequence[str] = (), term: str = TERM
    ) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = self.modes()
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = subprocess.Popen(
            program or shell.command(*args),
            cwd=shell.folder,
            env=shell.env | {"TERM": term, "LANG": "C.UTF-8"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self.slave, (rows, columns))
        self.screen.resize(rows, columns)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    @property
    def prompted(self) -> bool:
        """Whether the cursor stands at an open prompt, and the editor has the keyboard."""
        at_prompt = self.lines[self.screen.cursor.y].startswith(">")
        return at_prompt and not self.modes()[3] & termios.ISIG

    def until(self, what: str | Callable[[], object]) -> None:
        """Read the screen until a text is on it, or a condition holds."""
        while not (any(what in line for line in self.lines) if isinstance(what, str) else what()):
            if not self._read(SECONDS):
                pytest.fail(f"not on the screen: {what}\n" + "\n".join(self.lines))

    def _read(self, seconds: float) -> bool:
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        data = os.read(self.master, 65536)
        self.raw += data
        self._stream.feed(data)
        return True

    def end(self) -> int:
        """Wait for the program's end, and read what is left."""
        while self.child.poll() is None:
            self._read(0.01)
        while self._read(0):
            pass
        return self.child.returncode

    def close(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        os.close(self.master)
        os.close(self.slave)
