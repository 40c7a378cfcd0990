"""A terminal in memory: type on it, read its screen back."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Sequence

import trio

from echosvc import errors
from echosvc._checks import check_flag, check_text, texts_of
from echosvc._runtime.terminal import Completer, Source
from echosvc._terminal.ansi import Escapes
from echosvc._terminal.output import TextOutput
from echosvc._terminal.screen import Screen
from echosvc._terminal.terminal import HostTerminal

__all__ = ["FakeTerminal"]


class FakeTerminal(HostTerminal):
    r"""A `Terminal` with no terminal: for tests of processes that print and read.

    A line that was typed appears on the screen after the prompt that asked for it, once it is read.
    Lines may be typed before anybody reads. Output and errors share the screen, as they do in front
    of a person::

        terminal = FakeTerminal()
        terminal.type_line("hello world")
        ...  # start what reads it
        await terminal.wait_for("HELLO WORLD")
        assert terminal.screen == "> hello world\n  HELLO WORLD\n> "

    Args:
        args: What `args` gives.
        interactive: What `interactive` says; `False` shows no prompts, as for lines from a pipe.
        color: Whether escape codes stay in what is printed.

    Raises:
        Invalid: An argument is of another type.
    """

    def __init__(
        self, args: Sequence[str] = (), *, interactive: bool = True, color: bool = False
    ) -> None:
        given = texts_of("args", args)
        check_flag("interactive", interactive)
        check_flag("color", color)
        self._memory = _Memory()
        out = TextOutput(self._memory)
        escapes = Escapes.ALL if color else Escapes.NONE
        screen = Screen(out, out, out_escapes=escapes, err_escapes=escapes)
        self._typed = _TypedLines(screen, interactive=interactive)
        self._seen = 0
        super().__init__(given, screen, out, self._typed, interactive=interactive, color=color)

    @property
    def screen(self) -> str:
        """Everything on the screen so far, the unfinished line too."""
        return self._memory.getvalue()

    @property
    def lines(self) -> list[str]:
        """The screen line by line."""
        return self.screen.splitlines()

    def type_line(self, line: str = "") -> None:
        """Type a line and Enter. Several lines are typed one after the other.

        Raises:
            Invalid: The input has been ended already, or it is no text.
        """
        check_text("line", line, empty=True)
        for each in line.split("\n"):
            self._typed.type(each)

    def end_input(self) -> None:
        """Press Ctrl-D: once the lines typed before are read, `readline` gives `None`."""
        self._typed.end()

    async def wait_for(self, text: str) -> None:
        """Wait until the screen shows a text, after the text that was waited for before.

        There is no timeout but the caller's own scope. Cancelled, it is as if it had not been
        waited for.

        Raises:
            Invalid: It is no text.
        """
        check_text("text", text)
        await trio.lowlevel.checkpoint()
        while (found := self.screen.find(text, self._seen)) < 0:
            await self._memory.changed.wait()
        self._seen = found + len(text)


class _Memory(io.StringIO):
    """Text that can be waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.changed = trio.Event()

    def flush(self) -> None:
        self.changed.set()
        self.changed = trio.Event()


class _TypedLines:
    """Lines that a test types."""

    kind: Source = "fake"

    def __init__(self, screen: Screen, *, interactive: bool) -> None:
        self._screen = screen
        self._interactive = interactive
        self._text: deque[str] = deque()  # lines with their newlines; the first may be a part
        self._ended = False
        self._more = trio.Event()

    @property
    def ended(self) -> bool:
        return self._ended and not self._text

    def type(self, line: str) -> None:
        if self._ended:
            raise errors.Invalid("the input of this terminal has ended, nothing can be typed")
        self._text.append(f"{line}\n")
        self._wake()

    def end(self) -> None:
        self._ended = True
        self._wake()

    async def readline(
        self, prompt: str, *, completer: Completer | None, password: bool
    ) -> str | None:
        await self._wait(prompt if self._interactive else "")
        if not self._text and self._interactive:
            self._screen.end_input()
            return None
        line = self._text.popleft().removesuffix("\n") if self._text else None
        self._screen.end_read("" if password and line is not None else line, echo=True)
        return line

    async def read(self, n: int) -> str:
        await self._wait("")
        self._screen.end_read(None, echo=False)
        if not self._text:
            return ""
        text = self._text.popleft()
        if text[n:]:
            self._text.appendleft(text[n:])
        return text[:n]

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()

    def restore(self) -> None:
        """Nothing was changed."""

    def give_back(self) -> bool:
        """Nothing was changed."""
        return False

    def take_again(self) -> None:
        """Nothing is to be changed."""

    def redraw(self) -> None:
        """Everything is on the screen."""

    async def _wait(self, prompt: str) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._screen.begin_read(prompt)
        try:
            await trio.lowlevel.checkpoint()
            while not self._text and not self._ended:
                await self._more.wait()
        except BaseException:
            self._screen.cancel_read()
            raise

    def _wake(self) -> None:
        self._more.set()
        self._more = trio.Event()
