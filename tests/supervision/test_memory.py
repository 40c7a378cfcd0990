"""What a restart leaves behind: nothing."""

from __future__ import annotations

import gc
import logging
import sys

import pytest
import trio

from echosvc.errors import StartFailed
from echosvc.supervision import ChildSpec, RestartPolicy, open_supervisor
from tests.supervision.helpers import Failure, settle, told

RESTARTS = 10_000
WARM = 500
ORDERS = 500


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
@pytest.mark.parametrize("delay", [None, 0.5])
async def test_ten_thousand_restarts_leave_memory_and_tasks_where_they_were(
    strategy: str, delay: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "echosvc.supervision")  # pytest would keep each record
    runs = 0
    marked = trio.Event()
    go_on = trio.Event()

    async def crash() -> None:
        nonlocal runs
        runs += 1
        if runs in (WARM, WARM + RESTARTS):
            marked.set()
            await go_on.wait()
        await trio.lowlevel.checkpoint()
        raise Failure(f"run {runs}")

    async def measure() -> tuple[int, int, int]:
        await marked.wait()
        await settle()
        told(sup)
        gc.collect()
        tasks = trio.lowlevel.current_statistics().tasks_living
        return sys.getallocatedblocks(), len(gc.get_objects()), tasks

    backoff = None if delay is None else RestartPolicy(initial_delay=delay, max_delay=delay)
    async with open_supervisor(strategy, max_restarts=None) as sup:
        assert len(sup.events) == 0
        await sup.start(ChildSpec("a", crash, backoff=backoff))
        blocks, objects, tasks = await measure()
        marked = trio.Event()
        go_on.set()
        go_on = trio.Event()
        more_blocks, more_objects, more_tasks = await measure()
    assert more_tasks == tasks
    # Not one object, nor one block of memory, for each of so many restarts.
    assert more_objects - objects < RESTARTS / 10
    assert more_blocks - blocks < RESTARTS / 10


async def test_restarts_make_no_work_for_the_garbage_collector(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.ERROR, "echosvc.supervision")
    runs = 0

    async def crash() -> None:
        nonlocal runs
        runs += 1
        await trio.lowlevel.checkpoint()
        if runs == 300:
            await trio.sleep_forever()
        raise Failure

    async with open_supervisor(max_restarts=None) as sup:
        gc.collect()
        gc.disable()
        try:
            await sup.start(ChildSpec("a", crash))
            await settle()
            unreachable = gc.collect()
        finally:
            gc.enable()
    assert runs == 300
    assert unreachable < 300


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all"])
async def test_orders_leave_memory_and_tasks_where_they_were(strategy: str) -> None:
    async def there(*, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        await trio.sleep_forever()

    async def not_there(*, task_status: trio.TaskStatus[None]) -> None:
        raise Failure

    async def all_orders() -> None:
        for _ in range(ORDERS):
            await sup.start(ChildSpec("a", there))
            await sup.restart("a")
            await sup.stop("a")
            await sup.restart("a")
            with trio.CancelScope() as scope:
                scope.cancel()
                await sup.restart("a")
            await sup.remove("a")
            with pytest.raises(StartFailed):
                await sup.start(ChildSpec("b", not_there))

    def measure() -> tuple[int, int, int]:
        told(sup)
        gc.collect()
        tasks = trio.lowlevel.current_statistics().tasks_living
        return sys.getallocatedblocks(), len(gc.get_objects()), tasks

    async with open_supervisor(strategy) as sup:
        assert len(sup.events) == 0
        await all_orders()
        blocks, objects, tasks = measure()
        await all_orders()
        more_blocks, more_objects, more_tasks = measure()
        assert sup.children() == ()
    assert more_tasks == tasks
    # Not one object, nor one block of memory, for each of so many orders; that something of tests
    # before this one is let go meanwhile is nothing to complain of.
    assert more_objects - objects < ORDERS / 10
    assert more_blocks - blocks < ORDERS / 10
