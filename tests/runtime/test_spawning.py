"""Starting: what is refused, and what holds before the first step."""

from __future__ import annotations

import contextvars
import functools
from pathlib import Path
from typing import Any

import pytest
import trio

from echosvc import Pid, Runtime, ctx, open_runtime, process
from echosvc.errors import Invalid, ManifestError, NameNotFound, NotFound, Unavailable
from echosvc.testing import open_probe
from tests.runtime.helpers import HOST, as_process, forever, give, settle


async def two(a: int, b: int = 0) -> int:
    return a + b


async def keyword_only(*, a: int) -> None: ...


def synchronous() -> None: ...


class Callable_:  # noqa: N801 - the name doesn't matter
    async def __call__(self, n: int) -> int:
        return n + 1


async def test_pids_name_the_host_and_are_never_used_twice(runtime: Runtime) -> None:
    await runtime.start_host("app:other")
    pids = [runtime.spawn(give, host) for host in (HOST, "app:other") * 50]
    await settle()
    pids += [runtime.spawn(give, HOST) for _ in range(50)]
    assert len(set(pids)) == 150
    assert pids[0] == "{app:processes|0x00001}"
    assert pids[1] == "{app:other|0x00002}"
    assert (pids[1].host, pids[1].number, pids[1].node) == ("app:other", 2, "")
    assert Pid("{n@h|0x00a}").node == "n"
    assert Pid("{n@h|0x00a}").host == "h"
    assert isinstance(pids[0], str)


async def test_spawn_does_not_wait_and_the_child_runs_later(runtime: Runtime) -> None:
    ran: list[int] = []

    async def child() -> None:
        ran.append(1)

    with trio.testing.assert_no_checkpoints():
        runtime.spawn(child, HOST)
        assert ran == []
    await settle()
    assert ran == [1]


async def test_no_host_is_the_callers_own(runtime: Runtime) -> None:
    await runtime.start_host("app:other")

    async def main() -> list[str]:
        return [process.spawn(give).host, process.spawn(give, "app:other").host]

    assert await as_process(runtime, main) == [HOST, "app:other"]


async def test_an_unknown_host_is_not_found_and_says_which_there_are(runtime: Runtime) -> None:
    with pytest.raises(NotFound, match=r"no host app:nowhere is running \(running: app:processes"):
        runtime.spawn(give, "app:nowhere")


async def test_an_unknown_entry_is_not_found(runtime: Runtime) -> None:
    with pytest.raises(NotFound, match="app:nothing"):
        runtime.spawn("app:nothing", HOST)


@pytest.mark.parametrize(
    ("fn", "args"),
    [(two, ()), (two, (1, 2, 3)), (keyword_only, ()), (give, (1, 2)), (Callable_(), ())],
)
async def test_wrong_arguments_are_an_error_of_the_spawn_with_file_and_line(
    runtime: Runtime, fn: Any, args: tuple[Any, ...]
) -> None:
    place = None if isinstance(fn, Callable_) else rf"\(.*\.py:{fn.__code__.co_firstlineno}\)"
    with pytest.raises(Invalid, match=place):
        runtime.spawn(fn, HOST, *args)
    assert runtime.list() == ()


async def test_a_synchronous_function_is_an_error_of_the_spawn(runtime: Runtime) -> None:
    with pytest.raises(Invalid, match=r"synchronous \(.*test_spawning.py:\d+\) is not an async"):
        runtime.spawn(synchronous, HOST)  # type: ignore[arg-type]  # that is the point
    for target in (None, 7, object()):
        with pytest.raises(Invalid):
            runtime.spawn(target, HOST)  # type: ignore[arg-type]  # that is the point


async def test_partials_methods_and_callable_objects_run_too(runtime: Runtime) -> None:
    assert await runtime.run(functools.partial(two, 1), HOST, 2) == 3
    assert await runtime.run(Callable_(), HOST, 2) == 3
    assert await runtime.run(Callable_().__call__, HOST, 2) == 3


async def test_a_faulty_source_is_an_error_of_the_spawn_with_file_and_line(tmp_path: Path) -> None:
    (tmp_path / "_index.yaml").write_text(
        "version: '1.0'\nnamespace: app\nentries:\n"
        "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}\n"
        "  - {name: broken, kind: process.py, source: file://broken.py, method: main}\n"
    )
    (tmp_path / "broken.py").write_text("x = 1\ny = 1 / 0\nasync def main(): ...\n")
    async with open_runtime(tmp_path) as runtime:
        with pytest.raises(ManifestError, match="division by zero") as info:
            runtime.spawn("app:broken", "app:processes")
        assert (Path(info.value.file).name, info.value.line) == ("broken.py", 2)
        assert runtime.list() == ()


async def test_a_refused_spawn_leaves_no_name_and_no_relation(runtime: Runtime) -> None:
    async def main() -> None:
        with pytest.raises(Invalid):
            process.with_name("never").spawn_linked_monitored(two)
        info = process.info()
        assert (info.links, info.monitors) == ((), ())
        assert runtime.statistics().names == 0

    await as_process(runtime, main)


async def test_a_process_starts_with_snapshots_of_its_arguments(runtime: Runtime) -> None:
    async def child(values: list[int]) -> list[int]:
        await trio.sleep(1)
        return values

    values = [1]
    async with runtime.attach():
        process.spawn_monitored(child, HOST, values)
        values.append(2)
        assert (await process.events().receive()).result.value == [1]


async def test_a_result_is_a_snapshot(runtime: Runtime) -> None:
    values = [1]

    async def child() -> list[int]:
        return values

    result = await runtime.run(child, HOST)
    values.append(2)
    assert result == [1]


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_contextvars_of_a_spawner_do_not_live_on(runtime: Runtime) -> None:
    async def child() -> str:
        return variable.get()

    async def main() -> str:
        variable.set("of main")
        return str(await process.exec(child))

    variable.set("outside")
    assert await runtime.run(child, HOST) == "unset"
    assert await as_process(runtime, main) == "unset"
    assert variable.get() == "outside"


async def test_contextvars_of_an_ended_process_do_not_live_on(runtime: Runtime) -> None:
    async def sets() -> str:
        before = variable.get()
        variable.set("of the one before")
        return before

    for _ in range(3):
        assert await runtime.run(sets, HOST) == "unset"


async def test_a_process_starts_in_no_scope_that_another_left_open(runtime: Runtime) -> None:
    left: list[object] = []

    async def opens() -> None:
        scope = trio.CancelScope()
        scope.__enter__()
        left.append(scope)
        scope.cancel()

    async def checkpoints() -> str:
        await trio.sleep(1)
        return "not cancelled"

    async with runtime.attach():
        process.spawn_monitored(opens, HOST)
        await process.events().receive()
        assert await process.exec(checkpoints, HOST) == "not cancelled"


async def test_contextvars_of_the_opening_are_there() -> None:
    async def child() -> str:
        return variable.get()

    variable.set("at opening")
    async with open_runtime() as runtime:
        variable.set("later")
        await runtime.start_host(HOST)
        assert await runtime.run(child, HOST) == "at opening"


async def test_context_values_are_inherited_and_added_to(runtime: Runtime) -> None:
    async def context() -> dict[str, Any]:
        return ctx.all()

    async def grandparent() -> dict[str, Any]:
        return dict(await process.with_context({"b": 2}).exec(parent))

    async def parent() -> dict[str, Any]:
        return dict(await process.with_context({"a": 3, "c": [4]}).exec(context))

    async def main() -> Any:
        assert await process.exec(context) == {}
        return await process.with_context({"a": 1}).exec(grandparent)

    assert await as_process(runtime, main) == {"a": 3, "b": 2, "c": [4]}


async def test_context_values_are_snapshots(runtime: Runtime) -> None:
    async def child() -> Any:
        return ctx.get("list")

    async def main() -> Any:
        values = [1]
        spawner = process.with_context({"list": values})
        values.append(2)
        with pytest.raises(Invalid, match="expected a dict"):
            process.with_context([1])  # type: ignore[arg-type]  # that is the point
        return await spawner.exec(child)

    assert await as_process(runtime, main) == [1]


async def test_name_and_context_go_together(runtime: Runtime) -> None:
    async def child() -> Any:
        return process.info().names, ctx.all()

    async def main() -> Any:
        return await process.with_context({"a": 1}).with_name("both").exec(child)

    assert await as_process(runtime, main) == (("both",), {"a": 1})


async def test_a_runtime_that_is_stopping_starts_no_host(runtime: Runtime) -> None:
    await runtime.stop()
    with pytest.raises(Unavailable):
        await runtime.start_host("app:late")
    with pytest.raises(NotFound):
        runtime.spawn(give, HOST)
    with pytest.raises(Unavailable):
        async with runtime.attach():
            raise AssertionError("entered")


async def test_many_start_and_end(runtime: Runtime) -> None:
    async with runtime.attach():
        pids = {process.spawn_monitored(give, HOST, n) for n in range(1000)}
        ended = {(await process.events().receive()).sender for _ in range(1000)}
        assert ended == pids
        assert process.spawn(forever, HOST) not in pids


async def test_a_start_that_fails_half_way_leaves_no_process(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **fields: Any) -> None:
        raise RuntimeError("as told")

    async with runtime.attach("parent") as me, open_probe(runtime) as probe:
        there = runtime.list()
        for owner, name in ((runtime.bus, "emit"), (runtime.hosts[HOST].carriers, "run")):
            with monkeypatch.context() as patch:
                news = runtime.events()
                patch.setattr(type(owner), name, fail)
                with pytest.raises(RuntimeError, match="as told"):
                    process.with_name("child").spawn_linked_monitored(forever, HOST)
            news.close()
            assert runtime.list() == there
            assert not runtime.hosts[HOST].processes
            with pytest.raises(NameNotFound):
                process.registry.lookup("child")
            info = process.info(me)
            assert (info.links, info.monitors) == ((), ())
        await settle()
        assert not len(process.events())
        probe.spawn(give, HOST)  # the next is none the worse for it
        assert process.with_name("child").spawn(forever, HOST) in runtime.list()
