"""What the program imports before it does anything, which is what a Tab waits for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import Shell

HEAVY = ("trio", "ruamel", "prompt_toolkit", "pydantic", "rich", "msgspec")
SCRIPT = """\
import sys
from echosvc._cli.app import main
code = main({args!r})
print("loaded:", *({{name.split(".")[0] for name in sys.modules}} & set({heavy!r})))
"""


@pytest.mark.parametrize(
    "args",
    [["--help"], ["run", "--help"], ["tree", "--help"], ["version"], ["completion", "bash"]],
    ids=" ".join,
)
def test_help_and_completion_import_nothing_heavy(shell: Shell, args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(args=args, heavy=HEAVY)],
        cwd=shell.folder,
        env=shell.env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_tab_imports_nothing_heavy(app: Shell) -> None:
    line = "echosvc run -x app:"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(args=[], heavy=HEAVY)],
        cwd=app.folder,
        env=app.env | {"_ECHOSVC_COMPLETE": "complete_bash", "COMP_LINE": line},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [
        "cli",
        "worker",
        "terminal/app:cli",
        "terminal/app:worker",
        "loaded:",
    ]


def test_module_and_console_script_are_the_same_program(shell: Shell) -> None:
    assert shell.apart("version").stdout == shell("version").stdout
