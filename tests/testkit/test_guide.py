"""The testing guide: its files, written as they stand there, are a suite that passes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from echosvc import Runtime, process
from echosvc.testing import ANY, Probe
from tests.typing.check import mypy_says

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "testing.md").read_text(encoding="utf-8")
FILES = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
CONFIGURATION = """\
[tool.pytest]
strict = true
trio_mode = true
filterwarnings = ["error"]
pythonpath = ["."]
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    for name, text in FILES:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text(CONFIGURATION, encoding="utf-8")
    return tmp_path


def pytest_says(folder: Path) -> str:
    """Run the tests of a folder as their author would, in a Python of their own."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def test_each_block_of_the_guide_is_a_file() -> None:
    assert GUIDE.count("```python\n") + GUIDE.count("```yaml\n") == len(FILES) == 8


def test_the_suite_of_the_guide_passes(suite: Path) -> None:
    assert re.search(r"^7 passed in ", pytest_says(suite), re.MULTILINE), pytest_says(suite)


def test_the_suite_of_the_guide_is_typed(suite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MYPYPATH", str(suite))
    assert mypy_says(*sorted(suite.glob("*.py")), suite / "app" / "ask.py") == ""


async def test_the_failure_that_the_guide_shows(runtime: Runtime, probe: Probe) -> None:
    async def add(sender: str) -> None:
        process.send(sender, "added", {"total": 42, "by": process.pid()})

    # In the guide the adder is started first, and so has the first PID.
    pid = runtime.spawn(add, "app:processes", probe.pid)
    with pytest.raises(AssertionError) as failure:
        await probe.expect("added", {"total": 43, "by": ANY})
    shown = re.findall(r"^```text\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)[0]
    said = str(failure.value).replace(pid, "{app:processes|0x00001}")
    assert f"{said.replace(probe.pid, '{testing|0x00002}')}\n" == shown


FAILURES = """\
import trio
from echosvc import process

async def test_an_assertion_in_a_nursery(runtime):
    async def fail():
        value = 41
        assert value == 42
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)

async def test_a_deadlock(autojump_clock):
    await trio.sleep_forever()

async def test_two_failures(runtime):
    async with trio.open_nursery() as nursery:
        for error in (KeyError(1), ValueError(2)):
            async def fail(error=error):
                await trio.lowlevel.checkpoint()
                raise error
            nursery.start_soon(fail)
"""


def test_failures_are_shown_as_pytest_shows_them(suite: Path) -> None:
    for file in suite.glob("test_*.py"):
        file.unlink()
    # Imported before pytest takes it for a plugin, which pytest would warn of.
    conftest = suite / "conftest.py"
    conftest.write_text(f"from echosvc.testing import Probe\n{conftest.read_text()}")
    (suite / "test_failures.py").write_text(FAILURES, encoding="utf-8")
    said = pytest_says(suite)
    assert ">       assert value == 42\nE       assert 41 == 42" in said
    assert "a deadlock: nothing can run, and no time is waited for" in said
    assert "ExceptionGroup" in said
    assert re.search(r"^3 failed in ", said, re.MULTILINE), said


def test_without_pytest_the_kit_imports_none() -> None:
    code = "import sys, echosvc.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
