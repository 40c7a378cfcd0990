"""A runtime on a clock that we move, with one host."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import trio
import trio.testing

from echosvc import Runtime, open_runtime
from tests.runtime.helpers import HOST


@pytest.fixture(autouse=True)
def _virtual_time(autojump_clock: trio.testing.MockClock) -> None:
    pass


@pytest.fixture
async def runtime(autojump_clock: trio.testing.MockClock) -> AsyncIterator[Runtime]:
    async with open_runtime() as runtime:
        await runtime.start_host(HOST)
        yield runtime


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.all: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.all.append(record)

    def named(self, text: str) -> list[logging.LogRecord]:
        """Those whose message has this in it."""
        return [record for record in self.all if text in record.getMessage()]

    @property
    def errors(self) -> list[logging.LogRecord]:
        return [record for record in self.all if record.levelno >= logging.ERROR]


@pytest.fixture
def records() -> Iterator[Records]:
    """All that echosvc logs."""
    handler = Records()
    logger = logging.getLogger("echosvc")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)
