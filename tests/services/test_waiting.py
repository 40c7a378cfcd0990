"""Waiting until a service is in a state, from outside any process."""

from __future__ import annotations

import pytest
import trio

from echosvc import ServiceState, open_runtime
from echosvc.errors import NotFound, Timeout
from tests.services.conftest import App


async def test_a_service_is_waited_for_until_it_is_running_again(app: App) -> None:
    app.service("s", "fail_ready_once", ready="explicit", startup="optional")
    async with open_runtime(app.write()) as runtime:
        assert [info.state for info in runtime.services()] == [ServiceState.FAILED]
        assert await runtime.wait_service("app:s") is ServiceState.RUNNING
        assert 0.9 <= trio.current_time() <= 1.1  # the first delay, with its jitter


async def test_the_state_that_it_is_in_needs_no_waiting(app: App) -> None:
    app.service("s", "done")
    async with open_runtime(app.write()) as runtime:
        found = await runtime.wait_service("app:s", ServiceState.FAILED, ServiceState.EXITED)
        assert found is ServiceState.EXITED


async def test_waiting_ends_with_its_time(app: App) -> None:
    app.service("s", "obedient")
    async with open_runtime(app.write()) as runtime:
        with pytest.raises(Timeout, match=r"app:s .* within 3s"):
            await runtime.wait_service("app:s", ServiceState.FAILED, timeout="3s")
        assert trio.current_time() == 3
        with pytest.raises(NotFound):
            await runtime.wait_service("app:nobody")
