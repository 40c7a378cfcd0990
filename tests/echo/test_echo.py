"""The echo application as a whole, in this Python process and on a clock that we move."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from echosvc import Runtime, open_runtime, process
from echosvc._terminal.fake import FakeTerminal

ECHO = Path(__file__).parents[2] / "manifests" / "echo"

TITLE = "Echo Client\nType messages to echo. Ctrl+C to exit.\n\n"


@asynccontextmanager
async def client(
    terminal: FakeTerminal, *overrides: str
) -> AsyncIterator[tuple[Runtime, list[object]]]:
    """Run the client on this terminal; its exit code is in the list when it has ended."""
    codes: list[object] = []
    async with open_runtime(ECHO, overrides=overrides, terminal=terminal) as runtime:

        async def run() -> None:
            codes.append(await runtime.run("app:cli", "app:terminal"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            yield runtime, codes


async def test_each_line_is_answered_by_a_worker_of_its_own(autojump_clock: MockClock) -> None:
    terminal = FakeTerminal()
    for line in ("hello world", "привет", ""):
        terminal.type_line(line)
    async with client(terminal) as (_, codes):
        pass
    assert terminal.screen == (
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
    assert codes == [0]


async def test_the_end_of_the_input_says_goodbye(autojump_clock: MockClock) -> None:
    terminal = FakeTerminal()
    terminal.end_input()
    async with client(terminal) as (_, codes):
        pass
    assert terminal.screen == f"{TITLE}> \nGoodbye!\n"
    assert codes == [0]


async def test_what_looks_like_markup_is_text(autojump_clock: MockClock) -> None:
    terminal = FakeTerminal()
    terminal.type_line("[bold]x")
    terminal.end_input()
    async with client(terminal):
        pass
    assert "  [BOLD]X\n" in terminal.screen


async def test_colours_are_those_of_the_seed(autojump_clock: MockClock) -> None:
    terminal = FakeTerminal(color=True)
    terminal.type_line("hi")
    terminal.end_input()
    async with client(terminal):
        pass
    assert "\x1b[36mEcho Client\x1b[0m" in terminal.screen
    assert "\x1b[2mType messages to echo. Ctrl+C to exit." in terminal.screen
    assert "\x1b[33m> \x1b[0m" in terminal.screen
    assert "\x1b[32m  HI\x1b[0m" in terminal.screen


async def test_without_a_relay_the_client_says_so_and_goes_on(autojump_clock: MockClock) -> None:
    terminal = FakeTerminal()
    terminal.type_line("hello")
    terminal.type_line("again")
    terminal.end_input()
    async with client(terminal, "app:relay-service:lifecycle.auto_start=false") as (_, codes):
        pass
    assert terminal.screen.count("  error: relay not available\n") == 2
    assert codes == [0]


async def test_a_worker_that_is_too_slow_is_a_timeout(autojump_clock: MockClock) -> None:
    async def silent_relay() -> None:
        process.registry.register("relay")
        await trio.sleep_forever()

    terminal = FakeTerminal()
    terminal.type_line("hello")
    terminal.end_input()
    off = "app:relay-service:lifecycle.auto_start=false"
    async with client(terminal, off) as (runtime, _):
        runtime.spawn(silent_relay, "app:processes")
    assert "> hello\n  timeout\n> " in terminal.screen


async def test_an_answer_that_comes_too_late_is_not_the_answer_to_the_next_line(
    autojump_clock: MockClock,
) -> None:
    async def slow_relay() -> None:
        process.registry.register("relay")
        async for msg in process.inbox():
            question = msg.data
            if question["number"] == 1:
                await trio.sleep(2.5)  # the client has given up after 2
            await trio.sleep(0.1)
            answer = {"data": question["data"].upper(), "worker": process.pid(), "number": 0}
            process.send(
                question["sender"], "echo_response", answer | {"number": question["number"]}
            )

    terminal = FakeTerminal()
    terminal.type_line("first")
    terminal.type_line("second")
    terminal.end_input()
    off = "app:relay-service:lifecycle.auto_start=false"
    async with client(terminal, off) as (runtime, _):
        runtime.spawn(slow_relay, "app:processes")
    assert "FIRST" not in terminal.screen
    assert "> first\n  timeout\n> second\n  SECOND\n" in terminal.screen


async def test_the_relay_logs_why_a_worker_failed(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    terminal = FakeTerminal()
    with caplog.at_level(logging.WARNING, "echosvc"):
        async with client(terminal) as (runtime, _):
            await terminal.wait_for("> ")
            async with runtime.attach():
                # Nobody is there to get the answer, so the worker fails when it sends it.
                question = {"sender": "{app:terminal|0x99999}", "data": "x", "number": 1}
                process.send("relay", "echo", question)
                await trio.sleep(1)
            terminal.end_input()
    failed = [record for record in caplog.records if record.message == "worker failed"]
    assert len(failed) == 1
    assert "no process {app:terminal|0x99999}" in str(failed[0].__dict__["fields"]["error"])


async def test_a_relay_that_crashes_is_back_for_the_next_line(
    autojump_clock: MockClock,
) -> None:
    terminal = FakeTerminal()
    async with client(terminal) as (runtime, _):
        await terminal.wait_for("> ")
        async with runtime.attach():
            relay = process.registry.lookup("relay")
            process.terminate(relay, "a test")
            await trio.sleep(5)
            assert process.registry.lookup("relay") != relay
        terminal.type_line("still there?")
        await terminal.wait_for("STILL THERE?")
        terminal.end_input()


async def test_a_message_that_the_relay_does_not_understand_does_not_end_it(
    autojump_clock: MockClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    terminal = FakeTerminal()
    async with client(terminal) as (runtime, _):
        await terminal.wait_for("> ")
        runtime.send("relay", "nonsense", "x")
        runtime.send("relay", "echo", "x")
        terminal.type_line("fine?")
        await terminal.wait_for("FINE?")
        terminal.end_input()
    ignored = [r for r in caplog.records if r.message == "message not understood"]
    assert [r.__dict__["fields"]["topic"] for r in ignored] == ["nonsense", "echo"]
