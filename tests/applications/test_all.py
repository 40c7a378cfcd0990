"""What holds for every application: it is listed, it has no faults, and its README is right."""

from __future__ import annotations

import re

import pytest

from echosvc._cli.run import commands_of
from echosvc._manifest.check import check
from echosvc._manifest.registry import Registry
from tests.applications.helpers import MANIFESTS

ALL = sorted(folder.name for folder in MANIFESTS.iterdir() if (folder / "_index.yaml").exists())
WITH_README = [name for name in ALL if (MANIFESTS / name / "README.md").exists()]


def test_every_application_is_listed() -> None:
    listed = re.findall(r"^\| \[(\w+)\]", (MANIFESTS / "README.md").read_text(), re.MULTILINE)
    assert sorted(listed) == ALL


@pytest.mark.parametrize("name", ALL)
def test_it_has_no_faults_and_no_warnings(name: str) -> None:
    assert [str(fault) for fault in check(MANIFESTS / name)] == []


@pytest.mark.parametrize("name", WITH_README)
def test_its_readme_runs_commands_that_it_has(name: str) -> None:
    text = (MANIFESTS / name / "README.md").read_text()
    assert 9 <= len(text.splitlines()) <= 16
    assert text.startswith(f"# {name}\n")
    commands = commands_of(Registry.load(MANIFESTS / name))
    runs = re.findall(rf"echosvc run --src manifests/{name}\b(?: -x \S+| -\w+)* ?(\w*)", text)
    assert runs
    assert set(runs) <= {*commands, ""}
    assert set(commands) <= set(runs)
