"""Ctrl-Z, Ctrl-C and Ctrl-Backslash under a shell with job control: the real signals."""

from __future__ import annotations

import os
import pty
import resource
import select
import shutil
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = """
import trio
from echosvc._terminal.open import open_terminal

async def main():
    async with open_terminal() as terminal:
        while (line := await terminal.readline("ask> ")) is not None:
            terminal.print(f"got {line}")

trio.run(main)
"""


class Shell:
    """An interactive shell on a terminal of its own."""

    def __init__(self) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            os.environ |= {"PS1": "sh$ ", "TERM": "xterm", "HISTFILE": "/dev/null"}
            os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
        self._seen = ""

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def until(self, text: str) -> str:
        """Read until a text comes; return what came, and forget it."""
        while text not in self._seen:
            ready, _, _ = select.select([self.fd], [], [], 10)
            if not ready:
                pytest.fail(f"{text!r} did not come: {self._seen!r}")
            self._seen += os.read(self.fd, 65536).decode(errors="replace")
        before, found, self._seen = self._seen.partition(text)
        return before + found

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def status(self) -> int:
        """Wait for the shell's prompt and ask it how the program ended."""
        self.until("sh$ ")
        self.type("echo status=$?.\n")
        self.until("\rstatus=")
        return int(self.until(".")[:-1])

    def close(self) -> None:
        os.close(self.fd)
        os.waitpid(self.pid, 0)


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    if shutil.which("bash") is None:
        pytest.skip("needs a shell with job control")
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    shell = Shell()
    shell.until("sh$ ")
    shell.type(f"{sys.executable} {program}\n")
    shell.until("\x1b[?2004h")  # the editor has the prompt
    shell.until("ask>")
    yield shell
    shell.close()


def test_ctrl_z_and_fg(shell: Shell):
    shell.type("hel")
    shell.until("hel")
    shell.type("\x1a")
    shell.until("Stopped")
    shell.until("sh$ ")
    shell.type("fg\n")
    shell.until("ask>")
    shell.until("hel")
    assert not shell.echoes
    shell.type("lo\r")
    shell.until("got hello")
    shell.until("ask>")
    shell.type("\x04")
    assert shell.status() == 0


def test_ctrl_c_without_a_handler_is_a_keyboard_interrupt(shell: Shell):
    shell.type("hel")
    shell.until("hel")
    shell.type("\x03")
    shell.until("KeyboardInterrupt")
    assert shell.status() == 130


def test_ctrl_backslash_ends_it_by_sigquit(shell: Shell):
    shell.type("\x1c")
    assert shell.status() == 131
