"""The modes of the keyboard: the user's own, hidden, quiet between prompts, raw at a prompt."""

from __future__ import annotations

import os
import termios
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, Final

__all__ = ["Mode", "TtyModes", "in_foreground"]

_IFLAG: Final = 0
_LFLAG: Final = 3
_CC: Final = 6


def in_foreground(fd: int) -> bool:
    """Say whether this terminal is ours to change and to draw on: no other program has it now."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True  # not our controlling terminal, so nobody stops us


class Mode(IntEnum):
    """How the kernel treats keys; of several modes held at once, the highest is in force."""

    USER = 0
    """As it was found."""
    HIDDEN = 1
    """Lines as the kernel edits them, but not shown: a password on a plain terminal."""
    QUIET = 2
    """No echo, no line buffer; Ctrl-C, Ctrl-Z and Ctrl-S still work. What is typed while no prompt
    is open does not litter the screen, and is all there, Ctrl-D too, when the prompt opens."""
    RAW = 3
    """Every key is a key."""


class TtyModes:
    """The modes of one terminal, counted: each is in force while somebody holds it.

    Nothing is changed while the terminal is given back or another program has it, and nothing after
    `restore`. All of it may be called from any thread, and from a signal handler.

    Args:
        fd: A descriptor of the terminal.

    Raises:
        termios.error: It is no terminal.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._found = termios.tcgetattr(fd)
        self._holds: Counter[Mode] = Counter()
        self._given_back = False
        self._restored = False
        self._lock = threading.RLock()

    @property
    def mode(self) -> Mode:
        """The mode that should be in force."""
        return max((mode for mode, holds in self._holds.items() if holds > 0), default=Mode.USER)

    @property
    def restored(self) -> bool:
        """Whether the terminal has been left for good."""
        return self._restored

    @property
    def foreground(self) -> bool:
        """Whether the terminal is ours to change: no other program has been given it."""
        return in_foreground(self._fd)

    @contextmanager
    def held(self, mode: Mode) -> Generator[None]:
        """Hold a mode for a block; leaving the last block that holds it brings back the next."""
        with self._lock:
            self._holds[mode] += 1
            self.apply()
        try:
            yield
        finally:
            with self._lock:
                self._holds[mode] -= 1
                self.apply()

    @contextmanager
    def lent(self) -> Generator[None]:
        """Give the terminal back as it was found for a block: to a shell, or to a child."""
        self.give_back()
        try:
            yield
        finally:
            self.take_again()

    def give_back(self) -> None:
        """Leave the terminal as it was found until `take_again`, whatever is held meanwhile."""
        with self._lock:
            if not self._restored:
                self._given_back = True
                self._set(Mode.USER)

    def take_again(self) -> None:
        """Put the mode that is held in force again, if the terminal is ours to change."""
        with self._lock:
            self._given_back = False
            self.apply()

    def apply(self) -> None:
        """Put the mode that is held in force, whatever anyone else has done to the terminal."""
        if not self._restored and not self._given_back:
            self._set(self.mode)

    def mend(self) -> None:
        """Apply again if someone else (a shell after ``fg``, say) has changed what is in force."""
        with self._lock:
            if self._restored or self._given_back:
                return
            try:
                now = termios.tcgetattr(self._fd)
            except termios.error:
                return  # hung up: there is nothing to mend
            if self._changed(now):
                self.apply()

    def restore(self) -> None:
        """Leave the terminal as it was found, for good, whatever is still held."""
        with self._lock:
            if not self._restored:
                self._restored = True
                self._set(Mode.USER)

    def _changed(self, now: list[Any]) -> bool:
        wanted = self._attributes(self.mode)
        return bool(now[_LFLAG] != wanted[_LFLAG] or now[_IFLAG] != wanted[_IFLAG])

    def _attributes(self, mode: Mode) -> list[Any]:
        attributes = [*self._found]
        attributes[_CC] = [*self._found[_CC]]
        if mode is Mode.HIDDEN:
            attributes[_LFLAG] &= ~termios.ECHO
        if mode >= Mode.QUIET:
            attributes[_LFLAG] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
            attributes[_CC][termios.VMIN] = 1
            attributes[_CC][termios.VTIME] = 0
        if mode >= Mode.RAW:
            attributes[_LFLAG] &= ~termios.ISIG
            attributes[_IFLAG] &= ~(
                termios.IXON | termios.IXOFF | termios.ICRNL | termios.INLCR | termios.IGNCR
            )
        return attributes

    def _set(self, mode: Mode) -> None:
        if not self.foreground:
            return  # another program has the terminal; changing it would only stop this one
        try:
            # At once, not when the output has drained: that may be never.
            termios.tcsetattr(self._fd, termios.TCSANOW, self._attributes(mode))
        except termios.error:
            return  # hung up: there is nothing left to set
