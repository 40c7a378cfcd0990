"""A spinner, a bar or a picture at the bottom of the screen; plain lines where nothing can move."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol

import trio

from echosvc._checks import check_finite, check_text
from echosvc._terminal.ansi import display_width
from echosvc._terminal.output import Output
from echosvc._terminal.render import render
from echosvc._terminal.screen import Screen

__all__ = ["LiveLines", "Picture", "Progress", "Status"]

_FRAME: Final = 0.1
"""Seconds between two pictures of a spinner."""
_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_BAR: Final = 24
_STEPS: Final = 10
"""How many plain lines a whole progress makes."""


class _Item(Protocol):
    def rows(self, frame: int) -> Sequence[str]: ...


class LiveLines:
    """What is shown below everything else while something goes on.

    On a screen the lines are drawn again ten times a second, by a task of the run's own, and
    disappear at the end. Elsewhere (a pipe, a file, ``TERM=dumb``) plain lines go to standard
    error. Must be used inside trio.
    """

    def __init__(self, screen: Screen, out: Output) -> None:
        self._screen = screen
        self._out = out
        self._items: list[_Item] = []
        self._frame = 0
        self._ticking = False

    @property
    def moves(self) -> bool:
        """Whether there is a screen to move on."""
        return self._screen.erasable

    @contextmanager
    def shown(self, item: _Item) -> Generator[None]:
        """Show an item for a block."""
        self._items.append(item)
        if self.moves and not self._ticking:
            self._ticking = True
            trio.lowlevel.spawn_system_task(self._tick, name="echosvc live lines")
        self.draw()
        try:
            yield
        finally:
            self._items.remove(item)
            self.draw()

    def draw(self) -> None:
        """Draw the lines as they are now."""
        if self.moves:
            width = self._out.columns - 1
            rows = [_cut(row, width) for item in self._items for row in item.rows(self._frame)]
            # What is higher than the screen could not be taken away again.
            self._screen.set_live(rows[: self._out.rows - 1])

    def render(self, objects: Sequence[object]) -> list[str]:
        """Turn what `print` takes into rows that fit."""
        return render(objects, sep=" ", end="", width=self._out.columns - 1).splitlines()

    def say(self, text: str) -> None:
        """Write a plain line, where nothing moves."""
        if not self.moves:
            self._screen.write_err(f"{text}\n")

    async def _tick(self) -> None:
        try:
            while self._items:
                self._frame += 1
                self.draw()
                await trio.sleep(_FRAME)
        finally:
            self._ticking = False


class Status:
    """Something goes on, and nobody knows for how long. `HostTerminal.status` makes it."""

    def __init__(self, live: LiveLines, text: str) -> None:
        self._live = live
        self._text = text

    def update(self, text: str) -> None:
        """Say what goes on now.

        Raises:
            Invalid: It is no text.
        """
        check_text("text", text, empty=True)
        if text != self._text:
            self._text = text
            self._live.say(text)
            self._live.draw()

    def rows(self, frame: int) -> list[str]:
        """Draw the line as it is now."""
        return [f"\x1b[36m{_SPINNER[frame % len(_SPINNER)]}\x1b[0m {self._text}"]


class Picture:
    """Whatever `print` could print, and can change. `HostTerminal.live` makes it."""

    def __init__(self, live: LiveLines) -> None:
        self._live = live
        self._rows: list[str] | None = []
        self.objects: tuple[object, ...] = ()

    def update(self, *objects: object) -> None:
        """Show this now. Cheap: the screen follows at its own pace."""
        self.objects = objects
        self._rows = None

    def rows(self, frame: int) -> list[str]:
        """Draw the lines as they are now."""
        if self._rows is None:
            self._rows = self._live.render(self.objects)
        return self._rows


class Progress:
    """Something goes on, and this much of it is done. `HostTerminal.progress` makes it."""

    def __init__(self, live: LiveLines, description: str, total: float | None) -> None:
        self._live = live
        self.description = description
        self.total = total
        self.completed = 0.0
        self._started = trio.current_time()
        self._drawn = self._started
        self._said = 0

    def advance(self, by: float = 1) -> None:
        """Count so much more as done.

        Raises:
            Invalid: It is no number.
        """
        check_finite("by", by)
        self.update(completed=self.completed + by)

    def update(
        self,
        *,
        completed: float | None = None,
        total: float | None = None,
        description: str | None = None,
    ) -> None:
        """Change what is given. Cheap: the screen follows at its own pace.

        Raises:
            Invalid: A number or a text is none; then nothing has changed.
        """
        if completed is not None:
            check_finite("completed", completed)
        if total is not None:
            check_finite("total", total, least=0)
        if description is not None:
            check_text("description", description, empty=True)
        self.completed = self.completed if completed is None else completed
        self.total = self.total if total is None else total
        self.description = self.description if description is None else description
        step = int(self._done * _STEPS)
        if step > self._said:
            self._said = step
            self._live.say(f"{self.description}: {self._numbers}")
        now = trio.current_time()
        if now - self._drawn >= _FRAME:
            self._drawn = now
            self._live.draw()

    @property
    def _done(self) -> float:
        return min(max(self.completed / self.total, 0.0), 1.0) if self.total else 0.0

    @property
    def _numbers(self) -> str:
        if not self.total:
            return f"{self.completed:g}"
        return f"{self._done:.0%} ({self.completed:g}/{self.total:g})"

    def rows(self, frame: int) -> list[str]:
        """Draw the line as it is now."""
        seconds = int(trio.current_time() - self._started)
        clock = f"{seconds // 60}:{seconds % 60:02}"
        if not self.total:
            spinner = _SPINNER[frame % len(_SPINNER)]
            return [f"{self.description} \x1b[36m{spinner}\x1b[0m {self._numbers} {clock}"]
        full = int(self._done * _BAR)
        bar = f"\x1b[32m{'━' * full}\x1b[90m{'━' * (_BAR - full)}\x1b[0m"
        return [f"{self.description} {bar} {self._numbers} {clock}"]


def _cut(text: str, width: int) -> str:
    """Make a line of it that fits in one row; one that doesn't loses its colours with its end."""
    text = " ".join(text.splitlines())
    if display_width(text) <= width:
        return text
    from rich.cells import set_cell_size
    from rich.text import Text

    return set_cell_size(Text.from_ansi(text).plain, width)
