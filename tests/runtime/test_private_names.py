"""Names of trio's that are private may be gone in its next version: everything goes on without."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

LOOKED_AT = ("_cancel_status",)
"""The private names that echosvc looks at."""

HOLDING = (
    "tests/channel/test_channel.py",
    "tests/channel/test_cancellation.py",
    "tests/runtime/test_carrier.py",
)
# Without it each process has a task of its own, as nothing tells what it left behind in one.
ONLY_WITH = (
    "tests/runtime/test_carrier.py::test_a_process_that_returned_leaves_its_task_to_the_next",
    "tests/runtime/test_carrier.py::test_only_so_many_tasks_wait",
    "tests/runtime/test_carrier.py::test_a_task_that_waits_keeps_nothing_of_its_last_process",
)


@pytest.mark.parametrize("name", LOOKED_AT)
def test_what_is_promised_holds_on_a_trio_without_the_name(name: str) -> None:
    command = [sys.executable, "-m", "tests.renamed_trio", name, "-q", "-p", "no:cacheprovider"]
    without = ["-k", "not sweep", *(f"--deselect={test}" for test in ONLY_WITH)]
    done = subprocess.run(
        [*command, *without, *HOLDING],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\b[5-9]\d passed", done.stdout), done.stdout
