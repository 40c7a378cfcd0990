"""Crashes, delays and losses on purpose."""

from __future__ import annotations

import pytest
import trio

from echosvc import Runtime, errors, process, time
from echosvc.testing import Faults, Injected, Probe, open_app, puppet
from tests.applications.helpers import MANIFESTS

HOST = "app:processes"


async def test_a_crash_is_an_end_with_that_error(
    runtime: Runtime, probe: Probe, faults: Faults
) -> None:
    pid = probe.spawn_monitored(puppet, HOST)
    await trio.testing.wait_all_tasks_blocked()
    assert faults.crash(pid) == pid
    assert isinstance((await probe.expect_exit(pid)).error, Injected)
    other = probe.spawn_monitored(puppet, HOST)
    faults.crash(other, ValueError("mine"))
    assert str((await probe.expect_exit(other)).error) == "mine"
    with pytest.raises(errors.ProcessNotFound):
        faults.crash(pid)


async def test_a_delayed_message_comes_later_and_others_come_before_it(
    runtime: Runtime, probe: Probe, faults: Faults
) -> None:
    faults.delay("slow", "3s", to=probe.pid, times=1)
    began = time.now()
    runtime.send(probe.pid, "slow", 1)
    runtime.send(probe.pid, "fast", 2)
    await probe.expect("fast")
    assert time.now() == began
    await probe.expect("slow", 1, timeout="5s")
    assert time.now() == began + 3
    runtime.send(probe.pid, "slow", 3)  # only one was to be late
    await probe.expect("slow", timeout=0)


async def test_a_delayed_question_is_answered_late_or_times_out(
    runtime: Runtime, probe: Probe, faults: Faults
) -> None:
    pid = runtime.spawn(puppet, HOST, "a", 1)
    faults.delay("args", "2s")
    began = time.now()
    assert await probe.call(pid, "args") == ("a", 1)
    assert time.now() == began + 2
    with pytest.raises(errors.CallTimeout):
        await probe.call(pid, "args", timeout="1s")


async def test_a_delayed_question_to_a_process_that_has_ended_is_answered_so(
    runtime: Runtime, probe: Probe, faults: Faults
) -> None:
    pid = runtime.spawn(puppet, HOST)
    faults.delay("args", "2s")
    runtime.send(pid, "return", None)
    with pytest.raises(errors.ProcessNotFound):
        await probe.call(pid, "args")


async def test_a_dropped_message_is_a_dead_letter(
    runtime: Runtime, probe: Probe, faults: Faults
) -> None:
    faults.drop("lost", times=2)
    for number in (1, 2, 3):
        runtime.send(probe.pid, "lost", number)
    await probe.expect("lost", 3)
    await probe.expect_nothing()
    assert runtime.statistics().dead_letters == 2


async def test_an_unknown_address_is_refused_as_ever(runtime: Runtime, faults: Faults) -> None:
    faults.drop()
    with pytest.raises(errors.NameNotFound):
        runtime.send("nobody", "hello")


async def test_after_the_block_everything_is_as_it_was(runtime: Runtime, probe: Probe) -> None:
    with Faults(runtime) as faults:
        faults.drop("hello")
        runtime.send(probe.pid, "hello", 1)
    runtime.send(probe.pid, "hello", 2)
    await probe.expect("hello", 2)
    await probe.expect_nothing()


async def test_a_service_whose_starts_crash_comes_up_in_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_app(MANIFESTS / "echo") as app:
        with Faults(app.runtime) as faults:
            faults.crash_starts("app:relay", times=2)
            faults.crash("relay")
            await trio.testing.wait_all_tasks_blocked()
            began = time.now()
            async with app.runtime.attach():
                await process.registry.wait("relay", timeout="20s")
            assert time.now() - began > 5  # three failures: about 1 + 2 + 4 seconds


async def test_an_entry_is_replaced_by_a_puppet(autojump_clock: trio.testing.MockClock) -> None:
    async with open_app(MANIFESTS / "echo", "app:cli") as app:
        with Faults(app.runtime) as faults:
            faults.replace("app:worker", puppet)
            with pytest.raises(errors.NotFound):
                faults.replace("app:nothing", puppet)
            app.terminal.type_line("hello")
            await app.terminal.wait_for("timeout")
