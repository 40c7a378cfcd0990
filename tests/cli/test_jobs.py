"""Ctrl-Z, SIGTSTP and Ctrl-Backslash under shells with job control, at a real terminal."""

from __future__ import annotations

import os
import shutil
import signal
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from echosvc._cli.jobs import JobControl

from .conftest import Shell
from .terminals import Terminal

Start = Callable[..., Terminal]
CTRL_C, CTRL_Z, CTRL_BACKSLASH = "\x03", "\x1a", "\x1c"
SHELLS = {
    "dash": ("dash", "-i"),
    "bash": ("bash", "--norc", "--noprofile", "-i"),
}
WORKING = """\
import os

from echosvc import io, process


async def main():
    io.print("pid", os.getpid())
    with io.status("working"):
        await process.inbox().receive()
"""
ASKING = """\
import os

from echosvc import io


async def main():
    io.print("pid", os.getpid())
    while (line := await io.readline("> ")) is not None:
        io.print("got", line)
"""


@pytest.fixture(params=list(SHELLS))
def program(request: pytest.FixtureRequest, app: Shell) -> tuple[str, ...]:
    """Name a shell, and make the application's command one that it can be given."""
    command = SHELLS[request.param]
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    app.env |= {"PS1": "sh$ ", "HISTFILE": "/dev/null", "ENV": "/dev/null"}
    return command


def _run(term: Terminal, app: Shell) -> int:
    """Start the application from the shell; return its process id."""
    term.until(lambda: _at_shell(term))
    term.type("ulimit -c 0; " + " ".join(app.command("run", "hello")) + "\n")
    term.until("pid ")
    [line] = [line for line in term.lines if line.startswith("pid ")]
    return int(line.split()[1])


def _at_shell(term: Terminal) -> bool:
    return term.lines[term.screen.cursor.y].startswith("sh$")


def _stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _echoes(term: Terminal, program: tuple[str, ...]) -> bool:
    """Return whether the terminal is as it was; bash has modes of its own at its prompt."""
    if program[0] == "bash":
        return True
    return bool(term.modes()[3] & termios.ECHO and term.modes()[3] & termios.ICANON)


def _quiet(term: Terminal) -> bool:
    return not term.modes()[3] & termios.ECHO


@pytest.mark.parametrize("how", ["the key", "from elsewhere"])
def test_stopped_while_it_works_the_terminal_is_as_it_was(
    app: Shell, terminal: Start, program: tuple[str, ...], how: str
) -> None:
    app.write("src/cli.py", WORKING)
    term = terminal(program=program)
    pid = _run(term, app)
    term.until("working")
    if how == "the key":
        term.type(CTRL_Z)
    else:
        os.kill(pid, signal.SIGTSTP)
    term.until(lambda: _at_shell(term))
    assert _stopped(pid)
    assert _echoes(term, program)
    assert not any("working" in line for line in term.lines), "what moves is off the screen"
    assert not term.screen.cursor.hidden
    term.type("fg\n")
    term.until("working")
    assert _quiet(term)
    term.type(CTRL_C)
    term.until(lambda: _at_shell(term))
    assert _echoes(term, program)


@pytest.mark.parametrize("how", ["the key", "from elsewhere"])
def test_stopped_at_a_prompt_the_line_is_there_again_afterwards(
    app: Shell, terminal: Start, program: tuple[str, ...], how: str
) -> None:
    app.write("src/cli.py", ASKING)
    term = terminal(program=program)
    pid = _run(term, app)
    term.until(lambda: term.prompted)
    term.type("half")
    term.until("> half")
    if how == "the key":
        term.type(CTRL_Z)
    else:
        os.kill(pid, signal.SIGTSTP)
    term.until(lambda: _at_shell(term))
    assert _stopped(pid)
    assert _echoes(term, program)
    term.type("fg\n")
    term.until(lambda: term.prompted and term.lines[term.screen.cursor.y] == "> half")
    term.type(" done\r")
    term.until("got half done")
    term.until(lambda: term.prompted)
    term.type("\x04")
    term.until(lambda: _at_shell(term))
    assert _echoes(term, program)


def test_in_the_background_it_leaves_the_terminal_to_the_shell(
    app: Shell, terminal: Start, program: tuple[str, ...]
) -> None:
    app.write("src/cli.py", ASKING)
    term = terminal(program=program)
    pid = _run(term, app)
    term.until(lambda: term.prompted)
    term.type("half")
    term.until("> half")
    term.type(CTRL_Z)
    term.until(lambda: _at_shell(term))
    term.type("bg\n")
    term.until(lambda: not _stopped(pid))
    term.type("echo the shell reads\n")
    # The prompt may have come while this was typed, and then stands before what is answered.
    term.until(lambda: {"the shell reads", "sh$ the shell reads"} & set(term.lines))
    assert not any(line.startswith(">") for line in term.lines[term.screen.cursor.y :])
    term.type("fg\n")
    term.until(lambda: term.prompted and term.lines[term.screen.cursor.y] == "> half")
    term.type(" done\r")
    term.until("got half done")


def test_continued_after_a_sigstop_it_draws_its_prompt_again(app: Shell, terminal: Start) -> None:
    app.env |= {"PS1": "sh$ ", "HISTFILE": "/dev/null"}
    app.write("src/cli.py", ASKING)
    term = terminal(program=SHELLS["bash"])
    pid = _run(term, app)
    term.until(lambda: term.prompted)
    term.type("half")
    term.until("> half")
    os.kill(pid, signal.SIGSTOP)  # nobody can prepare for it; bash mends the terminal for itself
    term.until(lambda: _at_shell(term))
    term.type("fg\n")
    term.until(lambda: term.prompted and term.lines[term.screen.cursor.y] == "> half")
    term.type(" done\r")
    term.until("got half done")


def test_ctrl_backslash_while_it_works_leaves_the_terminal_as_it_was(
    app: Shell, terminal: Start, program: tuple[str, ...]
) -> None:
    app.write("src/cli.py", WORKING)
    term = terminal(program=program)
    _run(term, app)
    term.until("working")
    term.type(CTRL_BACKSLASH)
    term.until(lambda: _at_shell(term))
    assert _echoes(term, program)
    term.type("echo status=$?.\n")
    term.until("status=131.")


class Lent:
    """A terminal that keeps what was asked of it."""

    def __init__(self, log: list[str]) -> None:
        self.log = log

    def give_back(self) -> None:
        self.log.append("given back")

    def take_again(self) -> None:
        self.log.append("taken again")

    def redraw(self) -> None:
        self.log.append("redrawn")


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Keep what happens, without stopping the tests themselves."""
    log: list[str] = []

    def default(self: JobControl, number: int) -> None:
        log.append(f"default {signal.Signals(number).name}")

    monkeypatch.setattr(JobControl, "_default", default)
    monkeypatch.setattr(signal, "raise_signal", lambda number: log.append("raised again"))
    return log


async def test_the_terminal_is_given_back_before_and_taken_after_the_stop(log: list[str]) -> None:
    with JobControl() as jobs:
        jobs.attach(Lent(log))
        os.kill(os.getpid(), signal.SIGTSTP)
        assert log == ["given back", "default SIGTSTP", "taken again"]
        await trio.testing.wait_all_tasks_blocked()
        assert log[3:] == ["redrawn"], "by the loop, not in the handler"


async def test_a_stop_while_the_terminal_is_being_opened_waits_for_it(log: list[str]) -> None:
    with JobControl() as jobs:
        os.kill(os.getpid(), signal.SIGTSTP)
        assert log == []
        jobs.attach(Lent(log))
        assert log == ["given back", "default SIGTSTP", "taken again"]


def test_a_stop_where_no_terminal_came_to_be_is_made_up_for(log: list[str]) -> None:
    with JobControl():
        os.kill(os.getpid(), signal.SIGTSTP)
        assert log == []
    assert log == ["raised again"]


async def test_going_on_without_a_stop_of_ours_takes_the_terminal_again(log: list[str]) -> None:
    with JobControl() as jobs:
        jobs.attach(Lent(log))
        os.kill(os.getpid(), signal.SIGCONT)
        await trio.testing.wait_all_tasks_blocked()
        assert log == ["taken again", "redrawn"]


def test_handlers_that_somebody_set_and_ignored_signals_are_left_alone() -> None:
    def own(number: int, frame: object) -> None: ...

    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN), signal.signal(signal.SIGCONT, own)
    try:
        with JobControl():
            assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGCONT) is own
            assert signal.getsignal(signal.SIGQUIT) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGQUIT) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTSTP, before[0])
        signal.signal(signal.SIGCONT, before[1])
