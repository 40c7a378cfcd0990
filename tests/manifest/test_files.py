"""Files of an application: what is no file, or too large, is refused and never waited for."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from echosvc._manifest import files
from echosvc._manifest.files import MAX_BYTES, read_bytes, read_text


def refusal(path: Path | str) -> str | None:
    with pytest.raises(OSError, match=r".") as caught:
        read_bytes(path)
    return caught.value.strerror


def test_a_regular_file_is_read_whole(tmp_path: Path) -> None:
    data = os.urandom(200_001)  # more than one piece
    (tmp_path / "x").write_bytes(data)
    (tmp_path / "link").symlink_to("x")
    assert read_bytes(tmp_path / "x") == data
    assert read_bytes(tmp_path / "link") == data
    (tmp_path / "empty").touch()
    assert read_bytes(tmp_path / "empty") == b""


def test_a_text_is_utf_8(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes("é\n".encode())
    assert read_text(tmp_path / "x") == "é\n"
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(ValueError, match="utf-8"):
        read_text(tmp_path / "x")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("fifo")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
    assert refusal(tmp_path / "fifo") == "it is a FIFO, and no file"
    assert refusal(tmp_path / "link") == "it is a FIFO, and no file"
    assert refusal(tmp_path / "socket") == "it is a socket, and no file"
    assert refusal(tmp_path) == "it is a folder, and no file"
    assert refusal("/dev/zero") == "it is a device, and no file"
    assert refusal(tmp_path / "nowhere") == "No such file or directory"


def test_a_fifo_that_takes_a_files_place_while_it_is_opened_hangs_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    before = (tmp_path / "file").stat()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "stat", lambda _: before)
        with pytest.raises(OSError, match="it is a FIFO, and no file"):
            read_bytes(tmp_path / "fifo")


def test_the_size_is_looked_at_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "x"
    file.touch()
    os.truncate(file, MAX_BYTES + 1024 * 1024)
    opened = []
    monkeypatch.setattr(files.os, "open", lambda *args: opened.append(args))
    assert refusal(file) == "it is too large: 17.0 MiB, and the limit is 16 MiB"
    assert opened == []


def test_a_file_as_large_as_may_be_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_BYTES", 5)
    (tmp_path / "x").write_bytes(b"12345")
    assert read_bytes(tmp_path / "x") == b"12345"


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux's /proc")
def test_a_file_that_says_it_is_empty_is_read_up_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Path("/proc/self/maps").stat().st_size == 0
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    assert str(refusal("/proc/self/maps")).startswith(
        "it is too large: there is more than it says, and"
    )
