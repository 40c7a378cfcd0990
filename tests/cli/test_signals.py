"""First, second and third signal, against a job of the test's own."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from echosvc._cli.signals import Conductor, StopSignals

from .conftest import deliver


@pytest.fixture
def signals() -> Iterator[StopSignals]:
    with StopSignals() as signals:
        yield signals


async def _send(number: signal.Signals = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
    await wait_all_tasks_blocked()


async def test_job_that_ends_by_itself_gives_its_result(signals: StopSignals) -> None:
    async def job() -> int:
        await trio.lowlevel.checkpoint()
        return 5

    assert await Conductor(signals, print).run(job) == 5
    assert signals.code == 0


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (signal.SIGINT, 130, "Ctrl-C"),
        (signal.SIGTERM, 143, "SIGTERM"),
        (signal.SIGHUP, 129, "hangup"),
    ],
)
async def test_first_signal_stops_in_order_with_its_code(
    signals: StopSignals,
    autojump_clock: trio.testing.MockClock,
    number: signal.Signals,
    code: int,
    reason: str,
) -> None:
    said: list[str] = []
    stopped = trio.Event()

    async def stop(why: str) -> None:
        said.append(why)
        stopped.set()

    async def job() -> None:
        conductor.stop = stop
        os.kill(os.getpid(), number)
        await stopped.wait()

    conductor = Conductor(signals, said.append)
    await conductor.run(job)
    assert said == [reason]
    assert signals.code == code


async def test_signal_before_there_is_anything_to_stop_cancels_the_start(
    signals: StopSignals,
) -> None:
    cleaned = []

    async def job() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await trio.sleep_forever()
        finally:
            cleaned.append(True)

    assert await Conductor(signals, print).run(job) is None
    assert cleaned == [True]
    assert signals.code == 130


async def test_signal_that_came_before_the_loop_counts(signals: StopSignals) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    assert await Conductor(signals, print).run(trio.sleep_forever) is None
    assert signals.code == 143


async def test_slow_stop_is_said_after_a_moment_and_not_before(
    signals: StopSignals, mock_clock: trio.testing.MockClock
) -> None:
    said: list[str] = []
    finish = trio.Event()

    async def stop(why: str) -> None:
        await finish.wait()

    async def job() -> None:
        conductor.stop = stop
        await trio.sleep_forever()

    conductor = Conductor(signals, said.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conductor.run, job)
        await wait_all_tasks_blocked()
        await _send()
        mock_clock.jump(0.4)
        await wait_all_tasks_blocked()
        assert said == []
        mock_clock.jump(0.2)
        await wait_all_tasks_blocked()
        assert said == ["stopping… press Ctrl-C again to stop without waiting"]
        finish.set()


async def test_second_signal_waits_for_nothing_and_the_first_keeps_the_code(
    signals: StopSignals, mock_clock: trio.testing.MockClock
) -> None:
    said: list[str] = []

    async def stop(why: str) -> None:
        await trio.sleep_forever()

    async def job() -> None:
        conductor.stop = stop
        await trio.sleep_forever()

    conductor = Conductor(signals, said.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conductor.run, job)
        await wait_all_tasks_blocked()
        await _send(signal.SIGTERM)
        assert said == []
        await _send(signal.SIGINT)
    assert said == ["stopping without waiting"]
    assert signals.code == 143


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGHUP),
    ],
)
async def test_of_signals_that_come_together_the_one_that_came_first_decides(
    signals: StopSignals, first: signal.Signals, second: signal.Signals
) -> None:
    async def job() -> None:
        # Both within one call, so that no Python code runs between them, and no handler.
        list(map(ctypes.PyDLL(None).kill, [os.getpid()] * 2, [first, second]))
        await trio.sleep_forever()

    await Conductor(signals, lambda text: None).run(job)
    assert signals.first is first
    assert signals.code == 128 + first
    assert signals.count == 2


async def test_signal_wakes_a_loop_that_waits(signals: StopSignals) -> None:
    async def job() -> None:
        await trio.run_process(["sh", "-c", f"kill -TERM {os.getpid()}"])
        await trio.sleep_forever()

    await Conductor(signals, print).run(job)
    assert signals.code == 143


async def test_handlers_of_others_are_heard_meanwhile(signals: StopSignals) -> None:
    async def job() -> int:
        with trio.open_signal_receiver(signal.SIGUSR1) as received:
            os.kill(os.getpid(), signal.SIGUSR1)
            async for number in received:
                return number
        raise AssertionError

    assert await Conductor(signals, print).run(job) == signal.SIGUSR1
    assert signals.count == 0


def test_handlers_are_as_before_after_the_run() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with StopSignals():
        assert signal.getsignal(signal.SIGINT) is not before[0]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.count == 0
    finally:
        signal.signal(signal.SIGHUP, before)


def test_third_signal_ends_a_program_whose_loop_is_blocked() -> None:
    script = (
        "import trio, sys\n"
        "from echosvc._cli.signals import Conductor, StopSignals\n"
        "async def job():\n"
        "    print('busy', flush=True)\n"
        "    while True: pass\n"
        "with StopSignals() as signals:\n"
        "    trio.run(Conductor(signals, print).run, job)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=0,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    assert child.stdout.readline() == "busy\n"
    deliver(child, signal.SIGINT)
    deliver(child, signal.SIGTERM)  # other than the first, so that the kernel merges neither
    child.stderr.readline()
    assert child.stderr.readline() == "not responding; press Ctrl-C once more to end it here\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate()
    assert child.returncode == 130
    assert "Traceback" not in err
