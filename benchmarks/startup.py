"""From the command to the prompt: the echo client on a terminal, beside the imports it needs."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[1]
IMPORTS = "import trio, rich, typer, ruamel.yaml"
LIMIT = 30.0
"""Seconds after which a prompt does not come any more."""


def imports(_n: int) -> float:
    """Seconds until a Python that only imports the dependencies has ended."""
    start = perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return perf_counter() - start


def prompt(_n: int) -> float:
    """Seconds until the echo client asks for a line."""
    return until(["run", "-x", "app:terminal/app:cli"], b"> ")


def until(args: list[str], wanted: bytes) -> float:
    """Seconds until a command of ours has written something to its terminal; then it is ended."""
    start = perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [sys.executable, "-m", "echosvc", *args])
    seen = b""
    try:
        while wanted not in seen:
            chunk = os.read(terminal, 65536)
            if not chunk or perf_counter() - start > LIMIT:
                raise RuntimeError(f"no prompt came; the screen: {seen!r}")
            seen += chunk
        return perf_counter() - start
    except OSError as exc:
        raise RuntimeError(f"the command has ended; the screen: {seen!r}") from exc
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)
