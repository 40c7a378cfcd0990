"""What is promised of services: states, readiness, restarts, stops, and what is told of them."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import trio

from echosvc import Runtime, open_runtime
from echosvc.errors import Canceled, GaveUp, NotFound, StartFailed
from tests.runtime.helpers import settle
from tests.services.conftest import App, states


def drain(channel: Any) -> list[Any]:
    found = []
    while len(channel):
        found.append(channel.receive_nowait())
    return found


def pid_of(runtime: Runtime, id: str) -> str | None:
    return next(info.pid for info in runtime.services() if info.id == id)


async def test_service_runs_when_the_block_is_entered_and_is_stopped_when_it_is_left(
    app: App, lines: list[str]
) -> None:
    app.service("s", "obedient")
    async with open_runtime(app.write()) as runtime:
        assert states(runtime) == {"s": "running"}
        await settle()
        events = runtime.events("service")
    assert [event.kind for event in drain(events)] == ["stopping", "stopped"]
    assert [line for line in lines if "service" in line] == [
        "INFO service app:s running",
        "INFO service app:s stopped reason=the runtime is closed",
    ]


async def test_each_state_is_an_event_with_the_pid(app: App) -> None:
    app.service("s", "ready_later", 2, ready="explicit", auto_start=False)
    async with open_runtime(app.write()) as runtime:
        events = runtime.events("service")
        await runtime.start("app:s")
        assert trio.current_time() == 2
        await runtime.stop_service("app:s", "enough")
        seen = [(event.kind, event.path, event.data["pid"] is None) for event in drain(events)]
    assert seen == [
        ("starting", "app:s", True),
        ("running", "app:s", False),
        ("stopping", "app:s", False),
        ("stopped", "app:s", True),
    ]


async def test_normal_return_is_the_end_of_a_service(app: App, lines: list[str]) -> None:
    app.service("s", "done")
    async with open_runtime(app.write()) as runtime:
        await trio.sleep(100)
        assert states(runtime) == {"s": "exited"}
        (info,) = runtime.services()
        assert (info.starts, info.pid, info.last_error) == (1, None, None)
    assert "INFO service app:s exited" in lines


async def test_error_is_restarted_after_a_backoff_that_really_grows(
    app: App, lines: list[str]
) -> None:
    app.service("s", "crash", restart={"jitter": 0, "max_delay": "5s"})
    async with open_runtime(app.write(), auto_start=False) as runtime:
        bus = runtime.events("supervisor", "failed")
        await runtime.start("app:s")
        await trio.sleep(20)
        found = drain(bus)
        assert [event.at for event in found] == [0, 1, 3, 7, 12, 17]
        assert [event.data["delay"] for event in found] == [1, 2, 4, 5, 5, 5]
        assert states(runtime) == {"s": "failed"}
    failures = [line for line in lines if "failed" in line]
    assert len(failures) == 6
    assert failures[1] == (
        "WARNING service app:s failed, and is restarted in 2s: ValueError: life 2"
    )
    assert not [line for line in lines if "crashed" in line]  # told once


async def test_run_longer_than_the_stable_threshold_resets_the_backoff(app: App) -> None:
    app.service("s", "crash_on_message", stable_threshold="3s", restart={"jitter": 0})
    delays = []
    async with open_runtime(app.write()) as runtime:
        bus = runtime.events("supervisor", "failed")
        for lived in (1, 1, 4):
            await trio.sleep(lived)
            runtime.send("crash_on_message", "go", "told")
            event = await bus.receive()
            delays.append(event.data["delay"])
            await trio.sleep(event.data["delay"])
            await settle()
    assert delays == [1, 2, 1]


async def test_attempts_run_out(app: App, lines: list[str]) -> None:
    app.service("s", "crash", restart={"jitter": 0, "max_attempts": 2})
    async with open_runtime(app.write()) as runtime:
        await trio.sleep(100)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("failed", 3)
    assert any(line.startswith("ERROR service app:s failed, and stays down: ") for line in lines)


async def test_error_that_says_it_is_final_is_not_restarted(app: App, lines: list[str]) -> None:
    app.service("s", "final")
    async with open_runtime(app.write()) as runtime:
        await trio.sleep(100)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("failed", 1)
    assert (
        "ERROR service app:s failed, and stays down: Invalid: the configuration is wrong" in lines
    )


async def test_restarted_service_has_a_new_pid_and_nothing_of_the_old_life(app: App) -> None:
    app.service("s", "crash_on_message")
    async with open_runtime(app.write()) as runtime:
        await settle()
        first = pid_of(runtime, "app:s")
        runtime.send("crash_on_message", "go", "told")
        await trio.sleep(2)
        second = pid_of(runtime, "app:s")
        assert first != second
        assert runtime.statistics().messages_waiting == 0


# -- starting


async def test_ready_explicit_runs_only_when_the_process_says_so(app: App) -> None:
    app.service("s", "ready_later", 5, ready="explicit")
    async with open_runtime(app.write()):
        assert trio.current_time() == 5


async def test_name_that_a_service_registers_first_is_there_when_it_is_up(app: App) -> None:
    app.service("s", "obedient")
    folder = app.write()
    for _ in range(8):  # which of two tasks runs first is trio's coin
        async with open_runtime(folder) as runtime:
            assert runtime.names.lookup("obedient") == pid_of(runtime, "app:s")


async def test_required_service_that_is_not_ready_in_time_fails_the_boot(app: App) -> None:
    app.service("s", "never_ready", ready="explicit", start_timeout="3s")
    with pytest.raises(GaveUp) as caught:
        async with open_runtime(app.write()):
            raise AssertionError
    assert "required service app:s did not start" in str(caught.value)
    assert "was not ready within 3s" in str(caught.value)
    assert caught.value.exit_code == 3
    assert isinstance(caught.value.__cause__, StartFailed)


async def test_required_service_that_ends_before_it_is_ready_fails_the_boot(
    app: App, lines: list[str]
) -> None:
    app.service("s", "crash", ready="explicit")
    with pytest.raises(GaveUp, match="was not ready when its process ended: ValueError: life"):
        async with open_runtime(app.write()):
            raise AssertionError
    assert not [line for line in lines if "is restarted" in line]


async def test_required_service_whose_arguments_do_not_fit_fails_the_boot(app: App) -> None:
    app.service("s", "deaf", "too", "many")
    with pytest.raises(GaveUp, match=r"app:s did not start.*too many positional arguments"):
        async with open_runtime(app.write()):
            raise AssertionError


async def test_boot_that_fails_stops_what_was_up_in_order(app: App, lines: list[str]) -> None:
    first = app.service("first", "obedient")
    app.service("second", "crash", ready="explicit", requires=[first])
    with pytest.raises(GaveUp):
        async with open_runtime(app.write()):
            raise AssertionError
    assert "INFO service app:first stopped reason=the runtime is closed" in lines


async def test_optional_service_degrades_and_goes_on_being_restarted(app: App) -> None:
    app.service("bad", "fail_ready_once", ready="explicit", startup="optional")
    app.service("good", "obedient")
    async with open_runtime(app.write()) as runtime:
        assert states(runtime) == {"bad": "failed", "good": "running"}
        await trio.sleep(2)
        assert states(runtime) == {"bad": "running", "good": "running"}


async def test_services_that_need_nothing_of_each_other_start_side_by_side(app: App) -> None:
    for name in "abc":
        app.service(name, "ready_later", 4, ready="explicit")
    async with open_runtime(app.write()):
        assert trio.current_time() == 4


async def test_service_starts_after_what_it_requires_and_stops_before_it(app: App) -> None:
    a = app.service("a", "ready_later", 1, ready="explicit")
    b = app.service("b", "ready_later", 1, ready="explicit", requires=[a])
    app.service("c", "ready_later", 1, ready="explicit", depends_on=[b])
    async with open_runtime(app.write(), auto_start=False) as runtime:
        events = runtime.events("service")
        await runtime.start("app:c")
        assert trio.current_time() == 3
        await settle()
        started = [event.path for event in drain(events) if event.kind == "running"]
        await runtime.stop("enough")
        stopped = [event.path for event in drain(events) if event.kind == "stopped"]
    assert started == ["app:a", "app:b", "app:c"]
    assert stopped == ["app:c", "app:b", "app:a"]


async def test_cancelled_start_leaves_a_service_that_is_stopped_with_the_rest(
    app: App, lines: list[str]
) -> None:
    app.service("s", "ready_later", 100, ready="explicit", start_timeout="1h")
    async with open_runtime(app.write(), auto_start=False) as runtime:
        with trio.move_on_after(1):
            await runtime.start("app:s")
        assert states(runtime) == {"s": "starting"}
        before = trio.current_time()
    assert "INFO service app:s stopped reason=the runtime is closed" in lines
    assert trio.current_time() - before <= 10


# -- stopping


async def test_service_that_obeys_is_not_waited_for_longer_than_it_takes(app: App) -> None:
    app.service("s", "obedient", stop_timeout="1h")
    async with open_runtime(app.write()):
        await settle()
    assert trio.current_time() == 0


async def test_service_that_does_not_obey_is_terminated_after_its_stop_timeout(app: App) -> None:
    app.service("s", "stubborn", stop_timeout="7s")
    async with open_runtime(app.write()):
        await settle()
    assert trio.current_time() == 7


async def test_service_that_never_asked_for_events_is_terminated_at_once(app: App) -> None:
    app.service("s", "deaf", stop_timeout="1h")
    async with open_runtime(app.write()):
        await settle()
    assert trio.current_time() == 0


async def test_stopped_service_stays_down_until_it_is_started_again(app: App) -> None:
    app.service("s", "obedient")
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.stop_service("app:s", "for a while")
        await trio.sleep(100)
        assert states(runtime) == {"s": "stopped"}
        await runtime.start("app:s")
        await settle()
        assert states(runtime) == {"s": "running"}
        await runtime.start("app:s")  # it runs: let be
        (info,) = runtime.services()
        assert info.starts == 2


async def test_restart_service_by_hand(app: App) -> None:
    app.service("s", "obedient")
    async with open_runtime(app.write()) as runtime:
        first = pid_of(runtime, "app:s")
        await runtime.restart_service("app:s", "new configuration")
        assert states(runtime) == {"s": "running"}
        assert pid_of(runtime, "app:s") != first


async def test_restart_returns_when_the_service_is_up_again(app: App) -> None:
    app.service("s", "ready_later", 2, ready="explicit")
    async with open_runtime(app.write()) as runtime:
        await runtime.restart_service("app:s")
        assert trio.current_time() == 4
        assert states(runtime) == {"s": "running"}


async def test_restart_that_does_not_come_up_is_start_failed_and_its_policy_follows(
    app: App,
) -> None:
    app.service("s", "fail_ready_second", ready="explicit", restart={"jitter": 0})
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
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(StartFailed, match=r"service app:s did not start: .*not now") as caught:
            await runtime.restart_service("app:s")
        assert isinstance(caught.value.__cause__, StartFailed)
        assert states(runtime) == {"s": "failed"}
        await runtime.wait_service("app:s")
        assert trio.current_time() == 1


async def test_restart_that_is_stopped_meanwhile_is_start_failed(app: App) -> None:
    app.service("s", "ready_later", 2, ready="explicit")
    async with open_runtime(app.write()) as runtime, trio.open_nursery() as nursery:

        async def restart() -> None:
            with pytest.raises(StartFailed, match="was stopped while it was starting") as caught:
                await runtime.restart_service("app:s")
            assert isinstance(caught.value.__cause__, Canceled)

        nursery.start_soon(restart)
        await trio.sleep(1)
        await runtime.stop_service("app:s")
        assert states(runtime) == {"s": "stopped"}


async def test_reason_of_a_stop_is_not_given_for_the_next_one(app: App, lines: list[str]) -> None:
    app.service("s", "obedient")
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.restart_service("app:s", "new configuration")
        await settle()
        await runtime.stop_service("app:s")
    stopped = [line for line in lines if "service app:s stopped" in line]
    assert stopped == [
        "INFO service app:s stopped reason=new configuration",
        "INFO service app:s stopped",
    ]


async def test_stop_during_backoff_calls_the_restart_off(app: App) -> None:
    app.service("s", "crash")
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.stop_service("app:s")
        await trio.sleep(100)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("stopped", 1)


async def test_unknown_service_is_refused_by_name(app: App) -> None:
    app.service("s", "obedient")
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(NotFound, match=r"no service app:x has been started \(started: app:s"):
            await runtime.stop_service("app:x")


async def test_a_process_terminated_with_words_of_the_runtimes_own_is_restarted_like_any(
    app: App,
) -> None:
    app.service("s", "deaf", restart={"jitter": 0})
    async with open_runtime(app.write()) as runtime:
        pid = pid_of(runtime, "app:s")
        assert pid is not None
        runtime.terminate(pid, "its host was cancelled")
        await trio.sleep(5)
        (info,) = runtime.services()
        assert (info.state.value, info.starts) == ("running", 2)


async def test_a_filter_of_the_log_that_raises_keeps_no_service_down(app: App) -> None:
    def refuse(record: logging.LogRecord) -> bool:
        raise KeyError("filter")

    app.service("s", "crash", restart={"jitter": 0, "max_delay": "1s"})
    log = logging.getLogger("echosvc.service")
    log.addFilter(refuse)
    try:
        async with open_runtime(app.write()) as runtime:
            await trio.sleep(10.5)
            (info,) = runtime.services()
            assert info.starts == 11
    finally:
        log.removeFilter(refuse)


async def test_cancelled_runtime_says_nothing_of_failures(app: App, lines: list[str]) -> None:
    app.service("s", "obedient")
    app.service("t", "deaf")
    with trio.move_on_after(1):
        async with open_runtime(app.write()):
            await trio.sleep_forever()
    assert not [line for line in lines if line.startswith(("WARNING", "ERROR"))]
    assert len([line for line in lines if "stopped" in line]) == 2


async def test_two_runtimes_of_one_application_do_not_see_each_other(app: App) -> None:
    app.service("s", "obedient")
    folder = app.write()
    async with open_runtime(folder) as one, open_runtime(folder) as two:
        await settle()
        await one.stop_service("app:s")
        assert (states(one), states(two)) == ({"s": "stopped"}, {"s": "running"})


async def test_what_fails_while_it_is_stopped_is_in_the_log(app: App, lines: list[str]) -> None:
    app.service("s", "fails_when_asked")
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.stop_service("app:s")
        assert states(runtime) == {"s": "stopped"}
    crashed = [line for line in lines if line.startswith("ERROR")]
    assert len(crashed) == 1
    assert "(app:fails_when_asked) crashed: ValueError: while it ended" in crashed[0]


async def test_bus_has_what_supervisors_decide_and_no_starts_and_stops_of_theirs(app: App) -> None:
    app.service("job", "done")
    app.service("bad", "crash", restart={"jitter": 0})
    async with open_runtime(app.write(), auto_start=False) as runtime:
        bus = runtime.events("supervisor")
        await runtime.start("app:job", "app:bad")
        await settle()
        await runtime.stop_service("app:bad")
        found = {(event.kind, event.path, event.data["decision"]) for event in drain(bus)}
    assert found == {("exited", "app:job", "leave"), ("failed", "app:bad", "restart")}


async def test_service_that_does_not_end_is_named_in_the_log(app: App, lines: list[str]) -> None:
    app.service("s", "clean_up", 20, stop_timeout="2s", start_timeout="3s")
    with (app.folder / "p.py").open("a") as file:
        file.write(
            """

async def clean_up(seconds):
    try:
        await process.inbox().receive()
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(seconds)
"""
        )
    async with open_runtime(app.write()) as runtime:
        await settle()
        await runtime.stop_service("app:s")
        assert trio.current_time() == 20
    stuck = [line for line in lines if "is stopped, and" in line or "was stopped, and" in line]
    assert stuck
    assert set(stuck) == {"WARNING service app:s was stopped, and does not end"}
