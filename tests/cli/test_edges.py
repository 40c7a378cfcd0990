"""Signals before a run and after it: in a program of its own, at the very moment that is meant."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from echosvc._cli.init import template_files

from .conftest import MANIFEST, SECONDS, Shell

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPT = """\
import os, signal, sys
class Interrupt:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), {number})
sys.meta_path.insert(0, Interrupt())
"""
MAIN = """\
import sys
from echosvc.__main__ import main
sys.argv[1:] = {args!r}
main()
"""


def _python(shell: Shell, script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=shell.folder,
        env=shell.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("number", STOPPING)
@pytest.mark.parametrize(
    "module",
    ["echosvc._cli.app", "typer", "echosvc._cli.run", "ruamel.yaml", "echosvc._cli.perform"],
)
def test_signal_while_the_program_is_loaded_ends_it_without_a_word(
    app: Shell, module: str, number: signal.Signals
) -> None:
    script = INTERRUPT.format(module=module, number=int(number)) + MAIN.format(args=["run"])
    done = _python(app, script)
    assert (done.returncode, done.stdout, done.stderr) == (128 + number, "", "")


def test_signal_that_the_program_was_started_to_ignore_stays_ignored(app: Shell) -> None:
    script = (
        "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        + INTERRUPT.format(module="echosvc._cli.app", number=int(signal.SIGHUP))
        + MAIN.format(args=["version"])
    )
    done = _python(app, script)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("echosvc ")


@pytest.mark.parametrize("number", STOPPING)
def test_signal_that_comes_when_the_run_is_over_leaves_its_code(
    app: Shell, number: signal.Signals
) -> None:
    app.write(
        "src/cli.py",
        "import atexit, os\n\nfrom echosvc import io\n\n\nasync def main():\n"
        "    io.print('done')\n"
        f"    atexit.register(os.kill, os.getpid(), {int(number)})\n"
        "    return 5\n",
    )
    done = app.apart("run", "hello")
    assert (done.returncode, done.stdout, done.stderr) == (5, "done\n", "")


@pytest.mark.parametrize("number", STOPPING)
def test_signal_in_the_last_moment_of_the_interpreter_leaves_the_code(
    shell: Shell, number: signal.Signals
) -> None:
    script = (
        "import os, sys\nfrom echosvc._cli import edges\nedges.watch()\n"
        "class Last:\n"
        f"    def __del__(self, kill=os.kill, pid=os.getpid()): kill(pid, {int(number)})\n"
        "last = Last()\nedges.settle(7)\nprint('done')\nsys.exit(7)\n"
    )
    done = _python(shell, script)
    assert (done.returncode, done.stdout, done.stderr) == (7, "done\n", "")


def test_signal_after_the_end_hastens_it_with_the_code_and_all_that_was_printed(
    shell: Shell,
) -> None:
    script = (
        "import os, signal, threading\nfrom echosvc._cli import edges\nedges.watch()\n"
        "threading.Thread(target=threading.Event().wait).start()  # nobody ever ends it\n"
        "print('done')\nedges.settle(7)\nos.kill(os.getpid(), signal.SIGINT)\n"
    )
    done = _python(shell, script)
    assert (done.returncode, done.stdout, done.stderr) == (7, "done\n", "")


def test_second_signal_of_a_run_that_is_ending_leaves_the_code_of_the_first(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST)
    app.write(
        "src/cli.py",
        "import atexit, os, signal\n\nfrom echosvc import io, process\n\n\nasync def main():\n"
        "    atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    await process.events().receive()\n",
    )
    done = app.apart("run", "hello")
    assert (done.returncode, done.stderr) == (143, "")


def test_files_that_are_being_written_are_all_there_when_a_signal_ends_init(shell: Shell) -> None:
    script = (
        "import os, signal, sys\n"
        "def hook(event, args):\n"
        "    if event == 'open' and str(args[0]).endswith('cli.py') and args[1] == 'x':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.addaudithook(hook)\n" + MAIN.format(args=["init"])
    )
    done = _python(shell, script)
    assert (done.returncode, done.stderr) == (130, "")
    for path, text in template_files("echo").items():
        assert (shell.folder / path).read_text() == text
