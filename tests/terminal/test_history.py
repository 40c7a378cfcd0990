"""The lines typed before, in memory and in their file."""

from __future__ import annotations

import fcntl
import logging
import re
import stat
from pathlib import Path

import pytest

from echosvc._terminal.history import History, history_path


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


def test_an_application_has_a_history_of_its_own(tmp_path: Path):
    environ = {"XDG_STATE_HOME": "/s"}
    paths = [
        history_path(tmp_path / folder, environ)
        for folder in ("one/src", "two/src", "other/one/src", "manifests/echo", "manifests/chat")
    ]
    assert len(set(paths)) == 5
    found = [re.fullmatch(r"/s/echosvc/(\w+)-[0-9a-f]{8}/history", str(path)) for path in paths]
    assert [match and match[1] for match in found] == ["one", "two", "one", "echo", "chat"]
    assert history_path(tmp_path / "one" / "src", environ) == paths[0]


def test_links_to_an_application_lead_to_one_history(tmp_path: Path):
    (tmp_path / "real" / "src").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    environ = {"XDG_STATE_HOME": "/s"}
    assert history_path(tmp_path / "link/src", environ) == history_path(
        tmp_path / "real/src", environ
    )


def test_a_folder_of_any_name_has_a_history(tmp_path: Path):
    path = history_path(tmp_path / "a b/\n…" / ("x" * 200), {"XDG_STATE_HOME": "/s"})
    assert path is not None
    assert len(path.parent.name) < 60
    strange = history_path(tmp_path / "a /b\n…\udcff", {"XDG_STATE_HOME": "/s"})
    assert strange is not None
    assert re.fullmatch(r"b___-[0-9a-f]{8}", strange.parent.name)


def test_histories_are_where_xdg_has_them(tmp_path: Path):
    state = Path.home() / ".local/state/echosvc"
    for environ in ({}, {"XDG_STATE_HOME": "relative"}):
        path = history_path(tmp_path, environ)
        assert path is not None
        assert path.parent.parent == state


def test_a_user_without_a_home_has_no_history_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", home)
    assert history_path(tmp_path, {}) is None


def test_a_lock_that_nobody_gives_up_is_not_waited_for(
    history: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    caplog.set_level(logging.INFO)
    monkeypatch.setattr("echosvc._terminal.history._TRY_AGAIN", 0)
    lines = History(history)
    lines.add("before")
    with history.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        assert lines.add("here")
        assert lines.add("too")
        assert History(history).lines == ()
    assert lines.lines == ("before", "here", "too"), "it lasts as long as the program"
    assert history.read_text() == "before\n"
    said = f"the history is not kept: {history}: another program has it locked"
    assert [r.getMessage() for r in caplog.records] == [said, said]


def test_a_lock_is_waited_for_as_long_as_a_write_takes(
    history: Path, monkeypatch: pytest.MonkeyPatch
):
    lines = History(history)
    other = history.open()
    fcntl.flock(other, fcntl.LOCK_EX)
    monkeypatch.setattr("echosvc._terminal.history.time.sleep", lambda seconds: other.close())
    assert lines.add("here")
    assert history.read_text() == "here\n"
