"""Probes: what they send, what they expect, and how a failed expectation reads."""

from __future__ import annotations

import pytest
import trio

from echosvc import Runtime, errors, process, time
from echosvc.testing import ANY, Probe, open_probe, puppet

HOST = "app:processes"


async def echoer() -> None:
    process.registry.register("echoer")
    async for msg in process.inbox():
        if msg.is_call:
            msg.reply(msg.data)
        else:
            assert msg.sender is not None
            process.send(msg.sender, "echo", msg.data)


async def test_a_message_that_fits_is_given(runtime: Runtime, probe: Probe) -> None:
    pid = runtime.spawn(echoer, HOST)
    probe.send(pid, "say", {"n": 1, "at": 99})
    msg = await probe.expect("echo", {"n": 1, "at": ANY}, sender=pid)
    assert msg.data == {"n": 1, "at": 99}
    assert probe.unexpected == ()


async def test_what_does_not_fit_is_kept_for_a_later_expectation(
    runtime: Runtime, probe: Probe
) -> None:
    for number in (1, 2, 3):
        runtime.send(probe.pid, "n", number)
    await probe.expect("n", 2)
    await probe.expect("n", 1)
    await probe.expect("n")
    assert probe.unexpected == ()


async def test_a_failed_expectation_shows_what_came_instead(runtime: Runtime, probe: Probe) -> None:
    pid = probe.spawn_monitored(echoer, HOST)
    probe.send(pid, "say", 1)
    await trio.testing.wait_all_tasks_blocked()
    runtime.terminate(pid, "a test")
    with pytest.raises(AssertionError) as failure:
        await probe.expect("pong", 7, sender=pid, timeout="2s")
    assert str(failure.value) == (
        f"no message 'pong' with 7 from {pid} came to <probe {probe.pid}> within 2s\n"
        "what came:\n"
        f"  <Message 'echo' from {pid}: 1>\n"
        f"  <EXIT from {pid} error=Terminated('terminated: a test')>"
    )
    await probe.expect("echo", 1)  # a failed expectation has taken nothing


async def test_a_failed_expectation_says_that_nothing_came(probe: Probe) -> None:
    with pytest.raises(AssertionError, match=r"within 0.5s\nnothing else came"):
        await probe.expect("pong", timeout=0.5)


async def test_a_timeout_is_virtual_time(probe: Probe) -> None:
    began = time.now()
    with pytest.raises(AssertionError):
        await probe.expect("pong", timeout="1h")
    assert time.now() - began == 3600


async def test_ends_and_failed_links_are_events(runtime: Runtime, probe: Probe) -> None:
    child = probe.spawn_monitored(puppet, HOST)
    linked = probe.spawn_linked(puppet, HOST)
    runtime.send(child, "return", 42)
    runtime.send(linked, "fail", ValueError("boom"))
    assert (await probe.expect_exit(child)).value == 42
    event = await probe.expect_event(process.event.LINK_DOWN, sender=linked)
    assert str(event.result.error) == "boom"


async def test_nothing_is_expected_and_nothing_comes(probe: Probe) -> None:
    began = time.now()
    await probe.expect_nothing(within="3s")
    assert time.now() - began == 3


async def test_nothing_is_expected_and_something_comes(runtime: Runtime, probe: Probe) -> None:
    runtime.send(probe.pid, "surprise", 1)
    with pytest.raises(AssertionError, match=r"nothing was to come .*\nwhat came:\n.*'surprise'"):
        await probe.expect_nothing()


async def test_a_probe_calls_and_runs_any_function_of_process(
    runtime: Runtime, probe: Probe
) -> None:
    runtime.spawn(echoer, HOST)
    await trio.testing.wait_all_tasks_blocked()
    assert await probe.call("echoer", "say", [1]) == [1]
    probe.run_sync(process.registry.register, "me")
    runtime.send("me", "hello")
    await probe.expect("hello")
    assert probe.run_sync(process.info).pid == probe.pid


async def test_several_probes_do_not_mix(runtime: Runtime, probe: Probe) -> None:
    async with open_probe(runtime, name="other") as other:
        probe.send("other", "hello", "you")
        await other.expect("hello", "you", sender=probe.pid)
        other.monitor(probe.pid)
        probe.monitor(other.pid)
    assert (await probe.expect_exit(other.pid)).ok
    with pytest.raises(errors.Unavailable):
        other.send(probe.pid, "too late")


async def test_a_probe_that_was_terminated_says_so(runtime: Runtime, probe: Probe) -> None:
    runtime.send(probe.pid, "first")
    runtime.terminate(probe.pid)
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(AssertionError, match=r"was to come, and <probe .*> has ended"):
        await probe.expect("second")


async def test_a_cancelled_expectation_takes_nothing(runtime: Runtime, probe: Probe) -> None:
    with trio.move_on_after(1):
        await probe.expect("hello", timeout="10s")
    runtime.send(probe.pid, "hello")
    await probe.expect("hello")
