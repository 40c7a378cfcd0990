"""`echosvc check`: every fault of the manifests and their sources, nothing started."""

from __future__ import annotations

from typing import Annotated

import typer

from echosvc._cli import exits
from echosvc._cli.listing import print_json, put
from echosvc._cli.settings import Settings
from echosvc._cli.source import find_project
from echosvc._cli.text import one_line, plural


def check(
    ctx: typer.Context,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o", metavar="NS:ENTRY:PATH=VALUE", help="Set a field first; may be repeated."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The faults as a JSON list.")] = False,
) -> int:
    """Find every fault of the manifests and their sources.

    Nothing is started and no source is executed. Each fault is a line on stdout,
    FILE:LINE:COLUMN: ENTRY: what is wrong, what to do. With faults the exit code is 4.
    """
    from echosvc._cli.config import configure
    from echosvc._manifest.check import NO_DEFAULTS
    from echosvc._manifest.check import check as find_faults
    from echosvc.errors import ManifestError

    settings: Settings = ctx.obj
    project = None
    faults: list[ManifestError] = []
    defaults = NO_DEFAULTS
    try:
        project = find_project(settings)
        defaults = configure(settings, project.folder).defaults
    except ManifestError as error:  # the lock itself, or the configuration
        faults += error.faults
    if project is not None:
        faults += find_faults(project.src, tuple(override or ()), defaults=defaults)
    if json:
        print_json([_plain(fault) for fault in faults])
    else:
        for fault in faults:
            put(one_line(str(fault)))
        place = "" if project is None else f" in {exits.shown_path(project.src.resolve())}"
        exits.say(plural(len(faults), "fault") if faults else f"no faults{place}")
    return exits.MANIFEST if faults else exits.DONE


def _plain(fault: object) -> dict[str, object]:
    keys = ("file", "line", "column", "entry", "message", "hint")
    return {key: getattr(fault, key) or None for key in keys}
