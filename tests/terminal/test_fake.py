"""A terminal in memory."""

from __future__ import annotations

import pytest
import trio
from rich.table import Table
from trio.testing import wait_all_tasks_blocked

from echosvc import errors
from echosvc._runtime.terminal import Terminal
from echosvc._terminal.fake import FakeTerminal


async def _echo(terminal: Terminal) -> None:
    while True:
        terminal.write("\x1b[33m> \x1b[0m")
        line = await terminal.readline()
        if not line:
            break
        terminal.print(f"  {line.upper()}")
    terminal.print("\nGoodbye!")


def test_it_can_be_made_outside_of_trio():
    terminal = FakeTerminal(["--fast"])
    terminal.type_line("x")
    assert terminal.args == ("--fast",)
    assert terminal.screen == ""


async def test_a_conversation():
    terminal = FakeTerminal()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_echo, terminal)
        await terminal.wait_for("> ")
        terminal.type_line("hello [bold]world")
        await terminal.wait_for("HELLO [BOLD]WORLD")
        await terminal.wait_for("> ")
        terminal.end_input()
    assert terminal.lines == ["> hello [bold]world", "  HELLO [BOLD]WORLD", "> ", "Goodbye!"]


async def test_lines_may_be_typed_ahead():
    terminal = FakeTerminal()
    terminal.type_line("one\ntwo")
    terminal.type_line()
    await _echo(terminal)
    assert terminal.screen == "> one\n  ONE\n> two\n  TWO\n> \n\nGoodbye!\n"


async def test_wait_for_goes_on_after_what_it_found():
    terminal = FakeTerminal()
    terminal.print("a a")
    await terminal.wait_for("a")
    await terminal.wait_for("a")
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.wait_for, "a")
            await wait_all_tasks_blocked()
            scope.cancel()
    assert scope.cancelled_caught


async def test_a_cancelled_readline_eats_nothing():
    terminal = FakeTerminal()
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.readline, "? ")
            await wait_all_tasks_blocked()
            scope.cancel()
    terminal.type_line("hello")
    assert await terminal.readline("? ") == "hello"
    assert terminal.screen == "? hello\n"


async def test_read_and_passwords():
    terminal = FakeTerminal()
    terminal.type_line("abc")
    terminal.type_line("secret")
    assert await terminal.read(2) == "ab"
    assert await terminal.read(9) == "c\n"
    assert await terminal.readline("password: ", password=True) == "secret"
    assert "secret" not in terminal.screen
    terminal.end_input()
    assert await terminal.read(1) == ""
    with pytest.raises(errors.Invalid, match="has ended"):
        terminal.type_line("more")


async def test_what_is_printed_after_the_end_of_input_has_a_line_of_its_own():
    terminal = FakeTerminal()
    terminal.end_input()
    assert await terminal.readline("> ") is None
    terminal.print("bye")
    assert terminal.lines == ["> ", "bye"]


async def test_nobody_is_asked_where_nobody_sits():
    terminal = FakeTerminal(interactive=False)
    terminal.type_line("x")
    terminal.end_input()
    assert await terminal.readline("> ") == "x"
    terminal.write("unfinished ")
    assert await terminal.readline("> ") is None
    terminal.print("bye")
    assert terminal.screen == "unfinished bye\n"


def test_renderables_are_rendered_and_strings_are_not():
    terminal = FakeTerminal()
    table = Table("name", "count")
    table.add_row("[bold]", "1")
    terminal.print("[bold]x[/bold]", 3, None)
    terminal.print(table, "[red]after")
    assert terminal.lines[0] == "[bold]x[/bold] 3 None"
    assert any("━" in line for line in terminal.lines)
    assert "[red]after" in terminal.screen
    assert "\x1b" not in terminal.screen


def test_errors_and_logs_are_on_the_same_screen():
    terminal = FakeTerminal()
    terminal.write("> ")
    terminal.eprint("oh")
    terminal.log_line("log")
    assert terminal.screen == "> \noh\n> \nlog\n> "
