"""The editor's thread: when it touches the terminal, and when it never will."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from echosvc._terminal.lines.editor import Editor


class Loading:
    """An import that takes as long as the test wants it to, and a prompt that counts itself."""

    def __init__(self) -> None:
        self.loads = threading.Event()
        self.loaded = threading.Event()
        self.made = 0
        self.closed = 0

    def __call__(self) -> Callable[[], Any]:
        self.loads.set()
        assert self.loaded.wait(10)
        return self.make

    def make(self) -> Any:
        self.made += 1
        return self

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def loading() -> Loading:
    return Loading()


def test_stopped_while_it_loads_it_touches_nothing_and_ends(loading: Loading):
    editor = Editor(loading)
    editor.start()
    assert loading.loads.wait(10)
    assert editor.stop() is False, "there is nothing to wait for"
    loading.loaded.set()
    assert editor.stopped.wait(10)
    assert (loading.made, loading.closed) == (0, 0)


def test_stopped_when_it_has_the_terminal_its_end_is_waited_for(loading: Loading):
    editor = Editor(loading)
    loading.loaded.set()
    editor.start()
    while not loading.made:
        pass
    assert editor.stop() is True
    assert editor.stopped.wait(10)
    assert (loading.made, loading.closed) == (1, 1)
