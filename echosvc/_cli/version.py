"""`echosvc version`."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

from echosvc._cli.listing import print_json, put
from echosvc._version import __version__


def version(
    json: Annotated[bool, typer.Option("--json", help="With the versions it runs on.")] = False,
) -> None:
    """Say which version this is."""
    if not json:
        put(f"echosvc {__version__}")
        return
    from importlib.metadata import version as installed

    print_json(
        {
            "echosvc": __version__,
            "python": platform.python_version(),
            "trio": installed("trio"),
            "platform": platform.platform(),
        }
    )
