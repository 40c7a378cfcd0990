"""Real signals to a real run."""

from __future__ import annotations

import signal
import subprocess

import pytest

from .conftest import Shell, deliver

MANIFEST = """\
version: "1.0"
namespace: app
entries:
  - name: processes
    kind: process.host
    lifecycle: {auto_start: true}
  - name: worker
    kind: process.py
    source: file://worker.py
    modules: [logger]
  - name: service
    kind: process.service
    process: app:worker
    host: app:processes
    lifecycle: {auto_start: true, ready: explicit, stop_timeout: 10m}
"""

OBEDIENT = """
    async for event in process.events():
        logger.info("asked", kind=event.kind.name, reason=event.reason)
        return
"""
DEAF = """
    async for event in process.events():
        logger.info("asked, and going on")
"""
SHIELDED = """
    import trio
    with trio.CancelScope(shield=True):
        await trio.sleep_forever()
"""
BLOCKING = """
    import sys
    print("blocking", file=sys.stderr, flush=True)
    while True:
        pass
"""


def _start(shell: Shell, body: str, *, ready: bool = True) -> subprocess.Popen[str]:
    """Start a service with this body, and wait until all is up, or only this is."""
    shell.write("echosvc.lock", "directories:\n  src: ./src\n")
    shell.write("src/_index.yaml", MANIFEST)
    shell.write(
        "src/worker.py",
        "from echosvc import logger, process\n\n\nasync def main():\n"
        "    events = process.events()\n    logger.info('running')\n"
        f"    {'process.ready()' if ready else 'pass'}\n{body}",
    )
    child = shell.start("run")
    _until(child, "started entries=2" if ready else "running")
    return child


def _until(child: subprocess.Popen[str], text: str) -> str:
    assert child.stderr is not None
    seen = ""
    for line in child.stderr:
        seen += line
        if text in line:
            return seen
    raise AssertionError(f"ended without {text!r}: {seen}")


def _end(child: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = child.communicate()
    assert "Traceback" not in err
    return child.returncode, err


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM"), (signal.SIGHUP, 129, "h")],
)
def test_first_signal_asks_the_services_to_end(
    shell: Shell, number: signal.Signals, code: int, reason: str
) -> None:
    child = _start(shell, OBEDIENT)
    child.send_signal(number)
    ended, err = _end(child)
    assert ended == code
    assert f"asked kind=CANCEL reason={reason}" in err
    assert "error:" not in err
    assert "stopping…" not in err


def test_second_signal_does_not_wait_for_who_does_not_obey(shell: Shell) -> None:
    child = _start(shell, DEAF)
    child.send_signal(signal.SIGTERM)
    _until(child, "asked, and going on")
    _until(child, "stopping… press Ctrl-C again to stop without waiting")
    child.send_signal(signal.SIGINT)
    ended, err = _end(child)
    assert ended == 143
    assert "stopping without waiting" in err


def test_third_signal_ends_what_nothing_else_ends(shell: Shell) -> None:
    child = _start(shell, SHIELDED)
    child.send_signal(signal.SIGINT)
    _until(child, "stopping… press Ctrl-C again")
    child.send_signal(signal.SIGINT)
    _until(child, "stopping without waiting")
    child.send_signal(signal.SIGINT)
    assert _end(child)[0] == 130


def test_third_signal_ends_a_run_whose_loop_is_blocked(shell: Shell) -> None:
    child = _start(shell, BLOCKING, ready=False)
    _until(child, "blocking")
    deliver(child, signal.SIGINT)
    deliver(child, signal.SIGTERM)
    _until(child, "not responding; press Ctrl-C once more")
    child.send_signal(signal.SIGINT)
    assert _end(child)[0] == 130


def test_signal_in_the_middle_of_the_start_stops_in_order_what_is_up(shell: Shell) -> None:
    child = _start(shell, OBEDIENT, ready=False)
    child.send_signal(signal.SIGTERM)
    ended, err = _end(child)
    assert ended == 143
    assert "asked kind=CANCEL" in err
    assert "error:" not in err


def test_terminal_process_is_gone_at_the_first_signal(app: Shell) -> None:
    app.write(
        "src/cli.py",
        "from echosvc import io\n\n\nasync def main():\n"
        "    io.print('waiting')\n    await io.readline()\n",
    )
    child = app.start("run", "hello")
    assert child.stdout is not None
    assert child.stdout.readline() == "waiting\n"
    child.send_signal(signal.SIGINT)
    _, err = child.communicate()
    assert (child.returncode, err) == (130, "")
