"""Writing never waits for a reader, loses nothing, and says when the reader has gone."""

from __future__ import annotations

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


def test_what_is_written_after_closing_still_goes_out(pipe):
    read, write = pipe
    output = FdOutput(write)
    output.close()
    output.write("late")
    assert os.read(read, 10) == b"late"


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
