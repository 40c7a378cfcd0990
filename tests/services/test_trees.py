"""Supervision trees in manifests: started, restarted, given up and stopped as they are written."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from echosvc import Runtime, open_runtime, process
from echosvc.errors import (
    GaveUp,
    ManifestError,
    NotFound,
    StartFailed,
    Terminated,
    Unavailable,
)
from tests.runtime.helpers import settle
from tests.services.conftest import App, states


def starts(runtime: Runtime) -> dict[str, int]:
    return {info.id.removeprefix("app:"): info.starts for info in runtime.services()}


def named(app: App, name: str, **fields: Any) -> dict[str, Any]:
    """A child that registers its name and fails when it is told to."""
    return {"entry": app.process("named"), "name": name, "args": [name], **fields}


@pytest.fixture
def app(app: App) -> App:
    with (app.folder / "p.py").open("a") as file:
        file.write(
            """

async def named(name):
    process.registry.register(name)
    message = await process.inbox().receive()
    if message.topic == "fail":
        raise ValueError(message.data)
"""
        )
    return app


async def fail(runtime: Runtime, name: str) -> None:
    runtime.send(name, "fail", "as told")
    await settle()


async def test_children_are_started_left_to_right_and_stopped_right_to_left(app: App) -> None:
    a = app.service("a", "ready_later", 2, ready="explicit", auto_start=False)
    b = app.service("b", "obedient", auto_start=False)
    app.supervisor("top", a, b, lifecycle={"auto_start": True})
    async with open_runtime(app.write(), auto_start=False) as runtime:
        events = runtime.events("service")
        await runtime.start("app:top")
        await settle()
        assert trio.current_time() == 2
        assert states(runtime) == {"top": "running", "a": "running", "b": "running"}
        kinds = {info.id: (info.kind, info.parent) for info in runtime.services()}
        assert kinds["app:top"] == ("supervisor", "")
        assert kinds["app:a"] == ("service", "app:top")
        await runtime.stop("enough")
    found = [(event.kind, event.path) async for event in events]
    assert [path for kind, path in found if kind == "running"] == ["app:a", "app:b", "app:top"]
    assert [path for kind, path in found if kind == "stopped"] == ["app:b", "app:a", "app:top"]


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [("one_for_one", [1, 2, 1]), ("one_for_all", [2, 2, 2]), ("rest_for_one", [1, 2, 2])],
)
async def test_process_that_fails_is_restarted_by_the_strategy(
    app: App, strategy: str, expected: list[int]
) -> None:
    children = [named(app, name) for name in "abc"]
    app.supervisor("top", *children, strategy=strategy, lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        await settle()
        await fail(runtime, "b")
        found = starts(runtime)
        assert [found[f"top/{name}"] for name in "abc"] == expected
        assert set(states(runtime).values()) == {"running"}
        assert {info.kind for info in runtime.services()} == {"supervisor", "process"}


@pytest.mark.parametrize(
    ("restart", "after_return", "after_error"),
    [("permanent", 2, 3), ("transient", 1, 1), ("temporary", 1, 1)],
)
async def test_children_have_a_restart_type_of_their_own(
    app: App, restart: str, after_return: int, after_error: int
) -> None:
    app.supervisor("top", named(app, "a", restart=restart), lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        await settle()
        runtime.send("a", "return")
        await settle()
        assert starts(runtime)["top/a"] == after_return
        if restart == "permanent":
            await fail(runtime, "a")
        assert starts(runtime)["top/a"] == after_error


async def test_too_many_restarts_of_the_topmost_supervisor_end_the_runtime_in_order(
    app: App, lines: list[str]
) -> None:
    other = app.service("other", "obedient")
    app.supervisor(
        "top",
        named(app, "a"),
        max_restarts=1,
        within="10s",
        lifecycle={"auto_start": True, "requires": [other]},
    )
    with pytest.raises(GaveUp) as caught:
        async with open_runtime(app.write()) as runtime:
            await settle()
            await fail(runtime, "a")
            runtime.send("a", "fail", "for the last time")
            await trio.sleep_forever()
    assert str(caught.value).startswith("app:top gave up: more than 1 restarts within 10s")
    assert caught.value.exit_code == 3
    assert [str(cause) for cause in caught.value.causes] == ["as told", "for the last time"]
    assert "ERROR supervisor app:top gave up" in lines
    assert any(line.startswith("INFO service app:other stopped") for line in lines)


async def test_nested_supervisor_that_gives_up_is_restarted_by_the_one_above_it(
    app: App,
) -> None:
    low = app.supervisor("low", named(app, "a"), named(app, "b"), max_restarts=0)
    app.supervisor("top", low, named(app, "c"), lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        await settle()
        await fail(runtime, "a")
        assert set(states(runtime).values()) == {"running"}
        assert starts(runtime) == {"top": 1, "low": 2, "low/a": 2, "low/b": 2, "top/c": 1}


async def test_optional_topmost_supervisor_that_gives_up_is_restarted_after_its_backoff(
    app: App,
) -> None:
    app.supervisor(
        "top",
        named(app, "a"),
        max_restarts=0,
        lifecycle={"auto_start": True, "startup": "optional", "restart": {"jitter": 0}},
    )
    async with open_runtime(app.write()) as runtime:
        await settle()
        await fail(runtime, "a")
        assert states(runtime)["top"] == "failed"
        await trio.sleep(1)
        await settle()
        assert states(runtime) == {"top": "running", "top/a": "running"}


async def test_child_that_does_not_start_fails_the_boot_and_leaves_nothing(app: App) -> None:
    good = app.service("good", "obedient", auto_start=False)
    bad = app.service("bad", "crash", ready="explicit", auto_start=False)
    app.supervisor("top", good, bad, lifecycle={"auto_start": True})
    with pytest.raises(GaveUp, match=r"required supervisor app:top did not start.*app:bad"):
        async with open_runtime(app.write()):
            raise AssertionError


async def test_optional_child_that_does_not_start_does_not_hold_up_the_others(app: App) -> None:
    slow = app.service(
        "slow", "ready_later", 5, ready="explicit", startup="optional", auto_start=False
    )
    app.supervisor("top", slow, named(app, "a"), lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        assert trio.current_time() == 0
        await trio.sleep(6)
        assert states(runtime) == {"top": "running", "slow": "running", "top/a": "running"}


async def test_service_in_a_tree_keeps_its_own_backoff(app: App) -> None:
    service = app.service("s", "crash", restart={"jitter": 0}, auto_start=False)
    app.supervisor("top", service, max_restarts=100, lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        await trio.sleep(7.5)
        assert starts(runtime) == {"top": 1, "s": 4}


async def test_child_asked_for_by_id_starts_the_tree_that_it_is_part_of(app: App) -> None:
    service = app.service("s", "obedient", auto_start=False)
    app.supervisor("top", service)
    async with open_runtime(app.write()) as runtime:
        assert states(runtime) == {}
        await runtime.start("app:s")
        assert states(runtime) == {"top": "running", "s": "running"}


async def test_child_can_be_stopped_and_restarted_by_id(app: App) -> None:
    service = app.service("s", "obedient", auto_start=False)
    app.supervisor("top", service, max_restarts=0, lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.stop_service("app:s", "for a while")
        assert states(runtime) == {"top": "running", "s": "stopped"}
        await runtime.restart_service("app:s")
        assert states(runtime) == {"top": "running", "s": "running"}
        await runtime.stop_service("app:top")
        assert states(runtime) == {"top": "stopped", "s": "stopped"}
        await runtime.start("app:top")
        assert states(runtime) == {"top": "running", "s": "running"}


async def test_process_children_get_their_stop_timeout(app: App) -> None:
    child = {"entry": app.process("stubborn"), "stop_timeout": "3s"}
    app.supervisor("top", child, lifecycle={"auto_start": True})
    async with open_runtime(app.write()):
        await settle()
    assert trio.current_time() == 3


async def test_failure_is_in_the_log_in_one_line_and_on_the_bus(app: App, lines: list[str]) -> None:
    app.supervisor(
        "top", named(app, "a"), named(app, "b"), strategy="one_for_all",
        lifecycle={"auto_start": True},
    )  # fmt: skip
    async with open_runtime(app.write()) as runtime:
        await settle()
        bus = runtime.events("supervisor")
        await fail(runtime, "a")
        event = bus.receive_nowait()
        assert (event.kind, event.path, event.data["supervisor"]) == (
            "failed",
            "app:top/a",
            "app:top",
        )
        assert event.data["affected"] == ("app:top/a", "app:top/b")
    warnings = [line for line in lines if line.startswith("WARNING")]
    (warning,) = warnings
    assert warning == (
        "WARNING process app:top/a failed, and is restarted: ValueError: as told along=app:top/b"
    )


async def test_faults_of_trees_are_found_before_anything_starts(app: App) -> None:
    service = app.service("s", "obedient", auto_start=False)
    app.supervisor("one", service, "app:nobody")
    app.supervisor("two", service)
    app.supervisor("round", "app:about")
    app.supervisor("about", "app:round")
    with pytest.raises(ManifestError) as caught:
        async with open_runtime(app.write()):
            raise AssertionError
    words = "\n".join(str(fault) for fault in caught.value.faults)
    assert "children names 'app:nobody', and there is no such entry" in words
    assert "app:s is a child of app:one already" in words
    assert "→" in words


async def test_nested_supervisor_that_is_stopped_with_its_group_says_so(app: App) -> None:
    low = app.supervisor("low", named(app, "b"))
    app.supervisor(
        "top", named(app, "a"), low, strategy="one_for_all", lifecycle={"auto_start": True}
    )
    async with open_runtime(app.write()) as runtime:
        await settle()
        bus = runtime.events("service")
        await fail(runtime, "a")
        seen = [bus.receive_nowait() for _ in range(len(bus))]
    assert [event.kind for event in seen if event.path == "app:low"] == [
        "stopping",
        "stopped",
        "starting",
        "running",
    ]


async def test_who_is_restarted_with_a_failed_child_is_told_so(app: App) -> None:
    app.supervisor(
        "top", named(app, "a"), named(app, "b"), strategy="one_for_all",
        lifecycle={"auto_start": True},
    )  # fmt: skip
    async with open_runtime(app.write()) as runtime:
        await settle()
        async with runtime.attach():
            process.monitor("b")
            await fail(runtime, "a")
            exit = process.events().receive_nowait()
        assert isinstance(exit.result.error, Terminated)
        assert exit.result.error.reason == "restarted together with app:top/a"


async def test_without_a_reason_a_cancel_says_who_stops_it(app: App) -> None:
    app.supervisor("top", named(app, "a"), lifecycle={"auto_start": True})
    async with open_runtime(app.write()) as runtime:
        await settle()
        async with runtime.attach():
            process.monitor("a")
            await runtime.stop_service("app:top")
            exit = process.events().receive_nowait()
    assert isinstance(exit.result.error, Terminated)
    assert exit.result.error.reason == "its supervisor stops it"


# -- children by id


async def test_child_process_is_started_stopped_and_restarted_by_its_id(app: App) -> None:
    app.supervisor("top", named(app, "a"), named(app, "b"))
    async with open_runtime(app.write()) as runtime:
        for ask in (runtime.stop_service, runtime.restart_service, runtime.wait_service):
            with pytest.raises(NotFound, match=r"no service app:top/a has been started"):
                await ask("app:top/a")
        await runtime.start("app:top/a")
        assert states(runtime) == {"top": "running", "top/a": "running", "top/b": "running"}
        await runtime.stop_service("app:top/a")
        assert states(runtime)["top/a"] == "stopped"
        await runtime.start("app:top/a")
        assert states(runtime)["top/a"] == "running"
        await runtime.restart_service("app:top/a")
        assert await runtime.wait_service("app:top/a")
        assert starts(runtime) == {"top": 1, "top/a": 3, "top/b": 1}
        with pytest.raises(NotFound, match=r"app:top/c"):
            await runtime.start("app:top/c")


async def test_child_process_without_a_name_is_started_by_the_id_of_its_entry(app: App) -> None:
    child = app.process("obedient")
    app.supervisor("top", child)
    async with open_runtime(app.write()) as runtime:
        await runtime.start(child)
        await runtime.stop_service(child)
        await runtime.start(child)
        assert states(runtime) == {"top": "running", "obedient": "running"}


@pytest.mark.parametrize("ask", ["start", "restart_service"])
async def test_child_brings_the_supervisors_above_it_up_with_it(app: App, ask: str) -> None:
    app.supervisor("top", app.supervisor("low", named(app, "a"), named(app, "b")))
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:top")
        await runtime.stop_service("app:low")
        await runtime.stop_service("app:top")
        await getattr(runtime, ask)("app:low/a")
        assert set(states(runtime).values()) == {"running"}
        await runtime.stop_service("app:low")
        assert states(runtime)["top"] == "running"
        await getattr(runtime, ask)("app:low/a")
        assert set(states(runtime).values()) == {"running"}


async def test_child_that_is_stopped_while_its_supervisor_starts_is_left_out(app: App) -> None:
    slow = app.service("slow", "ready_later", 2, ready="explicit", auto_start=False)
    other = app.service("other", "obedient", auto_start=False)
    app.supervisor("top", slow, other, named(app, "c"))
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(runtime.start, "app:top")
        await trio.sleep(1)
        await runtime.stop_service("app:other")  # whose turn has not come
        await runtime.stop_service("app:slow")  # whose turn it is
        await settle()
        assert states(runtime) == {
            "top": "running",
            "slow": "stopped",
            "other": "stopped",
            "top/c": "running",
        }
        await runtime.start("app:slow", "app:other")
        assert set(states(runtime).values()) == {"running"}
        await runtime.restart_service("app:top")  # which starts all of it
        assert set(states(runtime).values()) == {"running"}


async def test_child_that_is_restarted_while_its_supervisor_starts_is_so_when_that_is_up(
    app: App,
) -> None:
    slow = app.service("slow", "ready_later", 2, ready="explicit", auto_start=False)
    app.supervisor("top", slow, named(app, "b"))
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(runtime.start, "app:top")
        await trio.sleep(1)
        await runtime.restart_service("app:slow")
        assert trio.current_time() == 4
        assert starts(runtime) == {"top": 1, "slow": 2, "top/b": 1}


async def test_required_child_that_does_not_start_is_gave_up_for_who_starts_it(app: App) -> None:
    bad = app.service("bad", "fail_ready_second", ready="explicit", auto_start=False)
    with (app.folder / "p.py").open("a") as file:
        file.write(
            """

async def fail_ready_second():
    if live("fail_ready_second") == 2:
        raise ValueError("not now")
    process.ready()
    await process.events().receive()
"""
        )
    app.supervisor("top", bad)
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:top")
        await runtime.stop_service("app:bad")
        with pytest.raises(GaveUp, match=r"required service app:bad did not start: .*not now"):
            await runtime.start("app:bad")
        assert states(runtime) == {"top": "running", "bad": "failed"}


async def test_tree_whose_restart_by_hand_fails_is_told_to_who_restarts_it(app: App) -> None:
    bad = app.service("bad", "fail_ready_second", ready="explicit", auto_start=False)
    with (app.folder / "p.py").open("a") as file:
        file.write(
            """

async def fail_ready_second():
    if live("fail_ready_second") == 2:
        raise ValueError("not now")
    process.ready()
    await process.events().receive()
"""
        )
    app.supervisor("top", bad)
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:top")
        with pytest.raises(StartFailed, match=r"supervisor app:top did not start"):
            await runtime.restart_service("app:top")
        await settle()
        assert states(runtime) == {"top": "failed", "bad": "failed"}
        await runtime.start("app:bad")
        assert states(runtime) == {"top": "running", "bad": "running"}


async def test_who_starts_a_tree_that_is_stopped_meanwhile_is_told_so(app: App) -> None:
    slow = app.service("slow", "ready_later", 2, ready="explicit", auto_start=False)
    app.supervisor("top", slow)
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:

        async def start(id: str) -> None:
            with pytest.raises(Unavailable, match="app:top was stopped while it was starting"):
                await runtime.start(id)

        nursery.start_soon(start, "app:top")
        nursery.start_soon(start, "app:slow")
        await trio.sleep(1)
        await runtime.stop_service("app:top")
        assert states(runtime) == {"top": "stopped", "slow": "stopped"}


async def test_child_that_is_stopped_and_started_before_its_turn_has_its_turn(app: App) -> None:
    slow = app.service("slow", "ready_later", 2, ready="explicit", auto_start=False)
    app.supervisor("top", slow, named(app, "b"), named(app, "c"))
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(runtime.start, "app:top")
        await trio.sleep(1)
        await runtime.stop_service("app:top/b")
        await runtime.start("app:top/b")
        assert trio.current_time() == 2
        assert set(states(runtime).values()) == {"running"}
        supervisor = await runtime.keeper.supervisor()
        await runtime.stop_service("app:top/c")
        assert supervisor.child("app:top") is not None
        assert starts(runtime) == {"top": 1, "slow": 1, "top/b": 1, "top/c": 1}


async def test_child_whose_group_is_restarted_while_it_is_started_comes_up(app: App) -> None:
    slow = app.service(
        "slow", "ready_later", 2, ready="explicit", startup="optional", stop_timeout=0,
        auto_start=False,
    )  # fmt: skip
    app.supervisor("top", named(app, "a"), slow, strategy="one_for_all")
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        await runtime.start("app:slow")
        await runtime.stop_service("app:slow")
        began = trio.current_time()
        nursery.start_soon(runtime.start, "app:slow")
        await trio.sleep(1)
        await fail(runtime, "a")
        await runtime.start("app:slow")
        assert trio.current_time() - began == 3
        assert set(states(runtime).values()) == {"running"}


async def test_child_that_is_stopped_before_its_supervisor_is_begun_is_left_out(app: App) -> None:
    slow = app.service("slow", "ready_later", 2, ready="explicit", auto_start=False)
    app.supervisor("top", named(app, "a"), named(app, "b"), lifecycle={"requires": [slow]})
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:
        nursery.start_soon(runtime.start, "app:top")
        await trio.sleep(1)
        await runtime.stop_service("app:top/a")
        await trio.sleep(2)
        assert states(runtime) == {
            "slow": "running",
            "top": "running",
            "top/a": "stopped",
            "top/b": "running",
        }


async def test_child_that_is_stopped_while_its_supervisor_is_restarted_is_left_out(
    app: App,
) -> None:
    slow = app.service("slow", "ready_later", 2, ready="explicit", auto_start=False)
    low = app.supervisor("low", slow, named(app, "b"), named(app, "c"), max_restarts=0)
    app.supervisor("top", low)
    async with open_runtime(app.write()) as runtime:
        await runtime.start("app:top")
        await settle()
        await fail(runtime, "b")
        assert states(runtime)["low"] == "starting"
        await runtime.stop_service("app:low/c")
        await runtime.wait_service("app:low")
        assert states(runtime)["low/b"] == "running"
        assert states(runtime)["low/c"] == "stopped"
        await fail(runtime, "b")  # the next time all of it is started again
        await runtime.wait_service("app:low")
        assert states(runtime)["low/c"] == "running"
