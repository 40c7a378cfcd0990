"""Python's own print, while a terminal is open."""

from __future__ import annotations

import sys
import warnings

import pytest
from trio.testing import wait_all_tasks_blocked

from echosvc._terminal.fake import FakeTerminal
from echosvc._terminal.std import redirect_std


def test_a_stray_print_goes_above_an_unfinished_line():
    terminal = FakeTerminal()
    terminal.write("> ")
    with redirect_std(terminal):
        print("oops", file=sys.stderr)
        with pytest.warns(UserWarning, match="hm"):
            warnings.warn("hm", stacklevel=1)
    assert terminal.screen == "> \noops\n> "


async def test_a_stray_print_goes_above_an_open_prompt(nursery):
    terminal = FakeTerminal()
    with redirect_std(terminal):
        nursery.start_soon(terminal.readline, "> ")
        await wait_all_tasks_blocked()
        print("one", 1)
        print("two")
    assert terminal.screen == "> \none 1\n> \ntwo\n> "


def test_a_stream_that_somebody_kept_is_what_it_replaced_after_the_block(
    capsys: pytest.CaptureFixture[str],
):
    terminal = FakeTerminal()
    with redirect_std(terminal):
        kept = sys.stdout
        kept.write("begun ")
    kept.write("and ")
    kept.write("ended\n")
    kept.flush()
    assert terminal.screen == "begun "
    assert capsys.readouterr().out == "and ended\n"


def test_unfinished_prints_come_out_when_flushed():
    terminal = FakeTerminal()
    with redirect_std(terminal):
        print("a", end="")
        assert terminal.screen == ""
        print("b", end="", flush=True)
        assert terminal.screen == "ab"
        print("e", end="", file=sys.stderr, flush=True)
        print("rr", file=sys.stderr)
        print("c", end="")
    assert terminal.screen == "aberr\nc"


def test_what_was_there_comes_back():
    found = sys.stdout, sys.stderr
    with pytest.raises(LookupError), redirect_std(FakeTerminal()):
        assert sys.stdout is not found[0]
        assert (sys.stdout.encoding, sys.stdout.isatty()) == (found[0].encoding, found[0].isatty())
        raise LookupError
    assert (sys.stdout, sys.stderr) == found


def test_a_closed_stream_stays_closed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys, "stderr", None)
    with redirect_std(FakeTerminal()):
        assert sys.stderr is None
        print("nobody hears", file=sys.stderr)
