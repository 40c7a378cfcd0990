"""First, second and third signal, against a job of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from echosvc._cli.signals import Conductor, StopSignals


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
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)  # other than the first, so that the kernel merges neither
    child.stderr.readline()
    assert child.stderr.readline() == "not responding; press Ctrl-C once more to end it here\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate()
    assert child.returncode == 130
    assert "Traceback" not in err
