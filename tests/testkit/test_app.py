"""Whole applications in a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock, wait_all_tasks_blocked

from echosvc import errors
from echosvc.testing import open_app

MANIFEST = """\
version: "1.0"
namespace: app
entries:
  - {name: terminal, kind: terminal.host}
  - {name: main, kind: process.py, source: file://main.py, modules: [io, time]}
"""
SOURCE = """\
from echosvc import io, process, time

async def main():
    io.print(*io.args())
    match await io.readline("? "):
        case "fail":
            raise ValueError("as told")
        case "deaf":
            process.events()
            await time.sleep("1h")
        case line:
            return line
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "_index.yaml").write_text(MANIFEST)
    (tmp_path / "main.py").write_text(SOURCE)
    return tmp_path


async def test_it_has_arguments_lines_a_screen_and_a_result(
    source: Path, autojump_clock: MockClock
) -> None:
    async with open_app(source, "app:main", args=["a", "b"], lines=["hello"]) as app:
        assert await app.result() == "hello"
        assert app.ended
    assert app.terminal.screen == "a b\n? hello\n"


async def test_a_failure_is_raised_by_result(source: Path, autojump_clock: MockClock) -> None:
    async with open_app(source, "app:main", lines=["fail"]) as app:
        with pytest.raises(ValueError, match="as told"):
            await app.result()


async def test_a_failure_that_nobody_asked_for_is_raised_at_the_end_of_the_block(
    source: Path, autojump_clock: MockClock
) -> None:
    with pytest.raises(ValueError, match="as told"):
        async with open_app(source, "app:main", lines=["fail"]):
            await wait_all_tasks_blocked()


async def test_leaving_the_block_stops_what_still_runs(
    source: Path, autojump_clock: MockClock
) -> None:
    async with open_app(source, "app:main") as app:
        await app.terminal.wait_for("? ")
        assert not app.ended
    assert app.ended


async def test_stop_tells_how_long_it_took(source: Path, autojump_clock: MockClock) -> None:
    async with open_app(source, "app:main") as app:
        await app.terminal.wait_for("? ")
        assert await app.stop() == 0
    async with open_app(source, "app:main", lines=["deaf"]) as app:
        await wait_all_tasks_blocked()
        assert await app.stop() == 10


async def test_an_error_of_the_test_comes_out_bare(source: Path, autojump_clock: MockClock) -> None:
    with pytest.raises(KeyError):
        async with open_app(source, "app:main"):
            raise KeyError("mine")


async def test_without_one_terminal_host_it_says_so(
    source: Path, autojump_clock: MockClock
) -> None:
    (source / "_index.yaml").write_text(
        'version: "1.0"\nnamespace: app\nentries:\n'
        "  - {name: main, kind: process.py, source: file://main.py, modules: [io, time]}\n"
    )
    with pytest.raises(errors.Invalid, match=r"one terminal\.host, this one has 0"):
        async with open_app(source, "app:main"):
            pass
