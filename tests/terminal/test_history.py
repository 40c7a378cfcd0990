"""The lines typed before, in memory and in their file."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from echosvc._terminal.history import History, default_history_path


def test_lines_are_kept_across_runs(history: Path):
    History(history).add("one")
    History(history).add("two")
    assert History(history).lines == ("one", "two")


def test_file_is_the_users_own(history: Path):
    History(history).add("secret")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_file_that_others_may_read_is_closed_to_them(history: Path):
    history.parent.mkdir()
    history.write_text("old\n")
    history.chmod(0o644)
    assert History(history).lines == ("old",)
    assert stat.S_IMODE(history.stat().st_mode) == 0o600


def test_no_blanks_and_no_repeats_in_a_row(history: Path):
    lines = History(history)
    assert [lines.add(x) for x in ("a", "a", " ", "", "b", "a")] == [
        True,
        False,
        False,
        False,
        True,
        True,
    ]
    assert history.read_text() == "a\nb\na\n"


def test_a_line_of_the_last_run_is_not_repeated(history: Path):
    History(history).add("a")
    assert not History(history).add("a")


def test_file_is_cut_down(history: Path):
    lines = History(history, limit=10)
    for i in range(100):
        lines.add(f"line {i}")
    kept = history.read_text().splitlines()
    assert kept[-1] == "line 99"
    assert 10 <= len(kept) <= 20
    assert [p.name for p in history.parent.iterdir()] == ["history"]
    assert len(History(history, limit=10).lines) == 10


def test_two_programs_share_a_file(history: Path):
    one, two = History(history, limit=5), History(history, limit=5)
    for i in range(30):
        one.add(f"one {i}")
        two.add(f"two {i}")
    assert History(history, limit=100).lines[-2:] == ("one 29", "two 29")


def test_a_line_feed_in_a_line_does_not_make_two(history: Path):
    History(history).add("a\nb")
    assert History(history).lines == ("a b",)


def test_bytes_that_are_no_text_do_no_harm(history: Path):
    history.parent.mkdir()
    history.write_bytes(b"a\xff\n\nb")
    assert History(history).lines == ("a�", "b")


def test_without_a_file_it_lasts_as_long_as_the_program(tmp_path: Path, caplog):
    caplog.set_level(logging.INFO)
    lines = History(tmp_path)  # a folder
    lines.add("a")
    assert lines.lines == ("a",)
    assert [r.getMessage() for r in caplog.records] == [
        f"the history is not kept: {tmp_path}: Is a directory"
    ]


def test_default_path_follows_xdg():
    assert default_history_path({"XDG_STATE_HOME": "/s"}) == Path("/s/echosvc/history")
    home = Path.home() / ".local/state/echosvc/history"
    assert default_history_path({}) == home
    assert default_history_path({"XDG_STATE_HOME": "relative"}) == home


def test_a_user_without_a_home_has_no_history_file(monkeypatch: pytest.MonkeyPatch):
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    assert default_history_path({}) is None
