"""The command line as a user has it: a process of its own, in a folder of its own."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from echosvc._cli.app import main

if TYPE_CHECKING:
    from .terminals import Terminal

SECONDS = 30
"""What one command may take before it is called hung."""


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which colours and history are as on a fresh machine."""
    unset = ("NO_COLOR", "FORCE_COLOR", "PYTHONUNBUFFERED", "_ECHOSVC_COMPLETE", "XDG_STATE_HOME")
    return {key: value for key, value in os.environ.items() if key not in unset} | dict(more or {})


def deliver(child: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send a signal, and wait until it is there: of two that still wait, none is the first."""
    child.send_signal(number)
    pending = 1 << (number - 1)
    while pending >> (number - 1) & 1:
        status = Path(f"/proc/{child.pid}/status").read_text(encoding="ascii")
        pending = int(status.partition("ShdPnd:")[2].split()[0], 16)


class Done(NamedTuple):
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Shell:
    """Runs `echosvc` in a folder."""

    folder: Path
    env: dict[str, str] = field(default_factory=environment)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *args: str) -> list[str]:
        return [sys.executable, "-m", "echosvc", *args]

    def __call__(self, *args: str) -> Done:
        """Run a command that starts nothing in this process: the same code, in a tenth the time."""
        out, err = io.StringIO(), io.StringIO()
        redirected = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with contextlib.chdir(self.folder), redirected[0], redirected[1]:
            code = main(args)
        return Done(code, out.getvalue(), err.getvalue())

    def apart(self, *args: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command to its end in a process of its own."""
        return subprocess.run(
            self.command(*args),
            cwd=self.folder,
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def start(self, *args: str, **options: object) -> subprocess.Popen[str]:
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE) | options
        child = subprocess.Popen(
            self.command(*args), cwd=self.folder, env=self.env, text=True, bufsize=1, **pipes
        )
        self.started.append(child)
        return child

    def clean_up(self) -> None:
        """Leave nothing running, whatever a test has failed at."""
        for child in self.started:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()

    def write(self, path: str, text: str) -> Path:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        return target


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    shell = Shell(tmp_path, environment({"XDG_STATE_HOME": str(tmp_path / ".state")}))
    yield shell
    shell.clean_up()


MANIFEST = """\
version: "1.0"
namespace: app
entries:
  - name: terminal
    kind: terminal.host
    lifecycle: {auto_start: true}
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - name: cli
    kind: process.py
    source: file://cli.py
    modules: [io]
    meta:
      command: {name: hello, short: says hello}
  - name: worker
    kind: process.py
    source: file://cli.py
    modules: [io]
"""

SOURCE = """\
from echosvc import io


async def main():
    io.print("hello", *io.args())
"""


@pytest.fixture
def app(shell: Shell) -> Shell:
    """An application with two hosts, a process with a command, and one without."""
    shell.write("echosvc.lock", "directories:\n  src: ./src\n")
    shell.write("src/_index.yaml", MANIFEST)
    shell.write("src/cli.py", SOURCE)
    return shell


@pytest.fixture
def terminal(shell: Shell) -> Iterator[Callable[..., Terminal]]:
    from .terminals import Terminal

    opened: list[Terminal] = []

    def start(*args: str, **options: Any) -> Terminal:
        opened.append(Terminal(shell, *args, **options))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
