"""A terminal emulator at the other end of a pty: what a person at the screen would see."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyte
import pytest
import trio

from echosvc._terminal.open import open_terminal
from echosvc._terminal.terminal import HostTerminal

ENVIRON = {"TERM": "xterm-256color", "LANG": "C.UTF-8"}


class Tty:
    """A terminal of 60 by 12: type on it, look at it."""

    def __init__(self, columns: int = 60, rows: int = 12) -> None:
        self.master, self.slave = pty.openpty()
        self.screen = pyte.HistoryScreen(columns, rows, history=1000)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.resize(columns, rows)
        self.interrupts = 0
        self.found = self.modes()

    def interrupt(self) -> None:
        self.interrupts += 1

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self.slave, (rows, columns))
        self.screen.resize(rows, columns)

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    @property
    def echoes(self) -> bool:
        return bool(self.modes()[3] & termios.ECHO)

    def type(self, keys: str | bytes) -> None:
        os.write(self.master, keys.encode() if isinstance(keys, str) else keys)

    @property
    def lines(self) -> list[str]:
        """The screen with what has scrolled off it, without blank ends."""
        above = [
            "".join(row[x].data for x in range(self.screen.columns)).rstrip()
            for row in self.screen.history.top
        ]
        lines = above + [line.rstrip() for line in self.screen.display]
        while lines and not lines[-1]:
            lines.pop()
        return lines

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    async def pump(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self.master)
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return
            self.feed(data)

    def feed(self, data: bytes) -> None:
        self.raw += data
        self._stream.feed(data)

    async def until(self, what: Callable[[], object] | str) -> None:
        """Wait until the screen shows a text, or a condition holds."""
        with trio.move_on_after(3):
            # ASYNC110: the screen, the modes and other threads have no event to wait for.
            while not (what in self.text if isinstance(what, str) else what()):  # noqa: ASYNC110
                await trio.sleep(0.002)
            return
        pytest.fail(f"not on the screen: {what}\n{self.text}\n{self.raw[-500:]!r}")

    async def prompted(self, prompt: str = "> ") -> None:
        """Wait until an editor has a prompt open at the last line."""
        await self.until(
            lambda: (
                not self.modes()[3] & termios.ISIG
                and self.lines
                and self.lines[-1].startswith(prompt.rstrip())
            )
        )

    def close(self) -> None:
        os.close(self.master)
        os.close(self.slave)

    @asynccontextmanager
    async def open(self, **options: Any) -> AsyncIterator[HostTerminal]:
        options = {
            "environ": ENVIRON,
            "stdin": self.slave,
            "stdout": self.slave,
            "stderr": self.slave,
            "on_interrupt": self.interrupt,
        } | options
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.pump)
            async with open_terminal(**options) as terminal:
                yield terminal
            await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()


@pytest.fixture
def tty() -> Iterator[Tty]:
    tty = Tty()
    yield tty
    tty.close()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return tmp_path / "state" / "history"
