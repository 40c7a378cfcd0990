"""Folders of manifests, written by the tests that need them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from echosvc._manifest.check import check

MAIN = "async def main(*args):\n    return args\n"

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write files below the current folder, which is the test's own; returns the folder."""
    monkeypatch.chdir(tmp_path)

    def write_files(index: str | bytes | None = None, **files: str | bytes) -> Path:
        names = {"_index.yaml": index} if index is not None else {}
        for name, content in (names | files).items():
            path = tmp_path / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            data = textwrap.dedent(content).encode() if isinstance(content, str) else content
            path.write_bytes(data)
        return tmp_path

    return write_files


@pytest.fixture
def faults(write: Write) -> Callable[..., list[str]]:
    """Return the lines that a folder with these entries gives."""

    def lines(entries: str, overrides: Iterable[str] = (), **files: str | bytes) -> list[str]:
        head = 'version: "1.0"\nnamespace: app\nentries:\n'
        body = textwrap.indent(textwrap.dedent(entries).strip("\n"), "  ")
        folder = write(head + body + "\n", **files)
        return [str(fault) for fault in check(folder, overrides, env={"HOME": "/root"})]

    return lines
