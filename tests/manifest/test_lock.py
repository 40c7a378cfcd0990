"""`echosvc.lock`: found from any folder below it, and refused with a place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from echosvc._manifest.lock import find_lock, read_lock
from echosvc.errors import ManifestError

Write = Callable[..., Path]


def test_lock_is_found_from_below(write: Write) -> None:
    folder = write(**{"echosvc.lock": "directories:\n  src: ./src\n", "src/deep/x": ""})
    lock = find_lock(folder / "src" / "deep")
    assert lock is not None
    assert lock.file == folder / "echosvc.lock"
    assert lock.src == folder / "src"


def test_nearest_lock_wins(write: Write) -> None:
    text = "directories: {src: .}"
    folder = write(**{"echosvc.lock": text, "a/echosvc.lock": text, "a/b/x": ""})
    lock = find_lock(folder / "a" / "b")
    assert lock is not None
    assert lock.src == folder / "a"


def test_what_is_no_file_is_no_lock_and_not_passed_over(write: Write) -> None:
    folder = write(**{"echosvc.lock": "directories: {src: .}", "a/echosvc.lock/x": ""})
    with pytest.raises(ManifestError, match=r"a/echosvc\.lock: cannot be read: it is a folder"):
        find_lock(folder / "a")


def test_no_lock_is_none(tmp_path: Path) -> None:
    assert find_lock(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["1:1: a lock is a mapping, and this is nothing"]),
        ("- a", ["1:1: a lock is a mapping, and this is a list"]),
        ("a: b: c", ["1:5: not YAML: mapping values are not allowed here"]),
        ("directories: x", ["1:14: directories is a mapping, and this is a string"]),
        ("directories: {}", ["1:14: has no src"]),
        ("directories:\n  src: 5", ["2:8: src is a folder, and this is a number"]),
        ("directories:\n  src: ./sr", ["2:8: there is no folder sr"]),
        ('directories:\n  src: "a\\0b"', ["2:8: there is no folder a\0b"]),
        (
            "dirs: {}\ndirectories:\n  scr: x\n",
            ["1:1: unknown field 'dirs'", "3:3: unknown field 'scr'", "3:3: has no src"],
        ),
    ],
)
def test_fault_in_a_lock_names_its_place(write: Write, text: str, faults: list[str]) -> None:
    folder = write(**{"echosvc.lock": text})
    with pytest.raises(ManifestError) as caught:
        read_lock(folder / "echosvc.lock")
    found = [str(fault).removeprefix("echosvc.lock:") for fault in caught.value.faults]
    assert len(found) == len(faults)
    for line, begin in zip(found, faults, strict=True):
        assert line.startswith(begin)


def test_lock_that_is_not_there(write: Write) -> None:
    write()
    with pytest.raises(ManifestError, match=r"^echosvc\.lock: cannot be read: No such file"):
        read_lock("echosvc.lock")
