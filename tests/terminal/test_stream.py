"""Lines from pipes, files, plain terminals and nothing."""

from __future__ import annotations

import io
import os
import stat
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from echosvc import errors
from echosvc._terminal.open import open_terminal

from .conftest import ENVIRON, Tty


class Piped:
    """A terminal whose input is a pipe, and whose output is kept."""

    def __init__(self) -> None:
        self.read, self.write = os.pipe()
        self.out, self.err = io.StringIO(), io.StringIO()

    def send(self, data: str | bytes) -> None:
        os.write(self.write, data.encode() if isinstance(data, str) else data)

    def end(self) -> None:
        os.close(self.write)
        self.write = -1

    @asynccontextmanager
    async def open(self, **options):
        options = {"stdin": self.read, "stdout": self.out, "stderr": self.err} | options
        async with open_terminal(environ={}, **options) as terminal:
            yield terminal

    def close(self) -> None:
        for fd in (self.read, self.write):
            if fd >= 0:
                os.close(fd)


@pytest.fixture
def piped():
    piped = Piped()
    yield piped
    piped.close()


async def _lines(terminal) -> list[str]:
    lines = []
    while (line := await terminal.readline()) is not None:
        lines.append(line)
    return lines


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"", []),
        (b"a\nb\n", ["a", "b"]),
        (b"a\nlast without newline", ["a", "last without newline"]),
        (b"\n\n", ["", ""]),
        (b"dos\r\nlast\r\n", ["dos", "last"]),
        (b"a\rb\n", ["a\rb"]),
        (b"bad \xff\xfe byte\n", ["bad \ufffd\ufffd byte"]),
        ("cut ü".encode()[:-1], ["cut \ufffd"]),
        (b"\xef\xbb\xbfmark\n", ["mark"]),
        (b"[bold]x\n", ["[bold]x"]),
        ("Юлия 日本 e\u0301\n".encode(), ["Юлия 日本 e\u0301"]),
    ],
)
async def test_lines_of_a_pipe(piped: Piped, data: bytes, lines: list[str]):
    piped.send(data)
    piped.end()
    async with piped.open() as terminal:
        assert await _lines(terminal) == lines
        assert await terminal.readline() is None
        assert terminal.statistics().lines_read == len(lines)
        assert terminal.statistics().input_ended


async def test_a_huge_line(piped: Piped):
    huge = "x" * 5_000_000
    async with trio.open_nursery() as nursery, piped.open() as terminal:

        async def feed() -> None:
            await trio.to_thread.run_sync(_write_all, piped.write, f"{huge}\nend\n".encode())

        nursery.start_soon(feed)
        assert await terminal.readline() == huge
        assert await terminal.readline() == "end"


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]


async def test_a_character_in_two_writes_is_one(piped: Piped):
    async with piped.open() as terminal, trio.open_nursery() as nursery:
        piped.send("ü".encode()[:1])

        @nursery.start_soon
        async def rest() -> None:
            await wait_all_tasks_blocked()
            piped.send("ü".encode()[1:] + b"\n")

        assert await terminal.readline() == "ü"


async def test_the_descriptor_stays_blocking(piped: Piped):
    piped.send("a\n")
    async with piped.open() as terminal:
        await terminal.readline()
        assert os.get_blocking(piped.read)


async def test_a_transcript_reads_like_a_screen(piped: Piped):
    piped.send("hello world\nЮлия")
    piped.end()
    async with piped.open() as terminal:
        while True:
            terminal.write("\x1b[33m> \x1b[0m")
            line = await terminal.readline()
            if line is None:
                break
            terminal.print(f"\x1b[32m  {line.upper()}\x1b[0m")
        terminal.print("\nGoodbye!")
    assert piped.out.getvalue() == ("> hello world\n  HELLO WORLD\n> Юлия\n  ЮЛИЯ\n> \nGoodbye!\n")


async def test_forced_colours_go_into_a_pipe(piped: Piped):
    async with piped.open(color="always") as terminal:
        terminal.print("\x1b[36mx\x1b[0m")
    assert piped.out.getvalue() == "\x1b[36mx\x1b[0m\n"


async def test_a_cancelled_readline_eats_nothing(piped: Piped):
    async with piped.open() as terminal:
        piped.send("he")
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(terminal.readline)
                await wait_all_tasks_blocked()
                scope.cancel()
        piped.send("llo\nworld\n")
        assert await terminal.readline() == "hello"
        with trio.CancelScope() as scope:
            scope.cancel()
            await terminal.readline()
        assert scope.cancelled_caught
        assert await terminal.readline() == "world"


async def test_two_readers_at_once_are_refused(piped: Piped):
    async with piped.open() as terminal, trio.open_nursery() as nursery:
        nursery.start_soon(terminal.readline)
        await wait_all_tasks_blocked()
        assert terminal.statistics().reading
        with pytest.raises(errors.Conflict, match="another task is reading"):
            await terminal.readline()
        piped.end()


async def test_read_takes_characters_and_leaves_the_rest(piped: Piped):
    piped.send("añb\nrest\nlast")
    piped.end()
    async with piped.open() as terminal:
        assert await terminal.read(2) == "añ"
        assert await terminal.read(10) == "b\n"
        assert await terminal.read(1) == "r"
        assert await terminal.readline() == "est"
        assert await terminal.read(100) == "last"
        assert await terminal.read(100) == ""
        with pytest.raises(errors.Invalid, match="cannot read 0 characters"):
            await terminal.read(0)


async def test_reading_always_lets_others_run(piped: Piped):
    piped.send("a\nb\n")
    async with piped.open() as terminal:
        with trio.testing.assert_checkpoints():
            await terminal.readline()
        with trio.testing.assert_checkpoints():
            await terminal.readline()
        piped.end()
        for _ in range(2):
            with trio.testing.assert_checkpoints():
                await terminal.readline()


async def test_a_password_is_not_shown(piped: Piped):
    piped.send("secret\n")
    async with piped.open() as terminal:
        assert await terminal.readline("password: ", password=True) == "secret"
        terminal.print("thanks")
    assert piped.out.getvalue() == "thanks\n"


async def test_a_pipe_is_asked_nothing(piped: Piped):
    piped.send("Bo\n42\n")
    async with piped.open() as terminal:
        assert await terminal.readline("name? ") == "Bo"
        terminal.write("Age")  # what is written is data, and the line completes it
        assert await terminal.readline("? ") == "42"
        terminal.print("thanks")
    assert piped.out.getvalue() == "Age42\nthanks\n"


async def test_a_closed_terminal_prints_nothing_more(piped: Piped):
    async with piped.open() as terminal:
        terminal.print("before")
    with pytest.raises(BrokenPipeError, match="this output was closed"):
        terminal.print("after")
    terminal.eprint("nor here")
    terminal.log_line("nor here")
    assert (piped.out.getvalue(), piped.err.getvalue()) == ("before\n", "")


async def test_a_regular_file(tmp_path: Path):
    path = tmp_path / "in.txt"
    path.write_text("one\ntwo")
    out = io.StringIO()
    with path.open() as stdin:
        async with open_terminal(stdin=stdin, stdout=out, stderr=out, environ={}) as terminal:
            assert await _lines(terminal) == ["one", "two"]
            assert terminal.statistics().source == "file"
            assert not terminal.interactive


async def test_dev_null():
    fd = os.open(os.devnull, os.O_RDONLY)
    async with open_terminal(stdin=fd, stdout=io.StringIO()) as terminal:
        assert await terminal.readline() is None
        assert await terminal.read(5) == ""
    os.close(fd)


async def test_a_closed_stdin_has_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", None)
    async with open_terminal(stdout=io.StringIO()) as terminal:
        assert terminal.statistics().source == "closed"
        with trio.testing.assert_checkpoints():
            assert await terminal.readline() is None
        with trio.testing.assert_checkpoints():
            assert await terminal.read(5) == ""


async def test_a_descriptor_closed_below_its_file_has_ended(tmp_path: Path):
    read, write = os.pipe()
    os.close(write)
    os.close(read)
    async with open_terminal(stdin=read, stdout=io.StringIO()) as terminal:
        assert await terminal.readline() is None


async def test_a_folder_as_input_is_refused(tmp_path: Path):
    fd = os.open(tmp_path, os.O_RDONLY)
    assert stat.S_ISDIR(os.fstat(fd).st_mode)
    with pytest.raises(errors.Invalid, match="standard input is a folder"):
        async with open_terminal(stdin=fd, stdout=io.StringIO()):
            pass
    os.close(fd)


async def test_an_input_that_cannot_be_read_says_why(tmp_path: Path):
    fd = os.open(tmp_path / "f", os.O_WRONLY | os.O_CREAT)
    async with open_terminal(stdin=fd, stdout=io.StringIO()) as terminal:
        with pytest.raises(errors.Unavailable, match="cannot read standard input: Bad file"):
            await terminal.readline()
    os.close(fd)


async def test_output_that_nobody_reads_any_more_is_a_broken_pipe(piped: Piped):
    read, write = os.pipe()
    os.close(read)
    async with piped.open(stdout=write, stderr=write) as terminal:
        with pytest.raises(BrokenPipeError):
            terminal.print("x")
        terminal.eprint("nobody hears")
        terminal.log_line("nor this")
    os.close(write)


async def test_leaving_waits_for_a_slow_reader(piped: Piped):
    read, write = os.pipe()
    text = "x" * 500_000
    async with trio.open_nursery() as nursery:

        async def open_and_print() -> None:
            async with piped.open(stdout=write) as terminal:
                terminal.print(text)
                assert terminal.statistics().backlog > 0
            os.close(write)

        nursery.start_soon(open_and_print)
        async with await trio.open_file(read) as stream:
            assert await stream.read() == f"{text}\n"


async def test_errors_and_output_in_one_place_keep_their_order(tmp_path: Path, piped: Piped):
    with (tmp_path / "both").open("w") as both:
        async with piped.open(stdout=both, stderr=both) as terminal:
            terminal.print("out")
            terminal.eprint("err")
            terminal.write("> ")
            terminal.log_line("log")
    assert (tmp_path / "both").read_text() == "out\nerr\n> \nlog\n> "


async def test_a_dumb_terminal_is_read_plainly(tty: Tty):
    async with tty.open(environ={"TERM": "dumb"}) as terminal:
        assert terminal.interactive
        assert terminal.statistics().source == "cooked"
        terminal.write("\x1b[33m> \x1b[0m")
        tty.type("hello\n")
        assert await terminal.readline() == "hello"
        terminal.print("  HELLO")
        await tty.until("HELLO")
        assert tty.lines == ["> hello", "  HELLO"]
        tty.type("a\x04b\x04\x04")  # Ctrl-D in a line only passes on what is there
        assert await terminal.readline() == "ab"
        tty.type("\x04")
        assert await terminal.readline("> ") is None
        terminal.print("bye")
        tty.type("again\n")
        assert await terminal.readline() == "again"
        await tty.until("bye\nagain")
        assert "> \r\nbye" in tty.raw.decode()
        assert b"\x1b" not in tty.raw


async def test_a_password_on_a_dumb_terminal_is_not_echoed(tty: Tty):
    async with tty.open(environ={"TERM": "dumb"}) as terminal, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def type_() -> None:
            await tty.until(lambda: not tty.echoes)
            tty.type("secret\n")

        assert await terminal.readline("password: ", password=True) == "secret"
        assert tty.echoes
        terminal.print("thanks")
        await tty.until("thanks")
        assert tty.lines == ["password:", "thanks"]


async def test_a_terminal_given_back_while_a_password_is_read_echoes(tty: Tty):
    async with tty.open(environ={"TERM": "dumb"}) as terminal, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def type_() -> None:
            await tty.until(lambda: not tty.echoes)
            terminal.give_back()
            assert tty.modes() == tty.found
            terminal.take_again()
            terminal.redraw()
            assert not tty.echoes
            tty.type("secret\n")

        assert await terminal.readline("password: ", password=True) == "secret"
        assert tty.modes() == tty.found
        terminal.give_back()
        terminal.take_again()
        assert tty.modes() == tty.found


async def test_output_into_a_pipe_means_no_editing(tty: Tty, piped: Piped):
    async with tty.open(stdout=piped.out, environ=ENVIRON) as terminal:
        assert not terminal.interactive
        terminal.write("> ")
        tty.type("hello\n")
        assert await terminal.readline() == "hello"
        terminal.print("  HELLO")
    assert piped.out.getvalue() == ">   HELLO\n"
