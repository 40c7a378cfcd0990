"""A cancellation at every step of an application: it ends, and tells of no failure."""

from __future__ import annotations

import contextvars
from collections.abc import Callable

import pytest
import trio

from echosvc import open_runtime, process
from tests.runtime.helpers import settle
from tests.schedules import schedule
from tests.services.conftest import App, states
from tests.sweep import sweep, sweep_handing_over

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="none")


@pytest.mark.parametrize("sweep", [sweep, sweep_handing_over])
@pytest.mark.parametrize("seed", range(2))
def test_cancelled_anywhere_an_application_ends_without_a_failure(
    app: App, lines: list[str], seed: int, sweep: Callable[..., int]
) -> None:
    first = app.service("first", "ready_later", 1, ready="explicit")
    inner = app.service("inner", "obedient", auto_start=False)
    deaf = {"entry": app.process("deaf"), "name": "p"}
    app.supervisor("top", inner, deaf, lifecycle={"auto_start": True, "requires": [first]})
    folder = app.write()

    async def program() -> None:
        async with open_runtime(folder) as runtime:
            await trio.sleep(1)
            await runtime.restart_service("app:inner")
            await runtime.stop_service("app:top", "for a while")
            await runtime.start("app:top")
            assert set(states(runtime).values()) == {"running"}

    with schedule(seed):
        assert sweep(program) > 50
    assert not [line for line in lines if line.startswith(("WARNING", "ERROR"))]


async def test_restarted_service_has_no_context_of_who_restarted_it(app: App) -> None:
    with (app.folder / "p.py").open("a") as file:
        file.write(
            """

async def tell_context(name):
    from tests.services.test_cancellation import request_id
    process.send("listener", "seen", request_id.get())
    request_id.set("left behind")
    await process.inbox().receive()
"""
        )
    app.service("s", "tell_context", "s", auto_start=False)
    request_id.set("opener")
    async with open_runtime(app.write()) as runtime, runtime.attach("listener"):
        request_id.set("somebody's request")
        await runtime.start("app:s")
        await settle()
        await runtime.restart_service("app:s")
        await settle()
        seen = [process.inbox().receive_nowait().data for _ in range(2)]
    assert seen == ["opener", "opener"]
