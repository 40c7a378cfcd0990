"""The guides of supervision and embedding: their programs, and the manifest that they show."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from echosvc._manifest.registry import Registry
from tests.docs.guides import GUIDES, Example, examples
from tests.typing.check import mypy_says

ALL = [*examples("supervision.md"), *examples("embedding.md")]


def run(example: Example) -> None:
    if "asyncio.run" in example.code:  # the host's loop, on the host's clock
        exec(compile(example.padded, example.guide, "exec"), {"__name__": "example"})
    else:
        example.run()


@pytest.mark.parametrize("example", ALL, ids=str)
def test_example_prints_what_stands_below_it(
    example: Example, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "echosvc")
    run(example)
    assert capsys.readouterr().out == example.output


def test_examples_pass_mypy(tmp_path: Path) -> None:
    files = []
    for example in ALL:
        file = tmp_path / f"{Path(example.guide).stem}_{example.line}.py"
        file.write_text(example.padded, encoding="utf-8")
        files.append(file)
    assert mypy_says(*files) == ""


def test_manifest_of_the_supervision_guide_is_right(tmp_path: Path) -> None:
    text = (GUIDES / "supervision.md").read_text()
    (shown,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = """
  - {name: processes, kind: process.host}
  - {name: janitor, kind: process.py, source: "file://p.py"}
  - {name: worker, kind: process.py, source: "file://p.py", method: worker}
  - {name: storage, kind: process.service, process: "app:janitor", host: "app:processes"}
"""
    (tmp_path / "_index.yaml").write_text(shown + rest)
    (tmp_path / "p.py").write_text("async def main(): ...\nasync def worker(number): ...\n")
    levels = Registry.load(tmp_path).dependencies().levels
    assert levels == (("app:processes",), ("app:top",))
