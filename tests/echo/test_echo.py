"""The echo application as a whole, in this Python process and on a clock that we move."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from echosvc import process
from echosvc.testing import App, FakeTerminal, Faults, open_app, open_probe

ECHO = Path(__file__).parents[2] / "manifests" / "echo"

TITLE = "Echo Client\nType messages to echo. Ctrl+C to exit.\n\n"


def client(
    *overrides: str, lines: Iterable[str] = (), color: bool = False
) -> AbstractAsyncContextManager[App]:
    """Run the client; without lines, the test types them."""
    terminal = FakeTerminal(color=color)
    return open_app(ECHO, "app:cli", lines=lines, overrides=overrides, terminal=terminal)


async def test_each_line_is_answered_by_a_worker_of_its_own(autojump_clock: MockClock) -> None:
    async with client(lines=["hello world", "привет", ""]) as app:
        assert await app.result() == 0
    assert app.terminal.screen == (
        f"{TITLE}"
        "> hello world\n"
        "  HELLO WORLD\n"
        "  from worker: {app:processes|0x00003}\n"
        "> привет\n"
        "  ПРИВЕТ\n"
        "  from worker: {app:processes|0x00004}\n"
        "> \n"
        "\nGoodbye!\n"
    )


async def test_the_end_of_the_input_says_goodbye(autojump_clock: MockClock) -> None:
    async with client() as app:
        app.terminal.end_input()
        assert await app.result() == 0
    assert app.terminal.screen == f"{TITLE}> \nGoodbye!\n"


async def test_what_looks_like_markup_is_text(autojump_clock: MockClock) -> None:
    async with client(lines=["[bold]x"]) as app:
        await app.result()
    assert "  [BOLD]X\n" in app.terminal.screen


async def test_colours_are_those_of_the_seed(autojump_clock: MockClock) -> None:
    async with client(lines=["hi"], color=True) as app:
        await app.result()
    screen = app.terminal.screen
    assert "\x1b[36mEcho Client\x1b[0m" in screen
    assert "\x1b[2mType messages to echo. Ctrl+C to exit." in screen
    assert "\x1b[33m> \x1b[0m" in screen
    assert "\x1b[32m  HI\x1b[0m" in screen


async def test_ctrl_c_ends_it_at_once(autojump_clock: MockClock) -> None:
    async with client() as app:
        app.terminal.type_line("hello")
        await app.terminal.wait_for("HELLO")
        assert await app.stop() == 0


async def test_without_a_relay_the_client_says_so_and_goes_on(autojump_clock: MockClock) -> None:
    off = "app:relay-service:lifecycle.auto_start=false"
    async with client(off, lines=["hello", "again"]) as app:
        assert await app.result() == 0
    assert app.terminal.screen.count("  error: relay not available\n") == 2


async def test_an_answer_that_is_lost_is_a_timeout(autojump_clock: MockClock) -> None:
    async with client() as app:
        with Faults(app.runtime) as faults:
            faults.drop("echo_response")
            app.terminal.type_line("hello")
            await app.terminal.wait_for("> hello\n  timeout\n> ")


async def test_an_answer_that_comes_too_late_is_not_the_answer_to_the_next_line(
    autojump_clock: MockClock,
) -> None:
    async with client() as app:
        with Faults(app.runtime) as faults:
            faults.delay(
                "echo_response", "1.95s", times=1
            )  # a worker takes 0.1, the client waits 2
            app.terminal.type_line("first")
            app.terminal.type_line("second")
            app.terminal.end_input()
            await app.result()
    assert "FIRST" not in app.terminal.screen
    assert "> first\n  timeout\n> second\n  SECOND\n" in app.terminal.screen


async def test_the_relay_logs_why_a_worker_failed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "echosvc"):
        async with client() as app, open_probe(app.runtime) as probe:
            await app.terminal.wait_for("> ")
            # Nobody is there to get the answer, so the worker fails when it sends it.
            question = {"sender": "{app:terminal|0x99999}", "data": "x", "number": 1}
            probe.send("relay", "echo", question)
            await trio.sleep(1)
    failed = [record for record in caplog.records if record.message == "worker failed"]
    assert len(failed) == 1
    assert "no process {app:terminal|0x99999}" in str(failed[0].__dict__["fields"]["error"])


async def test_a_relay_that_crashes_is_back_for_the_next_line(
    autojump_clock: MockClock,
) -> None:
    async with client() as app, open_probe(app.runtime) as probe:
        await app.terminal.wait_for("> ")
        with Faults(app.runtime) as faults:
            crashed = faults.crash("relay")
        await trio.sleep(5)
        assert probe.run_sync(process.registry.lookup, "relay") != crashed
        app.terminal.type_line("still there?")
        await app.terminal.wait_for("STILL THERE?")


async def test_a_message_that_the_relay_does_not_understand_does_not_end_it(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with client() as app:
        await app.terminal.wait_for("> ")
        app.runtime.send("relay", "nonsense", "x")
        app.runtime.send("relay", "echo", "x")
        app.terminal.type_line("fine?")
        await app.terminal.wait_for("FINE?")
    ignored = [r for r in caplog.records if r.message == "message not understood"]
    assert [r.__dict__["fields"]["topic"] for r in ignored] == ["nonsense", "echo"]
