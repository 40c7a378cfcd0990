"""What a program that reads from a pipe does not pay for."""

from __future__ import annotations

import subprocess
import sys


def test_a_pipe_needs_neither_prompt_toolkit_nor_rich():
    code = """
import sys, trio
from echosvc._terminal.open import open_terminal
async def main():
    async with open_terminal() as terminal:
        terminal.print(await terminal.readline("> "))
trio.run(main)
print(sorted({"prompt_toolkit", "rich", "asyncio"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], input="x\n", capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("x\n[]\n", "")
