"""Who owns the last line, and how everything else gets above it."""

from __future__ import annotations

import io
import threading

import pytest

from echosvc._terminal.output import TextOutput
from echosvc._terminal.screen import Screen


class Wide(TextOutput):
    isatty = True


def make(*, erasable: bool = False, same: bool = True) -> tuple[Screen, io.StringIO, io.StringIO]:
    out, err = io.StringIO(), io.StringIO()
    output = Wide(out)
    screen = Screen(output, output if same else TextOutput(err), erasable=erasable)
    return screen, out, err


def test_a_line_read_is_shown_after_its_prompt():
    screen, out, _ = make()
    screen.write("> ")
    screen.begin_read("")
    screen.end_read("hello", echo=True)
    screen.write("  HELLO\n")
    assert out.getvalue() == "> hello\n  HELLO\n"


def test_a_line_read_without_a_prompt_is_not_shown():
    screen, out, _ = make()
    screen.begin_read("")
    screen.end_read("hello", echo=True)
    assert out.getvalue() == ""


def test_readlines_own_prompt_follows_what_was_written():
    screen, out, _ = make()
    screen.write("name")
    screen.begin_read("? ")
    screen.end_read("Bo", echo=True)
    assert out.getvalue() == "name? Bo\n"


def test_text_goes_above_a_prompt_that_cannot_be_erased():
    screen, out, _ = make()
    screen.write("> ")
    screen.begin_read("")
    screen.write("news\n")
    screen.write_err("log\n")
    screen.end_read("hello", echo=True)
    assert out.getvalue() == "> \nnews\n> \nlog\n> hello\n"


def test_text_goes_above_a_prompt_that_can_be_erased():
    screen, out, _ = make(erasable=True)
    screen.write("> ")
    screen.begin_read("")
    screen.write("news\n")
    assert out.getvalue() == "> \r\x1b[2Knews\n> "


def test_erasing_takes_all_rows_of_a_long_line():
    screen, out, _ = make(erasable=True)
    screen.write("x" * 161)
    screen.write_err("log\n")
    up = "\x1b[A\x1b[2K"
    assert out.getvalue() == "x" * 161 + f"\r\x1b[2K{up}{up}log\n" + "x" * 161


def test_half_a_line_of_somebody_else_waits_for_its_end():
    screen, out, _ = make()
    screen.write("> ")
    screen.begin_read("")
    screen.write("load")
    screen.write("ing\nnow")
    screen.end_read("hello", echo=True)
    screen.write(" done\n")
    assert out.getvalue() == "> \nloading\n> hello\nnow done\n"


def test_errors_elsewhere_leave_the_screen_alone():
    screen, out, err = make(same=False)
    screen.write("> ")
    screen.write_err("log\n")
    assert (out.getvalue(), err.getvalue()) == ("> ", "log\n")


def test_the_prompt_of_a_cancelled_read_is_there_once_if_nothing_came_between():
    screen, out, _ = make()
    screen.write("> ")
    for _ in range(3):
        screen.begin_read("")
        screen.cancel_read()
    screen.begin_read("")
    screen.end_read("hello", echo=True)
    assert out.getvalue() == "> hello\n"


def test_the_prompt_of_a_cancelled_read_may_be_written_again():
    screen, out, _ = make()
    for _ in range(3):
        screen.write("> ")
        screen.begin_read("")
        screen.cancel_read()
    assert out.getvalue() == "> "


def test_a_cancelled_prompt_given_to_readline_is_shown_once():
    screen, out, _ = make()
    for _ in range(3):
        screen.begin_read("? ")
        screen.cancel_read()
    assert out.getvalue() == "? "


def test_text_after_a_cancelled_read_has_a_line_to_itself():
    screen, out, _ = make()
    screen.write("> ")
    screen.begin_read("")
    screen.cancel_read()
    screen.write("timeout\n")
    screen.begin_read("")
    screen.end_read("hello", echo=True)
    assert out.getvalue() == "> \ntimeout\n> hello\n"


def test_a_new_prompt_takes_the_place_of_a_cancelled_one():
    screen, out, _ = make(erasable=True)
    screen.write("> ")
    screen.begin_read("")
    screen.cancel_read()
    screen.write("? ")
    screen.begin_read("")
    screen.end_read("hello", echo=True)
    assert out.getvalue() == "> \r\x1b[2K? hello\n"


def test_an_unfinished_line_is_ended_on_a_terminal():
    screen, out, _ = make()
    screen.write("> ")
    screen.finish()
    assert out.getvalue() == "> \n"


def test_an_editor_is_asked_once_to_make_room():
    screen, out, _ = make(erasable=True)
    asked: list[None] = []
    screen.write("\x1b[33m> ")
    assert screen.open_prompt("? ", lambda: asked.append(None)) == "\x1b[33m> ? "
    out.truncate(0)
    screen.write("a\n")
    screen.write_err("b\n")
    assert (asked, out.getvalue()) == ([None], "")
    screen.show_above()
    assert out.getvalue().lstrip("\0") == "a\nb\n"
    screen.write("c\n")
    assert len(asked) == 2
    screen.close_prompt("line")
    assert out.getvalue().lstrip("\0") == "a\nb\nc\n"


@pytest.mark.parametrize(("end", "shown"), [("eof", "> \n"), ("erased", ""), ("line", "")])
def test_what_stands_after_an_editor(end: str, shown: str):
    screen, out, _ = make(erasable=True)
    screen.write("> ")
    screen.open_prompt("", lambda: None)
    before = len(out.getvalue())
    screen.close_prompt(end)
    assert out.getvalue()[before:] == shown
    assert screen.line == ""


@pytest.mark.parametrize("said", ["bye\n", "\nbye\n"])
def test_what_is_printed_after_ctrl_d_has_a_line_of_its_own(said: str):
    screen, out, _ = make()
    screen.write("> ")
    screen.begin_read("")
    screen.end_input()
    assert out.getvalue() == "> \n"
    screen.write(said)
    screen.write("\nmore\n")
    assert out.getvalue() == "> \nbye\n\nmore\n"


def test_ctrl_d_without_a_prompt_needs_no_line():
    screen, out, _ = make()
    screen.begin_read("")
    screen.end_input()
    screen.write("\nbye\n")
    assert out.getvalue() == "\nbye\n"


class Lent(Wide):
    """A terminal that tells what it was held with."""

    def __init__(self, out: io.StringIO) -> None:
        super().__init__(out)
        self.partings: list[str] = []

    def hold(self, parting: str) -> None:
        self.partings.append(parting)


CALM = "\x1b[0m\x1b[?25h\x1b[?2004l"


@pytest.mark.parametrize(
    ("line", "prompt", "parting"),
    [("", False, CALM), ("> ", False, f"{CALM}\r\n"), ("", True, f"{CALM}\r\n")],
)
def test_a_terminal_is_given_back_calm_with_the_cursor_at_the_left(
    line: str, prompt: bool, parting: str
):
    out = Lent(io.StringIO())
    screen = Screen(out, out, erasable=True)
    screen.write(line)
    screen.give_back(prompt=prompt)
    assert out.partings == [parting]


def test_an_unfinished_line_and_live_lines_come_back_with_the_terminal():
    text = io.StringIO()
    out = Lent(text)
    screen = Screen(out, out, erasable=True)
    screen.set_live(["one", "two"])
    screen.give_back()
    assert out.partings == [f"\r\x1b[2K\x1b[A\x1b[2K{CALM}"]
    screen.take_again()
    screen.redraw()
    assert text.getvalue() == "one\ntwo" * 2
    screen.set_live([])
    screen.write("> ")
    before = text.getvalue()
    screen.give_back()
    screen.redraw()
    assert text.getvalue() == before + "> "


def test_giving_back_waits_for_nobody_who_draws_for_long():
    out = Lent(io.StringIO())
    screen = Screen(out, out, erasable=True)
    holds, done = threading.Event(), threading.Event()

    def draw() -> None:
        with screen._lock:
            holds.set()
            done.wait(10)

    thread = threading.Thread(target=draw)
    thread.start()
    holds.wait(10)
    screen.give_back()
    done.set()
    thread.join()
    assert out.partings == [CALM]


def test_what_is_no_terminal_is_never_given_back():
    out = Lent(io.StringIO())
    out.isatty = False
    Screen(out, out).give_back()
    assert out.partings == []
