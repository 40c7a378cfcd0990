"""Going on as another program."""

from __future__ import annotations

import contextvars
import itertools
from pathlib import Path
from typing import Any

import pytest
import trio

from echosvc import Runtime, coroutine, ctx, open_runtime, process
from echosvc.errors import Invalid, ManifestError, NotFound, PermissionDenied, Terminated
from tests.runtime.helpers import HOST, Failure, drain, fail, forever, give, settle

variable: contextvars.ContextVar[str] = contextvars.ContextVar("upgraded", default="unset")


async def second(*args: Any) -> Any:
    """Tell all that the new main finds."""
    info = process.info()
    messages = [message.data for message in drain(process.inbox())]
    return {"args": args, "names": info.names, "links": len(info.links), "messages": messages}


async def test_pid_names_links_monitors_and_mailbox_stay(runtime: Runtime) -> None:
    async def first() -> None:
        process.registry.register("me")
        listened = process.listen("a")
        for n, topic in enumerate("abab"):
            process.send(process.pid(), topic, n)
        assert await listened.receive() == 0
        await process.upgrade(second, [1], 2)

    async with runtime.attach():
        pid = process.spawn_linked_monitored(first, HOST)
        event = await process.events().receive()
        assert event.sender == pid
        assert event.result.value == {
            "args": ([1], 2),
            "names": ("me",),
            "links": 1,
            "messages": [1, 2, 3],
        }
        assert runtime.statistics().spawned == 2


async def test_what_ran_is_cancelled_with_its_coroutines(runtime: Runtime) -> None:
    ended: list[str] = []

    async def coroutine_() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            ended.append("coroutine")

    async def first() -> None:
        coroutine.spawn(coroutine_)
        await settle()
        try:
            await process.upgrade(next_)
        finally:
            ended.append("main")

    async def next_() -> list[str]:
        return [*ended, *process.info().coroutines]

    assert await runtime.run(first, HOST) == ["main", "coroutine"]


async def test_a_coroutine_can_upgrade_its_process(runtime: Runtime) -> None:
    async def first() -> None:
        coroutine.spawn(process.upgrade, give, 7)
        await forever()

    assert await runtime.run(first, HOST) == 7


async def test_no_target_is_the_same_program(runtime: Runtime) -> None:
    async def again(n: int = 0) -> int:
        if n < 3:
            await process.upgrade(None, n + 1)
        return n

    assert await runtime.run(again, HOST) == 3


async def test_context_variables_of_the_old_main_do_not_live_on(runtime: Runtime) -> None:
    async def first() -> None:
        variable.set("old")
        await process.upgrade(next_)

    async def next_() -> str:
        return variable.get()

    assert await runtime.run(first, HOST) == "unset"


async def test_context_values_stay(runtime: Runtime) -> None:
    async def first() -> None:
        await process.upgrade(next_)

    async def next_() -> Any:
        return ctx.all()

    async def main() -> Any:
        return await process.with_context({"a": 1}).exec(first)

    assert await runtime.run(main, HOST) == {"a": 1}


async def test_the_new_main_that_never_asks_for_events_cannot_hear_a_cancel(
    runtime: Runtime,
) -> None:
    async def first() -> None:
        process.events()
        await process.upgrade(forever)

    await runtime.start_host("app:h", stop_timeout="60s")
    runtime.spawn(first, "app:h")
    await settle()
    began = trio.current_time()
    await runtime.stop_host("app:h")
    assert trio.current_time() == began


@pytest.mark.parametrize(
    ("target", "args", "error"),
    [("app:nothing", (), NotFound), (give, (1, 2, 3), Invalid), (len, (), Invalid)],
)
async def test_what_cannot_be_loaded_ends_the_process_with_that_error(
    runtime: Runtime, target: Any, args: tuple[Any, ...], error: type[Exception]
) -> None:
    async def first() -> None:
        with pytest.raises(trio.Cancelled):
            await process.upgrade(target, *args)
        await process.upgrade(target, *args)

    with pytest.raises(error):
        await runtime.run(first, HOST)


async def test_what_is_no_program_ends_the_process_with_that_error(runtime: Runtime) -> None:
    async def main() -> None:
        await process.upgrade(5)  # type: ignore[arg-type]  # what is tested

    with pytest.raises(Invalid, match="5 is not an async function"):
        await runtime.run(main, HOST)


async def test_a_program_that_fails_at_once_ends_the_process_with_its_error(
    runtime: Runtime,
) -> None:
    async def first() -> None:
        await process.upgrade(fail)

    with pytest.raises(Failure):
        await runtime.run(first, HOST)


async def test_the_hosts_allow_list_holds_for_an_upgrade(runtime: Runtime) -> None:
    async def first() -> None:
        await process.upgrade(forever)

    await runtime.start_host("app:strict", allow=("*.first",))
    with pytest.raises(PermissionDenied):
        await runtime.run(first, "app:strict")


async def test_terminated_on_the_way_it_ends_terminated(runtime: Runtime) -> None:
    async def slow() -> None:
        try:
            await forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(5)

    async def first() -> None:
        coroutine.spawn(slow)
        await settle()
        await process.upgrade(give, 7)

    async with runtime.attach():
        pid = process.spawn_monitored(first, HOST)
        await trio.sleep(2)
        process.terminate(pid)
        assert isinstance((await process.events().receive()).result.error, Terminated)


async def test_a_thousand_upgrades_leave_nothing_behind(runtime: Runtime) -> None:
    async def counts(n: int) -> int:
        if n < 1000:
            await process.upgrade(counts, n + 1)
        return n

    assert await runtime.run(counts, HOST, 0) == 1000
    assert runtime.statistics().spawned == 1


async def test_a_changed_source_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "_index.yaml").write_text(
        "version: '1.0'\nnamespace: app\nentries:\n"
        "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}\n"
        "  - {name: it, kind: process.py, source: file://it.py, method: main}\n"
    )
    source = tmp_path / "it.py"
    versions = itertools.count(1)

    def write() -> None:
        source.write_text(
            "from echosvc import process\n"
            f"VERSION = {next(versions)}\n"
            "async def main():\n"
            "    async for message in process.inbox():\n"
            "        if message.topic == 'upgrade':\n"
            "            await process.upgrade('app:it')\n"
            "        message.reply(VERSION)\n"
        )

    write()
    async with open_runtime(tmp_path) as runtime:
        pid = runtime.spawn("app:it", "app:processes")
        assert await runtime.call(pid, "version") == 1
        write()
        assert await runtime.call(pid, "version") == 1
        runtime.send(pid, "upgrade")
        assert await runtime.call(pid, "version") == 2
        source.write_text("async def main(:\n")
        async with runtime.attach():
            process.monitor(pid)
            process.send(pid, "upgrade")
            error = (await process.events().receive()).result.error
            assert isinstance(error, ManifestError)
            assert error.line == 1
