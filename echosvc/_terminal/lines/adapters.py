"""What prompt_toolkit is given in place of its own keyboard, screen, history and completer."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast

import trio
from prompt_toolkit.completion import CompleteEvent, Completer, Completion, DummyCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.history import History as PromptHistory
from prompt_toolkit.input.vt100 import Vt100Input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.layout.processors import Processor, Transformation, TransformationInput

from echosvc._checks import texts_of
from echosvc._runtime.terminal import Completer as Complete
from echosvc._terminal.history import History
from echosvc._terminal.lines.editor import Request
from echosvc._terminal.modes import TtyModes
from echosvc._terminal.output import Output

__all__ = ["Drawing", "Keyboard", "SharedHistory", "Unseen", "make_completer"]


class Keyboard(Vt100Input):
    """The keyboard, its modes left to `TtyModes`."""

    def __init__(self, fd: int, modes: TtyModes) -> None:
        super().__init__(cast("TextIO", _Descriptor(fd)))
        self._modes = modes

    def read_keys(self) -> list[KeyPress]:
        if self._modes.restored:  # what is there now is somebody else's
            self.stdin_reader.closed = True
            return []
        self._modes.mend()
        keys = super().read_keys()
        if not keys and not self.closed and _hung_up(self.fileno()):
            self.stdin_reader.closed = True
        return keys

    def raw_mode(self) -> Any:
        return contextlib.nullcontext()

    def cooked_mode(self) -> Any:
        return contextlib.nullcontext()

    def typeahead_hash(self) -> str:
        return f"echosvc-{id(self)}"


class _Descriptor:
    encoding = "utf-8"

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return True


class Drawing:
    """An `Output` as the text stream that prompt_toolkit writes to."""

    encoding = "utf-8"

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, text: str) -> int:
        # When the screen has gone, the keyboard says so as its end; drawing has nothing to add.
        with contextlib.suppress(BrokenPipeError):
            self._output.write(text)
        return len(text)

    def flush(self) -> None:
        """Everything is out already."""


class Unseen(Processor):
    """Shows nothing of a password, not even how long it is."""

    def apply_transformation(self, transformation_input: TransformationInput) -> Transformation:
        return Transformation(
            [], source_to_display=lambda column: 0, display_to_source=lambda column: 0
        )


class SharedHistory(PromptHistory):
    def __init__(self, history: History) -> None:
        super().__init__()
        self._history = history

    def load_history_strings(self) -> Iterable[str]:
        return reversed(self._history.lines)

    def append_string(self, string: str) -> None:
        if self._history.add(string):
            self._loaded_strings.insert(0, string)

    def store_string(self, string: str) -> None:
        """`append_string` has."""


class _Completer(Completer):
    """Calls the application's completer where the application runs: in trio's thread."""

    def __init__(
        self, request: Request, complete: Complete, fail: Callable[[Exception], None]
    ) -> None:
        self._request = request
        self._complete = complete
        self._fail = fail

    def get_completions(
        self, document: Document, complete_event: CompleteEvent
    ) -> Iterable[Completion]:
        text = document.text_before_cursor
        word = text.rpartition(" ")[2]
        try:
            found = trio.from_thread.run_sync(
                self._request.context.run,
                lambda: texts_of("what a completer gives", self._complete(text)),
                trio_token=self._request.token,
            )
        except Exception as error:  # noqa: BLE001 # the readline raises it
            self._fail(error)
            return
        for candidate in found:
            if candidate.startswith(word):
                yield Completion(candidate, start_position=-len(word))


def make_completer(request: Request, fail: Callable[[Exception], None]) -> Completer:
    if request.completer is None:
        return DummyCompleter()
    return _Completer(request, request.completer, fail)


def _hung_up(fd: int) -> bool:
    try:
        os.get_terminal_size(fd)
    except OSError:
        return True
    return False
