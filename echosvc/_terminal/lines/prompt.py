"""The prompt itself: prompt_toolkit, taught our terminal. Imported in the editor's thread only."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Final, TextIO, cast

import outcome
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session, get_app, run_in_terminal
from prompt_toolkit.data_structures import Size
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.formatted_text import ANSI
from prompt_toolkit.history import History as PromptHistory
from prompt_toolkit.input.typeahead import get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.shortcuts import CompleteStyle

from echosvc._terminal.history import History
from echosvc._terminal.lines.adapters import (
    Drawing,
    Keyboard,
    SharedHistory,
    Unseen,
    make_completer,
)
from echosvc._terminal.lines.editor import Request, Result
from echosvc._terminal.modes import Mode, TtyModes
from echosvc._terminal.output import Output
from echosvc._terminal.screen import Screen

__all__ = ["Prompt"]

_EOF: Final = object()
_WITHDRAWN: Final = object()
_LEFT: Final = object()
_RESIZE_POLL: Final = 0.2
"""Seconds between looks at the size of the terminal: SIGWINCH goes to the main thread."""
_STOP_DELAY: Final = 0.05
_FOREGROUND_POLL: Final = 0.1
"""Seconds between looks whether a terminal that others had is ours again: nobody tells of it."""


class Prompt:
    """Asks for one line at a time. `withdraw` and `leave` may be called from any thread.

    Args:
        fd: The keyboard.
        output: The screen's terminal.
        screen: The rules of the screen.
        modes: The modes of the keyboard.
        history: The lines typed before.
        color: Whether the prompt may have colours.
        interrupt: What Ctrl-C does.
        environ: The environment, for TERM and COLORTERM.
    """

    def __init__(
        self,
        fd: int,
        output: Output,
        screen: Screen,
        modes: TtyModes,
        history: History,
        *,
        color: bool,
        interrupt: Callable[[], None],
        environ: dict[str, str],
    ) -> None:
        self._screen = screen
        self._modes = modes
        self._interrupt = interrupt
        self._color_depth = _color_depth(color, environ)
        self._input = Keyboard(fd, modes)
        self._output = Vt100_Output(
            cast("TextIO", Drawing(output)),
            lambda: _size(fd, output),
            term=environ.get("TERM"),
            enable_cpr=False,  # answers to it would have to be waited for when leaving
        )
        self._lines: PromptSession[object] = self._session(SharedHistory(history))
        self._passwords: PromptSession[object] | None = None
        self._open: PromptSession[object] | None = None
        self._drafts: dict[bool, Document] = {}
        self._pasted: deque[str] = deque()
        self._leaving = False
        self._interrupted = False
        self._lending = False  # Ctrl-Z was pressed here: the prompt is off the screen for it
        self._drawn = True  # what the terminal was given back with: the prompt drawn on it
        self._loop = asyncio.new_event_loop()

    def ask(self, request: Request) -> Result | None:
        """Ask for a line; `None` if the request was withdrawn or the prompt was left."""
        if self._pasted:
            line = self._pasted.popleft()
            self._screen.show_line(request.prompt, "" if request.password else line)
            if not request.password:
                self._lines.history.append_string(line)
            return outcome.Value(line)
        with create_app_session(input=self._input, output=self._output):
            return self._loop.run_until_complete(self._ask(request))

    def withdraw(self) -> None:
        """Take the open prompt off the screen; what was typed is kept for the next one."""
        self._loop.call_soon_threadsafe(self._exit, _WITHDRAWN)

    def leave(self) -> None:
        """End the open prompt as it stands, for good."""
        self._leaving = True
        self._loop.call_soon_threadsafe(self._exit, _LEFT)

    def give_back(self) -> bool:
        """Take note that the terminal is somebody else's; say whether the prompt is drawn on it.

        May be called from a signal handler.
        """
        self._drawn = not self._lending
        return self._drawn and self._open is not None

    def redraw(self) -> None:
        """Draw the open prompt again, below what others have written. May be called anywhere."""
        drawn, self._drawn = self._drawn, True
        if drawn:
            self._loop.call_soon_threadsafe(self._draw_again)

    def close(self) -> None:
        """Free what the thread has used."""
        self._loop.close()

    async def _ask(self, request: Request) -> Result | None:
        session = self._lines
        if request.password:
            session = self._passwords = self._passwords or self._session(None)
        app = session.app
        app.erase_when_done = False
        self._interrupted = False
        draft = self._drafts.pop(request.password, Document())
        message = self._screen.open_prompt(request.prompt, self._redraw)
        end = "line"
        self._open = session
        try:
            with self._modes.held(Mode.RAW):
                try:
                    result = await session.prompt_async(
                        ANSI(message),
                        default=draft,
                        completer=make_completer(request, self._fail),
                        pre_run=lambda: self._began(session, request),
                        set_exception_handler=False,
                        handle_sigint=False,
                    )
                except EOFError:  # the terminal was hung up
                    result = _EOF
                finally:
                    self._open = None
                    if app.erase_when_done:
                        self._drafts[request.password] = session.default_buffer.document
            if result is _EOF:
                end = "eof"
            elif result is _WITHDRAWN:
                end = "erased"
        finally:
            self._screen.close_prompt(end)
        if result is _EOF:
            self._drafts.clear()
            return outcome.Value(None)
        if result is _WITHDRAWN or result is _LEFT:
            return None
        # A byte that is no UTF-8 came as a surrogate, for the keys that terminals spell so.
        return outcome.Value(
            str(result).encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        )

    def _began(self, session: PromptSession[object], request: Request) -> None:
        """Catch up with what happened before the prompt could hear of it."""
        ahead = get_typeahead(self._input)
        if ahead:
            # Loading the history is a task, and keys typed ahead may well ask for it.
            session.default_buffer.load_history_if_not_yet_loaded()
            self._loop.call_soon(self._feed, session, ahead)
        if request.withdrawn:
            self._exit(_WITHDRAWN)
        elif self._leaving:
            self._exit(_LEFT)
        elif self._screen.waits_above:
            self._make_room()

    def _feed(self, session: PromptSession[object], keys: list[KeyPress]) -> None:
        if _exitable(session):
            session.app.key_processor.feed_multiple(keys)
            session.app.key_processor.process_keys()
        else:
            store_typeahead(self._input, keys)

    def _exit(self, result: object) -> None:
        session = self._open
        if session is not None and _exitable(session):
            if result is _WITHDRAWN and self._interrupted:
                result = _LEFT  # who presses Ctrl-C sees where
            session.app.erase_when_done = result is _WITHDRAWN or result is _EOF
            session.app.exit(result=result)

    def _fail(self, error: Exception) -> None:
        session = self._open
        if session is not None and _exitable(session):
            session.app.exit(exception=error)

    def _redraw(self) -> None:
        self._loop.call_soon_threadsafe(self._make_room)

    def _make_room(self) -> None:
        self._run_in_prompt(self._show_above)

    async def _show_above(self, session: PromptSession[object]) -> None:
        await run_in_terminal(self._screen.show_above)

    def _draw_again(self) -> None:
        self._run_in_prompt(self._show_again)

    async def _show_again(self, session: PromptSession[object]) -> None:
        self._output.write_raw("\r")
        session.app.renderer.reset()  # whatever was drawn, others have written below it since
        await run_in_terminal(self._wait_for_terminal)

    def _run_in_prompt(
        self, job: Callable[[PromptSession[object]], Coroutine[object, object, None]]
    ) -> None:
        session = self._open
        if session is None or not session.app.is_running or session.app.context is None:
            return
        # A prompt that is leaving has drawn its last line; what waits follows below it.
        if _exitable(session):
            # In the prompt's own context: the caller's knows nothing of the prompt.
            session.app.context.copy().run(session.app.create_background_task, job(session))

    def _session(self, history: PromptHistory | None) -> PromptSession[object]:
        session: PromptSession[object] = PromptSession(
            history=history,
            input_processors=[Unseen()] if history is None else [],
            enable_history_search=False,
            complete_while_typing=False,
            complete_style=CompleteStyle.READLINE_LIKE,
            prompt_continuation=lambda width, number, wraps: "" if wraps else " " * width,
            search_ignore_case=True,
            include_default_pygments_style=False,
            key_bindings=self._bindings(),
            color_depth=self._color_depth,
            input=self._input,
            output=self._output,
        )
        session.app.terminal_size_polling_interval = _RESIZE_POLL
        return session

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        at_line = has_focus(DEFAULT_BUFFER)
        has_several_lines = Condition(lambda: "\n" in get_app().current_buffer.text)

        @bindings.add(Keys.ControlC)
        def interrupt(event: KeyPressEvent) -> None:
            # As the kernel does: what was typed ahead is thrown away.
            event.key_processor.empty_queue()
            self._interrupted = True
            self._pasted.clear()
            self._interrupt()

        @bindings.add(Keys.ControlBackslash)
        def quit_(event: KeyPressEvent) -> None:
            run_in_terminal(lambda: self._signal(signal.SIGQUIT))

        @bindings.add(Keys.ControlZ)
        def suspend(event: KeyPressEvent) -> None:
            run_in_terminal(lambda: self._signal(signal.SIGTSTP))

        @bindings.add(Keys.ControlD, filter=at_line)
        def end(event: KeyPressEvent) -> None:
            buffer = event.current_buffer
            if buffer.text:
                buffer.delete(event.arg)
            else:
                self._exit(_EOF)

        @bindings.add(Keys.BracketedPaste, filter=at_line)
        def paste(event: KeyPressEvent) -> None:
            # Nothing is sent by pasting: the lines can be looked at, and Enter sends them.
            text = event.data.replace("\r\n", "\n").replace("\r", "\n")
            event.current_buffer.insert_text(text.rstrip("\n"))

        @bindings.add(Keys.Enter, filter=at_line & has_several_lines)
        def send_lines(event: KeyPressEvent) -> None:
            first, *more = event.current_buffer.text.split("\n")
            self._pasted.extend(more)
            event.current_buffer.document = Document(first)
            event.current_buffer.validate_and_handle()

        return bindings

    def _signal(self, number: signal.Signals) -> None:
        """Do what the kernel does for such a key, with the terminal as it was found."""
        self._lending = True
        try:
            with self._modes.lent():
                os.kill(0, number)
                # The signal is the process's, not this thread's: let it arrive before the terminal
                # is made ours again. Stopped, this thread wakes up only after `fg`.
                time.sleep(_STOP_DELAY)
            self._wait_for_terminal()
        finally:
            self._lending = False

    def _wait_for_terminal(self) -> None:
        """Wait until the terminal is ours: a program in the background neither reads nor draws."""
        while not self._modes.foreground and not self._leaving:
            time.sleep(_FOREGROUND_POLL)
        self._modes.mend()


def _exitable(session: PromptSession[object]) -> bool:
    future = session.app.future
    return future is not None and not future.done()


def _color_depth(color: bool, environ: dict[str, str]) -> ColorDepth:
    if not color:
        return ColorDepth.DEPTH_1_BIT
    if environ.get("COLORTERM") in ("truecolor", "24bit"):
        return ColorDepth.DEPTH_24_BIT
    return ColorDepth.DEPTH_8_BIT


def _size(fd: int, output: Output) -> Size:
    try:
        rows = os.get_terminal_size(fd).lines or 24
    except OSError:
        rows = 24
    return Size(rows=rows, columns=output.columns)
