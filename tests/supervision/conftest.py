"""All of it happens on a clock that jumps to the next thing to do."""

from __future__ import annotations

import pytest
import trio.testing


@pytest.fixture(autouse=True)
def _virtual_time(autojump_clock: trio.testing.MockClock) -> None:
    pass
