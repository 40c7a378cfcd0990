"""Where the applications are."""

from __future__ import annotations

from pathlib import Path

MANIFESTS = Path(__file__).parents[2] / "manifests"
