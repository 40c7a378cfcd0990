"""A supervisor stands whatever a child raises, and says what that was."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import example, given, settings

from echosvc._exceptions import text_of
from echosvc.errors import GaveUp, Internal, StartFailed
from echosvc.supervision import ChildSpec, open_supervisor
from tests.hostile import KEPT, Recipe, recipes, recipes_through
from tests.supervision.helpers import Puppet


def run(program: Any) -> Any:
    return trio.run(program, clock=trio.testing.MockClock(autojump_threshold=0))


@given(recipe=recipes())
@example(Recipe("ValueError", ("str raises",)))
@example(Recipe("CancelledError"))
@example(Recipe("GeneratorExit"))
@example(Recipe(KEPT))
@settings(max_examples=40)
def test_whatever_a_child_raises_is_a_failure_that_is_restarted_after(recipe: Recipe) -> None:
    journal: list[str] = []

    async def fails() -> None:
        await trio.sleep(1)
        await recipe.throw()

    async def program() -> None:
        with pytest.raises(GaveUp) as caught:
            async with open_supervisor(max_restarts=2, within="1m") as sup:
                await sup.start(Puppet("sibling", journal).spec())
                child = await sup.start(ChildSpec("bad", fails))
                await trio.sleep_forever()
        assert trio.current_time() == 3
        assert child.restarts == 2
        assert len(caught.value.causes) == 3
        assert text_of(caught.value.causes[-1]) in str(caught.value)
        if recipe.base == KEPT and not recipe.around:
            assert issubclass(type(child.last_error), Internal)
        assert journal == ["+sibling", "-sibling"]

    run(program)


@given(recipe=recipes())
@settings(max_examples=20)
def test_whatever_a_child_raises_before_it_is_up_is_start_failed(recipe: Recipe) -> None:
    async def fails(*, task_status: trio.TaskStatus[None]) -> None:
        await recipe.throw()

    async def program() -> None:
        async with open_supervisor() as sup:
            with pytest.raises(StartFailed) as caught:
                await sup.start(ChildSpec("bad", fails))
            cause = caught.value.__cause__
            assert cause is not None
            assert text_of(cause) in str(caught.value)
            assert sup.children() == ()

    run(program)


@given(recipe=recipes().filter(lambda recipe: recipe.base != KEPT))
@settings(max_examples=20)
def test_whatever_the_block_raises_leaves_it_bare(recipe: Recipe) -> None:
    # Python's contextlib itself sets the traceback of what it raises.
    if {"class raises", "traceback raises", "nothing can be set"} & {*recipe.broken}:
        return
    made: list[BaseException] = []
    out: list[BaseException] = []
    journal: list[str] = []

    async def program() -> None:
        try:
            async with open_supervisor(children=[Puppet("a", journal).spec()]):
                await trio.testing.wait_all_tasks_blocked()
                made.append(recipe.make())
                raise made[0]
        except BaseException as error:  # whatever it is
            out.append(error)

    run(program)
    as_it_was = out[0] is made[0]  # pytest would show both
    assert as_it_was
    assert journal == ["+a", "-a"]


@given(recipe=recipes_through())
@settings(max_examples=20)
def test_ctrl_c_and_system_exit_of_a_child_get_through_when_the_others_are_stopped(
    recipe: Recipe,
) -> None:
    out: list[BaseException] = []
    journal: list[str] = []

    async def program() -> None:
        try:
            async with open_supervisor(children=[Puppet("a", journal).spec()]) as sup:
                await trio.testing.wait_all_tasks_blocked()
                await sup.start(ChildSpec("bad", recipe.throw))
                await trio.sleep_forever()
        except BaseException as error:  # whatever it is
            out.append(error)

    run(program)
    (kind,) = map(type, out)
    assert issubclass(kind, (KeyboardInterrupt, SystemExit))
    assert journal == ["+a", "-a"]


def test_a_filter_of_the_log_that_raises_is_no_failure_of_the_supervisor() -> None:
    async def fails() -> None:
        await trio.sleep(1)
        raise ValueError("as told")

    def refuse(record: logging.LogRecord) -> bool:
        raise KeyError("filter")

    async def program() -> None:
        async with open_supervisor(max_restarts=None) as sup:
            child = await sup.start(ChildSpec("bad", fails))
            await trio.sleep(10.5)
            assert child.restarts == 10

    log = logging.getLogger("echosvc.supervision")
    log.addFilter(refuse)
    try:
        run(program)
    finally:
        log.removeFilter(refuse)


@pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")
def test_a_nursery_that_a_child_leaves_open_is_its_own_failure() -> None:
    generators: list[AsyncIterator[None]] = []
    journal: list[str] = []

    async def leaves_open() -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            yield

    async def child() -> None:
        await trio.sleep(1)
        generators.append(leaves_open())
        await anext(generators[-1])

    async def program() -> None:
        async with open_supervisor() as sup:
            await sup.start(Puppet("a", journal).spec())
            handle = await sup.start(ChildSpec("bad", child, restart="temporary"))
            await trio.sleep(5)
            assert "stack corrupted" in str(handle.last_error)
            assert [info.state for info in sup.children()] == ["running"]

    run(program)
    assert journal == ["+a", "-a"]
