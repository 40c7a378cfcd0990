"""What a Python source defines and imports, found without running it."""

from __future__ import annotations

import ast
import functools
import sys
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import CodeType
from typing import Final

from echosvc._manifest import plugins

PUBLIC_MODULES: Final = frozenset(
    {
        "channel",
        "coroutine",
        "ctx",
        "env",
        "errors",
        "events",
        "funcs",
        "io",
        "logger",
        "pg",
        "process",
        "registry",
        "store",
        "supervision",
        "time",
    }
)
"""The modules of echosvc that a source may import."""

ALWAYS: Final = frozenset({"channel", "coroutine", "errors", "process"})
"""Those of them that need no listing in `modules`."""

PACKAGE: Final = "echosvc"


@functools.cache
def is_own(module: str) -> bool:
    """Whether echosvc has this module for sources."""
    if module in ALWAYS:
        return True
    return module in PUBLIC_MODULES and find_spec(f"{PACKAGE}.{module}") is not None


def exists(module: str) -> bool:
    """Whether there is this module for sources: echosvc's, or one that a package adds."""
    return is_own(module) or (module not in PUBLIC_MODULES and module in plugins.module_names())


def is_module(name: str) -> bool:
    """Whether echosvc has a module of this name, for sources or not."""
    return name.isidentifier() and find_spec(f"{PACKAGE}.{name}") is not None


def available() -> list[str]:
    """Return the modules that `modules` may list, in alphabetical order."""
    return sorted(module for module in {*PUBLIC_MODULES, *plugins.module_names()} if exists(module))


@dataclass(frozen=True, slots=True)
class Use:
    """A place where a source reaches for something of echosvc: `name`, below the package."""

    name: str
    line: int
    column: int
    plain: bool = False
    """Whether `name` may also be one of the package's own names (``from echosvc import Pid``)."""


@dataclass(frozen=True, slots=True)
class Method:
    """A name at the top of a source: an ``async def``, a ``def``, or bound in some other way."""

    kind: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Analysis:
    """What a source defines at its top, what of echosvc it uses, and its code."""

    code: CodeType
    methods: dict[str, Method] = field(default_factory=dict)
    uses: tuple[Use, ...] = ()
    relative: tuple[tuple[int, int], ...] = ()
    """Where imports with a leading dot stand."""


def analyse(data: bytes, file: Path) -> Analysis:
    """Read a source. Nothing in it is run.

    Raises:
        SyntaxError: As Python does, with line and offset; also for bytes that are no text.
        RecursionError, MemoryError, ValueError, OverflowError: Too much for Python's compiler.
    """
    with warnings.catch_warnings():
        # A doubtful escape is said once, when the source is loaded.
        warnings.simplefilter("ignore")
        tree = ast.parse(data, str(file))
        code = compile(tree, str(file), "exec", dont_inherit=True)
    methods: dict[str, Method] = {}
    for statement in _top_level(tree.body):
        for name, kind in _bound(statement):
            methods[name] = Method(kind, statement.lineno, statement.col_offset + 1)
    scan = _Scan()
    scan.visit(tree)
    return Analysis(code, methods, tuple(scan.found()), tuple(scan.relative))


def _top_level(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that run when the module is imported, inside `if` and `try` too."""
    for statement in body:
        yield statement
        for part in ("body", "orelse", "finalbody"):
            if isinstance(statement, ast.If | ast.Try | ast.With):
                yield from _top_level(getattr(statement, part, ()))
        for handler in getattr(statement, "handlers", ()):
            yield from _top_level(handler.body)


def _bound(statement: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(statement, ast.AsyncFunctionDef):
        yields = any(isinstance(node, ast.Yield) for node in _own(statement))
        yield statement.name, "generator" if yields else "async"
    elif isinstance(statement, ast.FunctionDef):
        yield statement.name, "decorated" if statement.decorator_list else "sync"
    elif isinstance(statement, ast.ClassDef):
        yield statement.name, "class"
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0], "bound"
    elif isinstance(statement, ast.Assign | ast.AnnAssign):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets:
            for node in ast.walk(target):
                if isinstance(node, ast.Name):
                    yield node.id, "bound"


def _own(function: ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function's own body, without those of functions within it."""
    todo: list[ast.AST] = list(function.body)
    while todo:
        node = todo.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            todo += ast.iter_child_nodes(node)


class _Scan(ast.NodeVisitor):
    """Gathers imports of echosvc, and what is taken from the package where it was imported whole.

    What stands under ``if TYPE_CHECKING:`` is never run, and counts for nothing.
    """

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.relative: list[tuple[int, int]] = []
        self._whole: set[str] = set()
        self._attributes: list[tuple[str, Use]] = []

    def found(self) -> list[Use]:
        """Return the uses in the order of the source."""
        taken = [use for name, use in self._attributes if name in self._whole]
        return sorted(self.uses + taken, key=lambda use: (use.line, use.column))

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            package, _, below = alias.name.partition(".")
            if package != PACKAGE:
                continue
            if below:
                self._use(below.partition(".")[0], alias)
            if not below or alias.asname is None:
                self._whole.add(alias.asname or PACKAGE)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        if node.level:
            self.relative.append((node.lineno, node.col_offset + 1))
            return
        package, _, below = (node.module or "").partition(".")
        if package != PACKAGE:
            return
        if below:
            self._use(below.partition(".")[0], node)
            return
        for alias in node.names:
            self._use(alias.name, alias, plain=True)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.value, ast.Name):
            use = Use(node.attr, node.lineno, node.col_offset + 1, plain=True)
            self._attributes.append((node.value.id, use))
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        name = node.test.attr if isinstance(node.test, ast.Attribute) else None
        name = node.test.id if isinstance(node.test, ast.Name) else name
        for statement in node.orelse if name == "TYPE_CHECKING" else [*node.body, *node.orelse]:
            self.visit(statement)
        self.visit(node.test)

    def _use(self, name: str, node: ast.alias | ast.stmt, plain: bool = False) -> None:
        self.uses.append(Use(name, node.lineno, node.col_offset + 1, plain))


def plain_names() -> frozenset[str]:
    """Return the package's own public names, those that are no modules included."""
    package = sys.modules[PACKAGE]
    return frozenset(getattr(package, "__all__", ())) | frozenset(
        name for name in vars(package) if not name.startswith("_")
    )
