"""`echosvc run` at a real terminal: a session of its own on a pty, read by an emulator."""

from __future__ import annotations

import os
import pty
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import SECONDS, Shell
from .terminals import Terminal

ECHO = Path(__file__).parents[2] / "manifests" / "echo"
CTRL_C, CTRL_D = "\x03", "\x04"


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


@pytest.mark.parametrize(
    ("options", "env", "term", "colored"),
    [
        ([], {}, "xterm-256color", True),
        ([], {"NO_COLOR": "1"}, "xterm-256color", False),
        ([], {}, "dumb", False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, "xterm-256color", False),
        (["--color", "always"], {"NO_COLOR": "1"}, "xterm-256color", True),
    ],
)
def test_colours_of_the_command_line_and_of_applications_follow_the_same_rules(
    app: Shell,
    terminal: Callable[..., Terminal],
    options: list[str],
    env: dict[str, str],
    term: str,
    colored: bool,
) -> None:
    app.env |= env
    app.write(
        "src/cli.py",
        "from echosvc import io\n\n\nasync def main():\n"
        "    io.print('\\x1b[32mgreen\\x1b[0m')\n    raise ValueError('no')\n",
    )
    shown = terminal("run", *options, "hello", term=term)
    assert shown.end() == 1
    assert "green" in shown.lines
    assert (b"\x1b[32mgreen" in shown.raw) == colored
    assert (b"\x1b[1;31merror:" in shown.raw) == colored
