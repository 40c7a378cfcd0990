"""Every way to fail before anything starts: what is said, and with which exit code."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from echosvc._cli.app import main

from .conftest import Shell

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "failures.md"
ROW = re.compile(r"\| `echosvc (?P<line>[^`]+)` \| (?P<code>\d+) \| ``(?P<said>.+)`` \|\Z")


def failures() -> list[tuple[str, int, str]]:
    """Return the page's table: what is typed, the exit code, and what is said."""
    matches = filter(None, map(ROW.match, PAGE.read_text(encoding="utf-8").splitlines()))
    return [(m["line"], int(m["code"]), m["said"].replace("\\|", "|")) for m in matches]


@pytest.mark.parametrize(("line", "code", "said"), failures(), ids=[row[0] for row in failures()])
def test_failure_is_one_line_with_its_code(app: Shell, line: str, code: int, said: str) -> None:
    done = app(*line.split())
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr == f"{said}\n"


def test_page_of_failures_has_those_of_every_command() -> None:
    commands = {line.split()[0] for line, _, _ in failures()}
    assert commands >= {"run", "check", "registry", "tree", "init", "completion", "version"}
    assert {code for _, code, _ in failures()} == {1, 2, 4}


def test_no_command_at_all_shows_the_help(app: Shell) -> None:
    done = app()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: echosvc")


def test_without_a_lock_the_error_says_how_to_get_one(shell: Shell) -> None:
    done = shell("run")
    assert done.returncode == 2
    assert "there is no echosvc.lock here or in a folder above" in done.stderr
    assert "`echosvc init`" in done.stderr


def test_bad_lock_is_a_bad_manifest(app: Shell) -> None:
    app.write("echosvc.lock", "directories:\n  scr: ./src\n")
    done = app("run")
    assert done.returncode == 4
    assert "echosvc.lock:2:3: unknown field 'scr', did you mean src?" in done.stderr


def test_every_fault_of_every_file_is_said_and_nothing_starts(app: Shell) -> None:
    app.write("src/cli.py", "open('started', 'w')\nasync def main(:\n    pass\n")
    app.write("src/more/_index.yaml", "version: '1.0'\nnamespace: more\nentries: [{name: x}]\n")
    done = app("run", "-x", "app:cli")
    assert done.returncode == 4
    lines = done.stderr.splitlines()
    assert any(line.startswith("src/cli.py:2:") for line in lines)
    assert any(line.startswith("src/more/_index.yaml:3:") for line in lines)
    assert not (app.folder / "started").exists()


def test_two_terminal_hosts_ask_for_one(app: Shell) -> None:
    app.write(
        "src/more/_index.yaml",
        "version: '1.0'\nnamespace: more\nentries:\n  - {name: term, kind: terminal.host}\n",
    )
    done = app("run", "-x", "app:cli")
    assert done.returncode == 2
    assert done.stderr == (
        "error: app:cli could run on app:terminal or more:term, say which with --host\n"
    )


def test_command_name_that_is_used_twice_is_a_fault_with_its_place(app: Shell) -> None:
    app.write(
        "src/_index.yaml",
        (app.folder / "src/_index.yaml").read_text() + "    meta: {command: hello}\n",
    )
    done = app("run", "list")
    assert done.returncode == 4
    assert "src/_index.yaml:20:" in done.stderr
    assert "the command hello is app:cli's already" in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("echosvc.lock", "echosvc.lock: cannot be read: it is a FIFO, and no file"),
        ("echosvc.yaml", "echosvc.yaml: cannot be read: it is a FIFO, and no file"),
        ("src/_index.yaml", "src/_index.yaml: cannot be read: it is a FIFO, and no file"),
    ],
)
def test_fifo_in_a_files_place_hangs_nobody(app: Shell, name: str, said: str) -> None:
    (app.folder / name).unlink(missing_ok=True)
    os.mkfifo(app.folder / name)
    assert app("check").stdout == f"{said}\n"
    assert app("run", "hello").returncode == 4


@pytest.mark.parametrize("line", ["check", "run", "tree", "registry list", "check --src /"])
def test_deleted_folder_is_said_to_be_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], line: str
) -> None:
    gone(tmp_path, monkeypatch)
    assert main(line.split()) == 2
    said = "error: the current folder has been deleted, change to one that is there\n"
    assert capfd.readouterr() == ("", said)


def test_application_can_be_made_from_a_deleted_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gone(tmp_path, monkeypatch)
    assert main(["init", str(tmp_path / "app")]) == 0
    assert f"cd {tmp_path / 'app'}" in capfd.readouterr().out


def gone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a folder that has been deleted the current one."""
    (folder / "gone").mkdir()
    monkeypatch.chdir(folder / "gone")
    (folder / "gone").rmdir()
