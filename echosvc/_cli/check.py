"""`echosvc check`: every fault of the manifests and their sources, nothing started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from echosvc._cli import exits
from echosvc._cli.listing import print_json, put
from echosvc._cli.settings import Settings
from echosvc._cli.source import Project, find_project, refuse
from echosvc._cli.text import one_line, plural

if TYPE_CHECKING:
    from echosvc._manifest.registry import Registry
    from echosvc.errors import ManifestError


def check(
    ctx: typer.Context,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o", metavar="NS:ENTRY:PATH=VALUE", help="Set a field first; may be repeated."
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Faults and warnings as a JSON list.")
    ] = False,
) -> int:
    """Find every fault of the manifests, their sources and the configuration.

    Nothing is started and no source is executed. Each fault is a line on stdout,
    FILE:LINE:COLUMN: ENTRY: what is wrong, what to do. With faults the exit code is 4.

    Where there are none, warnings say what is probably not meant: an entry that nothing starts, a
    name that no process registers, a service without a restart policy, a field of a lifecycle that
    has no effect there. They change no exit code.
    """
    from echosvc._cli.config import configure
    from echosvc._manifest.advice import advise
    from echosvc._manifest.check import NO_DEFAULTS, gather
    from echosvc._manifest.overrides import blames
    from echosvc._manifest.registry import Registry
    from echosvc.errors import ManifestError

    settings: Settings = ctx.obj
    project = None
    faults: list[ManifestError] = []
    warnings: list[ManifestError] = []
    defaults = NO_DEFAULTS
    try:
        project = find_project(settings)
        defaults = configure(settings, project.folder).defaults
    except ManifestError as error:  # the lock itself, or the configuration
        faults += error.faults
    if project is not None:
        entries, found = gather(project.src, tuple(override or ()), defaults=defaults)
        refuse([fault for fault in found if blames(fault, override or ())], override)
        registry = Registry(entries)
        faults += found or _faults_of_commands(registry)
        if not faults:
            warnings = advise(project.src, registry)
    if json:
        print_json(
            [_plain(each, "fault") for each in faults]
            + [_plain(each, "warning") for each in warnings]
        )
    else:
        for each in faults:
            put(one_line(str(each)))
        for each in warnings:
            put(one_line(str(_as_warning(each))))
        exits.say(_summary(faults, warnings, project))
    return exits.MANIFEST if faults else exits.DONE


def _faults_of_commands(registry: Registry) -> tuple[ManifestError, ...]:
    """Return what is wrong with the commands that entries have by their `meta`."""
    from echosvc._cli.run import commands_of
    from echosvc.errors import ManifestError

    try:
        commands_of(registry)
    except ManifestError as error:
        return error.faults or (error,)
    return ()


def _as_warning(fault: ManifestError) -> ManifestError:
    from echosvc.errors import ManifestError

    return ManifestError(
        f"warning: {fault.message}",
        file=fault.file,
        line=fault.line,
        column=fault.column,
        entry=fault.entry,
        hint=fault.hint,
    )


def _summary(
    faults: Sequence[ManifestError], warnings: Sequence[ManifestError], project: Project | None
) -> str:
    said = plural(len(faults), "fault") if faults else "no faults"
    if warnings:
        said += f", {plural(len(warnings), 'warning')}"
    if project is None or faults:
        return said
    return f"{said} in {exits.shown_path(project.src.resolve())}"


def _plain(fault: ManifestError, severity: str) -> dict[str, object]:
    keys = ("file", "line", "column", "entry", "message", "hint")
    return {"severity": severity} | {key: getattr(fault, key) or None for key in keys}
