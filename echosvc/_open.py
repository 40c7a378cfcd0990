"""Opening a runtime: where the process model, the manifests and a terminal come together."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from echosvc._checks import check_flag, check_in_trio, check_instance, check_text, texts_of
from echosvc._runtime.runtime import Runtime
from echosvc._runtime.terminal import Terminal
from echosvc._supervision.groups import alone, raise_as_it_came, what_comes_out
from echosvc.errors import Invalid

if TYPE_CHECKING:
    from echosvc._manifest.registry import Registry

__all__ = ["open_runtime"]


@asynccontextmanager
async def open_runtime(
    source: str | Path | Registry | None = None,
    *,
    overrides: Iterable[str] | None = None,
    terminal: Terminal | None = None,
    auto_start: bool = True,
) -> AsyncGenerator[Runtime]:
    """Run processes in your own trio program, for the time of the block.

    Args:
        source: A folder of manifests, or a registry of entries; with neither, the runtime is empty
            and the program starts hosts itself: ``await runtime.start_host("app:processes")``.
        overrides: Fields of entries to change, like ``"app:processes:max_processes=10"``.
        terminal: What the terminal hosts of the manifests lend to their process.
        auto_start: Whether to start what the manifests say is to be; without it the block is
            entered at once, and ``await runtime.start(id, ...)`` starts entries.

    Everything with ``auto_start: true`` runs when the block is entered. Leaving the block stops
    everything in order. The exception of the block itself comes out bare.

    Nothing global is touched: no signals, no output, no logging configuration. Two runtimes don't
    see each other. Tasks start with the context variables of the moment of opening.

    Cancelled, nothing is waited for but the processes' own cleanup.

    Raises:
        Invalid: An argument is of another type, or there are `overrides` and no folder.
        Unavailable: This does not run under trio.
        ManifestError: A fault in a manifest; `faults` has them all, and nothing was started.
        GaveUp: A required service did not start, or a supervisor used up its restarts.
    """
    check_in_trio("open_runtime")
    changed = _checked(source, overrides, terminal, auto_start)
    boot = None
    if source is not None:
        # Late: a runtime without manifests needs no YAML.
        from echosvc._boot import Boot
        from echosvc._changes import LiveSystem

        boot = Boot(source, changed, terminal)
    entered = False
    own: BaseException | None = None
    group: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            runtime = Runtime(nursery, None if boot is None else boot.program)
            try:
                if boot is not None:
                    runtime.system = LiveSystem(runtime, boot)
                    await boot.start(runtime, auto_start=auto_start)
                entered = True
                yield runtime
            except BaseException as exc:  # noqa: BLE001 - raised when the nursery is closed
                own = exc if entered else alone(exc)
            # Not shielded: who cancels the block wants no grace, and trio ends the processes.
            await runtime.stop("the runtime is closed")
            nursery.cancel_scope.cancel("the runtime is closed")
    except BaseException as exc:  # noqa: BLE001 - raised below
        group = exc
    finally:
        runtime.close()
    error = what_comes_out("the runtime has failed", own, group, runtime.fatal)
    own = group = None
    if error is not None:
        raise_as_it_came(error)


def _checked(
    source: object, overrides: object, terminal: object, auto_start: object
) -> tuple[str, ...]:
    """Refuse arguments that cannot be meant; give the overrides."""
    if isinstance(source, str):
        check_text("source", source)
    elif source is not None and not isinstance(source, Path):
        # Late: a runtime without manifests needs no YAML.
        from echosvc._manifest.registry import Registry

        check_instance("source", source, Registry, "a folder or a registry")
    changed = () if overrides is None else texts_of("overrides", overrides)
    if changed and source is None:
        raise Invalid("overrides go with a folder, and there is none")
    if terminal is not None:
        check_instance("terminal", terminal, Terminal, "a terminal")
    check_flag("auto_start", auto_start)
    return changed
