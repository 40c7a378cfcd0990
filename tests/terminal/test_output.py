"""Writing never waits for a reader, loses nothing, and says when the reader has gone."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import termios
import threading
from pathlib import Path

import pytest

from echosvc._terminal.output import FdOutput, TextOutput, open_output


@pytest.fixture
def pipe():
    ends = list(os.pipe())
    yield ends
    for fd in ends:
        if fd >= 0:
            os.close(fd)


def _read_all(fd: int, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += os.read(fd, 65536)
    return data


def test_a_pipe_that_nobody_reads_does_not_stop_the_writer(pipe):
    read, write = pipe
    output = FdOutput(write)
    lines = [f"line {i}\n" for i in range(100_000)]
    for line in lines:
        output.write(line)
    assert output.backlog > 0
    expected = "".join(lines).encode()
    assert _read_all(read, len(expected)) == expected
    assert output.drain(5)
    assert output.backlog == 0
    output.close()


def test_a_terminal_that_nobody_reads_does_not_stop_the_writer():
    master, slave = pty.openpty()
    output = FdOutput(slave)
    assert output.isatty
    output.write("x" * 1_000_000 + "\n")
    assert output.backlog > 0
    assert _read_all(master, 1_000_002) == b"x" * 1_000_000 + b"\r\n"
    output.drain(5)
    output.close()
    os.close(master)
    os.close(slave)


def test_flags_of_the_shared_descriptor_stay_as_they_are():
    master, slave = pty.openpty()
    output = FdOutput(slave)
    output.write("x")
    assert os.get_blocking(slave)
    output.close()
    os.close(master)
    os.close(slave)


def test_a_reader_that_has_gone_is_a_broken_pipe_now_and_later(pipe):
    read, write = pipe
    output = FdOutput(write)
    os.close(read)
    pipe[0] = -1
    for _ in range(2):
        with pytest.raises(BrokenPipeError):
            output.write("x")


def test_a_reader_that_goes_while_text_waits_is_told_by_the_next_write(pipe):
    read, write = pipe
    output = FdOutput(write)
    output.write("x" * 1_000_000)
    os.close(read)
    pipe[0] = -1
    assert output.drain(5)
    with pytest.raises(BrokenPipeError):
        output.write("x")


def test_many_threads_write_whole_texts(pipe):
    read, write = pipe
    output = FdOutput(write)
    text = "x" * 5000 + "\n"

    def work() -> None:
        for _ in range(50):
            output.write(text)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    data = _read_all(read, 200 * len(text))
    for thread in threads:
        thread.join()
    assert data == text.encode() * 200


def test_a_closed_output_writes_nothing_for_ever(pipe):
    read, write = pipe
    output = FdOutput(write)
    output.write("x" * 1_000_000)
    output.close()
    output.close()
    size = 1_000_000 - len(os.read(read, 1_000_000))
    for _ in range(2):
        with pytest.raises(BrokenPipeError, match="this output was closed"):
            output.write("late")
        with pytest.raises(BrokenPipeError):
            output.release()
            output.write("late")
    assert output.backlog == 0
    assert output.drain(5)
    os.close(write)
    pipe[1] = -1
    assert size > 0
    assert os.read(read, 10) == b"", "what waited was given up, and nothing came after it"


def test_a_closed_output_leaves_alone_whoever_gets_its_number(tmp_path: Path):
    master, slave = pty.openpty()
    output = FdOutput(slave)
    output.close()
    os.close(slave)
    taken = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    assert taken == slave
    for write in (output.write, output.hold):
        with contextlib.suppress(BrokenPipeError):
            write("late")
    os.close(taken)
    os.close(master)
    assert (tmp_path / "file").read_bytes() == b""


def test_a_closed_text_output_writes_nothing():
    text = io.StringIO()
    output = TextOutput(text)
    output.close()
    with pytest.raises(BrokenPipeError):
        output.write("late")
    assert text.getvalue() == ""


def test_an_output_that_is_held_says_one_last_thing_and_keeps_the_rest():
    master, slave = pty.openpty()
    output = FdOutput(slave)
    output.write("before ")
    output.hold("parting ")
    output.write("first ")
    output.write("second\n")
    assert os.read(master, 100) == b"before parting "
    assert output.backlog == 13
    assert not output.drain(0.01)
    output.release()
    assert _read_all(master, 14) == b"first second\r\n"
    assert output.drain(5)
    output.write("after")
    assert os.read(master, 100) == b"after"
    output.close()
    os.close(master)
    os.close(slave)


def test_a_held_output_can_be_closed():
    master, slave = pty.openpty()
    output = FdOutput(slave)
    output.hold("")
    output.write("waits")
    output.close()
    assert output.backlog == 0
    os.set_blocking(master, False)
    with pytest.raises(BlockingIOError):
        os.read(master, 100)
    os.close(master)
    os.close(slave)


def test_a_lone_surrogate_is_shown_not_refused(pipe):
    read, write = pipe
    FdOutput(write).write("a\udc80b")
    assert os.read(read, 20) == b"a\\udc80b"


def test_a_full_disk_is_an_error_of_the_write():
    with Path("/dev/full").open("w") as full, pytest.raises(OSError, match="No space left"):
        FdOutput(full.fileno()).write("x")


def test_open_output_takes_what_python_takes(tmp_path: Path):
    text = io.StringIO()
    output = open_output(text)
    output.write("x")
    assert text.getvalue() == "x"
    assert isinstance(open_output(None), TextOutput)
    with (tmp_path / "f").open("w") as file:
        file.write("before ")
        open_output(file).write("after")
    assert (tmp_path / "f").read_text() == "before after"
    assert isinstance(open_output(file), TextOutput)  # closed by now


def test_a_terminal_that_was_stopped_does_not_stop_the_writer():
    master, slave = pty.openpty()
    output = FdOutput(slave)
    termios.tcflow(slave, termios.TCOOFF)  # as Ctrl-S does
    output.write("held\n")
    assert output.backlog == 5
    assert not output.drain(0.01)
    termios.tcflow(slave, termios.TCOON)
    assert _read_all(master, 6) == b"held\r\n"
    assert output.drain(5)
    output.close()
    os.close(master)
    os.close(slave)
