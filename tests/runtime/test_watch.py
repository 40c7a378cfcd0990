"""Processes that won't end are named in the log, with where they are."""

from __future__ import annotations

import threading
import time

import pytest
import trio

from echosvc import Runtime, coroutine, open_runtime, process
from echosvc._runtime import watch
from tests.runtime.conftest import Records
from tests.runtime.helpers import HOST, fail, forever, settle


async def shields_for(seconds: float) -> None:
    try:
        await forever()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)


async def test_who_shields_itself_is_named_every_five_seconds_with_its_stack(
    runtime: Runtime, records: Records
) -> None:
    pid = runtime.spawn(shields_for, HOST, 23)
    await settle()
    runtime.terminate(pid, "enough")
    await trio.sleep(30)
    named = records.named("does not end")
    assert len(named) == 4
    fields = named[0].fields  # type: ignore[attr-defined]  # set with extra=
    assert fields["pid"] == pid
    assert fields["entry"] == "tests.runtime.test_watch.shields_for"
    assert fields["told"] == "terminated: enough"
    assert "test_watch.py:" in fields["at"]
    assert "in shields_for" in named[0].getMessage()


async def test_who_ends_in_time_is_not_named(runtime: Runtime, records: Records) -> None:
    for _ in range(3):
        pid = runtime.spawn(shields_for, HOST, 4)
        await settle()
        runtime.terminate(pid)
        await trio.sleep(10)
    assert records.named("does not end") == []


async def test_each_of_several_is_named_in_its_own_time(runtime: Runtime, records: Records) -> None:
    pids = []
    for _ in range(3):
        pids.append(pid := runtime.spawn(shields_for, HOST, 8))
        await settle()
        runtime.terminate(pid)
        await trio.sleep(1)
    await trio.sleep(20)
    named = records.named("does not end")
    assert [record.fields["pid"] for record in named] == pids  # type: ignore[attr-defined]  # as above


async def test_a_coroutine_that_keeps_its_process_from_ending_is_named(
    runtime: Runtime, records: Records
) -> None:
    async def main() -> None:
        coroutine.spawn(shields_for, 7)
        await trio.sleep(1)

    await runtime.run(main, HOST)
    (record,) = records.named("does not end")
    fields = record.fields  # type: ignore[attr-defined]  # as above
    assert fields["told"] == "its main has ended"
    assert "in shields_for" in fields["at"]


async def test_an_idle_runtime_has_no_thread(runtime: Runtime) -> None:
    runtime.spawn(forever, HOST)
    await settle()
    assert [t for t in threading.enumerate() if t.name == "echosvc watchdog"] == []


async def test_a_crash_starts_no_thread(runtime: Runtime) -> None:
    """Main has ended already: there is nothing to look after."""
    for _ in range(3):
        runtime.spawn(fail, HOST)
        await settle()
    assert [t for t in threading.enumerate() if t.name == "echosvc watchdog"] == []


def blocks_the_loop() -> None:
    time.sleep(0.3)


def test_who_blocks_the_loop_is_named_from_outside_with_its_stack(
    monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    """On the real clock: a blocked loop has no virtual time."""
    monkeypatch.setattr(watch, "PERIOD", 0.05)
    pids = []

    async def main() -> None:
        try:
            await forever()
        finally:
            blocks_the_loop()

    async def program() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            pids.append(pid := runtime.spawn(main, HOST))
            await settle()
            runtime.terminate(pid)

    trio.run(program)
    named = records.named("blocks the event loop")
    assert len(named) >= 1
    fields = named[0].fields  # type: ignore[attr-defined]  # as above
    assert fields["pid"] == pids[0]
    assert "in blocks_the_loop" in fields["at"]
    lines = named[0].getMessage().splitlines()
    assert "in main" in lines[1]
    assert "in blocks_the_loop" in lines[-1]
    assert [t for t in threading.enumerate() if t.name == "echosvc watchdog"] == []


def test_a_coroutine_that_blocks_the_loop_is_its_process(
    monkeypatch: pytest.MonkeyPatch, records: Records
) -> None:
    monkeypatch.setattr(watch, "PERIOD", 0.05)

    async def worker() -> None:
        try:
            await forever()
        finally:
            blocks_the_loop()

    async def main() -> None:
        coroutine.spawn(worker)
        await settle()

    async def program() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            await runtime.run(main, HOST)

    trio.run(program)
    fields = records.named("blocks the event loop")[0].fields  # type: ignore[attr-defined]  # as above
    assert fields["pid"] == "{app:processes|0x00001}"


def test_the_watchdog_goes_when_nothing_is_ending_any_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "PERIOD", 0.01)

    async def program() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host(HOST)
            pid = runtime.spawn(forever, HOST)
            await settle()
            runtime.terminate(pid)
            watchdog = [t for t in threading.enumerate() if t.name == "echosvc watchdog"]
            assert len(watchdog) == 1
            with trio.fail_after(10):
                await trio.to_thread.run_sync(watchdog[0].join)
            # And comes again.
            pid = runtime.spawn(forever, HOST)
            await settle()
            runtime.terminate(pid)
            assert any(t.name == "echosvc watchdog" for t in threading.enumerate())

    trio.run(program)


async def test_info_says_where_a_process_waits_in_its_own_code(runtime: Runtime) -> None:
    async def inner() -> None:
        await process.inbox().receive()

    async def main() -> None:
        await inner()

    pid = runtime.spawn(main, HOST)
    await settle()
    places = runtime.info(pid).waits_at
    assert [place.rpartition(" in ")[2] for place in places] == ["main", "inner"]
    assert all("test_watch.py:" in place for place in places)
