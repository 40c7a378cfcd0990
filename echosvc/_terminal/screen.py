"""The screen: who owns its last line, and how everything else gets above it whole.

A line that was begun and not finished (`write("> ")`) stands on the screen and is the prompt of the
next `readline`. While that line is waited for, all other text goes above it: an editor takes its
prompt away, lets the text out and draws the prompt again; without an editor the line is erased, or,
where nothing can be erased, broken off and written again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final

from echosvc._terminal.ansi import (
    CALM,
    EscapeFilter,
    Escapes,
    display_width,
    erase_rows,
    prompt_text,
)
from echosvc._terminal.output import Output

__all__ = ["Screen"]

_PATIENCE: Final = 0.2
"""Seconds that giving the terminal back waits for a thread that is drawing at that moment."""


class Screen:
    """What is on standard output and standard error, and the rules between them. Thread-safe.

    Args:
        out: Standard output.
        err: Standard error; the same object as `out` if both lead to the same place.
        out_escapes: Which escape codes may go to `out`.
        err_escapes: The same for `err`.
        erasable: Whether `out` is a screen on which a line can be erased.
    """

    def __init__(
        self,
        out: Output,
        err: Output,
        *,
        out_escapes: Escapes = Escapes.ALL,
        err_escapes: Escapes = Escapes.ALL,
        erasable: bool = False,
    ) -> None:
        self._out = out
        self._err = err
        self._filter_out = EscapeFilter(out_escapes)
        self._filter_err = EscapeFilter(err_escapes)
        self._escapes = out_escapes
        self._erasable = erasable
        self._lock = threading.RLock()
        self._line = ""  # what stands on the screen since the last newline
        self._again = ""  # the prompt of a cancelled readline, for the next one
        self._stale = False  # _line is that prompt, and can't be erased
        self._reading = False  # a readline waits at _line, or an editor has the prompt
        self._pending = ""  # the unfinished line that the open prompt began with
        self._shown = ""  # the same with what readline was given
        self._editor: Callable[[], None] | None = None  # asks the editor to call `show_above`
        self._above: list[str] = []  # whole lines that wait for the editor to make room
        self._err_begun = False  # _line ends with what was written to standard error
        self._live = ""  # lines that are kept below everything else
        self._live_rows = 0  # how many of them are on the screen now
        self._begun = ""  # the unfinished line of somebody who writes while a prompt is open
        self._left = False  # Ctrl-D has been answered with a newline, and nothing followed yet
        self.characters = 0

    @property
    def isatty(self) -> bool:
        """Whether standard output is a terminal."""
        return self._out.isatty

    @property
    def line(self) -> str:
        """What stands on the screen since the last newline."""
        return self._line

    # -- what applications print

    def write(self, text: str) -> None:
        """Write to standard output; while a prompt is open, above it, one whole line at a time."""
        with self._lock:
            text = self._filter_out(text)
            self.characters += len(text)
            if self._reading:
                self._write_above(text)
            else:
                self._put(text)

    def write_err(self, text: str) -> None:
        """Write to standard error, above the last line of the screen; drop it if nobody reads."""
        with self._lock:
            text = self._filter_err(text)
            try:
                if self._err is not self._out:
                    self._err.write(text)
                elif self._reading:
                    self._write_above(text)
                elif self._line and text.endswith("\n") and not self._err_begun:
                    self._put_above(text)
                else:
                    self._err_begun = not text.endswith("\n")
                    self._put(text)
            except OSError:
                return  # what could be said, and where, about standard error being gone?

    # -- a line that is waited for, without an editor

    def begin_read(self, prompt: str) -> None:
        """Show the prompt of a line that comes from a pipe, a file or a plain terminal."""
        with self._lock:
            self._hide_live()
            self._left = False
            self._pending = self._line or self._again
            self._reading = True
            if self._stale:
                self._pending = self._again
                wanted = self._again + prompt
                if wanted == self._line:
                    self._stale = False
                else:
                    self._put(wanted)
            elif self._line:
                self._put(prompt)
            else:
                self._put(self._again + prompt)
            self._again = ""

    def end_read(self, line: str | None, *, echo: bool) -> None:
        """Finish what `begin_read` began; show the line after its prompt if nobody else has."""
        with self._lock:
            self._reading = False
            if line is not None:
                if echo and self._line:
                    self._put(f"{line}\n")
                self._line = ""
            self._put_begun()
            self._show_live()

    def end_input(self) -> None:
        """Finish what `begin_read` began with Ctrl-D: what comes next has a line of its own.

        A program that knows where Ctrl-D leaves the cursor begins with a newline what it prints
        then; that newline is this one.
        """
        with self._lock:
            self._reading = False
            self._leave_line()
            self._put_begun()
            self._show_live()

    def cancel_read(self) -> None:
        """Give up what `begin_read` began; the next read has the same prompt again."""
        with self._lock:
            self._reading = False
            self._again = self._pending
            if self._erasable:
                self._erase()
            else:
                self._stale = bool(self._line)
            self._put_begun()
            self._show_live()

    # -- a prompt that an editor draws (these are called in the editor's thread)

    def open_prompt(self, prompt: str, redraw: Callable[[], None]) -> str:
        """Hand the last line over to an editor.

        Args:
            prompt: What `readline` was given.
            redraw: Makes the editor call `show_above` soon. Called from any thread.

        Returns:
            The text that the editor's line begins with.
        """
        with self._lock:
            self._hide_live()
            self._left = False
            above, newline, prompt = prompt.rpartition("\n")
            self._put(above + newline)
            self._pending = self._line or self._again
            self._again = ""
            self._erase()
            self._reading = True
            self._editor = redraw
            self._shown = self._pending + prompt
            return prompt_text(self._shown)

    @property
    def waits_above(self) -> bool:
        """Whether something waits to be shown above the prompt."""
        return bool(self._above)

    def show_above(self) -> None:
        """Let out what waits to be shown above the prompt. The editor has made room for it."""
        with self._lock:
            text = "".join(self._above)
            self._above.clear()
            if text:
                self._out.write(text)

    def close_prompt(self, end: str) -> None:
        """Take the last line back from the editor.

        Args:
            end: How the editor left it: ``"line"`` drawn to its end, the cursor below it;
                ``"erased"``, for the next prompt to show it again; ``"eof"``, erased, and the
                prompt is to stand there as it was written, with what comes next below it.
        """
        with self._lock:
            self._editor = None
            self._reading = False
            self.show_above()
            if end == "erased":
                self._again = self._pending
            elif end == "eof":
                self._put(self._shown)
                self._leave_line()
            self._put_begun()
            self._show_live()

    def show_line(self, prompt: str, line: str) -> None:
        """Show a line that was pasted along with an earlier one, as if it were typed now."""
        with self._lock:
            if not self._line:
                self._put(self._again)
            self._again = ""
            self._put(f"{prompt}{line}\n")

    def finish(self) -> None:
        """End an unfinished line on a terminal, so that a shell's prompt has a line to itself."""
        with self._lock:
            if self._line and self._out.isatty:
                self._put("\n")

    # -- lines that change while something goes on

    @property
    def erasable(self) -> bool:
        """Whether this is a screen on which lines can change."""
        return self._erasable

    def set_live(self, lines: Sequence[str]) -> None:
        """Keep these lines at the bottom of the screen, in place of those kept there before.

        Everything else is printed above them. They give way to an unfinished line and to a prompt.
        """
        live = "\n".join(lines)
        with self._lock:
            if live == self._live and self._live_rows:
                return  # it stands there
            try:
                off = self._live_off()
                self._live = live
                if text := off + self._live_on():
                    self._out.write(text)
            except OSError:
                return  # a status that nobody sees is no failure

    # -- the terminal given to somebody else for a while

    def give_back(self, *, prompt: bool = False) -> None:
        """Leave the terminal as a shell expects it, and write nothing to it until `take_again`.

        May be called from a signal handler: it waits for no more than a moment.

        Args:
            prompt: Whether an editor's prompt stands in the last line.
        """
        if not self._out.isatty:
            return
        locked = self._lock.acquire(timeout=_PATIENCE)
        try:
            # What still waits to go out comes later, and with it what would have to be erased.
            erase = self._live_off() if locked and not self._out.backlog else ""
            newline = "\r\n" if prompt or self._line else ""
            self._out.hold(erase + (CALM if self._erasable else "") + newline)
        finally:
            if locked:
                self._lock.release()

    def take_again(self) -> None:
        """Let out what was written since `give_back`. May be called from a signal handler."""
        self._out.release()

    def redraw(self) -> None:
        """Show the unfinished line and the live lines again, below what others have written."""
        with self._lock:
            if not self._out.isatty:
                return
            self._live_rows = 0
            line = self._line if self._out.foreground else ""
            self._out.write(line + self._live_on())

    # -- below: with the lock held

    def _live_off(self) -> str:
        """Return what takes the live lines off the screen, and count them as gone."""
        rows, self._live_rows = self._live_rows, 0
        return erase_rows(rows) if rows else ""

    def _live_on(self) -> str:
        """Return the live lines if this is the time to show them, and count them as shown."""
        if not self._live or not self._erasable or self._line or self._reading or self._live_rows:
            return ""
        if not self._out.foreground:
            return ""  # what moves would be all over the shell; plain lines are not
        self._live_rows = self._live.count("\n") + 1
        return EscapeFilter(self._escapes)(self._live)

    def _hide_live(self) -> None:
        if off := self._live_off():
            self._out.write(off)

    def _show_live(self) -> None:
        if on := self._live_on():
            self._out.write(on)

    def _leave_line(self) -> None:
        if self._line:
            self._put("\n")
            self._left = True

    def _put(self, text: str) -> None:
        if self._left and text:
            self._left = False
            text = text.removeprefix("\n")
        if not text:
            return
        if self._stale:
            self._stale = False
            if text == self._line:
                return  # the prompt that still stands there
            text = f"\n{text}"
        # The line counts as written even if writing fails: then nothing comes after it anyway.
        _, newline, tail = text.rpartition("\n")
        self._line = tail if newline else self._line + tail
        if tail:
            self._again = ""
        off = self._live_off()  # one write for all of it: nothing flickers
        self._out.write(off + text + self._live_on())

    def _write_above(self, text: str) -> None:
        whole, newline, self._begun = (self._begun + text).rpartition("\n")
        if not newline:
            return
        if self._editor is None:
            self._put_above(whole + newline)
            return
        self._above.append(whole + newline)
        if len(self._above) == 1:
            self._editor()

    def _put_above(self, text: str) -> None:
        """Write whole lines above the unfinished one."""
        line = self._line
        if not line or self._stale:
            self._put(text)
            return
        if self._erasable:
            self._erase()
            self._put(text + line)
        else:
            self._put(f"\n{text}{line}")

    def _put_begun(self) -> None:
        begun, self._begun = self._begun, ""
        self._put(begun)

    def _erase(self) -> None:
        if self._line and self._erasable:
            rows = max(display_width(self._line) - 1, 0) // self._out.columns
            self._out.write(erase_rows(rows + 1))
        self._line = ""
