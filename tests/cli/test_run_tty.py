"""`echosvc run` at a real terminal: a session of its own on a pty, read by an emulator."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyte
import pytest

from .conftest import SECONDS, Shell

ECHO = Path(__file__).parents[2] / "manifests" / "echo"
CTRL_C, CTRL_D = "\x03", "\x04"


class Terminal:
    """A terminal with one program in its foreground."""

    def __init__(self, shell: Shell, *args: str) -> None:
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (24, 80))
        self.before = self.modes()
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = subprocess.Popen(
            shell.command(*args),
            cwd=shell.folder,
            env=shell.env | {"TERM": "xterm-256color", "LANG": "C.UTF-8"},
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.slave)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

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


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*args: str) -> Terminal:
        opened.append(Terminal(shell, *args))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.fixture
def echo(shell: Shell) -> Shell:
    shell.write("echosvc.lock", f"directories:\n  src: {ECHO}\n")
    return shell


def _at_prompt(terminal: Terminal) -> Callable[[], bool]:
    return lambda: terminal.lines[terminal.screen.cursor.y].startswith(">")


def test_echo_at_a_terminal_shows_the_screen_and_ends_with_ctrl_d(
    echo: Shell, terminal: Callable[..., Terminal]
) -> None:
    term = terminal("run", "-x", "app:terminal/app:cli")
    term.until(_at_prompt(term))
    term.type("hello [bold]world\r")
    term.until("  HELLO [BOLD]WORLD")
    term.until("  from worker: {app:processes|0x00003}")
    term.until(_at_prompt(term))
    term.type(CTRL_D)
    term.until("Goodbye!")
    assert term.end() == 0
    assert term.modes() == term.before
    assert term.lines[0] == "Echo Client"


def test_ctrl_c_at_the_prompt_ends_it_with_the_terminal_as_it_was(
    echo: Shell, terminal: Callable[..., Terminal]
) -> None:
    term = terminal("run", "-x", "app:terminal/app:cli")
    term.until(_at_prompt(term))
    term.type("half a line" + CTRL_C)
    assert term.end() == 130
    assert term.modes() == term.before
    assert not any("stopping" in line or "error" in line for line in term.lines)
    assert term.screen.cursor.x == 0


def test_log_lines_stand_above_the_prompt(echo: Shell, terminal: Callable[..., Terminal]) -> None:
    term = terminal("run", "-v", "-x", "app:terminal/app:cli")
    term.until(_at_prompt(term))
    term.type("hello\r")
    term.until("worker exited")
    term.until(lambda: sum(line.startswith(">") for line in term.lines) == 2)
    log = [line for line in term.lines if "INFO" in line]
    assert any("relay started" in line for line in log)
    assert all(line[2] == ":" for line in log), "each log line stands at the left"


def test_third_ctrl_c_restores_the_terminal_of_a_blocked_run(
    app: Shell, terminal: Callable[..., Terminal]
) -> None:
    app.write(
        "src/cli.py",
        "from echosvc import io\n\n\nasync def main():\n    await io.readline('> ')\n"
        "    io.print('blocking')\n    while True:\n        pass\n",
    )
    term = terminal("run", "hello")
    term.until(_at_prompt(term))
    term.type("x\r")
    term.until("blocking")
    while term.child.poll() is None:  # as a person would: pressing it until it works
        term.type(CTRL_C)
        term._read(0.05)
    assert term.end() == 130
    assert "not responding; press Ctrl-C once more to end it here" in term.lines
    assert term.modes() == term.before


def test_terminal_that_is_closed_ends_the_run(
    echo: Shell, terminal: Callable[..., Terminal]
) -> None:
    term = terminal("run", "-x", "app:terminal/app:cli")
    term.until(_at_prompt(term))
    os.close(term.slave)
    os.close(term.master)
    term.master, term.slave = pty.openpty()  # for `close`
    assert term.child.wait(SECONDS) in {0, 129}
