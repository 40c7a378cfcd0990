"""The templates: the echo application's own files, and what the others make of bad arguments."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosvc._cli.init import template_files

from .conftest import Shell

ECHO = Path(__file__).parents[2] / "manifests" / "echo"


def test_echo_template_is_the_echo_application() -> None:
    files = {
        f"src/{path.name}": path.read_text(encoding="utf-8")
        for path in sorted(ECHO.iterdir())
        if path.suffix in {".py", ".yaml"}
    }
    again = "cp manifests/echo/*.{py,yaml} echosvc/_cli/templates/echo/"
    assert template_files("echo") == files, f"after a change of one: {again}"


@pytest.mark.parametrize("workers", ["0", "-1", "x", "1.5", "true"])
def test_pool_without_a_worker_is_refused_at_once(shell: Shell, workers: str) -> None:
    assert shell("init", "-t", "worker-pool").returncode == 0
    done = shell.apart("run", "-s", "-o", f"app:pool-service:args=[{workers}]", "squares", "2")
    shown = {"x": "'x'", "true": "True"}.get(workers, workers)
    assert (done.returncode, done.stdout) == (3, "")
    [line] = done.stderr.splitlines()
    assert line.endswith(f"a pool needs one worker or more, args: [{shown}] is none")
