"""The packaged echo template and the echo application are the same files."""

from __future__ import annotations

from pathlib import Path

from echosvc._cli.init import template_files

ECHO = Path(__file__).parents[2] / "manifests" / "echo"


def test_echo_template_is_the_echo_application() -> None:
    files = {
        f"src/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(ECHO.iterdir())
        if path.suffix in {".py", ".yaml"}
    }
    again = "cp manifests/echo/*.{py,yaml} echosvc/_cli/templates/echo/"
    assert template_files("echo") == files, f"after a change of one: {again}"
