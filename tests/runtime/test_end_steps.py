"""Each step of an end is done, though the one before it has failed."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from echosvc import Pid, Runtime, process
from tests.runtime.helpers import HOST, forever
from tests.runtime.rooms import end_of, in_order


@pytest.fixture(autouse=True)
def _virtual_time() -> None:
    """Each example has a clock of its own."""


@pytest.mark.parametrize(
    "step",
    [
        "names.Names.release",
        "host.Host.forget",
        "mailbox.Mailbox.put_event",
        "mailbox.Mailbox.close",
        "routes.Routes.route",
        "bus.Bus.emit",
        "crash.report_failure",
        "process.Process._let_go",
    ],
)
@pytest.mark.parametrize("error", [ValueError("of a step"), GeneratorExit("of a step")])
def test_a_step_of_the_end_that_fails_keeps_no_other_from_being_done(
    step: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    import echosvc._runtime.bus
    import echosvc._runtime.crash
    import echosvc._runtime.host
    import echosvc._runtime.mailbox
    import echosvc._runtime.names
    import echosvc._runtime.process
    import echosvc._runtime.routes

    module, *path = step.split(".")
    owner: Any = getattr(echosvc._runtime, module)
    for name in path[:-1]:
        owner = getattr(owner, name)
    original = getattr(owner, path[-1])
    results: list[Any] = []

    def fails(*args: Any, **kwargs: Any) -> Any:
        original(*args, **kwargs)
        raise error

    async def main() -> None:
        process.registry.register("victim")
        me = runtime_of().processes[process.pid()]
        me.hold(lambda: None)
        await process.inbox().receive()
        monkeypatch.setattr(owner, path[-1], fails)
        raise KeyError("own")

    runtimes: list[Runtime] = []

    def runtime_of() -> Runtime:
        return runtimes[0]

    async def program(runtime: Runtime) -> None:
        runtimes.append(runtime)
        bus = runtime.events("process", "ended")
        started = runtime.start_process(main, HOST, (), on_end=results.append)
        watcher = runtime.spawn(watches, HOST, started.pid)
        await trio.testing.wait_all_tasks_blocked()
        runtime.send(started.pid, "go")
        await trio.testing.wait_all_tasks_blocked()
        monkeypatch.undo()
        assert started.pid not in runtime.list()
        assert started.pid not in runtime.hosts[HOST].processes
        assert runtime.names.get("victim") is None
        assert isinstance(results[0].error, KeyError)
        assert await runtime.call(watcher, "?") == 1
        assert started.mailbox.owner is None
        assert bus.receive_nowait().path == started.pid

    in_order(program)


async def watches(pid: Pid) -> None:
    process.monitor(pid)
    events = process.events()
    async for message in process.inbox():
        message.reply(len(events))


def test_a_process_whose_wait_cannot_be_aborted_keeps_no_other_from_being_told() -> None:
    """`abort_fn` is somebody's own code, which trio calls in the middle of a cancellation."""

    async def waits_badly() -> None:
        def abort(_: object) -> trio.lowlevel.Abort:
            raise ValueError("of abort_fn")

        task = trio.lowlevel.current_task()
        tasks.append(task)
        await trio.lowlevel.wait_task_rescheduled(abort)

    tasks: list[trio.lowlevel.Task] = []

    async def main() -> None:
        process.link(bad[0])
        process.spawn_linked(forever)
        await process.inbox().receive()
        raise ValueError("own")

    bad: list[Pid] = []

    async def program(runtime: Runtime) -> None:
        bad.append(runtime.spawn(waits_badly, HOST))
        victim = runtime.spawn(main, HOST)
        await trio.testing.wait_all_tasks_blocked()
        await end_of(runtime, victim)
        assert not [pid for pid in runtime.list() if runtime.info(pid).entry.endswith("forever")]
        trio.lowlevel.reschedule(tasks[0])

    in_order(program)
