"""Spinners and bars, and the plain lines in their place."""

from __future__ import annotations

import os

import pytest
import trio

from echosvc._terminal.fake import FakeTerminal

from .conftest import Tty


async def test_status_is_plain_lines_where_nothing_moves():
    terminal = FakeTerminal()
    with terminal.status("connecting") as status:
        status.update("connecting")
        status.update("loading")
        terminal.print("data")
    assert terminal.lines == ["connecting", "loading", "data"]


async def test_progress_is_a_line_for_each_tenth():
    terminal = FakeTerminal()
    with terminal.progress("copying", total=200) as progress:
        for _ in range(200):
            progress.advance()
    assert len(terminal.lines) == 10
    assert terminal.lines[0] == "copying: 10% (20/200)"
    assert terminal.lines[-1] == "copying: 100% (200/200)"


async def test_a_spinner_turns_below_what_is_printed_and_disappears(tty: Tty):
    async with tty.open() as terminal:
        terminal.print("before")
        with terminal.status("working [bold]") as status:
            await tty.until("working [bold]")
            terminal.print("meanwhile")
            terminal.log_line("log")
            await tty.until("log\n")
            first = tty.lines[-1]
            assert tty.lines[:-1] == ["before", "meanwhile", "log"]
            await tty.until(lambda: tty.lines[-1] != first)
            status.update("still " + "x" * 100)
            await tty.until("still")
            assert len(tty.lines) == 4
        terminal.print("after")
        await tty.until("after")
        assert tty.lines == ["before", "meanwhile", "log", "after"]


async def test_bars_are_one_below_the_other(tty: Tty):
    async with tty.open() as terminal:
        with terminal.progress("one", total=4) as one, terminal.progress("two"):
            await tty.until("two")
            one.update(completed=2)
            await tty.until("50% (2/4)")
            assert tty.lines[0].startswith("one ━━━━━━━━━━━━━━━━━━━━━━━━ 50% (2/4) 0:0")
            assert tty.lines[1].startswith("two ")
            terminal.print("above")
            await tty.until("above\none")
        await tty.until(lambda: tty.lines == ["above"])


async def test_a_prompt_takes_the_place_of_a_spinner(tty: Tty):
    async with tty.open() as terminal:
        with terminal.status("working"):
            await tty.until("working")
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def type_() -> None:
                    await tty.prompted("name? ")
                    assert "working" not in tty.text
                    tty.type("Bo\r")

                assert await terminal.readline("name? ") == "Bo"
            await tty.until("Bo\n")
            await tty.until("working")
        await tty.until(lambda: tty.lines == ["name? Bo"])


async def test_an_error_in_the_block_takes_the_spinner_away(tty: Tty):
    async with tty.open() as terminal:
        with pytest.raises(LookupError), terminal.status("working"):
            await tty.until("working")
            raise LookupError
        terminal.print("after")
        await tty.until(lambda: tty.lines == ["after"])


async def test_a_picture_changes_below_what_is_printed_and_its_last_state_stays(tty: Tty):
    async with tty.open() as terminal:
        terminal.print("before")
        with terminal.live() as live:
            live.update("one\ntwo")
            await tty.until("one\ntwo")
            terminal.print("meanwhile")
            live.update("three\nfour\nfive")
            await tty.until("three\nfour\nfive")
            assert tty.lines == ["before", "meanwhile", "three", "four", "five"]
            live.update("six")
        terminal.print("after")
        await tty.until(lambda: tty.lines == ["before", "meanwhile", "six", "after"])


async def test_a_picture_is_erased_row_by_row_and_drawn_only_when_it_changes(tty: Tty):
    async with tty.open() as terminal:
        with terminal.live() as live:
            live.update("one\ntwo\nthree")
            await tty.until("one\ntwo\nthree")
            await tty.until(lambda: b"\x1b[?12l" in tty.raw)  # the editor's thread is there, too
            before = len(tty.raw)
            await trio.sleep(0.25)
            assert tty.raw[before:] == b"", "the same picture stands there"
            live.update("four\nfive")
            await tty.until(lambda: tty.lines == ["four", "five"])
        assert b"\x1b[J" not in tty.raw, "at the top of the screen tmux keeps it as history"
        assert b"\r\x1b[2K\x1b[A\x1b[2K\x1b[A\x1b[2Kfour\r\nfive" in tty.raw


async def test_a_spinner_comes_back_with_the_terminal(tty: Tty):
    async with tty.open() as terminal:
        with terminal.status("working"):
            await tty.until("working")
            terminal.give_back()
            await tty.until(lambda: tty.lines == [])
            terminal.take_again()
            terminal.redraw()
            await tty.until("working")
        await tty.until(lambda: tty.lines == [])


async def test_in_the_background_nothing_moves_on_the_shells_screen(
    tty: Tty, monkeypatch: pytest.MonkeyPatch
):
    async with tty.open() as terminal:
        await tty.until(lambda: b"\x1b[?12l" in tty.raw)  # the editor's thread is there, too
        with terminal.status("working"):
            await tty.until("working")
            terminal.give_back()
            monkeypatch.setattr(os, "tcgetpgrp", lambda fd: os.getpgrp() + 1)
            terminal.take_again()
            terminal.redraw()
            terminal.print("a plain line")
            await tty.until("a plain line")
            before = len(tty.raw)
            await trio.sleep(0.25)
            assert tty.raw[before:] == b""
            monkeypatch.undo()
            await tty.until("a plain line\n")
            await tty.until("working")


async def test_a_picture_shows_what_rich_can_render(tty: Tty):
    from rich.table import Table

    table = Table("a", "b")
    table.add_row("[bold]1", "2")
    async with tty.open() as terminal:
        with terminal.live() as live:
            live.update(table)
            await tty.until("│ [bold]1 │ 2 │")


async def test_a_picture_higher_than_the_screen_is_cut(tty: Tty):
    async with tty.open() as terminal:
        with terminal.live() as live:
            live.update("\n".join(f"row {n}" for n in range(100)))
            await tty.until("row 10")
            assert "row 11" not in tty.text
            live.update("small")
            await tty.until(lambda: tty.lines == ["small"])


async def test_where_nothing_moves_only_the_last_state_is_printed():
    terminal = FakeTerminal()
    with pytest.raises(LookupError), terminal.live() as live:
        live.update("one")
        live.update("two")
        assert terminal.lines == []
        raise LookupError
    with terminal.live():
        pass
    assert terminal.lines == ["two"]
