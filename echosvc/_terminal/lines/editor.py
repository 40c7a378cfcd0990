"""The thread that has the prompt: requests go in, lines come out, nothing is eaten on the way."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

import outcome
import trio

from echosvc._runtime.terminal import Completer

if TYPE_CHECKING:
    from echosvc._terminal.lines.prompt import Prompt

__all__ = ["Editor", "Request", "Result"]

Result = outcome.Outcome[str | None]


class _State(Enum):
    WAITING = auto()
    ANSWERED = auto()
    WITHDRAWN = auto()


@dataclass(eq=False)
class Request:
    """One `readline`, seen from both sides. Its state changes under the editor's lock only."""

    prompt: str
    completer: Completer | None
    password: bool
    task: trio.lowlevel.Task = field(default_factory=trio.lowlevel.current_task)
    token: trio.lowlevel.TrioToken = field(default_factory=trio.lowlevel.current_trio_token)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    state: _State = _State.WAITING

    @property
    def withdrawn(self) -> bool:
        """Whether nobody waits for this line any more."""
        return self.state is _State.WITHDRAWN


class Editor:
    """Serves one request after the other in a thread of its own.

    A request that is withdrawn has its prompt taken from the screen, and what had been typed is
    there again for the next one. A line that was finished at that very moment is the answer to the
    next request.

    Args:
        load: Imports what draws and edits, touching nothing, and returns what makes it. Called in
            the thread, because it takes a while.
    """

    def __init__(self, load: Callable[[], Callable[[], Prompt]]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._current: Request | None = None
        self._prompt: Prompt | None = None
        self._unclaimed: deque[Result] = deque()
        self._began = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="echosvc prompt", daemon=True)
        self.stopped = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, request: Request) -> None:
        """Queue a request; its task is rescheduled with the result."""
        self._requests.put(request)

    def withdraw(self, request: Request) -> bool:
        """Take a request back; `False` if its answer is on its way already."""
        with self._lock:
            if request.state is _State.ANSWERED:
                return False
            request.state = _State.WITHDRAWN
            if self._current is request and self._prompt is not None:
                self._prompt.withdraw()
        return True

    def give_back(self) -> bool:
        """Take note that the terminal is somebody else's; say whether a prompt is drawn on it.

        May be called from a signal handler.
        """
        prompt = self._prompt  # without the lock: its holder may be what was interrupted
        return prompt is not None and prompt.give_back()

    def redraw(self) -> None:
        """Draw an open prompt again, below what others have written meanwhile."""
        with self._lock:
            if self._prompt is not None:
                self._prompt.redraw()

    def stop(self) -> bool:
        """Leave an open prompt as it stands, and end the thread soon.

        Returns:
            Whether the thread has the terminal in its hands, so that `stopped` has to be waited
            for. If not, it is still loading, and ends without ever touching the terminal.
        """
        with self._lock:
            self._stopping = True
            if self._current is not None and self._prompt is not None:
                self._prompt.leave()
            began = self._began
        self._requests.put(None)
        return began

    def _run(self) -> None:
        prompt: Prompt | None = None
        broken: Exception | None = None
        try:
            try:
                make = self._load()
                with self._lock:
                    if self._stopping:
                        return  # the terminal is somebody else's by now
                    self._began = True
                prompt = make()
            except Exception as error:  # noqa: BLE001 # every readline raises it
                broken = error
            with self._lock:
                self._prompt = prompt
            while (request := self._requests.get()) is not None:
                if prompt is None:
                    assert broken is not None
                    self._answer(request, outcome.Error(broken))
                else:
                    self._serve(prompt, request)
        finally:
            with self._lock:
                self._prompt = None
            if prompt is not None:
                prompt.close()
            self.stopped.set()

    def _serve(self, prompt: Prompt, request: Request) -> None:
        with self._lock:
            if request.withdrawn or self._stopping:
                return
            unclaimed = self._unclaimed.popleft() if self._unclaimed else None
            self._current = request
        try:
            result = prompt.ask(request) if unclaimed is None else unclaimed
        except Exception as error:  # noqa: BLE001 # the readline raises it
            result = outcome.Error(error)
        if result is not None:
            self._answer(request, result)
        else:
            with self._lock:
                self._current = None

    def _answer(self, request: Request, result: Result) -> None:
        with self._lock:
            self._current = None
            if request.withdrawn:
                self._unclaimed.append(result)
                return
            request.state = _State.ANSWERED
        try:
            request.token.run_sync_soon(trio.lowlevel.reschedule, request.task, result)
        except trio.RunFinishedError:
            return  # its task has gone with the run, and so has this terminal
