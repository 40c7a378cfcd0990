from __future__ import annotations

from trio.testing import MockClock

from tests.applications.helpers import piped, screen_of


async def test_everybody_is_greeted_by_a_process_of_their_own(autojump_clock: MockClock) -> None:
    screen = await screen_of("hello_world", "app:hello", "Ann", "Bob")
    assert screen == (
        "Hello, Ann! This is {app:processes|0x00002}.\n"
        "Hello, Bob! This is {app:processes|0x00003}.\n"
    )


def test_from_a_command_line_it_greets_the_world() -> None:
    done = piped("hello_world", "hello")
    assert done.stdout == "Hello, world! This is {app:processes|0x00002}.\n"
    assert (done.stderr, done.returncode) == ("", 0)
