"""How errors become exit codes and lines."""

from __future__ import annotations

import subprocess
import sys

import pytest

from echosvc import errors
from echosvc._cli import exits


def _raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # any error, to give it a traceback
        return caught


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ValueError("no"), 1),
        (errors.Error("no"), 1),
        (errors.NotFound("no"), 1),
        (errors.StartFailed("no"), 1),
        (errors.Invalid("no"), 2),
        (exits.UsageFault("no"), 2),
        (errors.GaveUp("no"), 3),
        (errors.ManifestError("no"), 4),
        (KeyboardInterrupt(), 130),
        (SystemExit(7), 7),
        (SystemExit(None), 0),
        (SystemExit("words"), 1),
        (BrokenPipeError(), 1),  # not stdout's: somebody is reading it
    ],
)
def test_each_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exits.decide(_raised(error)).code == code
    assert exits.decide(ExceptionGroup("g", [error]) if isinstance(error, Exception) else error)


def test_the_most_urgent_of_several_errors_decides() -> None:
    group = BaseExceptionGroup(
        "outer",
        [
            ValueError("first"),
            ExceptionGroup("inner", [errors.GaveUp("gave up"), errors.ManifestError("bad")]),
        ],
    )
    ending = exits.decide(group)
    assert ending.code == 4
    assert ending.lines[0] == "bad"
    assert ending.lines[1] == "error: gave up"
    assert ending.lines[2].startswith("error: ValueError: first")


def test_ctrl_c_in_a_group_with_others_is_still_ctrl_c() -> None:
    group = BaseExceptionGroup("g", [ValueError("x"), KeyboardInterrupt()])
    assert exits.decide(group) == exits.Ending(130)


def test_manifest_error_says_each_fault_in_a_line() -> None:
    first = errors.ManifestError("one", file="a.yaml", line=1, column=2, entry="app:x", hint="do")
    second = errors.ManifestError("two", file="b.yaml", line=3, column=4)
    first.faults = (first, second)
    assert exits.decide(first).lines == ("a.yaml:1:2: app:x: one, do", "b.yaml:3:4: two")


def test_error_in_many_lines_is_said_in_one() -> None:
    (line,) = exits.decide(errors.Error("a\nb\x1b[2J")).lines
    assert line == "error: a\\nb\\x1b[2J"


def test_crash_names_its_place_outside_the_libraries() -> None:
    (line,) = exits.decide(_raised(ValueError("boom"))).lines
    assert "ValueError: boom, at " in line
    assert "test_exits.py:" in line
    assert line.endswith("-vv shows the traceback")


def test_error_with_a_cause_says_the_cause() -> None:
    error = errors.StartFailed("app:relay-service did not start")
    error.__cause__ = KeyError("x")
    assert exits.decide(error).lines == ("error: app:relay-service did not start: KeyError: 'x'",)


def test_gave_up_says_the_last_cause() -> None:
    error = errors.GaveUp("gave up on app:x", causes=(ValueError("a"), ValueError("b")))
    assert exits.decide(error).lines == ("error: gave up on app:x; the last cause: ValueError: b",)


@pytest.mark.parametrize(
    ("result", "code"),
    [(None, 0), (0, 0), (3, 3), (255, 255), (True, 0), (False, 0), ("text", 0), (1.5, 0)],
)
def test_int_result_is_the_exit_code_and_everything_else_is_success(
    result: object, code: int
) -> None:
    assert exits.code_of_result(result) == exits.Ending(code)


@pytest.mark.parametrize("result", [-1, 256, 10**9])
def test_int_result_out_of_range_is_a_failure_that_is_said(result: int) -> None:
    ending = exits.code_of_result(result)
    assert ending.code == 1
    assert str(result) in ending.lines[0]


def test_traceback_is_shown_only_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    error = _raised(ValueError("boom"))
    assert exits.end(error) == 1
    assert "Traceback" not in capsys.readouterr().err
    assert exits.end(error, tracebacks=True) == 1
    assert "Traceback" in capsys.readouterr().err


def test_broken_pipe_of_stdout_is_quiet_and_has_the_shells_code() -> None:
    script = (
        "import sys\n"
        "from echosvc._cli import exits\n"
        "sys.stdin.read()\n"
        "try:\n"
        "    print('x' * 1_000_000, flush=True)\n"
        "except BrokenPipeError as error:\n"
        "    sys.exit(exits.flush_stdout(exits.end(error)))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.close()
    child.stdout = None
    _, err = child.communicate()
    assert (child.returncode, err) == (141, b"")
