"""What a supervisor must not do to those who rely on it: hang, hide an error, try in vain."""

from __future__ import annotations

import itertools
import traceback

import pytest
import trio
import trio.testing

from echosvc.errors import GaveUp
from echosvc.supervision import ChildSpec, open_supervisor


async def test_supervisor_opened_under_a_cancelled_scope_is_left_at_once(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with open_supervisor():
            await trio.sleep_forever()
    assert scope.cancelled_caught


@pytest.mark.parametrize("leave", ["body", "gave_up", "cancel"])
async def test_child_that_hangs_does_not_keep_those_to_its_left_from_being_stopped(
    leave: str, autojump_clock: trio.testing.MockClock
) -> None:
    told = {}

    async def left() -> None:
        try:
            await trio.sleep_forever()
        finally:
            told["left"] = trio.current_time()

    async def hangs() -> None:
        try:
            await trio.sleep_forever()
        finally:
            told["hangs"] = trio.current_time()
            with trio.CancelScope(shield=True):
                await trio.sleep(60)

    async def fails() -> None:
        await trio.sleep(1)
        raise ValueError

    async def program() -> None:
        async with open_supervisor(max_restarts=0) as supervisor:
            await supervisor.start(ChildSpec("left", left))
            await supervisor.start(ChildSpec("hangs", hangs, stop_timeout=5))
            if leave == "gave_up":
                await supervisor.start(ChildSpec("fails", fails))
            if leave != "body":
                await trio.sleep_forever()

    with trio.move_on_after(2 if leave == "cancel" else 1000):
        if leave == "gave_up":
            with pytest.raises(GaveUp):
                await program()
        else:
            await program()
    assert told["left"] - told["hangs"] == 5


async def test_error_that_a_child_is_restarted_after_is_in_the_log(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    lives = 0

    async def fails_once() -> None:
        nonlocal lives
        lives += 1
        if lives == 1:
            raise ValueError("the database is gone")
        await trio.sleep_forever()

    async with open_supervisor(name="tree") as supervisor:
        await supervisor.start(ChildSpec("child", fails_once))
        await trio.sleep(1)
    (record,) = caplog.records
    assert record.getMessage() == (
        "child child of tree failed, and is restarted: ValueError: the database is gone"
    )
    assert record.exc_info is not None
    assert traceback.extract_tb(record.exc_info[2])[0].name == "fails_once"


async def test_function_that_is_not_async_fails_at_its_start_and_not_again_and_again() -> None:
    def synchronous() -> None: ...

    async with open_supervisor() as supervisor:
        with pytest.raises(Exception, match="async"):
            await supervisor.start(ChildSpec("child", synchronous))  # type: ignore[arg-type]
        assert supervisor.children() == ()


@pytest.mark.parametrize(("stop_timeout", "waits"), [("100ms", 0.1), (0, 0), (3, 3)])
async def test_child_that_hangs_holds_the_next_up_for_its_stop_timeout_and_no_longer(
    stop_timeout: float | str, waits: float, autojump_clock: trio.testing.MockClock
) -> None:
    stopped: dict[str, float] = {}

    async def hangs(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            stopped[name] = trio.current_time()
            with trio.CancelScope(shield=True):
                await trio.sleep(10)

    async with open_supervisor() as supervisor:
        events = supervisor.events
        for name in "abc":
            await supervisor.start(ChildSpec(name, hangs, (name,), stop_timeout=stop_timeout))
        await trio.testing.wait_all_tasks_blocked()
    assert stopped == pytest.approx({"c": 0, "b": waits, "a": 2 * waits})
    told = [(event.child, event.at) async for event in events if event.what == "stuck"]
    # Each is named when its time is up; after that not more often than every second.
    of_c = [at for child, at in told if child == "c"]
    assert of_c[0] == pytest.approx(waits or 1)
    assert min(b - a for a, b in itertools.pairwise(of_c)) >= 0.999
