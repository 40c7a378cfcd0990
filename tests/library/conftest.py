"""A runtime on a clock that we move, with one host."""

from __future__ import annotations

import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

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


@pytest.fixture
def application(tmp_path: Path) -> Callable[..., Path]:
    """Write the manifest and the sources of an application; gives its folder."""

    def write(entries: str, **sources: str) -> Path:
        head = 'version: "1.0"\nnamespace: app\nentries:\n'
        host = "  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}\n"
        body = textwrap.indent(textwrap.dedent(entries).strip("\n"), "  ")
        (tmp_path / "_index.yaml").write_text(head + host + body + "\n", encoding="utf-8")
        for name, source in sources.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source), encoding="utf-8")
        return tmp_path

    return write
