"""Every way to fail before anything starts: what is said, and with which exit code."""

from __future__ import annotations

import pytest

from .conftest import Shell

FAILURES = [
    ("", 2, "Usage: echosvc"),
    ("nonsense", 2, "error: no such command 'nonsense'"),
    ("rum", 2, "did you mean 'run'"),
    ("--nonsense", 2, "error: no such option: --nonsense"),
    ("version --nonsense", 2, "error: no such option: --nonsense"),
    ("version word", 2, "unexpected extra argument"),
    ("version --color purple", 2, "error: --color 'purple' is not known, it takes auto, always"),
    ("version --color nevr", 2, "did you mean never?"),
    ("version --log-format jsn", 2, "did you mean json?"),
    ("version -s -v", 2, "contradict"),
    ("--src", 2, "option '--src' requires an argument"),
    ("check --src nowhere", 2, "error: --src nowhere is not there, name the folder"),
    ("check --src echosvc.lock", 2, "error: --src echosvc.lock is not a folder"),
    ("registry show", 2, "missing argument"),
    ("registry show app:cly", 2, "error: app:cly names no entry, did you mean app:cli?"),
    ("registry show zzz", 2, "error: zzz names no entry, `echosvc registry list` shows all"),
    ("registry list --meta =", 2, "write KEY or KEY=VALUE"),
    ("run -x app:cly", 2, "error: -x app:cly names no entry, did you mean app:cli?"),
    ("run -x app:terminl/app:cli", 2, "--host app:terminl names no entry, did you mean app:term"),
    ("run -x app:cli/app:terminal", 2, "-x app:terminal is a terminal.host, it takes a process.py"),
    ("run -x app:worker/app:cli", 2, "--host app:worker is a process.py, it takes a terminal.host"),
    ("run -x app:a/app:cli --host app:b", 2, "name two hosts, leave one out"),
    ("run --host app:processes", 2, "has nothing to run, -x names a process"),
    ("run helo", 2, "error: there is no command 'helo', did you mean hello?"),
    ("run app:cli", 2, "error: app:cli is an entry and no command, run it with -x app:cli"),
    ("run --json", 2, "error: --json goes with `run list`"),
    ("run -o app:clI:method=x", 4, "there is no entry app:clI, did you mean app:cli?"),
    ("run -o app:cli:methd=x", 4, "did you mean method"),
    ("run -o nonsense", 4, "write ns:entry:path=value"),
    ("init", 1, "error: echosvc.lock is there already"),
    ("init -t worker", 2, "did you mean worker-pool?"),
    ("init src/cli.py", 1, "error: src/cli.py is a file, name a folder"),
    ("completion csh", 2, "error: shell 'csh' is not known"),
]


@pytest.mark.parametrize(("line", "code", "said"), FAILURES, ids=[row[0] for row in FAILURES])
def test_failure_says_what_is_wrong_and_has_its_code(
    app: Shell, line: str, code: int, said: str
) -> None:
    done = app(*line.split())
    assert said.lower() in done.stderr.lower()
    assert done.returncode == code
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    if line:
        assert len(done.stderr.splitlines()) == 1, "an error is one line"


def test_without_a_lock_the_error_says_how_to_get_one(shell: Shell) -> None:
    done = shell("run")
    assert done.returncode == 2
    assert "there is no echosvc.lock here or in a folder above" in done.stderr
    assert "`echosvc init`" in done.stderr


def test_bad_lock_is_a_bad_manifest(app: Shell) -> None:
    app.write("echosvc.lock", "directories:\n  scr: ./src\n")
    done = app("run")
    assert done.returncode == 4
    assert "echosvc.lock:2:3: unknown field 'scr', did you mean src?" in done.stderr


def test_every_fault_of_every_file_is_said_and_nothing_starts(app: Shell) -> None:
    app.write("src/cli.py", "open('started', 'w')\nasync def main(:\n    pass\n")
    app.write("src/more/_index.yaml", "version: '1.0'\nnamespace: more\nentries: [{name: x}]\n")
    done = app("run", "-x", "app:cli")
    assert done.returncode == 4
    lines = done.stderr.splitlines()
    assert any(line.startswith("src/cli.py:2:") for line in lines)
    assert any(line.startswith("src/more/_index.yaml:3:") for line in lines)
    assert not (app.folder / "started").exists()


def test_two_terminal_hosts_ask_for_one(app: Shell) -> None:
    app.write(
        "src/more/_index.yaml",
        "version: '1.0'\nnamespace: more\nentries:\n  - {name: term, kind: terminal.host}\n",
    )
    done = app("run", "-x", "app:cli")
    assert done.returncode == 2
    assert done.stderr == (
        "error: app:cli could run on app:terminal or more:term, say which with --host\n"
    )


def test_command_name_that_is_used_twice_is_a_fault_with_its_place(app: Shell) -> None:
    app.write(
        "src/_index.yaml",
        (app.folder / "src/_index.yaml").read_text() + "    meta: {command: hello}\n",
    )
    done = app("run", "list")
    assert done.returncode == 4
    assert "src/_index.yaml:20:" in done.stderr
    assert "the command hello is app:cli's already" in done.stderr
