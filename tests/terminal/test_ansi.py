"""Escape codes: when they go out, and how they are taken away."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosvc._terminal.ansi import (
    EscapeFilter,
    Escapes,
    allowed_escapes,
    display_width,
    prompt_text,
)


@pytest.mark.parametrize(
    ("isatty", "color", "environ", "expected"),
    [
        (True, "auto", {}, Escapes.ALL),
        (True, "auto", {"TERM": "dumb"}, Escapes.NONE),
        (True, "auto", {"NO_COLOR": "1"}, Escapes.UNCOLORED),
        (True, "auto", {"NO_COLOR": ""}, Escapes.ALL),
        (True, "auto", {"NO_COLOR": "1", "FORCE_COLOR": "1"}, Escapes.UNCOLORED),
        (True, "never", {"FORCE_COLOR": "1"}, Escapes.UNCOLORED),
        (True, "always", {"NO_COLOR": "1"}, Escapes.ALL),
        (False, "auto", {}, Escapes.NONE),
        (False, "auto", {"FORCE_COLOR": "1"}, Escapes.ALL),
        (False, "always", {}, Escapes.ALL),
        (False, "never", {}, Escapes.NONE),
    ],
)
def test_allowed_escapes(isatty, color, environ, expected):
    assert allowed_escapes(isatty=isatty, color=color, environ=environ) is expected


def test_every_kind_of_escape_code_is_taken_out():
    text = (
        "a\x1b[1;36mb\x1b[0m\x1b]8;;http://x\x1b\\c\x1b]0;t\x07d\x1b(Be\x1b7f\x1b[2Jg\x1bPq\x1b\\h"
    )
    assert EscapeFilter(Escapes.NONE)(text) == "abcdefgh"


def test_uncolored_keeps_what_moves_the_cursor():
    assert EscapeFilter(Escapes.UNCOLORED)("\x1b[31mx\x1b[0m\x1b[2K") == "x\x1b[2K"


def test_a_code_in_two_writes_is_one_code():
    escapes = EscapeFilter(Escapes.NONE)
    assert escapes("a\x1b[3") + escapes("6mb") == "ab"


def test_what_never_becomes_a_code_is_not_kept_for_ever():
    escapes = EscapeFilter(Escapes.NONE)
    assert escapes("\x1b]" + "x" * 5000).endswith("x" * 5000)


@given(st.text(alphabet="\x1b[]();0123456789;mKPX\\\x07ab\n é日"), st.integers(0, 40))
def test_taking_out_does_not_depend_on_where_writes_are_cut(text, at):
    whole, parts = EscapeFilter(Escapes.NONE), EscapeFilter(Escapes.NONE)
    assert "\x1b" not in whole(text)
    assert parts(text[:at]) + parts(text[at:]) == EscapeFilter(Escapes.NONE)(text)


def test_width_counts_columns():
    assert display_width("\x1b[33m> \x1b[0m") == 2
    assert display_width("日本") == 4
    assert display_width("e\u0301") == 1
    assert display_width("10%\r9%") == 3


def test_a_prompt_keeps_text_and_colours_only():
    assert prompt_text("old\r\x1b[2K\x1b[33m>\x07 \x1b[0m") == "\x1b[33m> \x1b[0m"
