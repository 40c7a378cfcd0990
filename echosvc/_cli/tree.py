"""`echosvc tree`: who supervises whom, and what waits for what."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from echosvc._cli.exits import UsageFault, say
from echosvc._cli.listing import can_show, print_json, put
from echosvc._cli.source import load
from echosvc._cli.text import one_line

if TYPE_CHECKING:
    from echosvc._manifest.entry import Entry
    from echosvc._manifest.kinds import Restart
    from echosvc._manifest.registry import Registry

BRANCHES: Final = ("├─ ", "└─ ", "│  ")
"""To one of several, to the last of them, and past the rest of them."""
PLAIN_BRANCHES: Final = ("|- ", "`- ", "|  ")
"""The same where stdout has no lines to draw with."""


def tree(
    ctx: typer.Context,
    override: Annotated[
        list[str] | None,
        typer.Option(
            "-o", metavar="NS:ENTRY:PATH=VALUE", help="Set a field first; may be repeated."
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON, with keys that stay.")] = False,
    dot: Annotated[bool, typer.Option("--dot", help="As a graph for graphviz.")] = False,
) -> None:
    """Show the supervision and dependency tree.

    All that the manifests start stands in the order in which it is started: hosts, services and
    supervisors, with the children of each below it, and what each waits for.
    """
    if json and dot:
        raise UsageFault("--json and --dot contradict each other, leave one out")
    registry, _ = load(ctx.obj, override, sources=False)
    nodes = list(nodes_of(registry))
    if json:
        print_json([node.plain() for node in nodes])
    elif dot:
        for line in _dot(nodes):
            put(line)
    else:
        for line in _text(nodes):
            put(line)
        if not nodes:
            say("there is nothing to start: no entry has a lifecycle")


@dataclass(frozen=True)
class Node:
    """One line of the tree: an entry as something that is started, or a child of a supervisor."""

    id: str
    name: str
    """Tells several children of one entry apart; else the id."""
    kind: str
    level: int
    """When it is started: all of one level side by side, after those of the levels before."""
    auto_start: bool
    """Whether it starts by itself; with its supervisor counts."""
    supervisor: str | None
    process: str | None
    host: str | None
    strategy: str | None
    max_restarts: int | None
    within: float | None
    restart: str | None
    """As a child: when it is started again."""
    backoff: dict[str, float] | None
    """As a service: after how long, and how often."""
    needs: tuple[str, ...]
    children: tuple[Node, ...] = ()

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, always with the same keys."""
        fields = {key: getattr(self, key) for key in self.__dataclass_fields__}
        return fields | {
            "needs": list(self.needs),
            "children": [child.plain() for child in self.children],
        }


def nodes_of(registry: Registry) -> Iterator[Node]:
    """Yield what is started, in the order of starting; what a supervisor starts is below it."""
    levels = registry.dependencies().levels
    needs = registry.needs()
    for level, ids in enumerate(levels):
        for id in ids:
            yield _node(registry, needs, registry.get(id), level)


def _node(
    registry: Registry,
    needs: dict[str, tuple[str, ...]],
    entry: Entry,
    level: int,
    parent: Node | None = None,
    child: Any = None,
) -> Node:
    spec = entry.spec
    is_supervisor = entry.kind == "process.supervisor"
    host = (child and child.host) or getattr(spec, "host", None) or (parent and parent.host)
    node = Node(
        id=entry.id,
        name=(child and child.name) or entry.id,
        kind=entry.kind,
        level=level,
        auto_start=parent.auto_start if parent else spec.lifecycle.auto_start,
        supervisor=None if parent is None else parent.id,
        process=entry.id if entry.kind == "process.py" else getattr(spec, "process", None),
        host=host or None,
        strategy=spec.strategy if is_supervisor else None,
        max_restarts=spec.max_restarts if is_supervisor else None,
        within=float(spec.within) if is_supervisor else None,
        restart=child.restart if child else None,
        backoff=_backoff(spec.lifecycle.restart) if entry.kind == "process.service" else None,
        needs=needs.get(entry.id, ()),
    )
    if not is_supervisor:
        return node
    below = tuple(
        _node(registry, needs, registry.get(each.entry), level, node, each)
        for each in spec.all_children()
    )
    return Node(**{**vars(node), "children": below})


def _backoff(restart: Restart) -> dict[str, float]:
    return {
        "initial_delay": float(restart.initial_delay),
        "max_delay": float(restart.max_delay),
        "backoff_factor": restart.backoff_factor,
        "jitter": restart.jitter,
        "max_attempts": restart.max_attempts,
    }


def _text(nodes: Sequence[Node]) -> Iterator[str]:
    branches = BRANCHES if can_show("".join(BRANCHES)) else PLAIN_BRANCHES
    rows = [row for node in nodes for row in _rows(node, branches, "", "")]
    width = max((len(label) for label, *_ in rows), default=0)
    kinds = max((len(kind) for _, kind, _ in rows), default=0)
    for label, kind, words in rows:
        yield f"{label.ljust(width)}  {kind.ljust(kinds)}  {words}".rstrip()


def _rows(
    node: Node, branches: tuple[str, str, str], first: str, rest: str
) -> Iterator[tuple[str, str, str]]:
    """Yield label, kind and words for a node, then for what is below it."""
    yield first + one_line(node.name), node.kind, one_line(", ".join(_words(node)))
    below: list[Node | str] = [*node.needs, *node.children]
    for index, each in enumerate(below):
        last = index == len(below) - 1
        fork, end, past = branches
        branch, further = (end, "   ") if last else (fork, past)
        if isinstance(each, str):
            yield f"{rest}{branch}needs {one_line(each)}", "", ""
        else:
            yield from _rows(each, branches, rest + branch, rest + further)


def _words(node: Node) -> Iterator[str]:
    if node.name != node.id or (node.process and node.process != node.id):
        yield f"runs {node.process or node.id}" + (f" on {node.host}" if node.host else "")
    elif node.process and node.host:
        yield f"on {node.host}"
    if node.strategy:
        yield node.strategy
        yield f"{node.max_restarts} restarts within {node.within:g}s"
    if node.restart:
        yield node.restart
    elif node.backoff:
        attempts = node.backoff["max_attempts"]
        yield f"{attempts:g} restarts at most" if attempts else "restarted without an end"
    if not node.auto_start and node.supervisor is None:
        yield "does not start by itself"


def _dot(nodes: Sequence[Node]) -> Iterator[str]:
    yield "digraph echosvc {"
    yield "  rankdir=LR; node [shape=box, style=rounded];"
    yield "  // whole lines: supervises; dashed: needs; dotted: runs"
    for line in dict.fromkeys(line for node in nodes for line in _edges(node)):
        yield f"  {line}"
    yield "}"


def _edges(node: Node) -> Iterator[str]:
    name = _key(node)
    yield f"{name} [label={_quoted(node.name, node.kind)}];"
    for other in node.needs:
        yield f"{name} -> {_quoted(other)} [style=dashed];"
    if node.process and _quoted(node.process) != name:
        yield f"{name} -> {_quoted(node.process)} [style=dotted];"
    for child in node.children:
        yield f"{name} -> {_key(child)};"
        yield from _edges(child)


def _key(node: Node) -> str:
    """Return what names a node in the graph: two supervisors may have children of one name."""
    return _quoted(node.id if node.name == node.id else f"{node.supervisor}/{node.name}")


def _quoted(*lines: str) -> str:
    shown = "\\n".join(one_line(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return f'"{shown}"'
