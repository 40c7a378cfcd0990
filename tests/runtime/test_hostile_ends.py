"""A process comes to the end of its end, whatever it raises, and wherever."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import trio
import trio.testing
from hypothesis import assume, example, given, settings

from echosvc import Event, Pid, Runtime, coroutine, open_runtime, process
from echosvc._runtime.service import ServiceOptions
from echosvc.errors import Internal, Invalid
from echosvc.supervision import RestartPolicy
from tests.hostile import KEPT, Recipe, plain_recipes, recipes, recipes_through
from tests.runtime.helpers import HOST, forever, give
from tests.runtime.rooms import (
    Room,
    end_of,
    in_a_coroutine,
    in_a_coroutine_at_the_end,
    in_a_nursery,
    in_main,
    in_order,
    rooms,
    run,
    server,
)

# It is what some of these processes do wrong.
pytestmark = pytest.mark.filterwarnings("ignore:Async generator:ResourceWarning")


@pytest.fixture(autouse=True)
def _virtual_time() -> None:
    """Each example has a clock of its own."""


@given(recipe=recipes(), room=rooms)
@example(Recipe("Exception", ("str raises",)), in_main)
@example(Recipe("Exception", ("str raises",), ("group",)), in_main)
@example(Recipe("Exception", ("repr raises",)), in_main)
@example(Recipe("ValueError", (), ("deep group",)), in_main)
@example(Recipe("CancelledError"), in_main)
@example(Recipe("GeneratorExit"), in_main)
@example(Recipe(KEPT), in_main)
@example(Recipe(KEPT), in_a_coroutine)
@example(Recipe(KEPT, (), ("group with another",)), in_main)
@settings(max_examples=100)
def test_whatever_a_process_raises_its_end_is_an_end_and_the_others_go_on(
    recipe: Recipe, room: Room
) -> None:
    # Who is cancelled may end with a Cancelled, whichever it is.
    assume(recipe.base != KEPT or room is not in_a_coroutine_at_the_end)

    async def program(runtime: Runtime) -> None:
        await end_of(runtime, runtime.spawn(room, HOST, recipe))

    in_order(program)


@given(recipe=recipes().filter(lambda recipe: recipe.base != KEPT))
@settings(max_examples=25)
def test_whatever_a_process_raises_is_its_error_as_it_is(recipe: Recipe) -> None:
    made: list[BaseException] = []

    async def main() -> None:
        await process.inbox().receive()
        made.append(recipe.make())
        raise made[0]

    async def program(runtime: Runtime) -> None:
        for event in await end_of(runtime, runtime.spawn(main, HOST)):
            assert event.result.error is made[0]

    in_order(program)


def test_a_cancelled_that_was_kept_is_an_error_that_says_so() -> None:
    async def program(runtime: Runtime) -> None:
        for event in await end_of(runtime, runtime.spawn(in_main, HOST, Recipe(KEPT))):
            assert isinstance(event.result.error, Internal)
            assert isinstance(event.result.error.__cause__, trio.Cancelled)
            assert "outside of the scope that it belongs to" in str(event.result.error)

    in_order(program)


@given(recipe=recipes())
@settings(max_examples=20)
def test_whatever_a_coroutine_of_an_attached_task_raises_comes_out_of_the_block(
    recipe: Recipe,
) -> None:
    async def program(runtime: Runtime) -> None:
        told: list[Event] = []
        out: list[BaseException] = []

        async def watcher(pid: Pid) -> None:
            process.monitor(pid)
            told.append(await process.events().receive())

        try:
            async with runtime.attach() as pid:
                runtime.spawn(watcher, HOST, pid)
                await trio.testing.wait_all_tasks_blocked()
                coroutine.spawn(recipe.throw)
                await forever()
        except BaseException as error:  # whatever it is
            out.append(error)
        await trio.testing.wait_all_tasks_blocked()
        assert len(out) == len(told) == 1
        # Python itself lets no StopAsyncIteration out of an async generator.
        expected = out[0].__cause__ if type(out[0]) is RuntimeError else out[0]
        assert told[0].result.error is expected
        assert await runtime.run(give, HOST, 1) == 1

    in_order(program)


@given(recipe=recipes())
@settings(max_examples=20)
def test_whatever_the_process_of_a_service_raises_the_service_learns(recipe: Recipe) -> None:
    async def program(runtime: Runtime) -> None:
        options = ServiceOptions(
            recipe.throw,
            HOST,
            required=False,
            policy=RestartPolicy(initial_delay="1s", max_attempts=2),
        )
        await runtime.start_service("s", options)
        bystander = runtime.spawn(server, HOST)
        await trio.sleep(60)
        (info,) = runtime.services()
        assert (info.state.value, info.starts, info.pid) == ("failed", 3, None)
        assert info.last_error is not None
        assert await runtime.call(bystander, "?") == "alive"
        await runtime.stop_service("s")

    in_order(program)


# Python's contextlib itself sets the traceback of what it raises.
THROUGH_CONTEXTLIB = {"class raises", "traceback raises", "nothing can be set"}


@given(recipe=recipes().filter(lambda recipe: THROUGH_CONTEXTLIB.isdisjoint(recipe.broken)))
@settings(max_examples=20)
def test_whatever_the_block_raises_comes_out_of_it_and_all_is_stopped(recipe: Recipe) -> None:
    made: list[BaseException] = []
    out: list[BaseException] = []
    runtimes: list[Runtime] = []

    async def body() -> None:
        try:
            async with open_runtime() as runtime:
                runtimes.append(runtime)
                await runtime.start_host(HOST)
                runtime.spawn(server, HOST)
                made.append(recipe.make(ValueError("x") if recipe.base == KEPT else None))
                raise made[0]
        except BaseException as error:  # whatever it is
            out.append(error)

    run(body)
    as_it_was = out[0] is made[0]  # pytest would show both
    assert as_it_was
    assert runtimes[0].list() == ()


# -- what goes through


@given(recipe=recipes_through(), room=rooms.filter(lambda room: room is not in_a_nursery))
@settings(max_examples=40)
def test_ctrl_c_and_system_exit_come_out_of_the_block_bare_and_those_who_wait_are_told(
    recipe: Recipe, room: Room
) -> None:
    told: list[str] = []
    out: list[BaseException] = []

    async def watcher(pid: Pid) -> None:
        process.monitor(pid)
        try:
            await forever()
        finally:
            told.extend(event.kind.name for event in drained())

    def drained() -> Iterator[Event]:
        while len(process.events()):
            yield process.events().receive_nowait()

    async def body() -> None:
        try:
            async with open_runtime() as runtime:
                await runtime.start_host(HOST)
                victim = runtime.spawn(room, HOST, recipe)
                runtime.spawn(watcher, HOST, victim)
                await trio.testing.wait_all_tasks_blocked()
                runtime.send(victim, "go")
                await forever()
        except BaseException as error:  # whatever it is
            out.append(error)

    run(body)
    (kind,) = map(type, out)
    assert issubclass(kind, (KeyboardInterrupt, SystemExit))
    if room is in_main:  # of a coroutine the process has still to end
        assert told == ["EXIT"]


# -- what is not an exception of main


class Uncopyable(list[int]):
    """A container whose copying raises."""

    error: BaseException

    def __copy__(self) -> Uncopyable:
        raise self.error


@given(
    recipe=recipes().filter(lambda recipe: recipe.base != KEPT)
    | recipes_through().filter(lambda recipe: recipe.base == "SystemExit")
)
@example(Recipe("SystemExit"))
@settings(max_examples=20)
def test_a_result_that_cannot_be_copied_is_invalid_whatever_its_copying_raises(
    recipe: Recipe,
) -> None:
    async def main() -> Uncopyable:
        await process.inbox().receive()
        value = Uncopyable()
        value.error = recipe.make()
        return value

    async def program(runtime: Runtime) -> None:
        for event in await end_of(runtime, runtime.spawn(main, HOST)):
            assert isinstance(event.result.error, Invalid)

    in_order(program)


@given(filter_raises=plain_recipes() | recipes(), recipe=recipes(), room=rooms)
@example(Recipe("KeyError"), Recipe("ValueError"), in_main)
@settings(max_examples=40)
def test_an_end_is_an_end_though_reporting_it_fails(
    filter_raises: Recipe, recipe: Recipe, room: Room
) -> None:
    assume(recipe.base != KEPT or room is not in_a_coroutine_at_the_end)

    def refuse(record: logging.LogRecord) -> bool:
        raise filter_raises.make(ValueError("x") if filter_raises.base == KEPT else None)

    async def program(runtime: Runtime) -> None:
        runtime.events()  # the bus has to tell, too
        await end_of(runtime, runtime.spawn(room, HOST, recipe))

    with filtered(refuse):
        in_order(program)


@contextmanager
def filtered(refuse: Callable[[logging.LogRecord], bool]) -> Iterator[None]:
    logs = [logging.getLogger(f"echosvc.{name}") for name in ("process", "runtime", "host")]
    for log in logs:
        log.addFilter(refuse)
    try:
        yield
    finally:
        for log in logs:
            log.removeFilter(refuse)
