"""The prompt of a real terminal, seen through a terminal emulator."""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from rich.panel import Panel

from echosvc import io, open_runtime
from echosvc._terminal.open import open_terminal
from echosvc._terminal.terminal import HostTerminal
from echosvc.errors import Invalid

from .conftest import ENVIRON, Tty


class Answers:
    """Reads lines in a task of its own and keeps them."""

    def __init__(self, nursery: trio.Nursery, read: Callable[[], Awaitable[str | None]]) -> None:
        self.got: list[str | None] = []
        self._scope = trio.CancelScope()
        self._read = read
        nursery.start_soon(self._run)

    async def _run(self) -> None:
        with self._scope:
            while True:
                line = await self._read()
                self.got.append(line)
                if line is None:
                    return

    def cancel(self) -> None:
        self._scope.cancel()


def asking(terminal: HostTerminal, prompt: str = "\x1b[33m> \x1b[0m", **options):
    async def ask() -> str | None:
        terminal.write(prompt)
        return await terminal.readline(**options)

    return ask


async def test_the_seeds_screen(tty: Tty):
    async with tty.open() as terminal:
        terminal.print("\x1b[36mEcho Client\x1b[0m")
        terminal.print("\x1b[2mType messages to echo.\x1b[0m\n")
        tty.type("hello world\r")
        terminal.write("\x1b[33m> \x1b[0m")
        line = await terminal.readline()
        assert line == "hello world"
        terminal.print(f"\x1b[32m  {line.upper()}\x1b[0m")
        tty.type("\r")
        terminal.write("\x1b[33m> \x1b[0m")
        assert await terminal.readline() == ""
        terminal.print("\nGoodbye!")
        await tty.until("Goodbye!")
    assert tty.lines == [
        "Echo Client",
        "Type messages to echo.",
        "",
        "> hello world",
        "  HELLO WORLD",
        ">",
        "",
        "Goodbye!",
    ]
    assert tty.screen.buffer[0][0].fg == "cyan"
    assert tty.screen.buffer[3][0].fg == "brown"  # the emulator's yellow
    assert tty.screen.buffer[4][2].fg == "green"
    assert not tty.screen.cursor.hidden


async def test_no_color_prompts_without_colours(tty: Tty):
    async with tty.open(environ=ENVIRON | {"NO_COLOR": "1"}) as terminal:
        assert not terminal.color
        tty.type("x\r")
        await asking(terminal)()
        terminal.print("\x1b[32m  X\x1b[0m")
        await tty.until("  X")
    assert tty.screen.buffer[0][0].fg == "default"
    assert tty.screen.buffer[1][2].fg == "default"


async def test_ctrl_d_on_an_empty_line_is_the_end_and_leaves_the_prompt(tty: Tty):
    async with tty.open() as terminal:
        tty.type("ab\x01\x04\x04\x04")  # in a line, Ctrl-D deletes
        assert await asking(terminal)() is None
        terminal.print("\nGoodbye!")
        tty.type("more\r")
        assert await asking(terminal)() == "more"
        await tty.until("more")
    assert tty.lines == [">", "Goodbye!", "> more"]


async def test_what_is_printed_after_ctrl_d_is_below_the_prompt(tty: Tty):
    async with tty.open() as terminal:
        tty.type("\x04")
        assert await terminal.readline("> ") is None
        await tty.until(lambda: tty.screen.cursor.y == 1)
        assert tty.screen.cursor.x == 0
        terminal.print("bye")
        await tty.until("bye")
    assert tty.lines == [">", "bye"]


async def test_editing(tty: Tty):
    async with tty.open() as terminal:
        tty.type("hello brave world\x1bb\x1b\x7f\x01>\x05!\r")  # word back, delete word, home, end
        assert await asking(terminal)() == ">hello world!"


async def test_wide_and_combining_characters(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("日本語e\u0301x")
        await tty.until(lambda: tty.screen.cursor.x == 2 + 6 + 1 + 1)
        tty.type("\x1b[D\x1b[D\x1b[D\x7f")
        await tty.until(lambda: tty.screen.cursor.x == 2 + 4)
        tty.type("\r\x04")
        await tty.until(lambda: answers.got == ["日本e\u0301x", None])


async def test_a_line_longer_than_the_screen_is_wide(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("x" * 100)
        await tty.until("x" * 42)
        terminal.log_line("log")
        await tty.until(lambda: tty.lines == ["log", "> " + "x" * 58, "x" * 42])
        tty.resize(30, 12)
        terminal.print("resized")
        await tty.until("resized")
        tty.type("\r\x04")
        await tty.until(lambda: None in answers.got)
        assert answers.got[0] == "x" * 100


async def test_what_is_printed_meanwhile_is_above_the_prompt_and_whole(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("hel")
        await tty.until("> hel")
        terminal.log_line("INFO one")
        terminal.print("two\nthree")
        terminal.eprint("four")
        terminal.write("fi")
        await tty.until(lambda: tty.lines == ["INFO one", "two", "three", "four", "> hel"])
        terminal.write("ve\n")
        await trio.to_thread.run_sync(terminal.log_line, "six")
        await tty.until(lambda: tty.lines[-3:] == ["five", "six", "> hel"])
        tty.type("lo\r\x04")
        await tty.until(lambda: None in answers.got)
        assert answers.got == ["hello", None]


async def test_a_flood_of_lines_leaves_the_prompt_whole(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        for i in range(500):
            terminal.log_line(f"line {i}")
            if i % 50 == 0:
                tty.type("x")
                await trio.lowlevel.checkpoint()
        await tty.until("line 499\n> xxxxxxxxxx")
        assert tty.lines == [*(f"line {i}" for i in range(500)), "> xxxxxxxxxx"]
        answers.cancel()


async def test_log_lines_keep_an_unfinished_line_whole(tty: Tty):
    async with tty.open() as terminal:
        terminal.write("x" * 70)  # more than a row
        terminal.log_line("log")
        terminal.print("y")
        await tty.until("y")
    assert tty.lines == ["log", "x" * 60, "x" * 10 + "y"]


async def test_renderables_above_the_prompt(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        terminal.print(Panel("[bold]"))
        terminal.print("[bold]x")
        await tty.until("[bold]x\n>")
        assert tty.lines[0] == "╭" + "─" * 58 + "╮"
        answers.cancel()


async def test_a_cancelled_readline_keeps_what_was_typed(tty: Tty):
    async with tty.open() as terminal:
        for typed, shown in (("he", "> he"), ("ll", "> hell")):
            async with trio.open_nursery() as nursery:
                terminal.write("> ")
                answers = Answers(nursery, terminal.readline)
                await tty.prompted()
                tty.type(typed)
                await tty.until(shown)
                answers.cancel()
            terminal.print("timeout")
            await tty.until(lambda: tty.lines[-1:] == ["timeout"])
        tty.type("\x1b[D\x1b[D\x1b[DE\x05o\r")  # the cursor is where it was
        assert await terminal.readline() == "hEello"
        await tty.until("> hEello")
    assert tty.lines == ["timeout", "timeout", "> hEello"]


async def test_a_readline_is_cancelled_at_once_and_its_line_goes_to_the_next(tty: Tty):
    lines = [f"line {i}" for i in range(40)]
    got: list[str | None] = []
    async with tty.open() as terminal, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def type_() -> None:
            for line in lines:
                tty.type(f"{line}\r")
                await trio.sleep(0.002)

        tries = 0
        while len(got) < len(lines):
            tries += 1
            with trio.move_on_after(0.0005 * (tries % 7)):
                got.append(await terminal.readline("> "))
    assert got == lines


async def test_ctrl_c_is_handed_on_and_the_terminal_is_as_it_was(tty: Tty):
    async with tty.open() as terminal:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(asking(terminal))
                await tty.prompted()
                tty.type("hel\x03lost\r")
                await tty.until(lambda: tty.interrupts == 1)
                scope.cancel()
    await _drained(tty)
    assert tty.lines == ["> hel"]
    assert tty.screen.cursor.x == 0
    assert not tty.screen.cursor.hidden
    assert tty.modes() == tty.found
    assert tty.raw.rfind(b"\x1b[?2004l") > tty.raw.rfind(b"\x1b[?2004h")  # pastes unbracketed


async def test_ctrl_c_that_nobody_minds_leaves_the_prompt_open(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("hel\x03")
        await tty.until(lambda: tty.interrupts == 1)
        tty.type("lo\r\x04")
        await tty.until(lambda: answers.got == ["hello", None])


async def test_ctrl_c_while_searching(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("\x12x\x03")
        await tty.until(lambda: tty.interrupts == 1)
        answers.cancel()


async def test_ctrl_c_is_sigint_by_default(tty: Tty):
    with trio.open_signal_receiver(signal.SIGINT) as signals:
        async with tty.open(on_interrupt=None) as terminal, trio.open_nursery() as nursery:
            answers = Answers(nursery, asking(terminal))
            await tty.prompted()
            tty.type("\x03")
            async for number in signals:
                assert number == signal.SIGINT
                break
            answers.cancel()


async def test_keys_between_prompts_are_not_shown_before_the_next(tty: Tty):
    async with tty.open() as terminal:
        await tty.until(lambda: not tty.echoes)
        assert tty.modes()[3] & termios.ISIG  # Ctrl-C is the kernel's
        terminal.print("working")
        tty.type("one\rtwo\rpart")
        await tty.until("working")
        assert tty.text == "working"
        assert await asking(terminal)() == "one"
        assert await asking(terminal)() == "two"
        tty.type("\r\x04")
        assert await asking(terminal)() == "part"
        assert await asking(terminal)() is None
        await tty.until("> part\n>")
    assert tty.lines == ["working", "> one", "> two", "> part", ">"]
    assert tty.echoes


async def test_pasted_lines_wait_for_enter_and_are_a_line_each(tty: Tty, history: Path):
    async with tty.open(history=history) as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("say \x1b[200~one\r\ntwo\rthree\n\nre\r\n\x1b[201~")
        await tty.until(lambda: tty.lines == ["> say one", "  two", "  three", "", "  re"])
        assert answers.got == [], "pasting alone sends nothing"
        tty.type("st\r")
        await tty.until(lambda: len(answers.got) == 5)
        assert answers.got == ["say one", "two", "three", "", "rest"]
        await tty.until(lambda: tty.lines[-1] == ">")
        answers.cancel()
    assert tty.lines == ["> say one", "> two", "> three", ">", "> rest"]
    assert await trio.Path(history).read_text() == "say one\ntwo\nthree\nrest\n"


async def test_pasted_lines_can_be_edited_and_thrown_away(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("\x1b[200~one\ntwo\x1b[201~\x1b[A!\r")  # up, into the first line
        await tty.until(lambda: len(answers.got) == 2)
        assert answers.got == ["one!", "two"]
        await tty.prompted()
        tty.type("\x1b[200~three\nfour\x1b[201~\x15\x7f\x15ok\r\x04")  # Ctrl-U in each line
        await tty.until(lambda: None in answers.got)
        assert answers.got[2:] == ["ok", None]


async def test_a_paste_within_a_line(tty: Tty):
    async with tty.open() as terminal:
        tty.type("ab\x1b[D\x1b[200~[bold]\x1b[201~\r")
        assert await asking(terminal)() == "a[bold]b"


async def test_a_big_paste(tty: Tty):
    lines = [f"line {i}" for i in range(2000)]
    async with tty.open() as terminal, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def paste() -> None:
            text = "\x1b[200~" + "\r".join(lines) + "\r\x1b[201~\r"
            await tty.prompted()
            await trio.to_thread.run_sync(tty.type, text)

        assert [await terminal.readline("> ") for _ in lines] == lines


async def test_history_within_a_run_and_across_runs(tty: Tty, history: Path):
    async with tty.open(history=history) as terminal:
        tty.type("one\rtwo\rtwo\r\x1b[A\x1b[A\r")
        got = [await asking(terminal)() for _ in range(4)]
        assert got == ["one", "two", "two", "one"]
    async with tty.open(history=history) as terminal:
        tty.type("\x1b[A\x1b[A\r")
        assert await asking(terminal)() == "two"
        tty.type("\x12on\r\r")  # Ctrl-R, then take it
        assert await asking(terminal)() == "one"
    assert await trio.Path(history).read_text() == "one\ntwo\none\ntwo\none\n"


async def test_passwords_are_neither_shown_nor_kept(tty: Tty, history: Path):
    async with tty.open(history=history) as terminal:
        tty.type("secret\r")
        assert await terminal.readline("password: ", password=True) == "secret"
        tty.type("\x1b[Ax\r")
        assert await terminal.readline("> ") == "x"
        await tty.until("> x")
    assert tty.lines == ["password:", "> x"]
    assert "secret" not in tty.text
    assert await trio.Path(history).read_text() == "x\n"


async def test_a_cancelled_password_does_not_appear_in_the_next_prompt(tty: Tty):
    async with tty.open() as terminal:
        async with trio.open_nursery() as nursery:
            ask = asking(terminal, "password: ", password=True)
            answers = Answers(nursery, ask)
            await tty.prompted("password: ")
            tty.type("secret\x0c")  # Ctrl-L draws the screen anew
            await tty.until(lambda: b"\x1b[2J" in tty.raw)
            answers.cancel()
        tty.type("x\r")
        assert await terminal.readline("> ") == "x"


async def test_a_prompt_of_several_lines(tty: Tty):
    async with tty.open() as terminal:
        tty.type("y\r")
        assert await terminal.readline("All of it?\nReally? ") == "y"
        await tty.until("Really? y")
    assert tty.lines == ["All of it?", "Really? y"]


async def test_completion(tty: Tty):
    asked: list[str] = []
    thread = trio.lowlevel.current_trio_token()

    def complete(text: str) -> list[str]:
        assert trio.lowlevel.current_trio_token() is thread
        asked.append(text)
        return ["relay", "relax", "worker"]

    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal, completer=complete))
        await tty.prompted()
        tty.type("stop w\t")
        await tty.until("> stop worker")
        tty.type(" re\t")
        await tty.until("> stop worker rela")
        tty.type("\t")
        await tty.until(lambda: "relax" in tty.text and "relay" in tty.text)
        tty.type("y\r\x04")
        await tty.until(lambda: None in answers.got)
        assert answers.got[0] == "stop worker relay"
        assert asked[0] == "stop w"


async def test_a_completer_that_fails_fails_the_readline(tty: Tty):
    def complete(text: str) -> list[str]:
        raise LookupError(text)

    async with tty.open() as terminal:
        tty.type("a\t")
        with pytest.raises(LookupError, match="a"):
            await terminal.readline("> ", completer=complete)
        tty.type("b\r")
        assert await terminal.readline("> ") == "b"


@pytest.mark.parametrize(
    ("found", "words"),
    [([5], "expected str, got int"), ("relay", "expected a list of str, got str")],
)
async def test_a_completer_that_gives_no_words_fails_the_readline(tty: Tty, found: Any, words: str):
    async with tty.open() as terminal:
        tty.type("a\t")
        with pytest.raises(Invalid, match=f"what a completer gives: {words}"):
            await terminal.readline("> ", completer=lambda line: found)
        tty.type("b\r")
        assert await terminal.readline("> ") == "b"


async def test_a_list_of_words_is_a_completer(tty: Tty):
    async def main() -> str | None:
        return await io.readline("> ", completer=["relay", "worker"])

    async with tty.open() as terminal, open_runtime() as runtime:
        await runtime.start_host("app:terminal", terminal=terminal)
        tty.type("stop w\t\r")
        assert await runtime.run(main, "app:terminal") == "stop worker"


async def test_read_takes_parts_of_a_line(tty: Tty):
    async with tty.open() as terminal:
        tty.type("hello\rmore\r")
        assert await terminal.read(2) == "he"
        assert await terminal.read(3) == "llo"
        assert await terminal.read(3) == "\n"
        assert await terminal.read(1) == "m"
        assert await terminal.readline() == "ore"
        tty.type("\x04")
        assert await terminal.read(1) == ""


async def test_bytes_that_are_no_text(tty: Tty):
    async with tty.open() as terminal:
        tty.type(b"a\xffb\r")
        assert await terminal.readline() == "a\ufffdb"


async def test_leaving_with_a_prompt_open_gives_the_terminal_back(tty: Tty):
    async with trio.open_nursery() as nursery:
        async with tty.open() as terminal:
            nursery.start_soon(asking(terminal))
            await tty.prompted()
            tty.type("hel")
            await tty.until("> hel")
        assert tty.modes() == tty.found
        nursery.cancel_scope.cancel()


async def test_leaving_before_the_editor_has_started(tty: Tty):
    async with tty.open() as terminal:
        terminal.write("> ")
    assert tty.modes() == tty.found


async def test_nothing_of_it_is_written_once_the_terminal_was_given_back(
    tty: Tty, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    loads, go_on = threading.Event(), threading.Event()
    module = "echosvc._terminal.lines.prompt"

    class Slow:
        """Makes the import of what the editor draws with take as long as it takes to end."""

        def find_spec(self, name: str, *_: object) -> None:
            if name == module:
                loads.set()
                go_on.wait(10)

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Slow(), *sys.meta_path])
    async with open_terminal(stdin=tty.slave, stdout=tty.slave, stderr=tty.slave, environ=ENVIRON):
        await trio.to_thread.run_sync(loads.wait, 10)
    keep = os.dup(tty.slave)
    os.close(tty.slave)
    file = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    assert file == tty.slave, "the file has the terminal's number"
    go_on.set()
    for thread in threading.enumerate():
        if thread.name.startswith("echosvc"):
            await trio.to_thread.run_sync(thread.join)
    assert (tmp_path / "file").read_bytes() == b""
    os.dup2(keep, tty.slave)
    os.close(keep)


async def test_what_is_typed_once_the_terminal_was_given_back_is_the_next_programs(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        terminal.restore()
        tty.type("next\n")
        await tty.until(lambda: answers.got == [None])
    assert os.read(tty.slave, 100) == b"next\n"


async def test_given_back_at_a_prompt_it_is_taken_again_with_what_was_typed(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        tty.type("half")
        await tty.until("> half")
        terminal.give_back()
        await _settled(tty)
        assert tty.modes() == tty.found
        assert tty.raw.endswith(b"\x1b[0m\x1b[?25h\x1b[?2004l\r\r\n")
        before = len(tty.raw)
        terminal.print("meanwhile")
        terminal.log_line("a log line")
        await _settled(tty)
        assert tty.raw[before:] == b"", "it is the shell's now"
        os.write(tty.slave, b"$ fg\r\n")
        terminal.take_again()
        terminal.redraw()
        await tty.prompted()
        await tty.until("a log line\n> half")
        assert tty.lines == ["> half", "$ fg", "meanwhile", "a log line", "> half"]
        assert tty.raw.rfind(b"\x1b[?2004h") > before
        tty.type(" done\r\x04")
        await tty.until(lambda: answers.got == ["half done", None])


async def test_a_terminal_that_is_given_back_can_be_closed(tty: Tty):
    async with tty.open() as terminal:
        terminal.give_back()
        terminal.print("last words")
    await _drained(tty)
    assert tty.lines == ["last words"]
    assert tty.modes() == tty.found


async def test_given_back_between_prompts_it_is_quiet_again_afterwards(tty: Tty):
    async with tty.open() as terminal:
        await tty.until(lambda: not tty.echoes)
        terminal.write("working ")
        terminal.give_back()
        terminal.give_back()
        assert tty.modes() == tty.found
        terminal.take_again()
        terminal.redraw()
        assert not tty.echoes
        terminal.take_again()
        terminal.print("done")
        await tty.until("working done")
    assert tty.lines == ["working", "working done"]


async def test_a_prompt_that_opens_while_the_terminal_is_given_back_waits_for_it(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        tty.type("first\r")
        assert await asking(terminal)() == "first"  # the editor's thread is there
        await _settled(tty)
        terminal.give_back()
        await _settled(tty)
        before = len(tty.raw)
        answers = Answers(nursery, asking(terminal))
        await _settled(tty)
        assert tty.raw[before:] == b""
        assert tty.modes() == tty.found
        terminal.take_again()
        terminal.redraw()
        await tty.prompted()
        tty.type("second\r\x04")
        await tty.until(lambda: answers.got == ["second", None])


async def test_restore_is_for_a_program_that_ends_here(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        terminal.restore()
        assert tty.modes() == tty.found
        answers.cancel()
    assert tty.modes() == tty.found


async def test_modes_that_a_shell_changed_are_mended_by_the_next_key(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        termios.tcsetattr(tty.slave, termios.TCSANOW, tty.found)
        tty.type("a\n")
        await tty.until(lambda: answers.got == ["a"])
        assert not tty.echoes
        answers.cancel()


async def test_a_terminal_that_hangs_up_ends_the_input(tty: Tty):
    master, tty.master = tty.master, os.dup(tty.slave)
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        got: list[str | None] = []

        @nursery.start_soon
        async def read() -> None:
            got.append(await terminal.readline())

        await tty.until(lambda: not tty.modes()[3] & termios.ISIG)
        os.close(master)
        await tty.until(lambda: got == [None])


async def test_an_idle_prompt_writes_nothing(tty: Tty):
    async with tty.open() as terminal, trio.open_nursery() as nursery:
        answers = Answers(nursery, asking(terminal))
        await tty.prompted()
        await trio.sleep(0.05)
        before = tty.raw
        await trio.sleep(0.25)
        assert tty.raw == before
        answers.cancel()


async def test_a_cancelled_scope_reads_nothing(tty: Tty):
    async with tty.open() as terminal:
        tty.type("x\r")
        with trio.CancelScope() as scope:
            scope.cancel()
            await terminal.readline()
        assert scope.cancelled_caught
        assert await terminal.readline() == "x"
        assert terminal.statistics().lines_read == 1


async def _drained(tty: Tty) -> None:
    """Feed what is still under way to the emulator."""
    while True:
        with trio.move_on_after(0.02) as scope:
            await trio.lowlevel.wait_readable(tty.master)
        if scope.cancelled_caught:
            return
        tty.feed(os.read(tty.master, 65536))


async def _settled(tty: Tty) -> None:
    """Wait until nothing more comes, while the terminal is open."""
    before = -1
    while len(tty.raw) != before:
        before = len(tty.raw)
        await trio.sleep(0.05)
