"""`echosvc check`: every fault of the manifests and their sources, nothing started."""

from __future__ import annotations

from typing import Annotated

import typer

from echosvc._cli import exits
from echosvc._cli.listing import print_json, put
from echosvc._cli.settings import Settings
from echosvc._cli.source import source_folder
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
    from echosvc._manifest.check import check as find_faults
    from echosvc.errors import ManifestError

    settings: Settings = ctx.obj
    folder = None
    try:
        folder = source_folder(settings)
        faults = list(find_faults(folder, tuple(override or ())))
    except ManifestError as error:  # the lock itself
        faults = list(error.faults)
    if json:
        print_json([_plain(fault) for fault in faults])
    else:
        for fault in faults:
            put(one_line(str(fault)))
        place = "" if folder is None else f" in {exits.shown_path(folder.resolve())}"
        exits.say(f"{plural(len(faults), 'fault') if faults else 'no faults'}{place}")
    return exits.MANIFEST if faults else exits.DONE


def _plain(fault: object) -> dict[str, object]:
    keys = ("file", "line", "column", "entry", "message", "hint")
    return {key: getattr(fault, key) or None for key in keys}
