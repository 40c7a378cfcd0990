"""Names for PIDs."""

from __future__ import annotations

import math
from typing import Any

import pytest
import trio

from echosvc import Runtime, coroutine, process
from echosvc.errors import Invalid, NameNotFound, NameTaken, ProcessNotFound, Timeout
from tests.runtime.helpers import HOST, as_process, drain, fail, forever, give, settle


async def test_a_registered_name_is_found(runtime: Runtime) -> None:
    async def main() -> None:
        assert process.registry.register("me") == process.pid()
        assert process.registry.lookup("me") == process.pid()
        assert process.info().names == ("me",)

    await as_process(runtime, main)


async def test_registering_the_same_again_does_nothing(runtime: Runtime) -> None:
    async def main() -> None:
        process.registry.register("me")
        process.registry.register("me")
        process.registry.register("alias")
        assert process.info().names == ("me", "alias")

    await as_process(runtime, main)


async def test_another_owner_is_name_taken(runtime: Runtime) -> None:
    async def main() -> None:
        owner = process.with_name("taken").spawn(forever)
        with pytest.raises(NameTaken) as info:
            process.registry.register("taken")
        assert (info.value.name, info.value.owner) == ("taken", owner)

    await as_process(runtime, main)


async def test_another_process_can_be_given_a_name(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(forever)
        process.registry.register("other", other)
        assert process.registry.lookup("other") == other

    await as_process(runtime, main)


async def test_a_dead_pid_cannot_be_registered(runtime: Runtime) -> None:
    async def main() -> None:
        other = process.spawn(give)
        await settle()
        with pytest.raises(ProcessNotFound):
            process.registry.register("other", other)
        with pytest.raises(NameNotFound):
            process.registry.lookup("other")

    await as_process(runtime, main)


@pytest.mark.parametrize("name", ["", "{a|0x1}", "@a", None, 7])
async def test_what_could_be_a_pid_or_is_no_text_is_no_name(runtime: Runtime, name: Any) -> None:
    async def main() -> None:
        with pytest.raises(Invalid, match="not a name"):
            process.registry.register(name)
        with pytest.raises(Invalid, match="not a name"):
            process.with_name(name)
        with pytest.raises(Invalid, match="not a name"):
            await process.registry.wait(name)

    if name is not None:
        await as_process(runtime, main)


async def test_a_name_is_released_when_its_process_ends(runtime: Runtime) -> None:
    async def main() -> None:
        for main in (give, fail):
            process.with_name("short").spawn(main)
            await settle()
            with pytest.raises(NameNotFound):
                process.registry.lookup("short")
        process.registry.register("short")

    await as_process(runtime, main)
    assert runtime.statistics().names == 0


async def test_a_name_can_be_taken_back(runtime: Runtime) -> None:
    async def main() -> None:
        process.registry.register("me")
        assert process.registry.unregister("me") is True
        assert process.registry.unregister("me") is False
        assert process.info().names == ()

    await as_process(runtime, main)


async def test_wait_gives_the_pid_as_soon_as_there_is_one(runtime: Runtime) -> None:
    async def main() -> None:
        async def later() -> None:
            await trio.sleep(3)
            process.registry.register("me")

        coroutine.spawn(later)
        assert await process.registry.wait("me") == process.pid()
        assert trio.current_time() == began + 3
        with trio.testing.assert_checkpoints():
            assert await process.registry.wait("me") == process.pid()

    began = trio.current_time()
    await as_process(runtime, main)


async def test_wait_that_nobody_answers_times_out_and_names_the_name(runtime: Runtime) -> None:
    async def main() -> None:
        began = trio.current_time()
        with pytest.raises(Timeout, match="'nobody' within 5s") as info:
            await process.registry.wait("nobody")
        assert info.value.details == {"name": "nobody"}
        assert trio.current_time() - began == 5.0
        with pytest.raises(Timeout):
            await process.registry.wait("nobody", timeout="1s")

    await as_process(runtime, main)


async def test_wait_cancelled_leaves_nothing_behind(runtime: Runtime) -> None:
    async def main() -> None:
        with trio.move_on_after(1):
            await process.registry.wait("nobody", timeout=math.inf)

    await as_process(runtime, main)
    assert runtime.names._wanted == {}


async def test_with_name_registers_before_the_first_step(runtime: Runtime) -> None:
    async def main() -> tuple[str, ...]:
        async def child() -> tuple[str, ...]:
            return process.info().names

        pid = process.with_name("child").spawn_monitored(child)
        assert process.registry.lookup("child") == pid
        return tuple((await process.events().receive()).result.value)

    assert await as_process(runtime, main) == ("child",)


async def test_with_name_taken_starts_nothing_and_gives_the_owner(runtime: Runtime) -> None:
    async def main() -> None:
        spawner = process.with_name("only")
        first = spawner.spawn(forever)
        spawned = runtime.statistics().spawned
        assert spawner.spawn(forever) == first
        assert spawner.spawn_monitored(forever) == first
        assert spawner.spawn_linked(forever) == first
        assert runtime.statistics().spawned == spawned

    await as_process(runtime, main)


async def test_with_name_taken_still_monitors_and_links_as_asked(runtime: Runtime) -> None:
    async def main() -> list[str]:
        process.set_options(trap_links=True)
        first = process.with_name("only").spawn(forever)
        process.with_name("only").spawn_linked_monitored(forever)
        assert process.info().monitors == process.info().links == (first,)
        process.terminate(first)
        await settle()
        return [event.kind.name for event in drain(process.events())]

    assert await as_process(runtime, main) == ["EXIT", "LINK_DOWN"]


async def test_attach_takes_a_name_or_refuses_the_block(runtime: Runtime) -> None:
    async with runtime.attach(name="me") as pid:
        assert process.registry.lookup("me") == pid
        with pytest.raises(NameTaken):
            async with runtime.attach(name="me"):
                raise AssertionError("entered")
        assert process.pid() == pid
    assert runtime.statistics().names == 0
    assert runtime.spawn(forever, HOST) in runtime.list()
