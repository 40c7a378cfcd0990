"""What mypy says of a file, in the way in which a strict user's project would ask it."""

from __future__ import annotations

from pathlib import Path

from mypy import api

ROOT = Path(__file__).parents[2]


def mypy_says(*files: Path) -> str:
    """Check files together; return the complaints, without the line that counts them."""
    stdout, stderr, _ = api.run(
        [
            "--strict",
            "--follow-imports=silent",  # complaints about echosvc itself are `make check`'s
            "--config-file=",
            "--no-error-summary",
            "--no-pretty",
            "--hide-error-context",
            f"--cache-dir={ROOT / '.mypy_cache' / 'typing'}",
            *map(str, files),
        ]
    )
    return stdout + stderr
