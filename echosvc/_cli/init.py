"""`echosvc init`: an application that runs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from echosvc._cli import exits
from echosvc._cli.listing import put
from echosvc._cli.settings import one_of
from echosvc._cli.text import one_line, plural
from echosvc.errors import AlreadyExists, Error

LOCK: Final = "echosvc.lock"
LOCK_TEXT: Final = """\
# Where `echosvc` finds this application's entries, from this folder on.
directories:
  src: ./src
"""
_FOLDER: Final = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Template:
    """An application to begin with: a folder below templates/, and how to run it."""

    summary: str
    run: str


TEMPLATES: Final[Mapping[str, Template]] = {
    "echo": Template(
        "a client, a relay service and a worker for each message",
        "echosvc run -x app:terminal/app:cli",
    ),
    "worker-pool": Template(
        "a service that shares jobs out to a fixed number of workers", "echosvc run squares 2 3 5"
    ),
    "service": Template("a supervised service, and a client that calls it", "echosvc run ask 5"),
    "empty": Template("two hosts, and room for the rest", "echosvc run"),
}


def init(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="Where; made if it isn't there.")
    ] = ".",
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            metavar="|".join(TEMPLATES),
            help="What to begin with: echo, if nothing else is said.",
            autocompletion=lambda: [(name, each.summary) for name, each in TEMPLATES.items()],
        ),
    ] = None,
) -> None:
    """Make an application that runs at once.

    Writes the manifest and the sources of a template into DIR/src, and the echosvc.lock that
    leads to them. Nothing is overwritten: a file in the way stops it before the first is written.
    Where DIR/src has manifests already, and no template is asked for, only the lock is made.
    """
    base = Path(folder)
    if template is None and (base / "src" / "_index.yaml").exists():
        _write(base, {LOCK: LOCK_TEXT})
        put(f"made {_shown(base / LOCK)} for the manifests in {_shown(base / 'src')}")
        return
    name = one_of("--template", template or "echo", tuple(TEMPLATES))
    files = {LOCK: LOCK_TEXT} | template_files(name)
    _write(base, files)
    put(f"made the {name} application in {_shown(base)}:")
    for path in files:
        put(f"  {path}")
    put("run it:")
    if not base.samefile("."):  # which is there even when the current folder was deleted
        put(f"  cd {_quoted(folder)}")
    put(f"  {TEMPLATES[name].run}")


def template_files(name: str) -> dict[str, str]:
    """Return a template's files by their path in the application, in a stable order."""
    folder = _FOLDER / name
    paths = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in {".py", ".yaml"}
    )
    return {
        (Path("src") / path.relative_to(folder)).as_posix(): path.read_text(encoding="utf-8")
        for path in paths
    }


def _write(base: Path, files: Mapping[str, str]) -> None:
    """Write all the files, or none: raises AlreadyExists, or Error for what the system refuses."""
    if base.exists() and not base.is_dir():
        raise AlreadyExists(f"{_shown(base)} is a file, name a folder")
    taken = [path for path in files if (base / path).exists() or (base / path).is_symlink()]
    if taken:
        more = f" (and {plural(len(taken) - 1, 'more file', 'more files')})" if taken[1:] else ""
        raise AlreadyExists(
            f"{_shown(base / taken[0])} is there already{more}, nothing was written; "
            "name another folder"
        )
    made: list[Path] = []
    try:
        for path, text in files.items():
            target = base / path
            _make_folders(target.parent, made)
            with target.open("x", encoding="utf-8") as file:
                made.append(target)
                file.write(text)
    except OSError as error:
        for each in reversed(made):
            if each.is_dir():
                each.rmdir()
            else:
                each.unlink()
        at = error.filename or base
        raise Error(f"cannot write {_shown(Path(at))}: {error.strerror}") from None


def _make_folders(folder: Path, made: list[Path]) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir()
        made.append(each)


def _shown(path: Path) -> str:
    return one_line(exits.shown_path(path) if path.is_absolute() else str(path))


def _quoted(text: str) -> str:
    import shlex

    return shlex.quote(text)
