"""`echosvc run`, the real thing: a process of its own, with pipes for a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import MANIFEST, Shell

ECHO = Path(__file__).parents[2] / "manifests" / "echo"
HEAD = "Echo Client\nType messages to echo. Ctrl+C to exit.\n\n"
WORKER = re.compile(r"\{app:processes\|0x[0-9a-f]{5}\}")

SERVICE = """
  - name: service
    kind: process.service
    process: app:worker
    host: app:processes
    lifecycle: {auto_start: true, ready: explicit}
"""


@pytest.fixture
def echo(shell: Shell) -> Shell:
    shell.write("echosvc.lock", f"directories:\n  src: {ECHO}\n")
    return shell


def _source(app: Shell, *lines: str) -> None:
    body = "".join(f"    {line}\n" for line in lines)
    app.write("src/cli.py", f"from echosvc import io\n\n\nasync def main():\n{body}")


def test_echo_from_a_pipe_is_a_clean_transcript(echo: Shell) -> None:
    done = echo.apart("run", "-x", "app:terminal/app:cli", stdin="hello world\n[bold]привет")
    assert (done.returncode, done.stderr) == (0, "")
    assert WORKER.sub("PID", done.stdout) == (
        f"{HEAD}> hello world\n  HELLO WORLD\n  from worker: PID\n"
        "> [bold]привет\n  [BOLD]ПРИВЕТ\n  from worker: PID\n> \nGoodbye!\n"
    )


def test_echo_from_a_file_is_the_same(echo: Shell) -> None:
    lines = echo.write("lines", "one\ntwo\n")
    with lines.open() as stdin:
        child = echo.start("run", "-x", "app:cli", stdin=stdin)
        out, err = child.communicate()
    assert (child.returncode, err) == (0, "")
    assert "> one\n  ONE\n" in out
    assert "> two\n  TWO\n" in out


def test_echo_without_input_says_goodbye(echo: Shell) -> None:
    child = echo.start("run", "-x", "app:cli", stdin=subprocess.DEVNULL)
    out, err = child.communicate()
    assert (child.returncode, out, err) == (0, f"{HEAD}> \nGoodbye!\n", "")


def test_echo_with_stdin_closed_says_goodbye(echo: Shell) -> None:
    child = echo.start("run", "-x", "app:cli", stdin=None, preexec_fn=lambda: os.close(0))
    out, err = child.communicate()
    assert (child.returncode, out, err) == (0, f"{HEAD}> \nGoodbye!\n", "")


def test_echo_log_is_on_stderr_when_asked_for(echo: Shell) -> None:
    done = echo.apart("run", "-v", "-x", "app:cli", "--log-format", "json", stdin="a\n")
    records = [json.loads(line) for line in done.stderr.splitlines()]
    started = next(record for record in records if record["message"] == "relay started")
    assert started["level"] == "info"
    assert started["logger"] == "app.relay"
    assert WORKER.fullmatch(started["pid"])
    assert "relay started" not in done.stdout


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("run hello a b", "a b"),
        ("run -x app:cli a -s b", "a b"),
        ("run hello a -s -- b -s --help -- -", "a b -s --help -- -"),
        ("run -x app:cli -- -x", "-x"),
        ("run -s -- hello -s", "-s"),
    ],
)
def test_words_and_all_behind_two_dashes_are_the_processs(
    app: Shell, line: str, words: str
) -> None:
    done = app.apart(*line.split())
    assert (done.returncode, done.stdout, done.stderr) == (0, f"hello {words}\n", "")


def test_options_are_echosvcs_behind_the_words_too(app: Shell) -> None:
    done = app.apart("run", "hello", "a", "-v", "--log-format", "json")
    assert done.stdout == "hello a\n"
    assert json.loads(done.stderr.splitlines()[0])["message"] == "started"


def _says(app: Shell, *options: str) -> str:
    """Start a run without a process, wait until it is up, stop it; return what it said."""
    child = app.start("run", *options)
    assert child.stderr is not None
    seen = []
    for line in child.stderr:
        seen.append(line)
        if "runs" in line or "running app" in line or '"started"' in line:
            break
    child.send_signal(signal.SIGTERM)
    _, rest = child.communicate()
    assert child.returncode == 143
    return "".join(seen) + rest


def test_run_without_a_process_says_what_runs_and_how_it_ends(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE.replace(", ready: explicit", ""))
    _source(app, "import trio", "await trio.sleep_forever()")
    said = _says(app).splitlines()
    assert "running app:service; Ctrl-C stops it all" in said
    assert not any(
        "running app" in line for line in _says(app, "--log-format", "json").splitlines()
    )


def test_run_with_nothing_to_run_says_so(app: Shell) -> None:
    said = (
        "nothing runs, as no service has auto_start; "
        "`echosvc run list` shows the commands, Ctrl-C ends this"
    )
    assert said in _says(app, "--set", "log.level=off").splitlines()


def test_process_on_a_process_host_gets_its_arguments_as_parameters(app: Shell) -> None:
    app.write("src/cli.py", "async def main(a, b):\n    return int(a) + int(b)\n")
    assert app.apart("run", "-x", "app:processes/app:worker", "3", "4").returncode == 7


def test_wrong_number_of_arguments_is_an_error_and_no_crash(app: Shell) -> None:
    app.write("src/cli.py", "async def main(a, b):\n    pass\n")
    done = app.apart("run", "-x", "app:processes/app:worker", "3")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert last.startswith(f"error: app:worker ({app.folder}/src/cli.py:1): ")
    assert "missing a required argument: 'b'" in last


@pytest.mark.parametrize(
    ("result", "code"),
    [("None", 0), ("0", 0), ("7", 7), ("255", 255), ("True", 0), ("'text'", 0), ("256", 1)],
)
def test_int_result_is_the_exit_code(app: Shell, result: str, code: int) -> None:
    _source(app, f"return {result}")
    done = app.apart("run", "hello")
    assert done.returncode == code
    assert ("taken as 1" in done.stderr) == (result == "256")


def test_crash_of_the_process_is_one_line_with_its_place(app: Shell) -> None:
    _source(app, "io.print('before')", "raise ValueError('first\\nsecond')")
    done = app.apart("run", "hello")
    assert done.returncode == 1
    assert done.stdout == "before\n"
    assert done.stderr == (
        "error: ValueError: first\\nsecond, at src/cli.py:6 in main; -vv shows the traceback\n"
    )


def test_crash_has_its_traceback_with_double_verbose(app: Shell) -> None:
    _source(app, "raise ValueError('no')")
    done = app.apart("run", "-vv", "hello")
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in done.stderr


def test_crash_of_a_service_is_logged_with_its_traceback(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE)
    _source(app, "raise ValueError('no')")
    done = app.apart("run")
    assert done.returncode == 3
    assert "ValueError: no" in done.stderr
    assert "    Traceback (most recent call last):" in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert "app:service" in last


def test_source_that_fails_to_import_names_its_line(app: Shell) -> None:
    app.write("src/cli.py", "1 / 0\n\n\nasync def main():\n    pass\n")
    done = app.apart("run", "hello")
    assert done.returncode == 4
    assert done.stderr.startswith("src/cli.py:1")
    assert "ZeroDivisionError" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_override_holds_for_the_run(app: Shell) -> None:
    app.write("src/cli.py", "async def main():\n    return 1\n\nasync def other():\n    return 5\n")
    assert app.apart("run", "-o", "app:cli:method=other", "hello").returncode == 5


def test_host_that_does_not_start_by_itself_is_started_for_x(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST.replace("auto_start: true", "auto_start: false"))
    done = app.apart("run", "hello")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")


def test_reader_that_goes_away_ends_it_quietly(app: Shell) -> None:
    _source(app, "while True:", "    io.print('line ' * 100)", "    await io.readline()")
    child = app.start("run", "hello")
    assert child.stdout is not None
    assert child.stdin is not None
    assert child.stdout.readline().startswith("line")
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate("x\n" * 10)
    assert (child.returncode, err) == (141, "")


def test_silent_logs_nothing_and_still_says_the_error(app: Shell) -> None:
    app.write("src/_index.yaml", MANIFEST + SERVICE)
    _source(app, "raise ValueError('no')")
    done = app.apart("run", "-s")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1


def test_print_and_stray_output_of_libraries_are_the_programs(app: Shell) -> None:
    app.write(
        "src/cli.py",
        "import sys, warnings\n\n\nasync def main():\n    warnings.warn('old')\n"
        "    sys.stderr.write('stray\\n')\n",
    )
    done = app.apart("run", "hello")
    assert done.returncode == 0
    assert "stray\n" in done.stderr
    assert "py.warnings" in done.stderr
    assert "old" in done.stderr


def test_signal_codes_match_the_signals() -> None:
    assert (128 + signal.SIGINT, 128 + signal.SIGTERM, 128 + signal.SIGPIPE) == (130, 143, 141)
