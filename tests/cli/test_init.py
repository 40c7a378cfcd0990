"""`echosvc init`: all of it or nothing, and never over something that is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from echosvc._cli.init import TEMPLATES, template_files

from .conftest import Shell


def _tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", TEMPLATES)
def test_each_template_makes_an_application_without_faults(shell: Shell, name: str) -> None:
    done = shell("init", "new", "--template", name)
    assert (done.returncode, done.stderr) == (0, "")
    files = _tree(shell.folder / "new")
    assert list(files) == ["echosvc.lock", *template_files(name)]
    for path in files:
        assert f"  {path}\n" in done.stdout
    assert f"run it:\n  cd new\n  {TEMPLATES[name].run}\n" in done.stdout
    shell.folder /= "new"
    done = shell("check")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "no faults in src\n")


def test_without_a_folder_it_is_made_here(shell: Shell) -> None:
    done = shell("init", "-t", "empty")
    assert done.returncode == 0
    assert "cd " not in done.stdout
    assert (shell.folder / "echosvc.lock").is_file()


@pytest.mark.parametrize("path", ["echosvc.lock", "src/_index.yaml"])
def test_file_in_the_way_stops_it_before_the_first_is_written(shell: Shell, path: str) -> None:
    shell.write(path, "mine")
    done = shell("init", "--template", "echo")
    assert done.returncode == 1
    assert f"error: {path} is there already" in done.stderr
    assert _tree(shell.folder) == {path: "mine"}


def test_dangling_link_counts_as_being_in_the_way(shell: Shell) -> None:
    (shell.folder / "echosvc.lock").symlink_to("nowhere")
    assert shell("init").returncode == 1
    assert not (shell.folder / "src").exists()


def test_manifests_that_are_there_get_their_lock_and_nothing_else(app: Shell) -> None:
    (app.folder / "echosvc.lock").unlink()
    before = _tree(app.folder)
    done = app("init")
    assert (done.returncode, done.stdout) == (0, "made echosvc.lock for the manifests in src\n")
    after = _tree(app.folder)
    assert {path: after[path] for path in before} == before
    assert set(after) - set(before) == {"echosvc.lock"}
    assert app("registry", "list").returncode == 0


def test_folder_that_cannot_be_written_is_one_line(shell: Shell) -> None:
    done = shell("init", "/proc/nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot write /proc/nowhere: ")
    assert len(done.stderr.splitlines()) == 1


def test_failure_half_way_leaves_nothing_behind(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = template_files("echo")
    monkeypatch.setattr(
        "echosvc._cli.init.template_files",
        lambda name: names | {"src/sub/" + "x" * 300: ""},
    )
    done = shell("init", "new")
    assert done.returncode == 1
    assert not (shell.folder / "new").exists()


def test_init_that_is_interrupted_leaves_nothing(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Path.open

    def interrupted(self: Path, *args: Any, **options: Any) -> Any:
        if self.name == "relay.py":
            raise KeyboardInterrupt
        return whole(self, *args, **options)

    texts = template_files("echo")
    monkeypatch.setattr("echosvc._cli.init.template_files", lambda name: texts)
    monkeypatch.setattr(Path, "open", interrupted)
    assert shell("init", "new").returncode == 130
    assert list(shell.folder.iterdir()) == []
