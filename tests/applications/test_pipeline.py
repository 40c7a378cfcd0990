from __future__ import annotations

from collections import Counter

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import errors
from echosvc.testing import Faults, open_app
from tests.applications.helpers import MANIFESTS, piped, screen_of


async def test_words_are_counted_and_the_most_frequent_shown(autojump_clock: MockClock) -> None:
    lines = ["the cat and the dog", "The CAT sat", "and sat"]
    screen = await screen_of("pipeline", "app:words", "3", lines=lines)
    assert screen == "     3 the\n     2 and\n     2 cat\n"


async def test_much_input_passes_through_small_mailboxes(autojump_clock: MockClock) -> None:
    words = [f"w{n % 7}" for n in range(3000)]
    lines = [" ".join(words[n : n + 10]) for n in range(0, 3000, 10)]
    async with open_app(MANIFESTS / "pipeline", "app:words", args=["7"], lines=lines) as app:
        await app.result()
    counted = Counter(words)
    assert app.terminal.lines == [
        f"{times:6} {word}"
        for word, times in sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    ]


async def test_the_stages_fail_together(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "pipeline", "app:words") as app:
        await wait_all_tasks_blocked()
        with Faults(app.runtime) as faults:
            faults.crash("{app:processes|0x00002}")  # the counter
            with pytest.raises(errors.LinkDown):
                await app.result()
        await wait_all_tasks_blocked()
        assert app.runtime.list() == ()


async def test_a_cancel_ends_the_reading_at_once(autojump_clock: MockClock) -> None:
    async with open_app(MANIFESTS / "pipeline", "app:words") as app:
        app.terminal.type_line("one line")
        await wait_all_tasks_blocked()
        assert await app.stop() == 0


def test_a_pipe_goes_in_and_the_words_come_out() -> None:
    done = piped("pipeline", "words", "2", stdin="b a\nb\n" * 1000)
    assert done.stdout == "  2000 b\n  1000 a\n"
    assert (done.stderr, done.returncode) == ("", 0)
