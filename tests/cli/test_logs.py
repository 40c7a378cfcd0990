"""What a run's log looks like, and that a record is a line."""

from __future__ import annotations

import io
import json
import logging
import re
import sys
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosvc._cli.logs import JsonFormatter, LogHandler, TextFormatter, level_of, logging_to_stderr
from echosvc._cli.settings import Settings


def _record(message: str, level: int = logging.INFO, error: Any = None, **extra: Any) -> Any:
    exc_info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord("app:relay", level, __file__, 1, message, (), exc_info)
    record.__dict__.update(extra)
    return record


def _text(record: Any, **options: bool) -> str:
    shape = {"color": False, "date": True, "tracebacks": False} | options
    return TextFormatter(**shape).format(record)


def _crash() -> ValueError:
    try:
        raise ValueError("boom")
    except ValueError as error:
        return error


def test_text_line_has_time_level_logger_pid_message_and_fields() -> None:
    record = _record("relay started", fields={"pid": "{app:processes|0x00001}", "workers": 3})
    record.created = 1_700_000_000.25
    _, time, *rest = _text(record).split(" ", 2)
    assert time.endswith(".250")
    assert rest == ["INFO  app:relay {app:processes|0x00001} relay started workers=3"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("word", "word"),
        ("два", "два"),
        ("two words", '"two words"'),
        ("", '""'),
        ("a=b", '"a=b"'),
        ("a\nb", r'"a\nb"'),
        ("\x1b[31mred", r'"\u001b[31mred"'),
        (None, "None"),
        (1.5, "1.5"),
        ({"a": [1, {"b"}]}, '{"a": [1, ["b"]]}'),
        (KeyError("k"), "\"KeyError: 'k'\""),
    ],
)
def test_text_field_shows_where_its_value_ends(value: object, shown: str) -> None:
    assert _text(_record("m", fields={"k": value})).endswith(f" m k={shown}")


@given(message=st.text(), key=st.text(), value=st.text())
def test_text_record_is_one_line_whatever_is_in_it(message: str, key: str, value: str) -> None:
    line = _text(_record(message.replace("%", ""), fields={key: value}))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@given(
    message=st.text(),
    value=st.recursive(
        st.none() | st.booleans() | st.floats() | st.text() | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ),
)
def test_json_record_is_one_line_of_json_with_stable_keys(message: str, value: object) -> None:
    line = JsonFormatter().format(_record(message.replace("%", ""), fields={"v": value}))
    assert len(line.splitlines()) == 1
    entry = json.loads(line)
    assert list(entry) == ["time", "level", "logger", "pid", "message", "fields", "error"]
    assert entry["message"] == message.replace("%", "")


def test_json_follows_a_list_in_itself_only_so_far() -> None:
    loop: list[Any] = []
    loop.append(loop)
    assert json.loads(JsonFormatter().format(_record("m", fields={"loop": loop})))


def test_json_error_carries_the_traceback() -> None:
    entry = json.loads(JsonFormatter().format(_record("failed", error=_crash())))
    assert entry["error"]["type"] == "ValueError"
    assert entry["error"]["message"] == "boom"
    assert "in _crash" in entry["error"]["traceback"]


def test_text_crash_is_a_line_with_its_place_or_has_its_traceback_indented() -> None:
    record = _record("failed", logging.ERROR, _crash())
    line = _text(record)
    assert 'error="ValueError: boom"' in line
    assert "test_logs.py:" in line
    assert "\n" not in line
    first, *rest = _text(record, tracebacks=True).split("\n")
    assert 'error="ValueError: boom"' in first
    assert rest[0] == "    Traceback (most recent call last):"
    assert all(line.startswith("    ") for line in rest)


def test_color_stands_around_words_and_changes_none() -> None:
    record = _record("m", fields={"pid": "{a|1}", "k": 1})
    colored = _text(record, color=True)
    assert "\x1b[32mINFO \x1b[0m" in colored
    assert re.sub(r"\x1b\[[\d;]*m", "", colored) == _text(record)


@pytest.mark.parametrize(
    ("options", "terminal", "level"),
    [
        ({}, False, logging.INFO),
        ({}, True, logging.WARNING),
        ({"verbose": 1}, True, logging.INFO),
        ({"verbose": 2}, True, logging.DEBUG),
        ({"verbose": 5}, False, logging.DEBUG),
    ],
)
def test_log_begins_at_the_level_that_was_asked_for(
    options: dict[str, Any], terminal: bool, level: int
) -> None:
    assert level_of(Settings(**options), terminal=terminal) == level


def test_silent_logs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_to_stderr(Settings(silent=True), terminal=False):
        logging.getLogger("x").critical("end of the world")
    assert capsys.readouterr().err == ""


def test_logging_is_as_before_after_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, warnings.showwarning)
    with logging_to_stderr(Settings(), terminal=False):
        assert (list(root.handlers), root.level, warnings.showwarning) != before
    assert (list(root.handlers), root.level, warnings.showwarning) == before


def test_lines_go_through_the_terminal_while_it_is_open(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with logging_to_stderr(Settings(), terminal=False) as handler:
        logging.getLogger("x").info("before")
        with handler.through(lines.append):
            logging.getLogger("x").info("during")
        logging.getLogger("x").info("after")
    assert [line.split()[-1] for line in capsys.readouterr().err.splitlines()] == [
        "before",
        "after",
    ]
    assert [line.split()[-1] for line in lines] == ["during"]


def test_value_that_cannot_be_shown_costs_a_line_and_not_the_process(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Bad:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    with logging_to_stderr(Settings(), terminal=False):
        logging.getLogger("x").info("m", extra={"fields": {"bad": Bad()}})
    (line,) = capsys.readouterr().err.splitlines()
    assert "could not be formatted" in line
    assert "no text" in line


def test_log_to_a_stderr_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())
    handler = LogHandler()
    handler.handle(_record("m"))
    monkeypatch.setattr(sys, "stderr", None)
    handler.handle(_record("m"))
