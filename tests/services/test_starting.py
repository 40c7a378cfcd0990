"""Starting, when several want to: one start and one outcome, and nothing is left of a failure."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from echosvc import Runtime, open_runtime, process
from echosvc._runtime.service import ServiceOptions
from echosvc._runtime.startup import Replaced, one_of
from echosvc.errors import AlreadyExists, GaveUp, Invalid, NotFound, StartFailed, Unavailable
from echosvc.supervision import Supervisor
from tests.runtime.helpers import obedient, settle
from tests.schedules import schedule
from tests.services.conftest import App, states

SLOW_THEN_FAILS = """

async def slow_then_fails():
    await time.sleep(1)
    process.ready()
    if live("slow_then_fails") == 1:
        raise ValueError("not yet")
    await process.inbox().receive()
"""
STARTS_ONCE = """

async def starts_once(seconds=0):
    if live("starts_once") > 1:
        await time.sleep(seconds)
        raise ValueError("not again")
    process.ready()
    await process.inbox().receive()
"""


class Asked:
    """What somebody asked for, what became of it, and when."""

    def __init__(self, ask: Callable[[], Awaitable[object]]) -> None:
        self._ask = ask
        self.error: BaseException | None = None
        self.done = False
        self.at = -1.0

    async def run(self) -> None:
        try:
            await self._ask()
        except Exception as exc:
            self.error = exc
        self.done = True
        self.at = trio.current_time()

    @property
    def outcome(self) -> str:
        if self.error is None:
            return "done" if self.done else "waits"
        return type(self.error).__name__


def ask(nursery: trio.Nursery, fn: Callable[..., Awaitable[object]], *args: Any) -> Asked:
    async def call() -> None:
        await fn(*args)

    asked = Asked(call)
    nursery.start_soon(asked.run)
    return asked


@pytest.fixture
def app(app: App) -> App:
    app.service("slow", "ready_later", 2, ready="explicit", stop_timeout=0, auto_start=False)
    return app


def count(runtime: Runtime, name: str) -> int:
    """How many processes of a name there have been."""
    lives: dict[str, int] = runtime.program(f"app:{name}").fn.__globals__["lives"]
    return lives.get(name, 0)


# -- one start


@pytest.mark.parametrize("seed", range(4))
def test_two_who_start_the_same_in_one_tick_wait_for_one_start(app: App, seed: int) -> None:
    folder = app.write()

    async def program() -> None:
        async with open_runtime(folder, auto_start=False) as runtime:
            async with trio.open_nursery() as nursery:
                both = [ask(nursery, runtime.start, "app:slow") for _ in range(2)]
            assert [(one.outcome, one.at) for one in both] == [("done", 2), ("done", 2)]
            assert [info.starts for info in runtime.services()] == [1]

    with schedule(seed):
        trio.run(program, clock=trio.testing.MockClock(autojump_threshold=0))


async def test_a_second_start_waits_until_it_is_up(app: App) -> None:
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        first = ask(nursery, runtime.start, "app:slow")
        await trio.sleep(1)
        second = ask(nursery, runtime.start, "app:slow")
        await trio.sleep(0.5)
        assert (first.outcome, second.outcome) == ("waits", "waits")
        await trio.sleep(1)
        assert (first.at, second.at) == (2, 2)


async def test_all_who_wait_for_a_start_get_the_same_error(app: App) -> None:
    app.service("bad", "never_ready", ready="explicit", start_timeout="2s", auto_start=False)
    async with open_runtime(app.write()) as runtime:
        async with trio.open_nursery() as nursery:
            first = ask(nursery, runtime.start, "app:bad")
            await trio.sleep(1)
            second = ask(nursery, runtime.start, "app:bad", "app:slow")
        assert isinstance(first.error, GaveUp)
        assert second.error is first.error
        assert (first.at, second.at) == (2, 2)


async def test_what_needs_another_never_runs_before_that_is_up(app: App) -> None:
    app.service("top", "obedient", requires=["app:slow"], auto_start=False)
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        ask(nursery, runtime.start, "app:slow")
        await trio.sleep(1)
        top = ask(nursery, runtime.start, "app:top")
        await trio.sleep(0.5)
        assert states(runtime) == {"slow": "starting", "top": "unknown"}
        await trio.sleep(1)
        assert top.at == 2
        assert states(runtime) == {"slow": "running", "top": "running"}


async def test_a_start_that_is_restarted_in_the_middle_waits_for_the_new_start(app: App) -> None:
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        start = ask(nursery, runtime.start, "app:slow")
        await trio.sleep(1)
        restart = ask(nursery, runtime.restart_service, "app:slow", "once more")
        await trio.sleep(1.5)
        assert (start.outcome, restart.outcome) == ("waits", "waits")
        await trio.sleep(1)
        assert (start.outcome, restart.outcome) == ("done", "done")
        assert (start.at, restart.at) == (3, 3)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("running", 2)


async def test_a_tree_that_is_restarted_while_it_starts_comes_up(app: App) -> None:
    two = app.service("two", "ready_later", 2, ready="explicit", stop_timeout=0, auto_start=False)
    app.supervisor("tree", "app:slow", two)
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        start = ask(nursery, runtime.start, "app:tree")
        await trio.sleep(3)
        restart = ask(nursery, runtime.restart_service, "app:tree")
        await trio.sleep(5)
        assert (start.outcome, restart.outcome) == ("done", "done")
        assert (start.at, restart.at) == (7, 7)
        assert states(runtime) == {"tree": "running", "slow": "running", "two": "running"}


async def test_a_start_begun_while_it_is_being_stopped_comes_after_that(app: App) -> None:
    app.service("s", "stubborn", stop_timeout="3s")
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        await settle()
        stop = ask(nursery, runtime.stop_service, "app:s")
        await trio.sleep(1)
        start = ask(nursery, runtime.start, "app:s")
        await trio.sleep(5)
        assert (stop.outcome, stop.at, start.outcome, start.at) == ("done", 3, "done", 3)
        assert states(runtime) == {"s": "running"}


async def test_a_start_begun_while_the_one_before_is_stopped_comes_after_that(app: App) -> None:
    app.service("s", "ready_later", 5, ready="explicit", stop_timeout="3s", auto_start=False)
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        first = ask(nursery, runtime.start, "app:s")
        await trio.sleep(1)
        stop = ask(nursery, runtime.stop_service, "app:s")
        await trio.sleep(1)
        second = ask(nursery, runtime.start, "app:s")
        await trio.sleep(10)
        assert (stop.outcome, stop.at) == ("done", 4)
        # Who wanted it first gets it, too: it has been started again since.
        assert [(one.outcome, one.at) for one in (first, second)] == [("done", 9), ("done", 9)]
        assert [info.starts for info in runtime.services()] == [2]


async def test_a_restart_is_one_though_somebody_starts_it_in_the_same_tick(app: App) -> None:
    with (app.folder / "p.py").open("a") as file:
        file.write(SLOW_THEN_FAILS)
    app.service("s", "slow_then_fails", ready="explicit", restart={"initial_delay": 0})
    async with open_runtime(app.write()) as runtime:
        await trio.sleep(0.5)
        assert states(runtime) == {"s": "starting"}
        async with trio.open_nursery() as nursery:
            ask(nursery, runtime.start, "app:s")
            ask(nursery, runtime.restart_service, "app:s")
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("running", 3)


@pytest.mark.parametrize("steps", range(16))
async def test_whenever_it_is_stopped_it_is_down_and_who_starts_it_is_told_why(
    app: App, steps: int
) -> None:
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        start = ask(nursery, runtime.start, "app:slow")
        while not runtime.services():
            await trio.lowlevel.checkpoint()
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        await runtime.stop_service("app:slow", "not now")
        assert states(runtime) in ({}, {"slow": "stopped"})
        await settle()
        assert start.outcome == "Unavailable"
        assert str(start.error) == "service app:slow was stopped while it was starting: not now"
        await trio.sleep(10)
        assert not runtime.list()
        await runtime.start("app:slow")
        assert states(runtime) == {"slow": "running"}


@pytest.mark.parametrize("steps", range(16))
async def test_whenever_it_is_stopped_a_service_that_cannot_start_is_stopped(
    app: App, steps: int
) -> None:
    app.service("s", "deaf")
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        await settle()
        await runtime.stop_service("app:s")
        await runtime.stop_host("app:h")
        ask(nursery, runtime.restart_service, "app:s")
        while not any(unit.coming for unit in runtime.units):
            await trio.lowlevel.checkpoint()
        for _ in range(steps):
            await trio.lowlevel.checkpoint()
        await runtime.stop_service("app:s")
        assert states(runtime) == {"s": "stopped"}
        await trio.sleep(100)
        assert states(runtime) == {"s": "stopped"}


@pytest.mark.parametrize("steps", range(16))
async def test_whenever_it_is_restarted_a_start_that_fails_leaves_nothing(
    app: App, steps: int
) -> None:
    app.service("bad", "crash", ready="explicit", auto_start=False)
    async with open_runtime(app.write()) as runtime:
        async with trio.open_nursery() as nursery:
            start = ask(nursery, runtime.start, "app:bad")
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            restart = ask(nursery, runtime.restart_service, "app:bad")
        assert start.outcome == "GaveUp"
        assert restart.outcome in ("NotFound", "StartFailed")
        await trio.sleep(100)
        assert runtime.services() == ()
        assert not runtime.list()
        supervisor = await runtime.keeper.supervisor()
        assert supervisor.children() == ()


# -- what it raises


async def test_a_required_service_that_does_not_start_is_gave_up_and_leaves_nothing(
    app: App,
) -> None:
    app.service("bad", "crash", ready="explicit", auto_start=False)
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(GaveUp, match="required service app:bad did not start") as caught:
            await runtime.start("app:bad")
        assert isinstance(caught.value.__cause__, StartFailed)
        assert runtime.services() == ()
        with pytest.raises(GaveUp):  # the entry is still there to be started
            await runtime.start("app:bad")


async def test_what_failed_with_something_else_is_begun_anew_by_the_next_start(app: App) -> None:
    app.service("once", "fail_ready_once", ready="explicit", auto_start=False)
    app.service("top", "obedient", "top", requires=["app:once"], auto_start=False)
    app.service("tip", "obedient", "tip", requires=["app:top"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(GaveUp, match="app:once"):
            await runtime.start("app:tip")
        assert runtime.services() == ()
        await runtime.start("app:tip")
        assert states(runtime) == {"once": "running", "top": "running", "tip": "running"}


async def test_several_that_fail_side_by_side_are_one_error_that_names_each(app: App) -> None:
    for name in "ab":
        app.service(name, "never_ready", ready="explicit", start_timeout="2s", auto_start=False)
    app.service("c", "obedient", requires=["app:a"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(GaveUp) as caught:
            await runtime.start("app:a", "app:b", "app:c")
    text = str(caught.value)
    assert text.startswith("2 did not start: required service app:a did not start: ")
    assert "required service app:b did not start: " in text
    assert [str(cause) for cause in caught.value.causes] == [
        "app:a was not ready within 2s",
        "app:b was not ready within 2s",
    ]


async def test_a_failure_is_raised_at_once_and_what_was_begun_goes_on(app: App) -> None:
    app.service("bad", "crash", ready="explicit", auto_start=False)
    app.service("on_bad", "obedient", requires=["app:bad"], auto_start=False)
    app.service("on_slow", "obedient", requires=["app:slow"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(GaveUp, match="app:bad"):
            await runtime.start("app:on_slow", "app:on_bad")
        assert trio.current_time() == 0
        await settle()
        assert states(runtime) == {"slow": "starting", "on_slow": "unknown"}
        await trio.sleep(2)
        await settle()
        assert states(runtime) == {"slow": "running", "on_slow": "running"}


async def test_the_end_of_the_runtime_is_unavailable_for_who_starts(app: App) -> None:
    app.service("top", "obedient", requires=["app:slow"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        async with trio.open_nursery() as nursery:
            start = ask(nursery, runtime.start, "app:top")
            await trio.sleep(1)
            await runtime.stop("enough")
        assert start.outcome == "Unavailable"
        assert str(start.error) == "the runtime is stopping; it starts nothing any more"
        assert states(runtime) == {"slow": "stopped"}
        for refused in (runtime.start, runtime.restart_service):
            with pytest.raises(Unavailable):
                await refused("app:slow")


async def test_who_waits_from_outside_is_told_when_the_runtime_is_cancelled(app: App) -> None:
    folder = app.write()
    async with trio.open_nursery() as nursery:
        opened: list[Runtime] = []

        async def run() -> None:
            with trio.move_on_after(1):
                async with open_runtime(folder) as runtime:
                    opened.append(runtime)
                    await trio.sleep_forever()

        nursery.start_soon(run)
        await settle()
        start = ask(nursery, opened[0].start, "app:slow")
        await trio.sleep(30)
        assert start.outcome == "Unavailable"


async def test_what_is_stopped_while_it_starts_is_unavailable_for_who_starts_it(app: App) -> None:
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        start = ask(nursery, runtime.start, "app:slow")
        await trio.sleep(1)
        await runtime.stop_service("app:slow", "not now")
        assert states(runtime) == {"slow": "stopped"}
        await settle()
        assert start.outcome == "Unavailable"
        assert str(start.error) == "service app:slow was stopped while it was starting: not now"


async def test_what_is_stopped_before_its_turn_never_runs(app: App) -> None:
    app.service("top", "obedient", "top", requires=["app:slow"], auto_start=False)
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        start = ask(nursery, runtime.start, "app:top")
        await trio.sleep(1)
        await runtime.stop_service("app:top")
        assert trio.current_time() == 1
        assert states(runtime) == {"slow": "starting"}
        await settle()
        assert start.outcome == "Unavailable"
        await trio.sleep(5)
        assert states(runtime) == {"slow": "running"}
        await runtime.start("app:top")
        assert states(runtime) == {"slow": "running", "top": "running"}


async def test_a_host_that_the_program_has_started_is_refused_bare(app: App) -> None:
    async with open_runtime(app.write(), auto_start=False) as runtime:
        await runtime.start_host("app:h")
        with pytest.raises(AlreadyExists, match="there is a host app:h already"):
            await runtime.start("app:slow")
        assert runtime.services() == ()
        with pytest.raises(Invalid, match="which is not started"):
            await runtime.start("app:ready_later")
        with pytest.raises(NotFound):
            await runtime.start("app:slow", "app:nobody")
        assert runtime.services() == ()


async def test_nothing_begins_once_the_runtime_is_stopping(app: App) -> None:
    app.service("top", "obedient", "top", requires=["app:slow"], auto_start=False)
    app.service("last", "stubborn", stop_timeout="5s", auto_start=False)
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        start = ask(nursery, runtime.start, "app:top")
        await settle()
        await runtime.start("app:last")
        await settle()
        events = runtime.events("service", "starting")
        await runtime.stop("enough")
        assert trio.current_time() == 5
        await settle()
        assert start.outcome == "Unavailable"
        assert [event.path async for event in events] == []


def test_what_is_replaced_is_waited_for_whatever_else_has_failed() -> None:
    replaced = Replaced("s was changed")
    assert one_of([GaveUp("a"), replaced, GaveUp("b")]) is replaced


# -- cancelled


async def test_a_start_cancelled_beforehand_starts_nothing(app: App) -> None:
    async with open_runtime(app.write()) as runtime:
        with trio.CancelScope() as scope:
            scope.cancel()
            await runtime.start("app:slow")
        await settle()
        assert runtime.services() == ()


async def test_a_cancelled_start_goes_on_and_others_wait_for_it(app: App) -> None:
    app.service("top", "obedient", requires=["app:slow"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        with trio.move_on_after(1):
            await runtime.start("app:top")
        assert states(runtime) == {"slow": "starting", "top": "unknown"}
        await runtime.start("app:top")
        assert trio.current_time() == 2
        assert [info.starts for info in runtime.services()] == [1, 1]


async def test_a_cancelled_restart_goes_on(app: App) -> None:
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:slow")
        with trio.move_on_after(1):
            await runtime.restart_service("app:slow")
        assert states(runtime) == {"slow": "starting"}
        await trio.sleep(1)
        await settle()
        assert states(runtime) == {"slow": "running"}


async def test_a_cancelled_stop_goes_on(app: App) -> None:
    app.service("s", "stubborn", stop_timeout="3s")
    async with open_runtime(app.write()) as runtime:
        await settle()
        with trio.move_on_after(1):
            await runtime.stop_service("app:s")
        assert states(runtime) == {"s": "stopping"}
        await trio.sleep(2)
        await settle()
        assert states(runtime) == {"s": "stopped"}


# -- what is down


async def test_what_it_needs_is_started_again_if_it_was_stopped(app: App) -> None:
    app.service("top", "obedient", requires=["app:slow"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:top")
        for id in ("app:top", "app:slow"):
            await runtime.stop_service(id)
        began = trio.current_time()
        await runtime.start("app:top")
        assert trio.current_time() - began == 2
        assert states(runtime) == {"slow": "running", "top": "running"}
        await runtime.stop_service("app:slow")
        await runtime.start("app:top")  # which runs, and so needs no start
        assert states(runtime) == {"slow": "stopped", "top": "running"}


async def test_what_has_done_its_work_runs_again_only_when_it_is_asked_for(app: App) -> None:
    app.service("job", "done", auto_start=False)
    app.service("top", "obedient", requires=["app:job"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:job")
        await settle()
        assert states(runtime) == {"job": "exited"}
        await runtime.start("app:top")
        starts = {info.id: info.starts for info in runtime.services()}
        assert starts == {"app:job": 1, "app:top": 1}
        await runtime.start("app:job")
        starts = {info.id: info.starts for info in runtime.services()}
        assert starts == {"app:job": 2, "app:top": 1}


async def test_what_waits_for_its_restart_is_started_now(app: App) -> None:
    app.service("s", "fail_ready_once", ready="explicit", startup="optional")
    async with open_runtime(app.write()) as runtime:
        assert states(runtime) == {"s": "failed"}
        await runtime.start("app:s")
        assert trio.current_time() == 0
        assert states(runtime) == {"s": "running"}
        await trio.sleep(10)
        assert [info.starts for info in runtime.services()] == [2]


async def test_a_start_while_it_is_restarted_waits_for_that(app: App) -> None:
    with (app.folder / "p.py").open("a") as file:
        file.write(SLOW_THEN_FAILS)
    app.service("s", "slow_then_fails", ready="explicit", restart={"initial_delay": 0})
    async with open_runtime(app.write()) as runtime:
        await trio.sleep(0.5)
        assert states(runtime) == {"s": "starting"}
        await runtime.start("app:s")
        assert trio.current_time() == 2
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("running", 2)


async def test_a_required_service_that_fails_when_it_is_started_again_is_left_so(app: App) -> None:
    with (app.folder / "p.py").open("a") as file:
        file.write(STARTS_ONCE)
    app.service("s", "starts_once", ready="explicit")
    async with open_runtime(app.write()) as runtime:
        await runtime.stop_service("app:s")
        with pytest.raises(GaveUp, match=r"app:s did not start.*not again"):
            await runtime.start("app:s")
        await trio.sleep(100)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("failed", 2)


async def test_so_is_one_that_is_restarted_while_it_is_started_again(app: App) -> None:
    with (app.folder / "p.py").open("a") as file:
        file.write(STARTS_ONCE)
    app.service("s", "starts_once", 1, ready="explicit")
    async with open_runtime(app.write()) as runtime:
        await runtime.stop_service("app:s")
        async with trio.open_nursery() as nursery:
            start = ask(nursery, runtime.start, "app:s")
            await trio.sleep(0.5)
            restart = ask(nursery, runtime.restart_service, "app:s")
        assert (start.outcome, restart.outcome) == ("GaveUp", "StartFailed")
        await trio.sleep(100)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("failed", 3)


async def test_what_is_needed_and_waits_for_its_restart_is_let_be(app: App) -> None:
    app.service("bad", "fail_ready_once", ready="explicit", startup="optional", auto_start=False)
    app.service("top", "obedient", requires=["app:bad"], auto_start=False)
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:bad")
        await runtime.start("app:top")
        assert states(runtime) == {"bad": "failed", "top": "running"}
        await trio.sleep(2)
        assert states(runtime) == {"bad": "running", "top": "running"}


async def test_a_stop_of_what_waits_for_its_restart_is_done_though_it_is_cancelled(
    app: App,
) -> None:
    app.service("s", "fail_ready_once", ready="explicit", startup="optional")
    async with open_runtime(app.write()) as runtime:
        with trio.CancelScope() as scope:
            scope.cancel()
            await runtime.stop_service("app:s")
        assert states(runtime) == {"s": "stopped"}
        await trio.sleep(100)
        assert states(runtime) == {"s": "stopped"}


async def test_a_manifests_host_that_was_stopped_is_started_again_with_what_needs_it(
    app: App,
) -> None:
    app.service("s", "deaf", restart={"initial_delay": 0})
    app.service("top", "deaf", requires=["app:s"], restart={"initial_delay": 0})
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.stop_host("app:h")
        await settle()
        assert states(runtime) == {"s": "failed", "top": "failed"}
        with pytest.raises(NotFound, match="no host app:h"):
            runtime.spawn(obedient, "app:h")
        await runtime.start("app:top")
        assert states(runtime) == {"s": "running", "top": "running"}
        events = runtime.events()
        await runtime.stop("enough")
    ended = [event.path async for event in events if event.kind == "stopped" and event.path]
    assert ended == ["app:top", "app:s", "app:h"]


# -- without manifests


async def test_services_of_the_program_are_started_again_by_id() -> None:
    async with open_runtime() as runtime:
        await runtime.start_host("h")
        await runtime.start_service("s", ServiceOptions(obedient, "h"))
        await settle()
        await runtime.stop_service("s")
        assert states(runtime) == {"s": "stopped"}
        await runtime.start("s")
        assert states(runtime) == {"s": "running"}
        with pytest.raises(NotFound, match="no entry x: this runtime was opened without manifests"):
            await runtime.start("s", "x")


async def test_starting_and_stopping_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor does it look at every service: the cost of one does not grow with their number."""

    def children(self: Supervisor) -> None:
        raise AssertionError("looked at all children")

    monkeypatch.setattr(Supervisor, "children", children)
    async with open_runtime() as runtime:
        await runtime.start_host("h")
        for _ in range(5):
            for name in "abc":
                await runtime.start_service(name, ServiceOptions(obedient, "h"))
                await runtime.restart_service(name)
            for name in "abc":
                await runtime.stop_service(name)
        assert [unit.id for unit in runtime.units] == ["a", "b", "c"]
        assert not any(unit.coming for unit in runtime.units)
        supervisor = await runtime.keeper.supervisor()
        assert list(supervisor._children) == ["a", "b", "c"]


async def test_services_of_the_program_are_stopped_last_first() -> None:
    ended: list[str] = []

    async def tell_end(name: str) -> None:
        await process.events().receive()
        await trio.sleep(1)
        ended.append(name)

    async with open_runtime() as runtime:
        await runtime.start_host("h")
        for name in "abc":
            await runtime.start_service(name, ServiceOptions(tell_end, "h", (name,)))
        await settle()
    assert ended == ["c", "b", "a"]
