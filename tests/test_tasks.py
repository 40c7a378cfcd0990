"""What is made of what somebody's code has raised in a task of ours."""

from __future__ import annotations

import asyncio
import gc

import pytest
import trio
import trio.testing

from echosvc import open_runtime
from echosvc._tasks import is_thrown_away, sort_out
from echosvc.errors import Internal
from echosvc.supervision import ChildSpec, open_supervisor
from tests.hostile import BadGroup, Recipe


async def cancelled() -> trio.Cancelled:
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as exc:
            kept = exc
    return kept


@pytest.mark.parametrize(
    "error",
    [ValueError(), asyncio.CancelledError(), GeneratorExit(), ExceptionGroup("g", [ValueError()])],
)
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_is_not_for_the_whole_program_is_the_codes_own(
    error: BaseException, is_cancelled: bool
) -> None:
    ended = sort_out(error, cancelled=is_cancelled)
    assert ended == (error, None, False)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)])
def test_ctrl_c_and_system_exit_go_through(error: BaseException) -> None:
    assert sort_out(error, cancelled=False) == (None, error, False)
    group = BaseExceptionGroup("g", [BaseExceptionGroup("in", [error])])
    assert sort_out(group, cancelled=False) == (None, error, False)


def test_of_several_ctrl_c_goes_through() -> None:
    ctrl_c = KeyboardInterrupt()
    group = BaseExceptionGroup("g", [SystemExit(1), ctrl_c])
    assert sort_out(group, cancelled=False).through is ctrl_c


async def test_a_cancellation_that_was_meant_is_no_error() -> None:
    error = await cancelled()
    assert sort_out(error, cancelled=True) == (None, None, True)
    assert sort_out(BaseExceptionGroup("g", [error]), cancelled=True) == (None, None, True)


async def test_a_cancellation_that_nobody_meant_is_an_error() -> None:
    error = await cancelled()
    ended = sort_out(BaseExceptionGroup("g", [error]), cancelled=False)
    assert isinstance(ended.own, Internal)
    assert ended.own.__cause__ is error
    assert (ended.through, ended.cancelled) == (None, False)


@pytest.mark.parametrize("is_cancelled", [False, True])
async def test_in_a_group_there_may_be_all_of_it(is_cancelled: bool) -> None:
    own, through = ValueError("own"), SystemExit(2)
    inner = BaseExceptionGroup("in", [own, await cancelled()])
    ended = sort_out(BaseExceptionGroup("out", [inner, through]), cancelled=is_cancelled)
    assert isinstance(ended.own, ExceptionGroup)
    assert ended.own.message == "out"
    (left,) = ended.own.exceptions
    assert left.exceptions == (own,)  # type: ignore[attr-defined]  # a group, as it came
    assert (ended.through, ended.cancelled) == (through, is_cancelled)


@pytest.mark.parametrize("around", ["deep group", "shared group"])
def test_a_group_too_deep_to_be_taken_apart_is_made_anew_and_flat(around: str) -> None:
    own = ValueError("own")
    deep = Recipe("", (), (around,)).make(own)
    ended = sort_out(BaseExceptionGroup("out", [deep, SystemExit()]), cancelled=False)
    assert isinstance(ended.own, ExceptionGroup)
    assert (ended.own.message, ended.own.exceptions) == ("out", (own,))


def test_a_group_that_will_not_be_taken_apart_is_made_anew() -> None:
    own, through = ValueError("own"), KeyboardInterrupt()
    ended = sort_out(BadGroup("bad", [own, through]), cancelled=False)
    assert isinstance(ended.own, ExceptionGroup)
    assert (ended.own.message, ended.own.exceptions) == ("bad", (own,))
    assert ended.through is through


async def test_python_closing_the_coroutine_of_a_run_that_is_over_is_no_error() -> None:
    task = trio.lowlevel.current_task()
    assert not is_thrown_away(GeneratorExit(), task)
    assert not is_thrown_away(ValueError(), task)
    root = trio.lowlevel.current_root_task()
    assert root is not None
    assert is_thrown_away(GeneratorExit(), root)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_that_breaks_down_ends_no_process_and_no_child() -> None:
    """Trio itself fails in the middle; what Python then closes is gone, and did not end."""
    ends: list[object] = []

    async def waits_badly() -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            raise ValueError("inside of trio's scheduler")

        with trio.move_on_after(1):
            await trio.lowlevel.wait_task_rescheduled(abort)

    async def main() -> None:
        async with open_runtime() as runtime, open_supervisor() as supervisor:
            await runtime.start_host("h")
            runtime.start_process(trio.sleep_forever, "h", (), on_end=ends.append)
            await supervisor.start(ChildSpec("child", trio.sleep_forever))
            supervisor._news.listener = ends.append
            await waits_badly()

    with pytest.raises(trio.TrioInternalError):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    gc.collect()
    assert ends == []
