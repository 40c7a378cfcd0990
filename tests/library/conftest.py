"""A runtime on a clock that we move, with one host."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio.testing

from echosvc import Runtime, open_runtime
from tests.runtime.conftest import records
from tests.runtime.helpers import HOST

__all__ = ["records"]


@pytest.fixture
async def runtime(autojump_clock: trio.testing.MockClock) -> AsyncIterator[Runtime]:
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        yield runtime
