"""A nursery that a process leaves open is closed at its end, and is nobody else's business."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from echosvc import Runtime, coroutine, process
from tests.runtime.helpers import HOST, forever
from tests.runtime.rooms import end_of, in_order, leaves_open

# It is what these processes do wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(autouse=True)
def _virtual_time() -> None:
    """Each example has a clock of its own."""


@pytest.mark.parametrize("kept", [False, True], ids=["collected", "kept"])
@pytest.mark.parametrize("where", ["main", "coroutine"])
def test_a_nursery_left_open_is_an_error_of_its_process_alone(where: str, kept: bool) -> None:
    generators: list[AsyncIterator[None]] = []
    ended: list[str] = []

    async def child() -> None:
        try:
            await forever()
        finally:
            ended.append("child")

    async def leave() -> None:
        await process.inbox().receive()
        generator = leaves_open(child, child) if kept else leaves_open()
        if kept:
            generators.append(generator)
        await anext(generator)

    async def main() -> None:
        if where == "main":
            await leave()
        else:
            coroutine.spawn(leave)
            await forever()

    async def program(runtime: Runtime) -> None:
        for event in await end_of(runtime, runtime.spawn(main, HOST)):
            assert "stack corrupted" in str(event.result.error)
        assert ended == (["child", "child"] if kept else [])

    in_order(program)


def test_the_tasks_of_a_nursery_left_open_are_waited_for_and_named_if_they_do_not_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def child() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(7)

    generators: list[AsyncIterator[None]] = []

    async def main() -> None:
        generators.append(leaves_open(child))
        await anext(generators[0])
        await trio.testing.wait_all_tasks_blocked()

    async def program(runtime: Runtime) -> None:
        with pytest.raises(RuntimeError, match="stack corrupted"):
            await runtime.run(main, HOST)
        assert trio.current_time() == 7

    in_order(program)
    assert [r for r in caplog.records if "does not end" in r.getMessage()]
