"""Tracebacks begin in the application's own code, and an error is shown whatever it is."""

from __future__ import annotations

import time

import pytest
import trio
from hypothesis import given, settings

from echosvc import open_runtime
from echosvc._cli import exits
from echosvc._cli.logs import JsonFormatter, TextFormatter
from echosvc._cli.tracebacks import format_error
from tests.hostile import KEPT, Recipe, recipes, recipes_through

from .conftest import Shell
from .test_logs import _record

HOST = """\
version: "1.0"
namespace: app
entries:
  - {name: processes, kind: process.host, lifecycle: {auto_start: true}}
  - {name: main, kind: process.py, source: "file://p.py", host: app:processes}
  - {name: group, kind: process.py, source: "file://p.py", method: group, host: app:processes}
"""
SOURCE = """\
import trio

def deeper():
    raise ValueError("deep")

async def main():
    deeper()

async def group():
    async with trio.open_nursery() as nursery:
        nursery.start_soon(main)
"""


def _frames(text: str) -> list[str]:
    return [line.strip(" |").partition(" in ")[2] for line in text.splitlines() if "File " in line]


@pytest.mark.parametrize("entry", ["app:main", "app:group"])
def test_with_vv_the_application_s_own_function_comes_first(shell: Shell, entry: str) -> None:
    shell.write("echosvc.lock", "directories:\n  src: ./src\n")
    shell.write("src/_index.yaml", HOST)
    shell.write("src/p.py", SOURCE)
    done = shell.apart("run", "-vv", "-x", entry)
    assert done.returncode == 1
    frames = _frames(done.stderr)
    assert frames[0] == entry.removeprefix("app:")
    assert frames[-2:] == ["main", "deeper"]
    assert "perform.py" not in done.stderr
    assert "error: " in done.stderr.splitlines()[-1]
    assert "at src/p.py:4 in deeper" in done.stderr.splitlines()[-1]


def test_an_error_out_of_a_runtime_shows_no_frames_of_it_first() -> None:
    async def fails() -> None:
        raise ValueError("own")

    async def main() -> None:
        async with open_runtime() as runtime:
            await runtime.start_host("h")
            await runtime.run(fails, "h")

    with pytest.raises(ValueError, match="own") as caught:
        trio.run(main)
    frames = _frames(format_error(caught.value))
    assert frames[0] == test_an_error_out_of_a_runtime_shows_no_frames_of_it_first.__name__
    assert frames[-1] == "fails"


errors = recipes().filter(lambda recipe: recipe.base != KEPT) | recipes_through()


@given(recipe=errors)
@settings(max_examples=60)
def test_whatever_an_error_is_the_command_line_says_it(recipe: Recipe) -> None:
    error = recipe.make()
    began = time.monotonic()
    assert format_error(error)
    ending = exits.decide(error)
    assert ending.lines or recipe.base in ("KeyboardInterrupt", "SystemExit")
    assert all(len(line.splitlines()) == 1 for line in ending.lines)
    assert time.monotonic() - began < 10


@given(recipe=errors)
@settings(max_examples=40)
def test_whatever_an_error_is_its_record_is_a_line(recipe: Recipe) -> None:
    error = recipe.make()
    record = _record("failed")
    record.exc_info = (type(error), error, None)
    assert len(JsonFormatter().format(record).splitlines()) == 1
    text = TextFormatter(color=False, date=True, tracebacks=False).format(record)
    assert len(text.splitlines()) == 1
    assert TextFormatter(color=False, date=True, tracebacks=True).format(record)


def test_what_the_message_says_is_not_said_again_in_a_field() -> None:
    fields = {"pid": "{a|1}", "entry": "app:x", "other": 1}
    record = _record("process {a|1} (app:x) crashed", fields=fields, said=("pid", "entry"))
    text = TextFormatter(color=False, date=True, tracebacks=False).format(record)
    assert text.endswith(" app:relay process {a|1} (app:x) crashed other=1")
    assert '"pid": "{a|1}"' in JsonFormatter().format(record)
    assert '"entry": "app:x"' in JsonFormatter().format(record)
