"""Where the applications are, and how one is run to its end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from echosvc.testing import open_app

MANIFESTS = Path(__file__).parents[2] / "manifests"
SECONDS = 30
"""What a run of its own may take before it is called hung."""


async def screen_of(
    name: str, entry: str, *args: str, lines: Iterable[str] = (), code: object = None
) -> str:
    """Run a process of an application at a terminal to its end; give what stands on the screen."""
    async with open_app(MANIFESTS / name, entry, args=args, lines=lines) as app:
        assert await app.result() == code
    return app.terminal.screen


def piped(name: str, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run an application in a program of its own, with pipes where the terminal would be."""
    return subprocess.run(
        [sys.executable, "-m", "echosvc", "run", "--src", MANIFESTS / name, *args],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
