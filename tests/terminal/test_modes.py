"""The modes of the keyboard: what is in force, and when nothing is touched."""

from __future__ import annotations

import os
import termios

import pytest

from echosvc._terminal.modes import Mode, TtyModes

from .conftest import Tty


@pytest.fixture
def modes(tty: Tty) -> TtyModes:
    return TtyModes(tty.slave)


def _flags(tty: Tty) -> tuple[bool, bool, bool]:
    """Return whether the terminal echoes, edits lines, and makes signals of keys."""
    lflag = tty.modes()[3]
    return tuple(bool(lflag & each) for each in (termios.ECHO, termios.ICANON, termios.ISIG))


@pytest.mark.parametrize(
    ("mode", "flags"),
    [
        (Mode.USER, (True, True, True)),
        (Mode.HIDDEN, (False, True, True)),
        (Mode.QUIET, (False, False, True)),
        (Mode.RAW, (False, False, False)),
    ],
)
def test_a_mode_is_in_force_while_it_is_held(
    tty: Tty, modes: TtyModes, mode: Mode, flags: tuple[bool, bool, bool]
):
    with modes.held(mode):
        assert _flags(tty) == flags
    assert tty.modes() == tty.found


def test_given_back_it_is_as_it_was_found_whatever_is_held_meanwhile(tty: Tty, modes: TtyModes):
    with modes.held(Mode.QUIET):
        modes.give_back()
        assert tty.modes() == tty.found
        with modes.held(Mode.RAW):
            assert tty.modes() == tty.found
            modes.mend()
            assert tty.modes() == tty.found
            modes.take_again()
            assert _flags(tty) == (False, False, False)
        assert _flags(tty) == (False, False, True)


def test_given_back_twice_it_is_taken_once(tty: Tty, modes: TtyModes):
    with modes.held(Mode.QUIET):
        modes.give_back()
        modes.give_back()
        modes.take_again()
        assert not tty.echoes


def test_restored_it_is_touched_no_more(tty: Tty, modes: TtyModes):
    with modes.held(Mode.RAW):
        modes.restore()
        assert modes.restored
        assert tty.modes() == tty.found
        with modes.lent(), modes.held(Mode.RAW):
            modes.take_again()
            modes.mend()
            assert tty.modes() == tty.found
        changed = tty.modes()
        changed[3] &= ~termios.ECHO
        termios.tcsetattr(tty.slave, termios.TCSANOW, changed)
        modes.give_back()
        assert not tty.echoes, "what somebody else does now is theirs"


def test_another_programs_terminal_is_left_alone(
    tty: Tty, modes: TtyModes, monkeypatch: pytest.MonkeyPatch
):
    with modes.held(Mode.QUIET):
        modes.give_back()
        monkeypatch.setattr(os, "tcgetpgrp", lambda fd: os.getpgrp() + 1)
        assert not modes.foreground
        modes.take_again()
        assert tty.modes() == tty.found, "a program in the background changes nothing"
        monkeypatch.undo()
        modes.mend()
        assert not tty.echoes
