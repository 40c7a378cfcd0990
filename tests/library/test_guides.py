"""The programs and applications in the guides to the libraries."""

from __future__ import annotations

import logging
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

import echosvc
from echosvc import open_runtime
from tests.docs.guides import GUIDES, Example, examples
from tests.typing.check import mypy_says

PROGRAMS = [example for guide in ("ctx.md", "events.md", "pg.md") for example in examples(guide)]


@pytest.mark.parametrize("example", PROGRAMS, ids=str)
def test_program_prints_what_stands_below_it(
    example: Example, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "echosvc")  # of processes that fail, as they are to
    example.run()
    printed = capsys.readouterr().out
    if example.output is not None:
        assert printed == example.output
    else:
        assert printed


@dataclass(frozen=True)
class Application:
    """Files of a guide that make an application, and what its `app:main` prints."""

    guide: str
    files: tuple[tuple[str, str], ...]
    output: str

    def __str__(self) -> str:
        return self.guide

    def write(self, folder: Path) -> None:
        for name, text in self.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


_BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"# (?P<name>[\w./-]+\.\w+)\n")


def application(guide: str) -> Application:
    """The blocks that begin with a file's name, and the text block after them."""
    files = []
    output = ""
    for block in _BLOCK.finditer((GUIDES / guide).read_text(encoding="utf-8")):
        if name := _NAME.match(block["text"]):
            files.append((name["name"], block["text"]))
        elif block["language"] == "text":
            output = block["text"]
    return Application(guide, tuple(files), output)


KINDS = application("kinds.md")
APPLICATIONS = [application(guide) for guide in ("env.md", "funcs.md", "registry.md", "store.md")]


@pytest.mark.parametrize("example", APPLICATIONS, ids=str)
def test_application_prints_what_stands_below_it(
    example: Application, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    example.write(tmp_path)

    async def main() -> None:
        async with open_runtime(tmp_path) as runtime:
            await runtime.run("app:main", "app:processes")

    trio.run(main)
    assert capsys.readouterr().out == example.output


def test_package_in_the_guide_to_kinds_does_what_it_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    KINDS.write(tmp_path)
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text())["project"]
    info = tmp_path / "acme_ticker-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {value}" for name, value in points.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)

    async def main() -> None:
        async with open_runtime(tmp_path / "app") as runtime:
            await runtime.run("app:main", "app:processes")

    try:
        trio.run(main)
    finally:
        for name in ("acme_ticker", "acme_moon", "echosvc.moon"):
            sys.modules.pop(name, None)
        vars(echosvc).pop("moon", None)
    assert capsys.readouterr().out == KINDS.output


def test_code_in_guides_passes_mypy(tmp_path: Path) -> None:
    files = []
    for example in PROGRAMS:
        file = tmp_path / f"{Path(example.guide).stem}_{example.line}.py"
        file.write_text(example.padded, encoding="utf-8")
        files.append(file)
    for app in (*APPLICATIONS, KINDS):
        stem = Path(app.guide).stem
        for name, text in app.files:
            if name.endswith(".py") and "moon" not in text:  # which no stub tells of
                file = tmp_path / f"{stem}_{name}"
                file.write_text(text, encoding="utf-8")
                files.append(file)
    assert mypy_says(*files) == ""
