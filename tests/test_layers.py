"""The house of the project: which room may import from which."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import echosvc

PACKAGE = Path(echosvc.__file__).parent

# Lowest first. A module may import from its own layer and from those before it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("_version", "_exceptions", "errors", "_checks"),
    ("_channel", "channel", "_tasks", "_records"),
    ("time",),
    ("_supervision", "supervision"),
    ("_runtime",),
    ("process", "coroutine", "io", "logger", "events", "pg", "ctx"),
    ("_manifest",),
    ("_library", "funcs", "store", "env", "registry", "kinds"),
    ("_terminal",),
    ("_boot", "_changes"),
    ("_open",),
    ("__init__",),
    ("_cli", "_testing", "testing", "__main__"),
)
RANK = {room: rank for rank, rooms in enumerate(LAYERS) for room in rooms}

ONLY_IN = {
    "ruamel": "_manifest/loader.py",
    "typer": "_cli/",
    "signal": ("_cli/", "_terminal/"),
    "prompt_toolkit": "_terminal/",
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        if "templates" not in path.parts:
            yield path.relative_to(PACKAGE).as_posix(), ast.parse(path.read_text())


def room_of(relative: str) -> str:
    return relative.split("/")[0].removesuffix(".py")


def imported(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            module = node.module or ""
            if module == "echosvc":
                for alias in node.names:
                    yield f"echosvc.{alias.name}", node.lineno
            else:
                yield module, node.lineno


def typing_only_lines(tree: ast.Module) -> set[int]:
    """Lines under `if TYPE_CHECKING:`, which import nothing when the program runs."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def test_every_room_has_its_place_in_the_house() -> None:
    rooms = {room_of(relative) for relative, _ in sources()}
    assert rooms <= set(RANK), f"not in LAYERS: {sorted(rooms - set(RANK))}"


def test_each_layer_imports_only_what_stands_below_it() -> None:
    wrong = []
    for relative, tree in sources():
        room = room_of(relative)
        typing_only = typing_only_lines(tree)
        for name, line in imported(tree):
            if not name.startswith("echosvc.") or line in typing_only:
                continue
            other = name.split(".")[1]
            if other not in RANK:
                other = "__init__"  # a name of the package, such as open_runtime
            if RANK[other] > RANK[room]:
                wrong.append(f"{relative}:{line} ({room}) imports {name}, which stands above it")
    assert wrong == []


@pytest.mark.parametrize(
    "room", ["_channel", "_library", "_manifest", "_runtime", "_supervision", "_terminal"]
)
def test_a_room_says_what_each_of_its_files_is_for(room: str) -> None:
    told = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text())) or ""
    files = {path.stem for path in (PACKAGE / room).glob("*.py")} - {"__init__"}
    assert [name for name in sorted(files) if not re.search(rf"\b{name}(\.py|`|  )", told)] == []
    named = set(re.findall(r"\b(\w+)\.py\b", told))
    assert named - files == set()


@pytest.mark.parametrize("library", ONLY_IN)
def test_libraries_are_known_only_where_they_belong(library: str) -> None:
    allowed = ONLY_IN[library]
    strangers = [
        f"{relative}:{line}"
        for relative, tree in sources()
        for name, line in imported(tree)
        if name.split(".")[0] == library and not relative.startswith(allowed)
    ]
    assert strangers == []


def test_private_names_of_trio_are_known_in_one_file_which_lists_them_all() -> None:
    seats = "_channel/seats.py"
    told = ast.get_docstring(ast.parse((PACKAGE / seats).read_text())) or ""
    listed = set(re.findall(r"(?<=[.`])_\w+(?=[`(.])", told)) - {"_core", "_run", "_closed"}
    assert {"_abort_func", "_cancel_status", "_child_nurseries"} <= listed
    # Of their own classes our sources have names, too: these are looked for on trio's objects.
    ours = {"self"}
    strangers = [
        f"{relative}:{node.lineno} {node.attr}"
        for relative, tree in sources()
        if relative != seats
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in listed
        and not (isinstance(node.value, ast.Name) and node.value.id in ours)
    ]
    assert strangers == []


def test_the_library_starts_with_nothing_heavier_than_itself() -> None:
    # Not msgspec, of which messages are made: 4 ms beside trio's 60.
    heavy = {"ruamel", "typer", "prompt_toolkit", "rich"}
    wrong = [
        f"{relative}:{line} imports {name}"
        for relative, tree in sources()
        if RANK[room_of(relative)] <= RANK["process"]
        for name, line in imported(tree)
        if name.split(".")[0] in heavy
    ]
    assert wrong == []
