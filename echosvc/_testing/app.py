"""A whole application in a test: its manifests, a terminal in memory, one process in front."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from echosvc._checks import check_instance, check_text, texts_of
from echosvc._manifest.registry import Registry
from echosvc._open import open_runtime
from echosvc._runtime.runtime import Runtime
from echosvc._terminal.fake import FakeTerminal
from echosvc.errors import Invalid, Terminated

__all__ = ["App", "open_app"]


class App:
    """An application that runs in the block of `open_app`."""

    def __init__(self, runtime: Runtime, terminal: FakeTerminal) -> None:
        self.runtime = runtime
        self.terminal = terminal
        self._ended = trio.Event()
        self._value: Any = None
        self._error: Exception | None = None
        self._asked = False

    @property
    def ended(self) -> bool:
        """Whether the process at the terminal has ended."""
        return self._ended.is_set()

    async def result(self) -> Any:
        """Wait for the end of the process at the terminal, and give its result.

        Cancelled, only the waiting ends.

        Raises:
            Exception: What it ended with.
        """
        await self._ended.wait()
        self._asked = True
        if self._error is not None:
            raise self._error
        return self._value

    async def stop(self, reason: str = "Ctrl-C") -> float:
        """Stop everything in order, as the first Ctrl-C does; gives the seconds that it took.

        Cancelled, nothing more is waited for.

        Raises:
            Invalid: The reason is no text.
        """
        began = trio.current_time()
        await self.runtime.stop(reason)
        return trio.current_time() - began

    @property
    def _unasked_error(self) -> Exception | None:
        """What the process failed with, if nobody knows; that it was stopped is no failure."""
        stopped = isinstance(self._error, Terminated) and self.runtime.stopping
        return None if self._asked or stopped else self._error

    async def _run(self, target: str, host: str) -> None:
        try:
            self._value = await self.runtime.run(target, host)
        except Exception as error:  # noqa: BLE001 - raised by result(), or at the block's end
            self._error = error
        finally:
            self._ended.set()


@asynccontextmanager
async def open_app(
    source: str | Path,
    target: str | None = None,
    *,
    lines: Iterable[str] = (),
    args: Iterable[str] = (),
    overrides: Iterable[str] = (),
    terminal: FakeTerminal | None = None,
) -> AsyncGenerator[App]:
    """Run an application as `echosvc run` does, in this program and with a `FakeTerminal`.

    Args:
        source: The folder with its manifests.
        target: The entry of the process that gets the terminal, on the only ``terminal.host``;
            `None` starts the services alone.
        lines: What is typed; with them the input ends. Without them, type on ``app.terminal``.
        args: What ``io.args()`` gives.
        overrides: Fields of entries to change.
        terminal: Another terminal than a new one.

    Leaving the block stops everything in order. Cancelled, nothing is waited for but the
    processes' own cleanup.

    Raises:
        ManifestError, GaveUp: As `echosvc.open_runtime`.
        Invalid: There is not exactly one terminal host, or an argument is of another type.
        Exception: What the process at the terminal failed with, if nobody asked for its `result`.
    """
    check_instance("source", source, (str, Path), "a folder")
    if target is not None:
        check_text("target", target)
    typed = texts_of("lines", lines)
    given = texts_of("args", args)
    changed = texts_of("overrides", overrides)
    if terminal is not None:
        check_instance("terminal", terminal, FakeTerminal, "a FakeTerminal")
    terminal = FakeTerminal(given) if terminal is None else terminal
    for line in typed:
        terminal.type_line(line)
    if typed:
        terminal.end_input()
    registry = Registry.load(Path(source), changed)
    async with open_runtime(registry, terminal=terminal) as runtime:
        app = App(runtime, terminal)
        if target is None:
            yield app
            return
        host = _terminal_host(registry)
        await runtime.start(host)
        # In the runtime's nursery, not in one around the block: the block's exceptions stay bare.
        runtime.start_own_task(functools.partial(app._run, target, host), f"the test's {target}")
        yield app
        if app._unasked_error is not None:
            raise app._unasked_error
        await runtime.stop("the test is over")


def _terminal_host(registry: Registry) -> str:
    hosts = [entry.id for entry in registry.find(kind="terminal.host")]
    if len(hosts) != 1:
        raise Invalid(f"an application has one terminal.host, this one has {len(hosts)}")
    return hosts[0]
