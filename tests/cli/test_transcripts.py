"""Golden transcripts: sessions of a shell with the command line, replayed word by word.

A transcript is what a person would see: a command behind ``$``, what it wrote, and its exit code in
brackets where that isn't 0. Each is played in an empty folder. What differs from run to run (the
time, the number of a process) is replaced by a word.

``python -m tests.cli.test_transcripts`` writes down what the commands say now, for a look at the
difference.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import SECONDS, environment

FOLDER = Path(__file__).parent / "transcripts"
VARYING = (
    (re.compile(r"\|0x[0-9a-f]+\}"), "|0x…}"),
    (re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+(\+00:00)?"), "TIME"),
    (re.compile(r"seconds(=|\": )[\d.e-]+"), r"seconds\1S"),
)


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a transcript."""
    for line in text.splitlines():
        if line.startswith("$ "):
            yield line[2:]


def play(text: str, folder: Path) -> str:
    """Run the commands of a transcript one after the other, and return what there was to see."""
    bin_ = folder / ".bin"
    bin_.mkdir()
    program = bin_ / "echosvc"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m echosvc "$@"\n')
    program.chmod(0o755)
    env = environment({"XDG_STATE_HOME": str(folder / ".state")})
    env["PATH"] = f"{bin_}{os.pathsep}{env['PATH']}"
    seen = []
    for command in commands(text):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        out = done.stdout
        for pattern, word in VARYING:
            out = pattern.sub(word, out)
        if out and not out.endswith("\n"):
            out += "⏎\n"  # no newline at the end
        code = f"[{done.returncode}]\n" if done.returncode else ""
        seen.append(f"$ {command}\n{out}{code}")
    return "".join(seen)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.txt")), ids=lambda file: file.stem)
def test_transcript(file: Path, tmp_path: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert play(text, tmp_path) == text


if __name__ == "__main__":
    for each in sorted(FOLDER.glob("*.txt")):
        with tempfile.TemporaryDirectory() as folder:
            each.write_text(play(each.read_text(encoding="utf-8"), Path(folder)), encoding="utf-8")
